/* SPDX-License-Identifier: Apache-2.0 */
/* The spans of one export request, copied, so that another thread can have them. */
#ifndef KIEKER_WEB_OTLP_BATCH_H
#define KIEKER_WEB_OTLP_BATCH_H

#include "analysis/arena.h"
#include "analysis/list.h"
#include "web/otlp.h"

#define OTLP_BATCH_MAX (32u << 20) /* bytes that one takes in memory */

struct otlp_batch {
    LIST(struct span) spans; /* their texts are of the arena */
    struct arena arena;
    uint64_t rejected; /* that are none of them, see struct otlp */
    int is_large;
    struct otlp_batch *next;
};

/*
 * Reads a request. NULL with the fault and the sentence in `otlp` when it is none, or too large,
 * or memory is short. A text that several spans in a row have in common is kept once.
 */
struct otlp_batch *otlp_batch_read(struct otlp *otlp, const char *bytes, size_t size, int is_json);
void otlp_batch_free(struct otlp_batch *batch);

/* What it takes in memory. */
size_t otlp_batch_bytes(const struct otlp_batch *batch);

#endif
