/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clients: each connection is one stream of records, read as it comes, decoded in place and fed
 * to the intake. An idle client costs a few hundred bytes and is never closed; nothing is ever
 * written to one but to an agent that has asked how far its stream is stored. A client that cannot
 * be read on is closed, with a line in the log and a counter; what came before is kept, and no
 * other client notices. The loop's thread.
 */
#ifndef KIEKER_SERVER_CONNECTIONS_H
#define KIEKER_SERVER_CONNECTIONS_H

#include <sys/socket.h>

#include "server/intake.h"
#include "server/tls.h"

struct connections;
struct probes;

/* NULL when memory is short. */
struct connections *connections_new(struct event_base *base, struct intake *intake,
    const struct settings *settings, struct live *live);

/* Has agents told of these patterns from now on, when they come and whenever they change. Lent. 0,
 * or -1. */
int connections_obey(struct connections *connections, struct probes *probes);

/* What is called when a connection has ended. */
void connections_on_end(
    struct connections *connections, void (*on_end)(void *context), void *context);

/*
 * Takes a client's socket over, and what is spoken there (NULL: it is plain; else the handshake is
 * done). 0; -1 when memory is short: it is closed then.
 */
int connections_add(
    struct connections *connections, int fd, struct tls *tls, const struct sockaddr *peer);

size_t connections_count(const struct connections *connections);
size_t connections_tls_count(const struct connections *connections); /* of these, by TLS */

/* Reads what has arrived by now, then closes all but those that wait to hear that it is stored. */
void connections_drain(struct connections *connections);

/* When the intake has stopped. */
void connections_free(struct connections *connections);

#endif
