/* SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/memory.h"
#include "server/shortage.h"

void connection_link(struct connection *c)
{
    struct connections *set = c->set;

    c->next = set->first;
    if (set->first)
        set->first->previous = c;
    set->first = c;
    c->home = &set->first;
    set->count++;
    set->tls_count += c->tls != NULL;
    set->live->own.connections = set->count;
    set->live->own.connections_total++;
}

static void unlink_connection(struct connection *c)
{
    struct connections *set = c->set;

    *(c->previous ? &c->previous->next : c->home) = c->next;
    if (c->next)
        c->next->previous = c->previous;
    for (struct connection **at = &set->resting; *at; at = &(*at)->next_resting)
        if (*at == c) {
            *at = c->next_resting;
            break;
        }
    set->count--;
    set->tls_count -= c->tls != NULL;
    set->memory -= c->memory;
    set->live->own.connections = set->count;
    set->live->own.stream_bytes = set->memory;
}

/*
 * What the log says of an end: a client that closes is nothing to warn of, and neither is our own
 * end.
 */
static void log_end(const struct connection *c, int loss, const char *error)
{
    uint64_t left_out = 0;

    if (loss == WIRE_FINE || c->is_leaving)
        log_info("connection", log_field("event", "closed"), log_field("stream", c->number),
            log_field("peer", c->peer), log_field("records", c->wire.records),
            log_field("bytes", c->wire.position));
    else if (loss == LOSS_STOPPED || log_may(&c->set->failures, &left_out)) {
        const struct log_field fields[] = {log_field("event", loss_name(loss)),
            log_field("stream", c->number), log_field("peer", c->peer), log_field("error", error),
            log_field("records", c->wire.records), log_field("bytes", c->wire.position),
            log_field("left_out", left_out)};

        log_write(
            loss == LOSS_STOPPED ? LOG_INFO : LOG_WARN, "connection", fields, left_out ? 7 : 6);
    }
}

void connection_free(struct connection *c)
{
    unlink_connection(c);
    probes_leave(c->set->probes, c->agent);
    probes_message_drop(c->told);
    event_free(c->event);
    if (c->writable)
        event_free(c->writable);
    tls_free(c->tls);
    close(c->fd);
    wire_fini(&c->wire);
    free(c->rest);
    free(c);
}

/* The connection was the stream. */
static void end_stream(struct connection *c, const char *fault)
{
    struct assembler *assembler = intake_assembler(c->set->intake);

    if (c->stream == NULL) /* nothing came, or less than an item */
        c->stream = assembler_open_stream(assembler, c->peer, c->opened);
    if (c->stream == NULL)
        shortage_end("opening a stream");
    if (fault)
        assembler_count(assembler, c->stream, fault, 1);
    assembler_position(c->stream, c->wire.position);
    shortage_of(
        assembler_close_stream(assembler, c->stream, fault, clock_now()), "closing a stream");
}

static int may_come_back(int loss)
{
    return loss == WIRE_FINE || loss == WIRE_CUT || loss == WIRE_SHORT || loss == LOSS_RESET ||
           loss == LOSS_TLS;
}

/* The stream may outlive the connection. */
static void end_session(struct connection *c, int loss)
{
    struct session *session = c->session;

    if (loss == LOSS_STOPPED) {
        sessions_leave(session);
        return;
    }
    if (c->stream && !may_come_back(loss)) {
        assembler_count(intake_assembler(c->set->intake), c->stream, loss_name(loss), 1);
        sessions_end(c->set->sessions, session, loss_name(loss));
    }
    sessions_wait(c->set->sessions, session);
}

void connection_end(struct connection *c, int loss, const char *error)
{
    struct connections *set = c->set;

    log_end(c, loss, error);
    if (loss != WIRE_FINE && !c->is_leaving)
        set->live->own.lost[loss - 1].count++;
    /* Where memory is short, this is what there is for all that follows. */
    registry_empty(&c->wire.registry);
    if (c->session)
        end_session(c, loss);
    else if (!c->is_leaving)
        end_stream(c, loss == WIRE_FINE ? NULL : loss_name(loss));
    connection_free(c);
    intake_fed(set->intake);
    if (set->on_end)
        set->on_end(set->context);
}

