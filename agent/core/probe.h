/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes: what an observed function calls when it is entered, and when it is left; before the
 * latter, if an exception ends it, probe_failed. Any thread. They take no lock, allocate nothing
 * after a thread's first call, and fail silently: what cannot be recorded is counted. When the
 * thread's ring is full they wait or drop, as agent_start was told.
 */
#ifndef KIEKER_AGENT_CORE_PROBE_H
#define KIEKER_AGENT_CORE_PROBE_H

#include "agent/core/clock.h"
#include "agent/core/ring.h"

/* One word in the thread's own storage, reached without a call: the extension is loaded late, but
 * this little fits. */
#if defined(__GLIBC__)
#define PROBE_THREAD __thread __attribute__((tls_model("initial-exec")))
#else
#define PROBE_THREAD __thread
#endif

/* This thread's ring; NULL: the slow way decides (first call, not running, inside a dropped call,
 * after fork). */
extern PROBE_THREAD struct ring *probe_ring;

/* The slow way of all three. */
void probe_record_slowly(uint64_t word);

/* The clock is read first: reading it takes as long as all the rest, which the processor then does
 * meanwhile. */
static inline void probe_enter(uint32_t operation)
{
    uint64_t now = clock_ticks();
    struct ring *ring = probe_ring;

    if (__builtin_expect(ring != NULL, 1) &&
        __builtin_expect(
            atomic_load_explicit(&ring->head, memory_order_relaxed) < ring->limit, 1)) {
        ring->depth++;
        ring_put(ring, now, RING_WORD(RING_ENTER, operation, 0));
    } else {
        probe_record_slowly(RING_WORD(RING_ENTER, operation, 0));
    }
}

static inline void probe_leave(uint32_t operation)
{
    uint64_t now = clock_ticks();
    struct ring *ring = probe_ring;

    if (__builtin_expect(ring != NULL, 1) &&
        __builtin_expect(
            atomic_load_explicit(&ring->head, memory_order_relaxed) < ring->limit, 1)) {
        ring->depth--;
        ring_put(ring, now, RING_WORD(RING_LEAVE, operation, 0));
    } else {
        probe_record_slowly(RING_WORD(RING_LEAVE, operation, 0));
    }
}

/* The running call of `operation` is being ended by an exception; `cause` is what agent_cause gave.
 * probe_leave follows. */
static inline void probe_failed(uint32_t operation, uint32_t cause)
{
    probe_record_slowly(RING_WORD(RING_FAILED, operation, cause));
}

#endif
