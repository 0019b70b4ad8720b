/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client among the connections: its stream, and how it is read. Not for others to include than
 * connection*.c.
 */
#ifndef KIEKER_SERVER_CONNECTION_H
#define KIEKER_SERVER_CONNECTION_H

#include "record/wire.h"
#include "server/connections.h"
#include "server/log.h"
#include "server/probes.h"
#include "server/sessions.h"
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
    struct connection **home; /* the first of the list in which it is */
    struct event *event;
    struct stream *stream;   /* NULL until something came, and for a session that is over */
    struct session *session; /* NULL: nothing is ever written to this client */
    uint64_t number;         /* the stream's; 0 while there is none */
    uint64_t skip;           /* items up to here (of wire.position) are known already */
    uint64_t offset;         /* + wire.position: the position in the session */
    int is_ended;            /* the agent has said so */
    int64_t opened;
    struct wire wire;
    unsigned char *rest; /* bytes of an item that has not come whole */
    size_t rest_size, rest_capacity;
    size_t memory; /* of the registry and the rest, as counted in the set */
    int fd, is_resting;
    int refused;    /* a loss: why the items that came cannot be taken */
    int is_leaving; /* is not read any more: has yet to be told something, or to hang up */
    struct event *writable;
    unsigned char out[96];       /* what is being said to it: here, or */
    struct probes_message *told; /* patterns; else NULL */
    size_t out_size, out_sent;
    struct probes_agent *agent; /* NULL: it is not told of patterns */
    uint64_t patterns;          /* the list that it was told last */
    uint64_t said;              /* the position that it was told last */
    int has_said;
    struct tls *tls; /* NULL: plain */
    char peer[SOCKET_NAME_MAX];
};

struct connections {
    struct event_base *base;
    struct intake *intake;
    const struct settings *settings;
    struct live *live;
    struct sessions *sessions;
    struct probes *probes; /* NULL: nobody is told of patterns */
    struct connection *first, *leaving;
    struct connection *resting; /* not read until the intake says so */
    size_t count, memory;
    size_t tls_count; /* of `count` */
    struct log_pace failures;
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

/* Frees what is the connection's own; its stream is none of its business by now. */
void connection_free(struct connection *connection);

/* connection_talk.c: agents that name a session */

/* The first item is there: the stream begins, or goes on. 0; -1: `refused` says why not. */
int connection_begin(struct connection *connection, enum wire_item first);

/* Says how far the stream is stored, if that is news. */
void connection_acknowledge(struct connection *connection);

/* Tells what patterns are in force, if that is news. */
void connection_tell(struct connection *connection);

/* Says that the stream cannot go on. */
void connection_say_unknown(struct connection *connection);

/* It is not read any more. Once it has been told what there is to tell, it is closed. */
void connection_leave(struct connection *connection);

/* Commits have stored the stream with that number up to `position`. */
void connection_stored(void *set, uint32_t stream, uint64_t position);

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
