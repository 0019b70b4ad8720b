/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accepts clients. When there are as many as may be, or descriptors run out, it stops accepting
 * until one has left: who comes then waits in the kernel's queue instead of being sent away, for
 * Kieker's clients never try again. The loop's thread.
 */
#ifndef KIEKER_SERVER_LISTENER_H
#define KIEKER_SERVER_LISTENER_H

#include "server/connections.h"
#include "server/greetings.h"
#include "server/sockets.h"

struct listener;

/*
 * `most`: connections at a time. Who comes to one of `tls_sockets` is greeted first; there may be
 * none of them, and no greetings. The sockets stay the caller's. NULL when memory is short.
 */
struct listener *listener_start(struct event_base *base, const struct sockets *sockets,
    struct connections *connections, const struct sockets *tls_sockets, struct greetings *greetings,
    size_t most, struct live *live);

void listener_set_most(struct listener *listener, size_t most);

/* Accepts who is waiting now, and nobody any more. */
void listener_stop(struct listener *listener);

#endif
