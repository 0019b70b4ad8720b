/* SPDX-License-Identifier: Apache-2.0 */
#include "server/connections.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "record/wire.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/sockets.h"

#define REST_SMALL                                                                                 \
    (64u << 10) /* an unfinished item up to here is put in front of the next read; a larger one    \
                   grows in place */
#define REST_KEPT                                                                                  \
    4096u /* memory for unfinished items that a connection keeps while it has none                 \
           */

struct connection {
    struct connections *set;
    struct connection *previous, *next;
    struct connection *next_resting;
    struct event *event;
    struct stream *stream;
    uint64_t number; /* the stream's */
    struct wire wire;
    unsigned char *rest; /* bytes of an item that has not come whole */
    size_t rest_size, rest_capacity;
    size_t memory; /* of the registry and the rest, as counted in the set */
    int fd, is_resting;
    char peer[SOCKET_NAME_MAX];
};

struct connections {
    struct event_base *base;
    struct intake *intake;
    const struct settings *settings;
    struct live *live;
    uint64_t last_stream;
    struct connection *first;
    struct connection *resting; /* not read until the intake says so */
    size_t count, memory;
    unsigned char
        *buffer; /* REST_SMALL for what was left, then what is read: of whoever has its turn */
    size_t read_size;
    void (*on_end)(void *context);
    void *context;
};

void connections_on_end(struct connections *set, void (*on_end)(void *context), void *context)
{
    set->on_end = on_end;
    set->context = context;
}

size_t connections_count(const struct connections *set)
{
    return set->count;
}

static void unlink_connection(struct connection *c)
{
    struct connections *set = c->set;

    *(c->previous ? &c->previous->next : &set->first) = c->next;
    if (c->next)
        c->next->previous = c->previous;
    for (struct connection **at = &set->resting; *at; at = &(*at)->next_resting)
        if (*at == c) {
            *at = c->next_resting;
            break;
        }
    set->count--;
    set->memory -= c->memory;
    set->live->own.connections = set->count;
    set->live->own.stream_bytes = set->memory;
}

/* What the log says of an end: a client that closes is nothing to warn of, and neither is our own
 * end. */
static void log_end(const struct connection *c, int loss, const char *error)
{
    if (loss == WIRE_FINE)
        log_info("connection", log_field("event", "closed"), log_field("stream", c->number),
            log_field("peer", c->peer), log_field("records", c->wire.records),
            log_field("bytes", c->wire.position));
    else
        log_event(loss == LOSS_STOPPED ? LOG_INFO : LOG_WARN, "connection",
            log_field("event", loss_name(loss)), log_field("stream", c->number),
            log_field("peer", c->peer), log_field("error", error),
            log_field("records", c->wire.records), log_field("bytes", c->wire.position));
}

/* The stream is over: `loss` is a fault of the wire, one of the losses, or WIRE_FINE. The
 * connection is gone afterwards. */
static void end(struct connection *c, int loss, const char *error)
{
    struct connections *set = c->set;
    struct assembler *assembler = intake_assembler(set->intake);
    const char *fault = loss == WIRE_FINE ? NULL : loss_name(loss);

    log_end(c, loss, error);
    if (fault) {
        assembler_count(assembler, c->stream, fault, 1);
        set->live->own.lost[loss - 1].count++;
    }
    assembler_position(c->stream, c->wire.position);
    if (assembler_close_stream(assembler, c->stream, fault, clock_now()) < 0)
        log_error("connection",
            log_field("event", "memory is short: the stream's end could not be noted"),
            log_field("stream", c->number));
    unlink_connection(c);
    event_free(c->event);
    close(c->fd);
    wire_fini(&c->wire);
    free(c->rest);
    free(c);
    intake_fed(set->intake);
    if (set->on_end)
        set->on_end(set->context);
}

/* Feeds every whole item of [*at, stop). WIRE_NEED_MORE: that was all; WIRE_FAILED: see the wire,
 * or memory is short. */
static enum wire_item feed_items(
    struct connection *c, const unsigned char **at, const unsigned char *stop, int last)
{
    struct assembler *assembler = intake_assembler(c->set->intake);
    int64_t now = clock_now();
    enum wire_item item;

