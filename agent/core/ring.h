/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread's ring: what its probes recorded and the sender has not yet taken. One thread writes,
 * one reads; neither waits for the other here. Positions count up for ever; an entry lies at its
 * position modulo RING_ENTRIES.
 */
#ifndef KIEKER_AGENT_CORE_RING_H
#define KIEKER_AGENT_CORE_RING_H

#include <stdatomic.h>
#include <stdint.h>

#include "agent/core/fiber.h"
#include "agent/core/track.h"

#define RING_ENTRIES (1u << 14)
#define RING_WAKE (RING_ENTRIES / 4) /* the sender is woken when that much waits for it */

enum ring_kind {
    RING_ENTER,
    RING_LEAVE,
    RING_FAILED, /* the cause of a call's end; its RING_LEAVE follows */
    /* These have a number in place of operation and cause. */
    RING_UNSEEN, /* so many calls of this fiber have ended without an entry, for want of room */
    RING_FIBER,  /* what follows belongs to that fiber; 0: the thread's own */
    RING_SPLIT,  /* something is being started here: the number says what, see fiber_split */
    RING_START   /* the fiber was started at the RING_SPLIT of that number */
};

struct ring_entry {
    uint64_t ticks; /* see clock.h */
    uint64_t word;  /* operation; cause above bit 32; kind above bit 60. Or a number and the kind */
};

#define RING_KIND_SHIFT 60
#define RING_WORD(kind, operation, cause)                                                          \
    ((uint64_t)(kind) << RING_KIND_SHIFT | (uint64_t)(cause) << 32 | (operation))
#define RING_CAUSE_MAX ((1u << (RING_KIND_SHIFT - 32)) - 1)
#define RING_NUMBER_MAX ((1ull << RING_KIND_SHIFT) - 1)

static inline enum ring_kind ring_kind(uint64_t word)
{
    return (enum ring_kind)(word >> RING_KIND_SHIFT);
}

static inline uint32_t ring_operation(uint64_t word)
{
    return (uint32_t)word;
}

static inline uint32_t ring_cause(uint64_t word)
{
    return (uint32_t)(word >> 32) & RING_CAUSE_MAX;
}

static inline uint64_t ring_number(uint64_t word)
{
    return word & RING_NUMBER_MAX;
}

struct ring {
    /* The owner's. */
    _Atomic uint64_t head; /* entries below it can be read */
    uint64_t limit;        /* from here on the owner has to look again how much room there is */
    int64_t depth; /* calls that have begun and will still write their end, in all fibers; less than
                      0 if some began unseen */
    uint64_t written;         /* the fiber that the last entry belongs to */
    struct fiber own;         /* the thread's own */
    int impatient;            /* a wait for room was in vain: no further one until there is some */
    _Atomic uint64_t dropped; /* records that were never written, for want of room */
    _Atomic int finished;     /* the owner has ended; nothing will be written any more */
    int64_t thread_id;

    /* The reader's. */
    _Alignas(64) _Atomic uint64_t tail; /* entries below it have been taken */
    struct track track;                 /* of the thread's own fiber */
    struct track *reading;              /* of the fiber that entries belong to; NULL: its own */
    int being_read;
    struct ring *newer; /* while it is being read: the ring that was made next */
    struct ring *next;

    _Alignas(64) struct ring_entry entries[RING_ENTRIES];
};

/* Appends; the owner has made sure that there is room. */
static inline void ring_put(struct ring *ring, uint64_t ticks, uint64_t word)
{
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    struct ring_entry *entry = &ring->entries[head % RING_ENTRIES];

    entry->ticks = ticks;
    entry->word = word;
    atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

/* Entries that can still be written, as the owner sees it. */
static inline uint64_t ring_room(const struct ring *ring)
{
    return RING_ENTRIES - (atomic_load_explicit(&ring->head, memory_order_relaxed) -
                              atomic_load_explicit(&ring->tail, memory_order_acquire));
}

#endif
