/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/rings.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/core/probe.h"

#define NAP_FIRST_NS 20000u      /* a probe that waits for room looks again after so long, */
#define NAP_LAST_NS 500000u      /* then less and less often */
#define COURTESY_NS 5000000u     /* a longer wait lets the program's other threads run */
#define UNDECIDED_NS 2000000000u /* longer than this no probe waits for a first connection */
#define LOST_NS                                                                                    \
    100000000u /* nor longer than this for a sender that has no connection, and so only counts */
#define DEAF_NS                                                                                    \
    1000000000u /* after so long a signal ends the wait, so that Ctrl-C works on a collector that  \
                   hangs */

struct rings rings = {.lock = PTHREAD_MUTEX_INITIALIZER};

PROBE_THREAD struct ring *probe_ring;

PROBE_THREAD struct ring *rings_own;

static pthread_key_t ended;

static void on_thread_end(void *ring)
{
    probe_ring = NULL;
    rings_own = NULL;
    free(((struct ring *)ring)->own.frames);
    ((struct ring *)ring)->own = (struct fiber){0};
    atomic_store_explicit(&((struct ring *)ring)->finished, 1, memory_order_release);
}

int rings_init(void)
{
    return pthread_key_create(&ended, on_thread_end) != 0 ? -1 : 0;
}

