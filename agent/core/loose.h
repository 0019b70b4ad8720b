/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that the observed program hands over whole, beside those of the probes: a bounded queue
 * to the sender. Order is kept among them alone. Any thread.
 */
#ifndef KIEKER_AGENT_CORE_LOOSE_H
#define KIEKER_AGENT_CORE_LOOSE_H

#include <stddef.h>
#include <stdint.h>

#include "record/types.h"

#define LOOSE_BYTES (1u << 20) /* of the queue */

struct track_sink;

/*
 * Hands over a record; `values` as stream_put_loose takes them, of STREAM_LOOSE_MAX bytes at most.
 * When the queue is full it waits or drops, as agent_start was told. 0; -1 when the record was
 * dropped, and counted, or nothing is recorded.
 */
int loose_put(enum record_id type, const unsigned char *values, size_t size);

/* The sender's: puts what is in the queue into the stream; how many records that was. */
uint64_t loose_drain(struct track_sink *sink);

/* Records that found no room in the queue. */
uint64_t loose_dropped(void);

/* For fork: no other thread is inside between the two. */
void loose_lock(void);
void loose_unlock(void);

/* In a forked child, with the lock held: what is in the queue is the parent's. */
void loose_after_fork(void);

#endif
