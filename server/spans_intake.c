/* SPDX-License-Identifier: Apache-2.0 */
#include "server/spans_intake.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/shortage.h"

#define TURN_SPANS 2048       /* taken before others have their turn */
#define LATER (50 * CLOCK_MS) /* while the store is behind */

struct spans_intake {
    struct intake *intake;
    int fd; /* the HTTP threads say by it that there is something */
    struct event *arrival, *timer;
    struct spans *spans; /* the loop's, as all above but fd */
    struct otlp_batch *batch;
    size_t at;            /* in the batch that is being taken */
    pthread_mutex_t lock; /* of all below */
    struct otlp_batch *first, **last;
    size_t queued;
    int has_stopped;
    uint64_t refusals;     /* that the store is to be told of */
    struct figures counts; /* those of spans alone */
};

static void wake(struct spans_intake *s)
{
    uint64_t one = 1;

    /* As intake.c: it fails only when the loop is about to read it anyway. */
    if (write(s->fd, &one, sizeof(one)) < 0)
        return;
}

int spans_intake_put(struct spans_intake *s, struct otlp_batch *batch)
{
    size_t bytes = otlp_batch_bytes(batch);
    int result = -1;

    pthread_mutex_lock(&s->lock);
    if (!s->has_stopped && (s->first == NULL || s->queued + bytes <= SPANS_QUEUE_MAX)) {
        batch->next = NULL;
        *s->last = batch;
        s->last = &batch->next;
        s->queued += bytes;
        s->counts.spans += batch->spans.count;
        s->counts.spans_rejected += batch->rejected;
        s->counts.span_requests++;
        result = 0;
    }
    pthread_mutex_unlock(&s->lock);
    if (result == 0)
        wake(s);
    return result;
}

void spans_intake_refused(struct spans_intake *s)
{
    pthread_mutex_lock(&s->lock);
    s->counts.span_requests_refused++;
    s->refusals++;
    pthread_mutex_unlock(&s->lock);
    wake(s);
}

void spans_intake_figures(struct spans_intake *s, struct figures *figures)
{
    pthread_mutex_lock(&s->lock);
    figures->spans = s->counts.spans;
    figures->spans_rejected = s->counts.spans_rejected;
    figures->span_requests = s->counts.span_requests;
    figures->span_requests_refused = s->counts.span_requests_refused;
    figures->span_bytes = s->counts.span_bytes + s->queued;
    pthread_mutex_unlock(&s->lock);
}

/* The first of the queue, if there is one; and what was refused meanwhile is counted. */
static void take_next(struct spans_intake *s)
{
    struct assembler *assembler = intake_assembler(s->intake);
    uint64_t refusals;

    pthread_mutex_lock(&s->lock);
    refusals = s->refusals;
    s->refusals = 0;
    s->batch = s->first;
    if (s->batch) {
        s->first = s->batch->next;
        if (s->first == NULL)
            s->last = &s->first;
        s->queued -= otlp_batch_bytes(s->batch);
    }
    pthread_mutex_unlock(&s->lock);
    s->at = 0;
    if (refusals > 0)
        assembler_count(assembler, NULL, "span_requests_refused", refusals);
    if (s->batch && s->batch->rejected > 0)
        assembler_count(assembler, NULL, "spans_rejected", s->batch->rejected);
    if (refusals > 0 || s->batch)
        intake_fed(s->intake);
}

static void give(struct spans_intake *s, int64_t now, int all)
{
    int given = spans_give(s->spans, now, all);

    shortage_of(given, "giving spans to their trace");
    if (given != 0)
        intake_fed(s->intake);
}

/* Up to so many spans. How many there were. */
static size_t take(struct spans_intake *s, size_t most)
{
    int64_t now = clock_monotonic();
    size_t taken = 0;

    while (taken < most) {
        if (s->batch == NULL)
            take_next(s);
        if (s->batch == NULL)
            break;
        for (; s->at < s->batch->spans.count && taken < most; s->at++, taken++) {
            shortage_of(
                spans_add(s->spans, &s->batch->spans.items[s->at], now), "taking in a span");
            if (spans_bytes(s->spans) > SPANS_BYTES_MAX)
                give(s, now, 0);
        }
        if (s->at == s->batch->spans.count) {
            otlp_batch_free(s->batch);
            s->batch = NULL;
        }
    }
    return taken;
}

static void show(struct spans_intake *s)
{
    pthread_mutex_lock(&s->lock);
    s->counts.span_bytes = spans_bytes(s->spans) + (s->batch ? otlp_batch_bytes(s->batch) : 0);
    pthread_mutex_unlock(&s->lock);
}

static void arm(struct spans_intake *s, int64_t delay)
{
    int64_t us = delay > 0 ? delay / 1000 + 1 : 1;
    struct timeval wait = {us / 1000000, us % 1000000};

    shortage_of(evtimer_add(s->timer, &wait), "setting a timer");
}

static void go_on(struct spans_intake *s)
{
    int64_t now = clock_monotonic();
    size_t taken;

    if (intake_is_paused(s->intake)) {
        arm(s, LATER);
        return;
    }
    taken = take(s, TURN_SPANS);
    give(s, now, 0);
    show(s);
    if (taken == TURN_SPANS)
        arm(s, 0);
    else if (spans_due(s->spans) != INT64_MAX)
        arm(s, spans_due(s->spans) - now);
}

static void on_arrival(evutil_socket_t fd, short what, void *context)
{
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) > 0)
        go_on(context);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    go_on(context);
}

struct spans_intake *spans_intake_new(struct event_base *base, struct intake *intake)
{
    struct spans_intake *s = calloc(1, sizeof(*s));

    if (s == NULL)
        return NULL;
    s->intake = intake;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    s->spans = spans_new(intake_assembler(intake));
    s->timer = evtimer_new(base, on_timer, s);
    s->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (s->fd >= 0)
        s->arrival = event_new(base, s->fd, EV_READ | EV_PERSIST, on_arrival, s);
    if (s->spans && s->timer && s->arrival && event_add(s->arrival, NULL) == 0)
        return s;
    spans_intake_free(s);
    return NULL;
}

void spans_intake_stop(struct spans_intake *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->has_stopped = 1;
    pthread_mutex_unlock(&s->lock);
    event_del(s->arrival);
    event_del(s->timer);
    while (take(s, TURN_SPANS) > 0)
        ;
    give(s, clock_monotonic(), 1);
    show(s);
}

void spans_intake_free(struct spans_intake *s)
{
    if (s == NULL)
        return;
    if (s->arrival)
        event_free(s->arrival);
    if (s->timer)
        event_free(s->timer);
    if (s->fd >= 0)
        close(s->fd);
    spans_free(s->spans);
    otlp_batch_free(s->batch);
    pthread_mutex_destroy(&s->lock);
    free(s);
}
