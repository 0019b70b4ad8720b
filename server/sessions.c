/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sessions.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/shortage.h"

#define BUCKETS 4096u
#define HURRY_BYTES (16u << 20) /* a quarter of what an agent keeps, see agent/core/window.h */

struct list {
    struct session *first, *last;
    size_t count;
};

struct sessions {
    struct intake *intake;
    const struct settings *settings;
    struct live *live;
    struct event *timer;
    struct session *names[BUCKETS], *ids[BUCKETS];
    struct list waiting, over; /* `over`: those without connection */
};

static struct session **bucket_of(struct sessions *set, const char *name)
{
    uint32_t hash = 0;

    for (; *name; name++)
        hash = hash * 31 + (unsigned char)*name;
    return &set->names[(hash ^ hash >> 16) % BUCKETS];
}

static void append(struct list *list, struct session *session)
{
    session->previous = list->last;
    session->next = NULL;
    *(list->last ? &list->last->next : &list->first) = session;
    list->last = session;
    list->count++;
}

static void take_out(struct list *list, struct session *session)
{
    *(session->previous ? &session->previous->next : &list->first) = session->next;
    *(session->next ? &session->next->previous : &list->last) = session->previous;
    session->previous = session->next = NULL;
    list->count--;
}

static void forget(struct sessions *set, struct session *session)
{
    struct session **at;

    for (at = bucket_of(set, session->name); *at != session; at = &(*at)->next_of_name)
        continue;
    *at = session->next_of_name;
    for (at = &set->ids[session->id % BUCKETS]; *at != session; at = &(*at)->next_of_id)
        continue;
    *at = session->next_of_id;
    if (session->stream)
        assembler_drop_stream(intake_assembler(set->intake), session->stream);
    free(session);
}

/* It is over and has no connection. */
static void remember(struct sessions *set, struct session *session)
{
    append(&set->over, session);
    if (set->over.count > SESSIONS_OVER_MAX) {
        struct session *oldest = set->over.first;

        take_out(&set->over, oldest);
        forget(set, oldest);
    }
}

static struct session *add(struct sessions *set, const char *name, uint32_t id)
{
    struct session *session = calloc(1, sizeof(*session)), **bucket;

    if (session == NULL)
        return NULL;
    memcpy(session->name, name, TALK_SESSION_SIZE);
    session->id = id;
    bucket = bucket_of(set, session->name);
    session->next_of_name = *bucket;
    *bucket = session;
    session->next_of_id = set->ids[id % BUCKETS];
    set->ids[id % BUCKETS] = session;
    return session;
}

static void arm(struct sessions *set)
{
    int64_t left;
    struct timeval until = {0, 1000};

    if (set->waiting.first == NULL)
        return;
    left = set->waiting.first->until - clock_monotonic();
    if (left > CLOCK_MS)
        until = (struct timeval){left / CLOCK_SECOND, left % CLOCK_SECOND / 1000};
    shortage_of(evtimer_add(set->timer, &until), "setting a timer");
}

/* The agent has not come back. */
static void give_up(struct sessions *set, struct session *session)
{
    struct assembler *assembler = intake_assembler(set->intake);
    const char *fault = loss_name(LOSS_GONE);

    log_warn("connection", log_field("event", fault), log_field("stream", session->id),
        log_field("bytes", session_position(session)));
    set->live->own.lost[LOSS_GONE - 1].count++;
    assembler_count(assembler, session->stream, fault, 1);
    shortage_of(
        assembler_rest_stream(assembler, session->stream, fault, clock_now()), "closing a stream");
    session->is_over = 1;
    remember(set, session);
    intake_fed(set->intake);
}

static void on_timer(evutil_socket_t fd, short what, void *context)
{
    struct sessions *set = context;
    int64_t now = clock_monotonic();

    (void)fd;
    (void)what;
    while (set->waiting.first && set->waiting.first->until <= now) {
        struct session *session = set->waiting.first;

        take_out(&set->waiting, session);
        give_up(set, session);
    }
    arm(set);
}