/*
 * The first item, and those that are known already. An item: the next is to be fed; else as
 * feed_items.
 */
static enum wire_item pass_over(
    struct connection *c, const unsigned char **at, const unsigned char *stop, int last)
{
    enum wire_item item = WIRE_ENTRY;

    while (c->wire.position < c->skip || c->wire.position == 0) {
        uint64_t before = c->wire.position;

        item = wire_next(&c->wire, at, stop, last);
        if (item <= 0)
            return item;
        if (before == 0 && connection_begin(c, item) < 0) {
            if (c->refused == 0)
                shortage_end("opening a stream");
            return WIRE_FAILED;
        }
        if (before < c->skip && c->wire.position > c->skip)
            return c->refused = LOSS_UNKNOWN, WIRE_FAILED;
    }
    return item;
}

static int feed_entry(struct connection *c)
{
    const char *pairs;

    if (c->session && talk_is(c->wire.entry->text, TALK_END))
        c->is_ended = 1;
    if (c->agent && (pairs = talk_is(c->wire.entry->text, TALK_OBEYED)))
        probes_obeyed(c->set->probes, c->agent, pairs);
    return assembler_entry(intake_assembler(c->set->intake), c->stream, c->wire.entry);
}

/*
 * Feeds every whole item of [*at, stop). WIRE_NEED_MORE: that was all; WIRE_FAILED: see `refused`,
 * or the wire.
 */
static enum wire_item feed_items(
    struct connection *c, const unsigned char **at, const unsigned char *stop, int last)
{
    struct assembler *assembler = intake_assembler(c->set->intake);
    int64_t now = clock_now();
    enum wire_item item;

    if (c->is_ended) { /* nothing follows */
        *at = stop;
        return WIRE_NEED_MORE;
    }
    if (c->wire.position <= c->skip && (item = pass_over(c, at, stop, last)) <= 0)
        return item;
    while ((item = wire_next(&c->wire, at, stop, last)) > 0) {
        int fed;

        if (c->stream == NULL) /* of a session that is over */
            return c->refused = LOSS_UNKNOWN, WIRE_FAILED;
        fed = item == WIRE_RECORD ? assembler_feed(assembler, c->stream, &c->wire.record, now)
                                  : feed_entry(c);
        shortage_of(fed, "taking in a record");
        if (c->is_ended) {
            *at = stop;
            return WIRE_NEED_MORE;
        }
    }
    return item;
}

/* Notes how far the stream has been taken. */
static void note_position(struct connection *c)
{
    if (c->stream == NULL || c->wire.position < c->skip || c->refused)
        return;
    if (c->session == NULL)
        assembler_position(c->stream, c->wire.position);
    else
        sessions_taken(c->set->sessions, c->session, c->wire.position + c->offset);
    if (c->is_ended) {
        sessions_end(c->set->sessions, c->session, NULL);
        c->stream = NULL;
    }
}

static void end_for_items(struct connection *c)
{
    if (c->refused == LOSS_UNKNOWN) {
        connection_say_unknown(c);
        return;
    }
    connection_end(c, (int)c->wire.fault, c->wire.error);
}

/* Keeps [at, stop) for the next turn. 0, or -1 when memory is short. */
static int keep_rest(struct connection *c, const unsigned char *at, const unsigned char *stop)
{
    size_t size = (size_t)(stop - at);

    if (size > c->rest_capacity) {
        size_t capacity = size < 128 ? 128 : size;
        unsigned char *larger = malloc(capacity);

        if (larger == NULL)
            return -1;
        memcpy(larger, at, size);
        free(c->rest);
        c->rest = larger;
        c->rest_capacity = capacity;
    } else if (size > 0) {
        memmove(c->rest, at, size);
    } else if (c->rest_capacity > REST_KEPT) {
        free(c->rest);
        c->rest = NULL;
        c->rest_capacity = 0;
    }
    c->rest_size = size;
    return 0;
}

/*
 * Counts what the stream holds. 0; -1 when all together hold too much and this one not less than
 * its share.
 */