    while ((item = wire_next(&c->wire, at, stop, last)) > 0) {
        int fed = item == WIRE_RECORD ? assembler_feed(assembler, c->stream, &c->wire.record, now)
                                      : assembler_entry(assembler, c->stream, c->wire.entry);

        if (fed < 0)
            return WIRE_FAILED;
    }
    return item;
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

/* Counts what the stream holds. 0; -1 when all together hold too much and this one not less than
 * its share. */
static int count_memory(struct connection *c)
{
    struct connections *set = c->set;
    const struct registry *registry = &c->wire.registry;
    size_t memory =
        registry->bytes + registry->capacity * sizeof(*registry->entries) + c->rest_capacity;

    set->memory += memory - c->memory;
    c->memory = memory;
    set->live->own.stream_bytes = set->memory;
    return set->memory > (size_t)set->settings->stream_memory && memory >= set->memory / set->count
               ? -1
               : 0;
}

static void end_for_memory(struct connection *c)
{
    char error[200];

    snprintf(error, sizeof(error),
        "the strings and unfinished items of all clients take %zu bytes, this one's %zu: see "
        "--stream-memory",
        c->set->memory, c->memory);
    end(c, LOSS_MEMORY, error);
}

/* Where the next bytes go: behind the unfinished item. *room: how many. NULL when memory is short.
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
    /* Putting a large item in front again for every few bytes that come would take time in the
     * square of its size. */
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

/* `got` bytes came behind the rest at `start`; none: the client has closed. 0, or -1: the
 * connection is gone. */
static int take_bytes(struct connection *c, const unsigned char *start, size_t got)
{
    const unsigned char *at = start, *stop = start + c->rest_size + got;
    uint64_t entries = c->wire.entries;
    struct figures *figures = &c->set->live->own;
    enum wire_item item;

    item = feed_items(c, &at, stop, got == 0);
    figures->bytes += got;
    figures->entries += c->wire.entries - entries;
    if (item == WIRE_FAILED && c->wire.fault == WIRE_FINE)
        return end(c, LOSS_MEMORY, "memory is short"), -1;
    if (item == WIRE_FAILED)
        return end(c, (int)c->wire.fault, c->wire.error), -1;
    if (got == 0)
        return end(c, WIRE_FINE, NULL), -1;
    assembler_position(c->stream, c->wire.position);
    if (keep_rest(c, at, stop) < 0)
        return end(c, LOSS_MEMORY, "memory is short"), -1;
    if (count_memory(c) < 0)
        return end_for_memory(c), -1;
    intake_fed(c->set->intake);
    return 0;
}

/* One turn: reads once. Returns the bytes; 0 when there are none now; -1: the connection is gone.
 */
static ssize_t read_turn(struct connection *c)
{
    size_t room;
    unsigned char *start = place_to_read(c, &room);
    ssize_t got;

    if (start == NULL)
        return end(c, LOSS_MEMORY, "memory is short"), -1;
    got = recv(c->fd, start + c->rest_size, room, 0);
    if (got >= 0)
        return take_bytes(c, start, (size_t)got) < 0 ? -1 : got;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    return end(c, LOSS_RESET, strerror(errno)), -1;
}

static void on_read(evutil_socket_t fd, short what, void *context)
{
    struct connection *c = context;

    (void)fd;
    (void)what;
    if (intake_is_paused(c->set->intake)) {
        /* Only those that have something to say are taken out of the loop: the idle ones need no
         * call each. */
        event_del(c->event);
        c->is_resting = 1;
        c->next_resting = c->set->resting;
        c->set->resting = c;
        return;
    }
    read_turn(c);
}

static void on_resume(void *context)
{
    struct connections *set = context;

    while (set->resting) {
        struct connection *c = set->resting;

        set->resting = c->next_resting;
        c->next_resting = NULL;
        c->is_resting = 0;
        event_add(c->event, NULL);
    }
}

struct connections *connections_new(struct event_base *base, struct intake *intake,
    const struct settings *settings, struct live *live, uint64_t first_stream)
{
    struct connections *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    set->base = base;
    set->intake = intake;
    set->settings = settings;
    set->live = live;
    set->last_stream = first_stream - 1;
    set->read_size = (size_t)settings->read_buffer;
    set->buffer = malloc(REST_SMALL + set->read_size);
    if (set->buffer == NULL) {
        free(set);
        return NULL;
    }
    intake_on_resume(intake, on_resume, set);
    return set;
}

/* A peer whose machine is gone without a word is noticed after some minutes; one that is just
 * silent stays. */
static void keep_alive(int fd)
{
    int on = 1, idle = 120, interval = 30, probes = 6;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

int connections_add(struct connections *set, int fd, const struct sockaddr *peer)
{
    struct connection *c = calloc(1, sizeof(*c));
    struct event *event = c ? event_new(set->base, fd, EV_READ | EV_PERSIST, on_read, c) : NULL;

    if (event) {
        socket_name(peer, c->peer, sizeof(c->peer));
        c->stream = assembler_open_stream(intake_assembler(set->intake), c->peer, clock_now());
    }
    if (event == NULL || c->stream == NULL || event_add(event, NULL) < 0) {
        if (c && c->stream)
            assembler_close_stream(
                intake_assembler(set->intake), c->stream, loss_name(LOSS_MEMORY), clock_now());
        if (event)
            event_free(event);
        free(c);
        close(fd);
        log_error("connection", log_field("event", "refused: memory is short"));
        return -1;
    }
    keep_alive(fd);
    c->set = set;
    c->fd = fd;
    c->event = event;
    c->number = ++set->last_stream;
    wire_init(&c->wire);
    c->next = set->first;
    if (set->first)
        set->first->previous = c;
    set->first = c;
    set->count++;
    set->live->own.connections = set->count;
    set->live->own.connections_total++;
    log_debug("connection", log_field("event", "opened"), log_field("stream", c->number),
        log_field("peer", c->peer));
    intake_fed(set->intake);
    return 0;
}

/* No more than what lies in the socket now, or a client that goes on sending would keep the
 * collector from stopping. */
static void drain(struct connection *c)
{
    int left = 0;
    ssize_t got = 1;

    if (ioctl(c->fd, FIONREAD, &left) < 0)
        left = 0;
    while (got > 0 && left > 0) {
        got = read_turn(c);
        left -= (int)got;
    }
    /* Nothing is left but perhaps its end, which tells a stream that is whole from one that we cut.
     */
    if (got >= 0 && read_turn(c) >= 0)
        end(c, LOSS_STOPPED, "the collector stops");
}

void connections_drain(struct connections *set)
{
    set->on_end = NULL;
    intake_drain(set->intake);
    while (set->first)
        drain(set->first);
}

void connections_free(struct connections *set)
{
    if (set == NULL)
        return;
    free(set->buffer);
    free(set);
}
