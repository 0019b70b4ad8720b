/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "server/committer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/log.h"

#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 1000

struct committer {
    struct store *store;
    size_t queue_bytes;
    void (*on_progress)(void *context);
    void *context;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* of what is below */
    struct {
        struct batch *batch;
        size_t bytes;
    } queue[COMMITTER_BATCHES_MAX];
    unsigned first, count; /* the first stays in the queue while it is committed */
    size_t bytes;
    int stopping, given_up;
    LIST(struct committer_stored) stored;

    uint64_t batches, records, failures;
    uint64_t buckets[FIGURES_BUCKETS];
    double seconds;
    int failing, is_full;
    int64_t failing_since;
    char problem[FIGURES_PROBLEM_MAX];
};

/* Called with the lock held, as all that follow up to the thread's own. */
static int has_room(const struct committer *c)
{
    return c->count < COMMITTER_BATCHES_MAX && c->bytes < c->queue_bytes;
}

/* Waits for a change, at most until `deadline` (of clock_monotonic). 0 when that has come. */
static int wait_until(struct committer *c, int64_t deadline)
{
    struct timespec at = {(time_t)(deadline / CLOCK_SECOND), (long)(deadline % CLOCK_SECOND)};

    return pthread_cond_timedwait(&c->changed, &c->lock, &at) == 0;
}

static void note_commit(struct committer *c, int64_t took, uint64_t records)
{
    double seconds = (double)took / 1e9;
    unsigned bucket = 0;

    while (bucket < FIGURES_BUCKETS - 1 && seconds > figures_bounds[bucket])
        bucket++;
    c->buckets[bucket]++;
    c->seconds += seconds;
    c->batches++;
    c->records += records;
    if (c->failing) {
        log_info("store", log_field("event", "storing again"),
            log_field("after_ms", (clock_monotonic() - c->failing_since) / CLOCK_MS));
        c->failing = c->is_full = 0;
        c->problem[0] = '\0';
    }
}

/* Said once an episode: retries are many. */
static void note_failure(struct committer *c, const char *sentence, int is_full)
{
    c->failures++;
    if (c->failing)
        return;
    c->failing = 1;
    c->is_full = is_full;
    c->failing_since = clock_monotonic();
    snprintf(c->problem, sizeof(c->problem), "%s", sentence);
    log_error("store",
        log_field("event", is_full ? "disk full: clients wait until there is room"
                                   : "commit failed: tried again until it succeeds"),
        log_field("error", sentence));
}

/* Where memory is short, the next commit says more. */
static void note_stored(struct committer *c, const struct batch *batch)
{
    for (size_t i = 0; i < batch->streams.count; i++) {
        const struct batch_stream *stream = &batch->streams.items[i];
        struct committer_stored *place = stream->session ? list_add(&c->stored) : NULL;

        if (place)
            *place = (struct committer_stored){stream->id, stream->position};
    }
}

static struct batch *take_out(struct committer *c)
{
    struct batch *batch = c->queue[c->first].batch;

    c->bytes -= c->queue[c->first].bytes;
    c->first = (c->first + 1) % COMMITTER_BATCHES_MAX;
    c->count--;
    return batch;
}

/*
 * Commits the first batch of the queue, as often as it takes. The lock is held on entry and exit.
 */
static void commit_first(struct committer *c)
{
    struct batch *batch = c->queue[c->first].batch;
    int64_t pause = RETRY_FIRST_MS * CLOCK_MS;

    while (!c->given_up) {
        int64_t began = clock_monotonic(), retry_at;
        int done;

        pthread_mutex_unlock(&c->lock);
        done = store_commit(c->store, batch);
        pthread_mutex_lock(&c->lock);
        if (done == 0) {
            note_commit(c, clock_monotonic() - began, batch->record_count);
            batch = take_out(c);
            note_stored(c, batch);
            pthread_cond_broadcast(&c->changed);
            pthread_mutex_unlock(&c->lock);
            batch_free(batch);
            c->on_progress(c->context);
            pthread_mutex_lock(&c->lock);
            return;
        }
        note_failure(c, store_error(c->store), store_is_full(c->store));
        retry_at = clock_monotonic() + pause;
        while (!c->given_up && wait_until(c, retry_at))
            continue;
        pause = pause * 2 < RETRY_MOST_MS * CLOCK_MS ? pause * 2 : RETRY_MOST_MS * CLOCK_MS;
    }
}