static int count_memory(struct connection *c)
{
    struct connections *set = c->set;
    size_t memory = sizeof(*c) + registry_memory(&c->wire.registry) + c->rest_capacity +
                    (c->stream ? assembler_stream_bytes(c->stream) : 0);

    set->memory += memory - c->memory;
    c->memory = memory;
    set->live->own.stream_bytes = set->memory;
    return set->memory > memory_for_streams(set->settings, intake_assembler(set->intake)) &&
                   memory >= set->memory / set->count
               ? -1
               : 0;
}

static void end_for_memory(struct connection *c)
{
    char error[200];

    snprintf(error, sizeof(error),
        "the strings and unfinished items of all clients take %zu bytes, this one's %zu: see "
        "--stream-memory and --memory",
        c->set->memory, c->memory);
    connection_end(c, LOSS_MEMORY, error);
}

/*
 * Where the next bytes go: behind the unfinished item. *room: how many. NULL when memory is short.
 */
static unsigned char *place_to_read(struct connection *c, size_t *room)
{
    struct connections *set = c->set;

    if (c->rest_size <= REST_SMALL) {
        unsigned char *start = set->buffer + REST_SMALL - c->rest_size;

        if (c->rest_size > 0)
            memcpy(start, c->rest, c->rest_size);
        *room = set->read_size;
        return start;
    }
    /*
     * Putting a large item in front again for every few bytes that come would take time in the
     * square of its size.
     */
    if (c->rest_capacity < c->rest_size * 2) {
        unsigned char *larger = realloc(c->rest, c->rest_size * 2);

        if (larger == NULL)
            return NULL;
        c->rest = larger;
        c->rest_capacity = c->rest_size * 2;
    }
    *room = c->rest_capacity - c->rest_size;
    return c->rest;
}

/*
 * `got` bytes came behind the rest at `start`; none: the client has closed. 0, or -1: the
 * connection is gone.
 */
static int take_bytes(struct connection *c, const unsigned char *start, size_t got)
{
    const unsigned char *at = start, *stop = start + c->rest_size + got;
    uint64_t entries = c->wire.entries;
    struct figures *figures = &c->set->live->own;
    enum wire_item item;

    item = feed_items(c, &at, stop, got == 0);
    figures->bytes += got;
    figures->entries += c->wire.entries - entries;
    note_position(c);
    if (item == WIRE_FAILED)
        return end_for_items(c), -1;
    if (got == 0 && c->session && c->session->is_over)
        return connection_leave(c), -1;
    if (got == 0)
        return connection_end(c, WIRE_FINE, NULL), -1;
    if (keep_rest(c, at, stop) < 0)
        return connection_end(c, WIRE_SHORT, "memory is short"), -1;
    if (count_memory(c) < 0)
        return end_for_memory(c), -1;
    intake_fed(c->set->intake);
    return 0;
}

ssize_t connection_send(struct connection *c, const void *bytes, size_t size)
{
    return c->tls ? tls_write(c->tls, bytes, size)
                  : send(c->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
}

void connection_look_again(struct connection *c)
{
    if (c->tls && tls_has_more(c->tls))
        event_active(c->event, EV_READ, 0);
}

/* Of one that has been told to begin anew and has yet to hang up. */
static ssize_t discard(struct connection *c)
{
    unsigned char *room = c->set->buffer;
    ssize_t got = c->tls ? tls_read(c->tls, room, REST_SMALL) : recv(c->fd, room, REST_SMALL, 0);

    if (got > 0)
        return connection_look_again(c), got;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    connection_end(c, WIRE_FINE, NULL);
    return -1;
}

ssize_t connection_read(struct connection *c)
{
    size_t room;
    unsigned char *start = place_to_read(c, &room);
    ssize_t got;

    if (c->is_leaving)
        return discard(c);
    if (start == NULL)
        return connection_end(c, WIRE_SHORT, "memory is short"), -1;
    got = c->tls ? tls_read(c->tls, start + c->rest_size, room)
                 : recv(c->fd, start + c->rest_size, room, 0);
    if (got >= 0 && take_bytes(c, start, (size_t)got) < 0)
        return -1;
    if (got >= 0)
        return connection_look_again(c), got;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    if (c->tls && errno == EPROTO)
        return connection_end(c, LOSS_TLS, tls_error(c->tls)), -1;
    return connection_end(c, LOSS_RESET, strerror(errno)), -1;
}
