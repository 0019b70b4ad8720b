/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "web/events.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "web/private.h"

#define EVENT_MAX 1024
#define MS INT64_C(1000000)

struct client {
    struct events *events;
    struct MHD_Connection *connection;
    uint64_t next;             /* event to be sent */
    unsigned token_changes;    /* when it was let in */
    char out[EVENT_MAX + 128]; /* under way */
    size_t at, size;
    int is_suspended;
    struct client *previous, *following;
};

struct events {
    const struct web_config *config;
    pthread_t thread;
    struct store_reader *reader; /* the thread's */
    uint64_t records;            /* of the summary before */
    int64_t composed_at;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct client *clients;
    unsigned client_count;
    uint64_t first, newest; /* the ids; newest < first: there is none yet */
    char kept[EVENTS_KEPT][EVENT_MAX];
    int64_t newest_at;
    int kicked, stopping;
    unsigned token_changes; /* that all clients were told of */
};

static unsigned token_changes_now(const struct events *e)
{
    return e->config->token ? token_changes(e->config->token) : 0;
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

/* The oldest event that is kept. */
static uint64_t oldest(const struct events *e)
{
    return e->newest >= e->first + EVENTS_KEPT ? e->newest - EVENTS_KEPT + 1 : e->first;
}

/*
 * Puts what comes next into `out`: 1; 0 when there is nothing. Called with the lock held, as all up
 * to on_gone.
 */
static int fill(struct client *c)
{
    struct events *e = c->events;

    c->at = c->size = 0;
    if (c->next < oldest(e)) {
        /* Of an earlier start nobody knows how many there were. */
        if (c->next < e->first)
            c->size = (size_t)snprintf(
                c->out, sizeof(c->out), "event: missed\ndata: {\"missed\":null}\n\n");
        else
            c->size = (size_t)snprintf(c->out, sizeof(c->out),
                "event: missed\ndata: {\"missed\":%" PRIu64 "}\n\n", oldest(e) - c->next);
        c->next = oldest(e);
    }
    if (c->next <= e->newest && e->newest >= e->first) {
        c->size += (size_t)snprintf(c->out + c->size, sizeof(c->out) - c->size,
            "id: %" PRIu64 "\nevent: summary\ndata: %s\n\n", c->next,
            e->kept[c->next % EVENTS_KEPT]);
        c->next++;
    }
    return c->size > 0;
}

static ssize_t read_events(void *context, uint64_t position, char *out, size_t room)
{
    struct client *c = context;
    struct events *e = c->events;
    ssize_t given;

    (void)position;
    pthread_mutex_lock(&e->lock);
    if (e->stopping ||
        ((c->at == 0 || c->at == c->size) && c->token_changes != token_changes_now(e))) {
        given = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (c->at < c->size || fill(c)) {
        size_t size = c->size - c->at < room ? c->size - c->at : room;

        memcpy(out, c->out + c->at, size);
        c->at += size;
        given = (ssize_t)size;
    } else {
        c->is_suspended = 1;
        MHD_suspend_connection(c->connection);
        given = 0;
    }
    pthread_mutex_unlock(&e->lock);
    return given;
}

static void on_gone(void *context)
{
    struct client *c = context;
    struct events *e = c->events;

    pthread_mutex_lock(&e->lock);
    *(c->previous ? &c->previous->following : &e->clients) = c->following;
    if (c->following)
        c->following->previous = c->previous;
    e->client_count--;
    pthread_mutex_unlock(&e->lock);
    free(c);
}

/* Everybody who waits looks again. With the lock held. */
static void resume_all(struct events *e)
{
    for (struct client *c = e->clients; c; c = c->following)
        if (c->is_suspended) {
            c->is_suspended = 0;
            MHD_resume_connection(c->connection);
        }
}

/* What is stored; all zero if that cannot be told. */
static struct store_status stored(struct events *e)
{
    struct store_status status = {0};
    char error[300];
    int missing;

    if (e->reader == NULL)
        e->reader = store_read(e->config->database, error, sizeof(error), &missing);
    if (e->reader && store_status(e->reader, &status) < 0) {
        store_reader_close(e->reader);
        e->reader = NULL;
        memset(&status, 0, sizeof(status));
    }
    return status;
}

/* Writes a summary but its beginning, the time: so two can be compared. */
static void compose(struct events *e, char *out, size_t size)
{
    struct store_status status = stored(e);
    struct figures figures;
    int64_t now = clock_ns(CLOCK_MONOTONIC);
    uint64_t rate = 0;
    json_t *json;
    char *text;

    e->config->figures(e->config->context, &figures);
    if (e->composed_at != 0 && now > e->composed_at && figures.records >= e->records)
        rate = (uint64_t)((double)(figures.records - e->records) * 1e9 /
                          (double)(now - e->composed_at));
    e->composed_at = now;
    e->records = figures.records;
    json = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s?}", "traces",
        (json_int_t)status.traces, "running", (json_int_t)status.states[TRACE_RUNNING], "failed",
        (json_int_t)status.failed, "incomplete", (json_int_t)status.states[TRACE_INCOMPLETE],
        "calls", (json_int_t)status.calls, "records", (json_int_t)status.records, "records_per_s",
        (json_int_t)rate, "connections", (json_int_t)figures.connections, "open_streams",
        (json_int_t)status.open_streams, "problem", figures.problem[0] ? figures.problem : NULL);
    text = json ? json_dumps(json, JSON_COMPACT) : NULL;
    snprintf(out, size, "%s", text ? text + 1 : "\"traces\":0}"); /* without its brace */
    free(text);
    json_decref(json);
}