void rings_wake(void)
{
    if (atomic_load(&rings.sleeping) && atomic_exchange(&rings.sleeping, 0))
        syscall(SYS_futex, &rings.sleeping, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void rings_sleep(uint64_t most, const _Atomic int *wish)
{
    struct timespec time = {
        .tv_sec = (time_t)(most / 1000000000u), .tv_nsec = (long)(most % 1000000000u)};

    atomic_store(&rings.sleeping, 1);
    if (atomic_load(wish) == 0)
        syscall(SYS_futex, &rings.sleeping, FUTEX_WAIT_PRIVATE, 1, &time, NULL, 0);
    atomic_store(&rings.sleeping, 0);
}

static struct ring *take_ring(void)
{
    struct ring *ring = rings.spare;

    if (ring != NULL) {
        rings.spare = ring->next;
        rings.spares--;
        return ring;
    }
    ring = aligned_alloc(_Alignof(struct ring), sizeof(*ring));
    if (ring != NULL)
        memset(ring, 0, offsetof(struct ring, entries));
    return ring;
}

struct ring *rings_attach(void)
{
    struct ring *ring = rings_own;

    if (ring != NULL || atomic_load(&rings.state) == RINGS_OFF)
        return ring;
    pthread_mutex_lock(&rings.lock);
    ring = take_ring();
    if (ring != NULL && pthread_setspecific(ended, ring) != 0) {
        free(ring);
        ring = NULL;
    }
    if (ring != NULL) {
        ring->thread_id = syscall(SYS_gettid);
        track_init(&ring->track, ring->thread_id);
        ring->next = rings.all;
        rings.all = ring;
        rings.threads++;
    }
    pthread_mutex_unlock(&rings.lock);
    rings_own = ring;
    return ring;
}

static void put_aside(struct ring *ring)
{
    rings.dropped += atomic_load(&ring->dropped);
    rings.threads--;
    track_fini(&ring->track);
    if (rings.spares >= RINGS_SPARE) {
        free(ring);
        return;
    }
    memset(ring, 0, offsetof(struct ring, entries));
    ring->next = rings.spare;
    rings.spare = ring;
    rings.spares++;
}

void rings_sweep(void)
{
    for (struct ring **at = &rings.all; *at != NULL;) {
        struct ring *ring = *at;

        if (atomic_load_explicit(&ring->finished, memory_order_acquire) &&
            atomic_load(&ring->head) == atomic_load(&ring->tail) && ring->track.depth == 0 &&
            ring->reading == NULL) {
            *at = ring->next;
            put_aside(ring);
        } else {
            at = &ring->next;
        }
    }
}

void rings_notice(void)
{
    probe_ring = NULL;
}

/* The ring of a thread that there is not in this process. */
static void forget(struct ring *ring, int whole)
{
    free(ring->own.frames);
    if (!whole)
        return;
    track_fini(&ring->track);
    free(ring);
}

/* Empty, as in a new thread. The parent sends what was in it; calls that are open began there, and
 * their ends find nothing. */
static void clear(struct ring *ring, int whole)
{
    struct fiber own = {
        .frames = ring->own.frames, .depth = ring->own.depth, .capacity = ring->own.capacity};

    if (whole)
        track_fini(&ring->track);
    memset(ring, 0, offsetof(struct ring, entries));
    ring->own = own;
    ring->thread_id = syscall(SYS_gettid);
    track_init(&ring->track, ring->thread_id);
}

void rings_after_fork(int whole)
{
    for (struct ring *ring = rings.all, *next; ring != NULL; ring = next) {
        next = ring->next;
        if (ring != rings_own)
            forget(ring, whole);
    }
    probe_ring = NULL;
    rings.all = rings_own;
    rings.reading = NULL;
    if (rings_own != NULL)
        clear(rings_own, whole);
    rings.dropped = 0;
    rings.threads = rings_own != NULL;
    atomic_store(&rings.dropped_no_memory, 0);
    atomic_store(&rings.connected, 0);
    atomic_store(&rings.sleeping, 0);
    atomic_store(&rings.is_child, 1);
}

uint64_t rings_dropped(void)
{
    uint64_t dropped = rings.dropped;

    for (const struct ring *ring = rings.all; ring != NULL; ring = ring->next)
        dropped += atomic_load_explicit(&ring->dropped, memory_order_relaxed);
    return dropped;
}

static void count_dropped(struct ring *ring)
{
    atomic_store_explicit(&ring->dropped,
        atomic_load_explicit(&ring->dropped, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* What can come before an entry: RING_FIBER, RING_START, RING_UNSEEN. */
#define PREAMBLE 3u

/*
 * How many entries a beginning of a call finds room for. When dropping, each open call keeps room
 * for its end, the cause of it and the fiber's name, so that a call that was begun is always ended;
 * but no more than half the ring, or deep recursion would shut it.
 */
static uint64_t room_to_begin(const struct ring *ring)
{
    uint64_t room = ring_room(ring), kept;

    if (rings.when_full == AGENT_BLOCK)
        return room;
    kept = ring->depth > 0 ? 3 * (uint64_t)ring->depth : 0;
    if (kept > RING_ENTRIES / 2)
        kept = RING_ENTRIES / 2;
    return room > kept + PREAMBLE ? (room - kept - PREAMBLE) / 4 : 0;
}

/* How far the quick way may go on before it has to look again; wakes the sender when enough waits
 * for it. */
static void set_limit(struct ring *ring)
{
    uint64_t room = room_to_begin(ring);

    if (ring_room(ring) < RING_ENTRIES - RING_WAKE)
        rings_wake();
    ring->limit = atomic_load_explicit(&ring->head, memory_order_relaxed) +
                  (room < RING_WAKE ? room : RING_WAKE);
}

/* Whether there is any use in waiting on, after a wait since `begun`. */
static int is_worth_waiting(const struct ring *ring, uint64_t begun, uint64_t now)
{
    int connected = atomic_load(&rings.connected);

    if (ring->impatient || atomic_load(&rings.state) != RINGS_RUNNING)
        return 0;
    if (connected == 0)
        return now - rings.started < UNDECIDED_NS;
    return connected > 0 || now - begun < LOST_NS;
}

/* Waits until that many entries can be written. 1, or 0 when it was given up. */
static int wait_for_room(struct ring *ring, uint64_t wanted)
{
    struct timespec nap = {.tv_nsec = NAP_FIRST_NS};
    uint64_t begun = clock_steady(), now = begun;
    void *token = NULL;
    int courteous = 0;

    while (ring_room(ring) < wanted && is_worth_waiting(ring, begun, now)) {
        rings_wake();
        if (!courteous && now - begun > COURTESY_NS && rings.on_wait != NULL) {
            token = rings.on_wait();
            courteous = 1;
        }
        if (nanosleep(&nap, NULL) != 0 && errno == EINTR && now - begun > DEAF_NS)
            ring->impatient = 1;
        if (nap.tv_nsec < (long)NAP_LAST_NS)
            nap.tv_nsec *= 2;
        now = clock_steady();
    }
    if (courteous)
        rings.on_waited(token);
    /* Whoever has waited in vain does not wait again until there is room. */
    ring->impatient = ring_room(ring) < wanted;
    return !ring->impatient;
}

/* Whether the kind is a call's beginning or end, that is a record. */
static int is_record(enum ring_kind kind)
{
    return kind == RING_ENTER || kind == RING_LEAVE;
}

/* Whether an entry that is lost is a record that is lost: of an execution only one of the two is.
 */
static int is_counted(enum ring_kind kind)
{
    return rings.record == AGENT_EXECUTIONS ? kind == RING_ENTER : is_record(kind);
}

/* Entries that must come before the next one of this fiber. */
static uint64_t preamble(const struct ring *ring, const struct fiber *fiber)
{
    return (ring->written != fiber->id) + (fiber->start != 0) + (fiber->unseen != 0);
}

static void put_preamble(struct ring *ring, struct fiber *fiber)
{
    if (ring->written != fiber->id)
        ring_put(ring, clock_ticks(), RING_WORD(RING_FIBER, 0, 0) | fiber->id);
    ring->written = fiber->id;
    if (fiber->start != 0)
        ring_put(ring, clock_ticks(), RING_WORD(RING_START, 0, 0) | fiber->start);
    fiber->start = 0;
    if (fiber->unseen != 0)
        ring_put(ring, clock_ticks(), RING_WORD(RING_UNSEEN, 0, 0) | fiber->unseen);
    fiber->unseen = 0;
}

/* 1 when there is room for that entry, and for what has to be said before it. */
static int make_room(struct ring *ring, const struct fiber *fiber, enum ring_kind kind)
{
    uint64_t wanted = 1 + preamble(ring, fiber);
    int is_beginning = kind == RING_ENTER || kind == RING_SPLIT;

    if (ring_room(ring) >= wanted && (!is_beginning || room_to_begin(ring) > 0)) {
        ring->impatient = 0;
        return 1;
    }
    rings_wake();
    return rings.when_full == AGENT_BLOCK && wait_for_room(ring, wanted);
}

/* Whether the fiber is inside a call that was dropped. Its end may never be told once operations
 * have been switched off or on: then recording goes on at once. */
static int is_skipping(struct fiber *fiber, unsigned switched)
{
    if (fiber->skipped > 0 && fiber->skipped_in != switched)
        fiber->skipped = 0;
    return fiber->skipped > 0;
}

/* Inside a call that was dropped, everything is; behind its end, recording goes on. */
static void skip(struct ring *ring, struct fiber *fiber, enum ring_kind kind)
{
    if (!is_record(kind))
        return;
    if (is_counted(kind))
        count_dropped(ring);
    fiber->skipped += kind == RING_ENTER ? 1 : -1ul;
    if (fiber->skipped == 0 && preamble(ring, fiber) == 0)
        probe_ring = ring;
}

/* There is no room: a beginning is dropped with its whole call; an end that was dropped is made up
 * for later. */
static void drop(struct ring *ring, struct fiber *fiber, enum ring_kind kind, unsigned switched)
{
    if (!is_record(kind))
        return;
    probe_ring = NULL;
    if (kind == RING_ENTER) {
        count_dropped(ring);
        fiber->skipped = 1;
        fiber->skipped_in = switched;
    } else {
        fiber->unseen++;
        ring->depth--;
    }
}

static void record(struct ring *ring, struct fiber *fiber, enum ring_kind kind, uint64_t word)
{
    unsigned switched = atomic_load(&rings.switched);

    if (is_skipping(fiber, switched)) {
        skip(ring, fiber, kind);
        return;
    }
    if (!make_room(ring, fiber, kind)) {
        drop(ring, fiber, kind, switched);
        return;
    }
    put_preamble(ring, fiber);
    if (is_record(kind))
        ring->depth += kind == RING_ENTER ? 1 : -1;
    ring_put(ring, clock_ticks(), word);
    set_limit(ring);
    probe_ring = ring;
}

void probe_record_slowly(uint64_t word)
{
    struct ring *ring;
    int state = atomic_load(&rings.state);

    if (state == RINGS_OFF)
        return;
    if (state == RINGS_ASLEEP) {
        /* What ends here now has begun in the parent. */
        if (atomic_load(&rings.is_child) && ring_kind(word) != RING_ENTER)
            return;
        pthread_mutex_lock(&rings.lock);
        if (atomic_load(&rings.state) == RINGS_ASLEEP)
            rings.on_asleep();
        atomic_store(&rings.is_child, 0);
        pthread_mutex_unlock(&rings.lock);
        if (atomic_load(&rings.state) == RINGS_OFF)
            return;
    }
    ring = rings_attach();
    if (ring == NULL) {
        if (is_counted(ring_kind(word)))
            atomic_fetch_add(&rings.dropped_no_memory, 1);
        return;
    }
    record(ring, fiber_current(), ring_kind(word), word);
}
