/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces that wait for their turn: the first comes out first. It takes any number but keeps only
 * the first ones: what had to be dropped lies behind all that it still has, and its user knows how
 * to find that again.
 */
#ifndef KIEKER_STORAGE_SQLITE_QUEUE_H
#define KIEKER_STORAGE_SQLITE_QUEUE_H

#include "analysis/list.h"

#include <stdint.h>

struct waiting {
    int64_t key, id; /* less is first */
    int64_t block;   /* where the trace lies, see scan.c */
    uint32_t row;
};

struct queue {
    LIST(struct waiting) heap;
    size_t most;          /* to keep, at least; up to twice as many */
    int dropped;          /* some were: those from `bound` on */
    struct waiting bound; /* of those kept by then, the last */
};

static inline int waiting_is_before(const struct waiting *a, const struct waiting *b)
{
    return a->key < b->key || (a->key == b->key && a->id < b->id);
}

/* 0, or -1 when memory is short. */
int queue_add(struct queue *queue, struct waiting new);

/* The first; there must be one. */
struct waiting queue_take(struct queue *queue);

void queue_fini(struct queue *queue);

#endif
