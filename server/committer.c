/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "server/committer.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/shortage.h"

#define RETRY_FIRST_MS 50
#define RETRY_MOST_MS 1000
#define SHORT_PATIENCE_MS 5000 /* while a batch cannot be stored for want of memory */
#define RETIRE_MS 50           /* at most, between two commits */
#define LOOK_SECONDS 10        /* for what has become too old, when nothing is committed */

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

    struct store_limits limits;
    struct store_retired retired;
    int limits_changed, is_untidy; /* untidy: the last try failed */
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
    c->is_full = is_full;
    if (c->failing)
        return;
    c->failing = 1;
    c->failing_since = clock_monotonic();
    snprintf(c->problem, sizeof(c->problem), "%s", sentence);
    log_error("store",
        log_field("event", is_full ? "disk full: clients wait until there is room"
                                   : "commit failed: tried again until it succeeds"),
        log_field("error", sentence));
}

/* What agents wait to hear. */
static void note_stored(struct committer *c, const struct batch *batch)
{
    for (size_t i = 0; i < batch->streams.count; i++) {
        const struct batch_stream *stream = &batch->streams.items[i];
        struct committer_stored *place;

        if (stream->session == NULL)
            continue;
        place = list_add(&c->stored);
        if (place == NULL)
            shortage_end("noting what agents are to be told");
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

/* Without the lock: a piece of work on the store that may fail, which is said once an episode. */
static int do_piece(struct committer *c, int (*work)(struct store *store))
{
    int more = work(c->store);

    if (more < 0 && work == store_retire && store_is_full(c->store))
        more = store_relieve(c->store);
    if (more < 0 && !c->is_untidy)
        log_warn("store", log_field("event", "tidying failed: tried again"),
            log_field("error", store_error(c->store)));
    c->is_untidy = more < 0;
    return more;
}

static void note_retired(struct committer *c, const struct store_retired *retired)
{
    if (retired->excess > 0 && c->retired.excess == 0)
        log_warn("store",
            log_field("event", "beyond --retain-size with nothing left to let go: what is running "
                               "is kept; raise the limit or end the program"),
            log_field("excess_bytes", retired->excess));
    if (retired->excess == 0 && c->retired.excess > 0)
        log_info("store", log_field("event", "within --retain-size again"));
    c->retired = *retired;
}

/* Tells the store of them, if they are new. */
static void pass_limits_on(struct committer *c)
{
    struct store_limits limits = c->limits;
    int changed = c->limits_changed, done = 0;

    c->limits_changed = 0;
    if (!changed)
        return;
    pthread_mutex_unlock(&c->lock);
    done = store_keep(c->store, &limits);
    pthread_mutex_lock(&c->lock);
    if (done < 0)
        log_warn("store", log_field("event", "the limits of what is kept could not be changed"),
            log_field("error", store_error(c->store)));
}

/* The disk is full: what is beyond the limits goes now, so that the next try may succeed. */
static void relieve(struct committer *c)
{
    int more = 1;

    pass_limits_on(c);
    while (more > 0 && !c->given_up) {
        struct store_retired retired;

        pthread_mutex_unlock(&c->lock);
        more = store_relieve(c->store);
        store_retired(c->store, &retired);
        pthread_mutex_lock(&c->lock);
        note_retired(c, &retired);
    }
}

/* Tries once, without the lock; on a full disk once more when what can go has gone. */
static int try_commit(struct committer *c, struct batch *batch)
{
    if (store_commit(c->store, batch) == 0)
        return 0;
    if (!store_is_full(c->store))
        return -1;
    pthread_mutex_lock(&c->lock);
    relieve(c);
    pthread_mutex_unlock(&c->lock);
    return store_commit(c->store, batch);
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
        done = try_commit(c, batch);
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
        if (store_is_short(c->store) &&
            clock_monotonic() - c->failing_since > SHORT_PATIENCE_MS * CLOCK_MS)
            shortage_end("storing a batch");
        retry_at = clock_monotonic() + pause;
        while (!c->given_up && wait_until(c, retry_at))
            continue;
        pause = pause * 2 < RETRY_MOST_MS * CLOCK_MS ? pause * 2 : RETRY_MOST_MS * CLOCK_MS;
    }
}

/* Lets go what is beyond the limits, for a while or, if nothing waits, to the end. */
static void retire(struct committer *c)
{
    int64_t until = clock_monotonic() + RETIRE_MS * CLOCK_MS;
    struct store_retired retired;
    int more = 1;

    pass_limits_on(c);
    pthread_mutex_unlock(&c->lock);
    while (more > 0 && clock_monotonic() < until)
        more = do_piece(c, store_retire);
    store_retired(c->store, &retired);
    pthread_mutex_lock(&c->lock);
    note_retired(c, &retired);
}

/* Tidies until there is something to commit or nothing left to tidy. */
static void tidy(struct committer *c)
{
    int more = 1;

    while (more > 0 && c->count == 0 && !c->stopping) {
        struct store_retired retired;

        pthread_mutex_unlock(&c->lock);
        more = do_piece(c, store_retire);
        if (more == 0)
            more = do_piece(c, store_tidy);
        store_retired(c->store, &retired);
        pthread_mutex_lock(&c->lock);
        note_retired(c, &retired);
    }
}

/* What has become too old is looked for also when nothing comes. */
static void wait_for_work(struct committer *c)
{
    if (c->limits.age > 0 || c->limits.bytes > 0)
        wait_until(c, clock_monotonic() + LOOK_SECONDS * CLOCK_SECOND);
    else
        pthread_cond_wait(&c->changed, &c->lock);
}

static void *run(void *context)
{
    struct committer *c = context;

    pthread_mutex_lock(&c->lock);
    while (!c->given_up && !(c->stopping && c->count == 0)) {
        if (c->count > 0) {
            commit_first(c);
            retire(c);
            continue;
        }
        tidy(c);
        if (c->limits_changed)
            retire(c);
        else if (c->count == 0 && !c->stopping)
            wait_for_work(c);
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

void committer_keep(struct committer *c, const struct store_limits *limits)
{
    pthread_mutex_lock(&c->lock);
    if (limits->age != c->limits.age || limits->bytes != c->limits.bytes) {
        c->limits = *limits;
        c->limits_changed = 1;
        pthread_cond_broadcast(&c->changed);
    }
    pthread_mutex_unlock(&c->lock);
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
    figures->retired_by_age = c->retired.by_age;
    figures->retired_by_size = c->retired.by_size;
    figures->retired_records = c->retired.records;
    figures->retain_excess = c->retired.excess;
    memcpy(figures->commit_buckets, c->buckets, sizeof(c->buckets));
    figures->commit_seconds = c->seconds;
    figures->queue_batches = c->count;
    figures->queue_bytes = c->bytes;
    figures->disk_full = (uint64_t)c->is_full;
    memcpy(figures->problem, c->problem, sizeof(c->problem));
    pthread_mutex_unlock(&c->lock);
}
