/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/drain.h"

#include "agent/core/clock.h"
#include "agent/core/rings.h"

/* Takes what one ring holds now; how many entries that was. */
static uint64_t take(struct track_sink *sink, struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire), begun = tail;

    while (tail != head) {
        /* The owner learns of the room in portions, not of each entry: the line would go back and
         * forth. */
        uint64_t portion = head - tail < RING_WAKE / 4 ? head : tail + RING_WAKE / 4;

        for (; tail != portion; tail++)
            track_apply(&ring->track, sink, &ring->entries[tail % RING_ENTRIES]);
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    return head - begun;
}

/* The ends that the owner can say no more, as it has ended or does not record any more. They come
 * behind what is in the ring. */
static void make_up_ends(struct track_sink *sink, struct ring *ring)
{
    struct ring_entry entry = {.ticks = clock_ticks()};

    if (atomic_load(&ring->head) != atomic_load(&ring->tail))
        return;
    entry.word = RING_WORD(RING_UNSEEN, atomic_exchange(&ring->unseen, 0), 0);
    if (ring_operation(entry.word) > 0)
        track_apply(&ring->track, sink, &entry);
}

uint64_t drain_rings(struct track_sink *sink, uint64_t *dropped)
{
    uint64_t taken = 0;
    struct ring *ring;

    pthread_mutex_lock(&rings.lock);
    rings_sweep();
    *dropped = rings_dropped();
    ring = rings.all;
    pthread_mutex_unlock(&rings.lock);
    /* New rings appear in front of the list, and only this thread takes one out. */
    for (; ring != NULL; ring = ring->next) {
        int finished = atomic_load_explicit(&ring->finished, memory_order_acquire);

        taken += take(sink, ring);
        if (finished || atomic_load(&rings.state) == RINGS_OFF)
            make_up_ends(sink, ring);
    }
    return taken;
}
