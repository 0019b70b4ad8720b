/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients of the TLS port until their handshake is done: then they become connections. Before, no
 * stream is begun for them; one that takes too long, or cannot be agreed with, costs a count and,
 * if there are not too many (log_may), a line in the log. The loop's thread.
 */
#ifndef KIEKER_SERVER_GREETINGS_H
#define KIEKER_SERVER_GREETINGS_H

#include "server/connections.h"
#include "server/tls.h"

struct greetings;

/* NULL when memory is short. All that is given stays the caller's. */
struct greetings *greetings_new(struct event_base *base, struct tls_server *server,
    struct connections *connections, const struct settings *settings, struct live *live);

/* What is called when one has ended that has become no connection. */
void greetings_on_end(struct greetings *greetings, void (*on_end)(void *context), void *context);

/* Takes a client's socket over. */
void greetings_add(struct greetings *greetings, int fd, const struct sockaddr *peer);

size_t greetings_count(const struct greetings *greetings);

/* Whether there are as many clients by TLS as may be, with those that are greeted. */
int greetings_are_full(const struct greetings *greetings);

/* Those that can end their handshake now become connections; the others are closed. */
void greetings_drain(struct greetings *greetings);

void greetings_free(struct greetings *greetings);

#endif
