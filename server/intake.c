/* SPDX-License-Identifier: Apache-2.0 */
#include "server/intake.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/bounds.h"
#include "server/clock.h"
#include "server/committer.h"
#include "server/log.h"
#include "server/memory.h"
#include "server/shortage.h"

#define HURRY_MS 5            /* in which several that are in a hurry are taken together */
#define STOP_PATIENCE_MS 5000 /* for a store that fails while the collector stops */

struct intake {
    struct assembler *assembler;
    struct committer *committer;
    const struct settings *settings;
    struct live *live;
    struct bounds bounds;
    int progress_fd; /* the store's thread says by it that the queue has room */
    struct event *progress, *timer, *hurry;
    struct left_sessions left;
    int hurried; /* it was time, but the store was busy */
    uint64_t cuts;
    int64_t given_back_at;
    int due; /* a batch was to be cut, but the queue was full */
    int paused, draining;
    int hopeless; /* the store has failed for long while we wanted to stop */
    int64_t paused_at;
    void (*on_resume)(void *context);
    void *context;
    void (*on_stored)(void *context, uint32_t stream, uint64_t position);
    void *stored_context;
};

static void pause_reading(struct intake *i)
{
    if (i->paused)
        return;
    i->paused = 1;
    i->paused_at = clock_monotonic();
    i->live->own.paused = 1;
    i->live->own.pauses++;
    live_publish(i->live);
}

static void resume_reading(struct intake *i)
{
    if (!i->paused)
        return;
    i->paused = 0;
    i->live->own.paused = 0;
    log_debug("intake", log_field("event", "clients waited for the store"),
        log_field("ms", (clock_monotonic() - i->paused_at) / CLOCK_MS));
    if (i->on_resume)
        i->on_resume(i->context);
}

static void publish(struct intake *i)
{
    struct figures *own = &i->live->own;
    struct assembler_figures figures;

    assembler_figures(i->assembler, &figures);
    own->records = figures.records;
    own->traces_finished = figures.traces_finished;
    own->traces_running = figures.traces_running;
    own->calls = figures.calls;
    own->failed_calls = figures.failed_calls;
    own->operations = figures.operations;
    own->paths = figures.paths;
    own->classes = figures.classes;
    own->pending_bytes = assembler_pending(i->assembler);
    live_publish(i->live);
}

static void arm(struct intake *i)
{
    int64_t us = i->settings->batch_interval / 1000;
    struct timeval interval = {us / 1000000, us % 1000000};

    if (!evtimer_pending(i->timer, NULL))
        shortage_of(evtimer_add(i->timer, &interval), "setting a timer");
}

/* There is room in the queue. */
static void cut(struct intake *i)
{
    struct batch *batch = assembler_cut(i->assembler);

    if (batch == NULL)
        shortage_end("cutting a batch");
    i->due = i->hurried = 0;
    i->cuts++;
    evtimer_del(i->hurry);
    bounds_look(&i->bounds, batch);
    assembler_limit_traces(
        i->assembler, memory_for_traces(i->settings, i->assembler, i->live->own.stream_bytes));
    committer_put(i->committer, batch);
    resume_reading(i);
    publish(i);
}

/* Waits for room in the queue, as long as it makes sense. */
static int wait_for_room(struct intake *i)
{
    struct figures figures;

    while (!i->hopeless && !committer_wait(i->committer, STOP_PATIENCE_MS)) {
        committer_figures(i->committer, &figures);
        i->hopeless = figures.problem[0] != '\0';
    }
    return !i->hopeless;
}

static void step(struct intake *i)
{
    size_t pending = assembler_pending(i->assembler);
    int large = pending >= (size_t)i->settings->batch_size;

    if (pending > 0 && (large || i->due)) {
        if (committer_has_room(i->committer) || (i->draining && wait_for_room(i))) {
            cut(i);
        } else {
            i->due = 1;
            if (large)
                pause_reading(i);
        }
    }
    if (assembler_pending(i->assembler) > 0)
        arm(i);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct intake *i = context;

    (void)fd;
    (void)what;
    i->due = 1;
    step(i);
    publish(i);
}

static void on_hurry(evutil_socket_t fd, short what, void *context)
{
    struct intake *i = context;

    (void)fd;
    (void)what;
    i->hurried = !committer_is_idle(i->committer);
    if (i->hurried)
        return;
    i->due = 1;
    step(i);
}

static void tell_stored(struct intake *i)
{
    struct committer_stored stored[64];
    size_t count;

    while ((count = committer_take_stored(i->committer, stored, 64)) > 0)
        for (size_t at = 0; at < count && i->on_stored; at++)
            i->on_stored(i->stored_context, stored[at].stream, stored[at].position);
}