/* Keeps a new event unless it says what the one before said. With the lock held. */
static void publish(struct events *e, char *said, size_t said_size, const char *says)
{
    int64_t now = clock_ns(CLOCK_MONOTONIC);

    if (!e->kicked && strcmp(said, says) == 0 && now - e->newest_at < EVENTS_AT_LEAST_MS * MS)
        return;
    e->kicked = 0;
    e->newest++;
    e->newest_at = now;
    snprintf(e->kept[e->newest % EVENTS_KEPT], EVENT_MAX, "{\"at\":\"%" PRId64 "\",%.*s",
        clock_ns(CLOCK_REALTIME), EVENT_MAX - 64, says);
    snprintf(said, said_size, "%s", says);
    resume_all(e);
}

static void *run(void *context)
{
    struct events *e = context;
    char said[EVENT_MAX] = "", says[EVENT_MAX - 64];

    pthread_mutex_lock(&e->lock);
    while (!e->stopping) {
        int64_t at;
        struct timespec until;

        if (e->clients == NULL) {
            e->composed_at = 0;
            pthread_cond_wait(&e->wake, &e->lock);
            continue;
        }
        pthread_mutex_unlock(&e->lock);
        compose(e, says, sizeof(says));
        pthread_mutex_lock(&e->lock);
        publish(e, said, sizeof(said), says);
        if (e->token_changes != token_changes_now(e)) {
            e->token_changes = token_changes_now(e);
            resume_all(e);
        }
        at = clock_ns(CLOCK_MONOTONIC) + EVENTS_EVERY_MS * MS;
        until = (struct timespec){(time_t)(at / (1000 * MS)), (long)(at % (1000 * MS))};
        while (!e->stopping && pthread_cond_timedwait(&e->wake, &e->lock, &until) == 0)
            continue;
    }
    pthread_mutex_unlock(&e->lock);
    if (e->reader)
        store_reader_close(e->reader);
    return NULL;
}

struct events *events_start(const struct web_config *config)
{
    struct events *e = calloc(1, sizeof(*e));
    pthread_condattr_t monotonic;

    if (e == NULL)
        return NULL;
    e->config = config;
    /* Two a second at most: so a later start begins with larger ids than all before it. */
    e->first = (uint64_t)time(NULL) * 4;
    e->newest = e->first - 1;
    pthread_mutex_init(&e->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&e->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&e->thread, NULL, run, e) != 0) {
        pthread_cond_destroy(&e->wake);
        pthread_mutex_destroy(&e->lock);
        free(e);
        return NULL;
    }
    pthread_setname_np(e->thread, "events");
    return e;
}

/* The id that the client saw last, or 0. */
static uint64_t seen_last(const struct exchange *x)
{
    const char *text = exchange_header(x, "Last-Event-ID");

    return text ? strtoull(text, NULL, 10) : 0;
}

/*
 * Links the client in, if there may be one more: what it gets first is what it missed, or the
 * newest, or one made for it.
 */
static int take_in(struct events *e, struct client *c, uint64_t seen)
{
    int taken = 0;

    pthread_mutex_lock(&e->lock);
    if (!e->stopping && e->client_count < e->config->event_clients) {
        taken = 1;
        c->next = seen != 0 && seen <= e->newest ? seen + 1 : e->newest + 1;
        c->following = e->clients;
        if (e->clients)
            e->clients->previous = c;
        e->clients = c;
        e->client_count++;
        e->kicked = 1;
        if (e->client_count == 1)
            pthread_cond_signal(&e->wake);
    }
    pthread_mutex_unlock(&e->lock);
    return taken;
}

void events_handle(struct exchange *x)
{
    struct events *e = x->web->events;
    struct client *c = calloc(1, sizeof(*c));
    struct MHD_Response *stream;

    if (c == NULL) {
        exchange_give(x, NULL, NULL, 0);
        return;
    }
    c->events = e;
    c->connection = x->connection;
    c->token_changes = x->token_changes;
    c->size = (size_t)snprintf(c->out, sizeof(c->out), "retry: 2000\n\n");
    if (!take_in(e, c, seen_last(x))) {
        free(c);
        exchange_refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE,
            "%u clients have events already: ask /api/v1/status from time to time instead",
            e->config->event_clients);
        return;
    }
    stream = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 4096, read_events, c, on_gone);
    if (stream == NULL) {
        on_gone(c);
        exchange_give(x, NULL, NULL, 0);
        return;
    }
    exchange_lend(x, "text/event-stream", NULL, 0);
    x->answer.stream = stream;
}

void events_stop(struct events *e)
{
    if (e == NULL)
        return;
    pthread_mutex_lock(&e->lock);
    e->stopping = 1;
    resume_all(e);
    pthread_cond_broadcast(&e->wake);
    pthread_mutex_unlock(&e->lock);
    pthread_join(e->thread, NULL);
}

void events_free(struct events *e)
{
    if (e == NULL)
        return;
    pthread_cond_destroy(&e->wake);
    pthread_mutex_destroy(&e->lock);
    free(e);
}
