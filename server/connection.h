/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client among the connections: its stream, and how it is read. Not for others to include than
 * connection*.c.
 */
#ifndef KIEKER_SERVER_CONNECTION_H
#define KIEKER_SERVER_CONNECTION_H

#include "record/wire.h"
#include "server/connections.h"
#include "server/sockets.h"

/*
 * An unfinished item up to this size is put in front of the next read; a larger one grows in place.
 */
#define REST_SMALL (64u << 10)

/* Memory for unfinished items that a connection keeps while it has none. */
#define REST_KEPT 4096u

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
    struct tls *tls; /* NULL: plain */
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
        *buffer; /* of whoever has its turn: REST_SMALL for what was left, then what came */
    size_t read_size;
    void (*on_end)(void *context);
    void *context;
};

/* Counts it in and puts it into the set. */
void connection_link(struct connection *connection);

/* As send without waiting: what is written to a client goes through here. */
ssize_t connection_send(struct connection *connection, const void *bytes, size_t size);

/* Has it read once more, if something came that the socket does not tell of. */
void connection_look_again(struct connection *connection);

/* One turn: reads once. The bytes; 0 when there are none now; -1: the connection is gone. */
ssize_t connection_read(struct connection *connection);

/*
 * The stream is over: `loss` is a fault of the wire, one of the losses, or WIRE_FINE; `error` says
 * it in a sentence. The connection is gone afterwards.
 */
void connection_end(struct connection *connection, int loss, const char *error);

#endif
