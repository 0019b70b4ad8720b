/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of agents that name a session: where the stream goes on, and what they are told. */
#include "server/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "server/hello.h"
#include "server/log.h"
#include "server/shortage.h"

#define HANG_UP_SECONDS 10 /* that one may take which has been told to begin anew */

static void say(struct connection *c);

static void on_writable(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    say(context);
}

/* Goes on when there is room in the socket. */
static void wait_for_room(struct connection *c)
{
    if (c->writable == NULL)
        c->writable = event_new(c->set->base, c->fd, EV_WRITE, on_writable, c);
    if (c->writable == NULL || event_add(c->writable, NULL) < 0)
        shortage_end("waiting to tell an agent what is stored");
}

/* Writes what is being said. 1: all of it; 0: later; -1: nobody listens, which reading will tell.
 */
static int write_out(struct connection *c)
{
    const unsigned char *out = c->told ? c->told->bytes : c->out;

    while (c->out_sent < c->out_size) {
        ssize_t sent = connection_send(c, out + c->out_sent, c->out_size - c->out_sent);

        if (sent > 0) {
            c->out_sent += (size_t)sent;
        } else if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
            wait_for_room(c);
            return 0;
        } else {
            return -1;
        }
    }
    return 1;
}

static void put_text(struct connection *c, const char *name, uint64_t position)
{
    char text[sizeof(c->out) - 12];
    int length = snprintf(text, sizeof(text), "%s position=%" PRIu64, name, position);

    probes_message_drop(c->told);
    c->told = NULL;
    c->out_size = (size_t)(wire_put_entry(c->out, 0, text, (size_t)length) - c->out);
    c->out_sent = 0;
}

/* Begins to tell of the patterns in force, if it knows others. Whether it does. */
static int put_patterns(struct connection *c)
{
    struct probes_message *message;

    if (c->agent == NULL || c->session == NULL || c->is_leaving)
        return 0;
    message = probes_message(c->set->probes);
    if (message == NULL || message->list == c->patterns)
        return 0;
    probes_message_drop(c->told);
    c->told = probes_message_use(message);
    c->patterns = message->list;
    c->out_size = message->size;
    c->out_sent = 0;
    return 1;
}

static int is_told(const struct connection *c)
{
    return c->out_sent == c->out_size && c->has_said && c->said == c->session->committed;
}

/* Says the newest only: what was stored in between is in it. */
static void say(struct connection *c)
{
    int written;

    while ((written = write_out(c)) > 0 && c->session) {
        if (is_told(c)) {
            if (!put_patterns(c))
                break;
            continue;
        }
        c->said = c->session->committed;
        c->has_said = 1;
        put_text(c, TALK_COMMITTED, c->said);
    }
    if (c->is_leaving && c->session && c->session->is_over &&
        (written < 0 || (written > 0 && c->said >= c->session->end)))
        connection_end(c, WIRE_FINE, NULL);
}

void connection_acknowledge(struct connection *c)
{
    if (!is_told(c))
        say(c);
}

void connection_tell(struct connection *c)
{
    if (c->out_sent == c->out_size)
        say(c);
}

void connection_stored(void *context, uint32_t stream, uint64_t position)
{
    struct connections *set = context;
    struct session *session = sessions_of(set->sessions, stream);

    if (session == NULL || position <= session->committed)
        return;
    session->committed = position;
    if (session->connection)
        connection_acknowledge(session->connection);
}

static void move_to_leaving(struct connection *c)
{
    struct connections *set = c->set;

    *(c->previous ? &c->previous->next : c->home) = c->next;
    if (c->next)
        c->next->previous = c->previous;
    c->previous = NULL;
    c->next = set->leaving;
    if (set->leaving)
        set->leaving->previous = c;
    set->leaving = c;
    c->home = &set->leaving;
    c->is_leaving = 1;
}

void connection_leave(struct connection *c)
{
    event_del(c->event);
    move_to_leaving(c);
    say(c);
}