/* Tidies until there is something to commit or nothing left to tidy. */
static void tidy(struct committer *c)
{
    int more = 1;

    while (more > 0 && c->count == 0 && !c->stopping) {
        pthread_mutex_unlock(&c->lock);
        more = store_tidy(c->store);
        if (more < 0)
            log_warn("store", log_field("event", "tidying failed"),
                log_field("error", store_error(c->store)));
        pthread_mutex_lock(&c->lock);
    }
}

static void *run(void *context)
{
    struct committer *c = context;

    pthread_mutex_lock(&c->lock);
    while (!c->given_up && !(c->stopping && c->count == 0)) {
        if (c->count > 0) {
            commit_first(c);
            continue;
        }
        tidy(c);
        if (c->count == 0 && !c->stopping)
            pthread_cond_wait(&c->changed, &c->lock);
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

struct committer *committer_start(
    struct store *store, size_t queue_bytes, void (*on_progress)(void *context), void *context)
{
    struct committer *c = calloc(1, sizeof(*c));
    pthread_condattr_t monotonic;

    if (c == NULL)
        return NULL;
    c->store = store;
    c->queue_bytes = queue_bytes;
    c->on_progress = on_progress;
    c->context = context;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&c->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&c->thread, NULL, run, c) != 0) {
        pthread_cond_destroy(&c->changed);
        pthread_mutex_destroy(&c->lock);
        free(c);
        return NULL;
    }
    pthread_setname_np(c->thread, "store");
    return c;
}

int committer_has_room(struct committer *c)
{
    int room;

    pthread_mutex_lock(&c->lock);
    room = has_room(c);
    pthread_mutex_unlock(&c->lock);
    return room;
}

int committer_is_idle(struct committer *c)
{
    int idle;

    pthread_mutex_lock(&c->lock);
    idle = c->count == 0;
    pthread_mutex_unlock(&c->lock);
    return idle;
}

size_t committer_take_stored(struct committer *c, struct committer_stored *stored, size_t room)
{
    size_t count;

    pthread_mutex_lock(&c->lock);
    count = c->stored.count < room ? c->stored.count : room;
    /* From the end: where a stream is there twice, whoever asks goes by the larger position. */
    for (size_t i = 0; i < count; i++)
        stored[i] = c->stored.items[--c->stored.count];
    pthread_mutex_unlock(&c->lock);
    return count;
}

int committer_wait(struct committer *c, unsigned milliseconds)
{
    int64_t deadline = clock_monotonic() + milliseconds * CLOCK_MS;
    int room;

    pthread_mutex_lock(&c->lock);
    while (!has_room(c) && wait_until(c, deadline))
        continue;
    room = has_room(c);
    pthread_mutex_unlock(&c->lock);
    return room;
}

void committer_put(struct committer *c, struct batch *batch)
{
    size_t bytes = batch_bytes(batch);
    unsigned place;

    pthread_mutex_lock(&c->lock);
    place = (c->first + c->count) % COMMITTER_BATCHES_MAX;
    c->queue[place].batch = batch;
    c->queue[place].bytes = bytes;
    c->count++;
    c->bytes += bytes;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

uint64_t committer_stop(struct committer *c, unsigned milliseconds)
{
    int64_t deadline = clock_monotonic() + milliseconds * CLOCK_MS;
    uint64_t lost = 0;

    pthread_mutex_lock(&c->lock);
    c->stopping = 1;
    pthread_cond_broadcast(&c->changed);
    /* A commit that is making progress may take its time: only one that fails is given up. */
    while (c->count > 0 && (!c->failing || clock_monotonic() < deadline))
        wait_until(c, clock_monotonic() + 100 * CLOCK_MS);
    c->given_up = c->count > 0;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
    while (c->count > 0) {
        struct batch *batch = take_out(c);

        lost += batch->record_count;
        batch_free(batch);
    }
    if (c->given_up)
        log_error("store", log_field("event", "given up"), log_field("lost_records", lost),
            log_field("error", c->problem));
    return lost;
}

void committer_free(struct committer *c)
{
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    list_fini(&c->stored);
    free(c);
}

void committer_figures(struct committer *c, struct figures *figures)
{
    pthread_mutex_lock(&c->lock);
    figures->batches = c->batches;
    figures->stored_records = c->records;
    figures->commit_failures = c->failures;
    memcpy(figures->commit_buckets, c->buckets, sizeof(c->buckets));
    figures->commit_seconds = c->seconds;
    figures->queue_batches = c->count;
    figures->queue_bytes = c->bytes;
    figures->disk_full = (uint64_t)c->is_full;
    memcpy(figures->problem, c->problem, sizeof(c->problem));
    pthread_mutex_unlock(&c->lock);
}
