/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/loose.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/core/clock.h"
#include "agent/core/rings.h"
#include "agent/core/stream.h"
#include "agent/core/track.h"

#define NAP_FIRST_NS 20000u      /* whoever waits for room looks again after so long, */
#define NAP_LAST_NS 500000u      /* then less and less often */
#define UNDECIDED_NS 2000000000u /* as for probes, see rings.c */
#define LOST_NS 100000000u
#define DEAF_NS 1000000000u

struct item {
    struct item *next;
    enum record_id type;
    size_t size;
    unsigned char values[];
};

static struct {
    pthread_mutex_t lock;
    struct item *first, **end;
    size_t bytes;
    _Atomic uint64_t dropped;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .end = &queue.first};

/* 1 when it is in the queue; 0 when that is full. An empty queue takes anything. */
static int try_put(struct item *item)
{
    size_t bytes = sizeof(*item) + item->size;
    int fits;

    pthread_mutex_lock(&queue.lock);
    fits = queue.first == NULL || queue.bytes + bytes <= LOOSE_BYTES;
    if (fits) {
        *queue.end = item;
        queue.end = &item->next;
        queue.bytes += bytes;
    }
    bytes = queue.bytes;
    pthread_mutex_unlock(&queue.lock);
    if (bytes > LOOSE_BYTES / 4)
        rings_wake();
    return fits;
}

/* Whether there is any use in waiting on, after a wait since `begun`. */
static int is_worth_waiting(uint64_t begun, uint64_t now)
{
    int connected = atomic_load(&rings.connected);

    if (atomic_load(&rings.state) != RINGS_RUNNING)
        return 0;
    if (connected == 0)
        return now - rings.started < UNDECIDED_NS;
    return connected > 0 || now - begun < LOST_NS;
}

/* Tries again and again. 1, or 0 when it was given up. */
static int wait_and_put(struct item *item)
{
    struct timespec nap = {.tv_nsec = NAP_FIRST_NS};
    void *token = rings.on_wait != NULL ? rings.on_wait() : NULL;
    uint64_t begun = clock_steady(), now = begun;
    int put = 0, interrupted = 0;

    while (!put && !interrupted && is_worth_waiting(begun, now)) {
        rings_wake();
        if (nanosleep(&nap, NULL) != 0 && errno == EINTR)
            interrupted = now - begun > DEAF_NS;
        if (nap.tv_nsec < (long)NAP_LAST_NS)
            nap.tv_nsec *= 2;
        now = clock_steady();
        put = try_put(item);
    }
    if (rings.on_wait != NULL)
        rings.on_waited(token);
    return put;
}

/* Whether records are taken; a forked child gets its sender by this. */
static int is_recorded(void)
{
    if (atomic_load(&rings.state) == RINGS_ASLEEP) {
        pthread_mutex_lock(&rings.lock);
        if (atomic_load(&rings.state) == RINGS_ASLEEP)
            rings.on_asleep();
        pthread_mutex_unlock(&rings.lock);
    }
    return atomic_load(&rings.state) == RINGS_RUNNING;
}

int loose_put(enum record_id type, const unsigned char *values, size_t size)
{
    struct item *item;

    if (!is_recorded())
        return -1;
    item = malloc(sizeof(*item) + size);
    if (item == NULL) {
        atomic_fetch_add(&rings.dropped_no_memory, 1);
        return -1;
    }
    *item = (struct item){.type = type, .size = size};
    memcpy(item->values, values, size);
    if (try_put(item) || (rings.when_full == AGENT_BLOCK && wait_and_put(item)))
        return 0;
    free(item);
    atomic_fetch_add(&queue.dropped, 1);
    return -1;
}

static struct item *take_all(void)
{
    struct item *all;

    pthread_mutex_lock(&queue.lock);
    all = queue.first;
    queue.first = NULL;
    queue.end = &queue.first;
    queue.bytes = 0;
    pthread_mutex_unlock(&queue.lock);
    return all;
}

uint64_t loose_drain(struct track_sink *sink)
{
    uint64_t taken = 0;

    for (struct item *item = take_all(), *next; item != NULL; item = next) {
        if (sink->stream != NULL &&
            STREAM_BYTES - sink->stream->used < stream_loose_room(item->size))
            sink->on_full(sink);
        if (sink->stream != NULL)
            stream_put_loose(sink->stream, item->type, item->values, item->size);
        else
            sink->lost++;
        next = item->next;
        free(item);
        taken++;
    }
    return taken;
}

uint64_t loose_dropped(void)
{
    return atomic_load(&queue.dropped);
}

void loose_lock(void)
{
    pthread_mutex_lock(&queue.lock);
}

void loose_unlock(void)
{
    pthread_mutex_unlock(&queue.lock);
}

void loose_after_fork(void)
{
    for (struct item *item = queue.first, *next; item != NULL; item = next) {
        next = item->next;
        free(item);
    }
    queue.first = NULL;
    queue.end = &queue.first;
    queue.bytes = 0;
    atomic_store(&queue.dropped, 0);
}
