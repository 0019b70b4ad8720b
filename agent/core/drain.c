/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/drain.h"

#include "agent/core/activation.h"
#include "agent/core/clock.h"
#include "agent/core/rings.h"
#include "agent/core/tracks.h"

#define NESTED_MAX 64u /* rings that are looked into for the sake of one another */

static void take_until(struct track_sink *sink, struct ring *ring, uint64_t split);

static unsigned nested;

/* From here on the ring's entries belong to that fiber. */
static void follow(struct track_sink *sink, struct ring *ring, uint64_t fiber)
{
    if (ring->reading != NULL)
        tracks_leave(sink->tracks, ring->reading);
    ring->reading = fiber != 0 ? tracks_take(sink->tracks, fiber, ring->thread_id) : NULL;
}

/*
 * Where the fiber was started. The thread that wrote the split did so before this one began, so its
 * ring holds it even if it has not been looked at for a while. Mostly it has: rings are taken in
 * the order in which their threads began.
 */
static struct track_parent parent_of(struct track_sink *sink, uint64_t split)
{
    struct track_parent parent = {.session = 0};

    for (struct ring *ring = rings.reading; ring != NULL; ring = ring->next) {
        if (tracks_find_split(sink->tracks, split, &parent))
            break;
        if (!ring->being_read && nested < NESTED_MAX)
            take_until(sink, ring, split);
    }
    tracks_find_split(sink->tracks, split, &parent);
    return parent;
}

static void apply(struct track_sink *sink, struct ring *ring, const struct ring_entry *entry)
{
    struct track *track = ring->reading != NULL ? ring->reading : &ring->track;

    switch (ring_kind(entry->word)) {
    case RING_FIBER:
        follow(sink, ring, ring_number(entry->word));
        break;
    case RING_SPLIT:
        tracks_put_split(sink->tracks, ring_number(entry->word), track_split(track, sink, entry));
        break;
    case RING_START:
        track->parent = parent_of(sink, ring_number(entry->word));
        break;
    default:
        track_apply(track, sink, entry);
    }
}

/*
 * Takes what one ring holds up to that split. Splits are numbered in the order in which they
 * happen, and nothing starts before its split: what has a greater number lies behind it. So no two
 * rings ever wait for each other.
 */
static void take_until(struct track_sink *sink, struct ring *ring, uint64_t split)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

    ring->being_read = 1;
    nested++;
    for (; tail != head; tail++) {
        const struct ring_entry *entry = &ring->entries[tail % RING_ENTRIES];
        enum ring_kind kind = ring_kind(entry->word);

        if ((kind == RING_SPLIT || kind == RING_START) && ring_number(entry->word) > split)
            break;
        apply(sink, ring, entry);
    }
    nested--;
    atomic_store_explicit(&ring->tail, tail, memory_order_release);
    ring->being_read = 0;
}

/* Takes what one ring holds now; how many entries that was. */
static uint64_t take(struct track_sink *sink, struct ring *ring)
{
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire), begun = tail;

    ring->being_read = 1;
    while (tail != head) {
        /* The owner learns of the room in portions, not of each entry: the line would go back and
         * forth. */
        uint64_t portion = head - tail < RING_WAKE / 4 ? head : tail + RING_WAKE / 4;

        for (; tail != portion; tail++)
            apply(sink, ring, &ring->entries[tail % RING_ENTRIES]);
        atomic_store_explicit(&ring->tail, tail, memory_order_release);
    }
    ring->being_read = 0;
    return head - begun;
}

/* The owner has ended, and everything it wrote was taken: what it left open ends now. Its tasks may
 * go on in another thread. */
static void conclude(struct track_sink *sink, struct ring *ring)
{
    if (atomic_load(&ring->head) != atomic_load(&ring->tail))
        return;
    follow(sink, ring, 0);
    track_close(&ring->track, sink, clock_ticks());
}

uint64_t drain_rings(struct track_sink *sink, uint64_t *dropped)
{
    struct ring *oldest = NULL;
    uint64_t taken = 0;

    pthread_mutex_lock(&rings.lock);
    rings_sweep();
    *dropped = rings_dropped();
    rings.reading = rings.all;
    pthread_mutex_unlock(&rings.lock);
    nested = 0;
    /* New rings appear in front of the list, and only this thread takes one out. */
    for (struct ring *ring = rings.reading; ring != NULL; ring = ring->next) {
        ring->newer = oldest;
        oldest = ring;
    }
    for (struct ring *ring = oldest; ring != NULL; ring = ring->newer) {
        int finished = atomic_load_explicit(&ring->finished, memory_order_acquire);

        taken += take(sink, ring);
        if (finished)
            conclude(sink, ring);
    }
    activation_settle(sink->operations);
    return taken;
}

void drain_lose(struct track_sink *sink, const struct map *first)
{
    for (struct ring *ring = rings.reading; ring != NULL; ring = ring->next)
        track_lose(&ring->track, sink, first);
    tracks_lose(sink->tracks, sink, first);
}

void drain_close(struct track_sink *sink)
{
    uint64_t now = clock_ticks();

    for (struct ring *ring = rings.reading; ring != NULL; ring = ring->next)
        track_close(&ring->track, sink, now);
    tracks_close(sink->tracks, sink, now);
}
