/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop thread's figures: it counts in `own` as it likes, and shows all of it to other threads
 * from time to time.
 */
#ifndef KIEKER_SERVER_LIVE_H
#define KIEKER_SERVER_LIVE_H

#include <pthread.h>

#include "record/wire.h"
#include "web/figures.h"

/* Why a connection ended, other than by its client closing it: the wire's faults, and these. */
enum loss {
    LOSS_RESET = WIRE_FAULTS,
    LOSS_MEMORY,
    LOSS_STOPPED,
    LOSS_TLS,
    LOSS_GONE,     /* an agent that did not come back in time */
    LOSS_REPLACED, /* it came back before we knew that it was gone */
    LOSS_UNKNOWN,  /* it wants to go on behind what there is of its stream */
    LOSSES
};

_Static_assert(LOSSES <= FIGURES_REASONS, "figures have room for every reason");

/* A short static name: "unknown_class_id", "connection_reset". */
const char *loss_name(int loss);

struct live {
    struct figures own;
    pthread_mutex_t lock;
    struct figures shown;
};

void live_init(struct live *live);
void live_fini(struct live *live);

/* Shows what there is now; the loop's thread. */
void live_publish(struct live *live);

/* What was shown last; any thread. */
void live_get(struct live *live, struct figures *figures);

#endif