static void on_progress(evutil_socket_t fd, short what, void *context)
{
    struct intake *i = context;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) <= 0)
        return;
    tell_stored(i);
    if (i->hurried)
        on_hurry(-1, 0, i);
    step(i);
    memory_give_back(i->settings, &i->given_back_at);
}

/* In the store's thread. */
static void say_progress(void *context)
{
    struct intake *i = context;
    uint64_t one = 1;

    /*
     * It cannot fail but for a counter that is full, and then the loop is about to read it anyway.
     */
    if (write(i->progress_fd, &one, sizeof(one)) < 0)
        return;
}

static void release(struct intake *i)
{
    if (i->timer)
        event_free(i->timer);
    if (i->hurry)
        event_free(i->hurry);
    if (i->progress)
        event_free(i->progress);
    if (i->progress_fd >= 0)
        close(i->progress_fd);
    assembler_free(i->assembler);
    list_fini(&i->left.list);
    free(i);
}

struct intake *intake_start(struct event_base *base, struct store *store, struct model *model,
    const struct assembler_start *start, const struct settings *settings, struct live *live)
{
    struct intake *i = calloc(1, sizeof(*i));
    struct assembler_limits limits;

    if (i == NULL)
        return NULL;
    i->settings = settings;
    i->live = live;
    i->progress_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    i->assembler = assembler_new(model, start, settings->run);
    bounds_get(settings, &limits);
    if (i->assembler)
        assembler_limit(i->assembler, &limits);
    i->timer = evtimer_new(base, on_timer, i);
    i->hurry = evtimer_new(base, on_hurry, i);
    i->progress = i->progress_fd < 0
                      ? NULL
                      : event_new(base, i->progress_fd, EV_READ | EV_PERSIST, on_progress, i);
    if (i->assembler && i->timer && i->hurry && i->progress && event_add(i->progress, NULL) == 0 &&
        restoring_run(store, i->assembler, &i->left) == 0)
        i->committer = committer_start(store, (size_t)settings->queue_size, say_progress, i);
    if (i->committer == NULL) {
        release(i);
        return NULL;
    }
    intake_reload(i);
    publish(i);
    return i;
}

void intake_reload(struct intake *i)
{
    committer_keep(i->committer,
        &(struct store_limits){i->settings->retain_age, (uint64_t)i->settings->retain_size});
}

const struct left_sessions *intake_left(const struct intake *i)
{
    return &i->left;
}

struct assembler *intake_assembler(struct intake *i)
{
    return i->assembler;
}

void intake_fed(struct intake *i)
{
    if (assembler_pending(i->assembler) >= (size_t)i->settings->batch_size)
        step(i);
    else
        arm(i); /* also where nothing is to be cut yet: what came is shown */
}

int intake_is_paused(const struct intake *i)
{
    return i->paused;
}

void intake_on_resume(struct intake *i, void (*on_resume)(void *context), void *context)
{
    i->on_resume = on_resume;
    i->context = context;
}

void intake_on_stored(struct intake *i,
    void (*on_stored)(void *context, uint32_t stream, uint64_t position), void *context)
{
    i->on_stored = on_stored;
    i->stored_context = context;
}

void intake_hurry(struct intake *i)
{
    static const struct timeval soon = {0, HURRY_MS * 1000};

    if (!i->hurried && !evtimer_pending(i->hurry, NULL))
        shortage_of(evtimer_add(i->hurry, &soon), "setting a timer");
}

uint64_t intake_cuts(const struct intake *i)
{
    return i->cuts;
}

void intake_drain(struct intake *i)
{
    i->draining = 1;
    i->on_resume = NULL;
    resume_reading(i);
}

uint64_t intake_stop(struct intake *i)
{
    struct batch *batch;
    uint64_t lost = 0;

    if (i == NULL)
        return 0;
    if (assembler_pending(i->assembler) > 0) {
        wait_for_room(i);
        batch = assembler_cut(i->assembler);
        if (batch == NULL)
            shortage_end("cutting the last batch");
        if (committer_has_room(i->committer)) {
            committer_put(i->committer, batch);
        } else {
            /* The store has failed for long: what the queue has no room for goes with it. */
            lost = batch->record_count;
            log_error("intake", log_field("event", "given up"), log_field("lost_records", lost));
            batch_free(batch);
        }
    }
    publish(i);
    lost += committer_stop(i->committer, STOP_PATIENCE_MS);
    tell_stored(i);
    committer_free(i->committer);
    release(i);
    return lost;
}

void intake_figures(struct intake *i, struct figures *figures)
{
    live_get(i->live, figures);
    committer_figures(i->committer, figures);
}