void connection_say_unknown(struct connection *c)
{
    static const struct timeval patience = {HANG_UP_SECONDS, 0};
    struct connections *set = c->set;
    struct session *session = c->session;
    uint64_t known = session ? session->committed : 0;

    log_warn("connection", log_field("event", loss_name(LOSS_UNKNOWN)), log_field("peer", c->peer),
        log_field("error", "its agent wants to go on where we have not come to: it begins anew"),
        log_field("bytes", known));
    set->live->own.lost[LOSS_UNKNOWN - 1].count++;
    assembler_count(intake_assembler(set->intake), NULL, loss_name(LOSS_UNKNOWN), 1);
    if (session) {
        if (session->stream)
            sessions_end(set->sessions, session, loss_name(LOSS_UNKNOWN));
        sessions_wait(set->sessions, session);
    }
    c->session = NULL;
    c->stream = NULL;
    /* Closed with bytes unread, what we say might not arrive. */
    move_to_leaving(c);
    put_text(c, TALK_UNKNOWN, known);
    shortage_of(event_add(c->event, &patience), "setting a timer");
    if (write_out(c) > 0)
        shutdown(c->fd, SHUT_WR);
    intake_fed(set->intake);
}

/* A plain client: its stream begins. */
static int begin_stream(struct connection *c, enum wire_item first)
{
    struct assembler *assembler = intake_assembler(c->set->intake);

    c->stream = assembler_open_stream(assembler, c->peer, c->opened);
    if (c->stream == NULL)
        return -1;
    c->number = assembler_stream_id(c->stream);
    return first == WIRE_RECORD ? assembler_feed(assembler, c->stream, &c->wire.record, c->opened)
                                : assembler_entry(assembler, c->stream, c->wire.entry);
}

/* The agent has come back before we noticed that it was gone. */
static void replace(struct connection *old)
{
    struct connections *set = old->set;

    log_info("connection", log_field("event", loss_name(LOSS_REPLACED)),
        log_field("stream", old->number), log_field("peer", old->peer));
    set->live->own.lost[LOSS_REPLACED - 1].count++;
    connection_free(old);
    if (set->on_end)
        set->on_end(set->context);
}

/* 0, or -1: `refused`. */
static int resume(struct connection *c, struct session *session, const struct hello *hello)
{
    uint64_t taken = session_position(session);

    if (session->connection) {
        replace(session->connection);
        sessions_resume(c->set->sessions, session, c);
    } else {
        sessions_resume(c->set->sessions, session, c);
        log_info("connection", log_field("event", "its agent is back"),
            log_field("stream", session->id), log_field("peer", c->peer),
            log_field("position", hello->position), log_field("taken", taken));
    }
    c->session = session;
    c->stream = session->stream;
    c->number = session->id;
    if (session->cannot_go_on || hello->position > taken) {
        c->refused = LOSS_UNKNOWN;
        return -1;
    }
    c->skip += taken - hello->position;
    return 0;
}

/* It is one that is told of patterns. */
static void join(struct connection *c, const struct hello *hello)
{
    const struct probes_message *message;

    if (c->set->probes == NULL)
        return;
    c->agent = probes_join(c->set->probes, hello, c->number, c->peer);
    message = probes_message(c->set->probes);
    if (message && message->is_empty && hello->probes == 0)
        c->patterns = message->list;
}

int connection_begin(struct connection *c, enum wire_item first)
{
    struct session *session;
    struct hello hello;

    if (first != WIRE_ENTRY || !hello_read(c->wire.entry->text, &hello))
        return begin_stream(c, first);
    if (hello.registry > REGISTRY_BYTES_MAX * UINT64_C(2)) {
        c->refused = LOSS_UNKNOWN;
        return -1;
    }
    c->skip = c->wire.position + hello.registry;
    c->offset = hello.position - c->skip;
    session = sessions_find(c->set->sessions, hello.session);
    if (session) {
        if (resume(c, session, &hello) < 0)
            return -1;
    } else if (hello.position > 0) {
        c->refused = LOSS_UNKNOWN;
        return -1;
    } else {
        if (begin_stream(c, first) < 0)
            return -1;
        c->session = sessions_begin(c->set->sessions, hello.session, c->stream, c);
        if (c->session == NULL)
            return -1;
    }
    join(c, &hello);
    connection_acknowledge(c);
    connection_tell(c);
    return 0;
}