static int begin_with(struct sessions *set, const struct left_sessions *left)
{
    for (size_t i = 0; i < left->list.count; i++) {
        const struct left_session *known = &left->list.items[i];
        struct session *session = add(set, known->name, known->id);

        if (session == NULL)
            return -1;
        session->stream = known->stream;
        session->committed = session->end = known->position;
        session->is_over = known->is_over;
        session->cannot_go_on = known->cannot_go_on;
        sessions_wait(set, session);
    }
    return 0;
}

struct sessions *sessions_new(struct event_base *base, struct intake *intake,
    const struct settings *settings, struct live *live)
{
    struct sessions *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    set->intake = intake;
    set->settings = settings;
    set->live = live;
    set->timer = evtimer_new(base, on_timer, set);
    if (set->timer == NULL || begin_with(set, intake_left(intake)) < 0) {
        sessions_free(set);
        return NULL;
    }
    return set;
}

void sessions_free(struct sessions *set)
{
    if (set == NULL)
        return;
    for (unsigned i = 0; i < BUCKETS; i++)
        while (set->names[i]) {
            struct session *next = set->names[i]->next_of_name;

            free(set->names[i]);
            set->names[i] = next;
        }
    if (set->timer)
        event_free(set->timer);
    free(set);
}

struct session *sessions_find(struct sessions *set, const char *name)
{
    struct session *session = *bucket_of(set, name);

    while (session && strcmp(session->name, name) != 0)
        session = session->next_of_name;
    return session;
}

struct session *sessions_of(struct sessions *set, uint32_t id)
{
    struct session *session = set->ids[id % BUCKETS];

    while (session && session->id != id)
        session = session->next_of_id;
    return session;
}

struct session *sessions_begin(
    struct sessions *set, const char *name, struct stream *stream, struct connection *from)
{
    struct session *session = add(set, name, assembler_stream_id(stream));

    if (session == NULL)
        return NULL;
    session->stream = stream;
    session->connection = from;
    assembler_name_session(stream, name);
    return session;
}

uint64_t session_position(const struct session *session)
{
    return session->stream ? assembler_position_of(session->stream) : session->end;
}

void sessions_resume(struct sessions *set, struct session *session, struct connection *connection)
{
    if (session->connection == NULL)
        take_out(session->is_over ? &set->over : &set->waiting, session);
    session->connection = connection;
    if (session->stream == NULL)
        return;
    if (session->is_over) {
        session->is_over = 0;
        assembler_wake_stream(session->stream);
    }
    assembler_go_on(session->stream);
}

void sessions_taken(struct sessions *set, struct session *session, uint64_t position)
{
    uint64_t cuts = intake_cuts(set->intake);

    if (session->cuts != cuts) {
        session->cuts = cuts;
        session->cut_position = assembler_position_of(session->stream);
    }
    assembler_position(session->stream, position);
    if (position - session->cut_position >= HURRY_BYTES)
        intake_hurry(set->intake);
}

void sessions_leave(struct session *session)
{
    session->connection = NULL;
}

void sessions_wait(struct sessions *set, struct session *session)
{
    session->connection = NULL;
    if (session->is_over) {
        remember(set, session);
        return;
    }
    if (set->settings->resume_wait == 0) {
        give_up(set, session);
        return;
    }
    session->until = clock_monotonic() + set->settings->resume_wait;
    append(&set->waiting, session);
    if (set->waiting.count > SESSIONS_WAITING_MAX) {
        struct session *oldest = set->waiting.first;

        take_out(&set->waiting, oldest);
        give_up(set, oldest);
    }
    arm(set);
}

void sessions_end(struct sessions *set, struct session *session, const char *fault)
{
    struct assembler *assembler = intake_assembler(set->intake);
    struct stream *stream = session->stream;

    session->end = session_position(session);
    session->is_over = 1;
    session->cannot_go_on = fault != NULL;
    session->stream = NULL;
    shortage_of(assembler_close_stream(assembler, stream, fault, clock_now()), "closing a stream");
    intake_hurry(set->intake);
}
