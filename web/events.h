/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /api/v1/events: server-sent events. A summary, at most two a second, when it has changed, and now
 * and then to say that all is well. Each has an id that only grows, also from one start of the
 * collector to the next, so that a page which comes back says what it saw last and gets what it
 * missed, or is told how much that was. Without clients nothing is done.
 * A stream ends when the token has changed: who knows the new one comes back.
 */
#ifndef KIEKER_WEB_EVENTS_H
#define KIEKER_WEB_EVENTS_H

#include "web/exchange.h"

#define EVENTS_KEPT 64 /* for who comes back */
#define EVENTS_EVERY_MS 500
#define EVENTS_AT_LEAST_MS 5000

struct events;

/* The config is lent until events_stop. NULL when memory or threads are short. */
struct events *events_start(const struct web_config *config);

/* Takes the exchange's client in, or refuses. The HTTP thread. */
void events_handle(struct exchange *exchange);

/* Ends: every stream is over, none is suspended any more. */
void events_stop(struct events *events);

/* When no connection is left. */
void events_free(struct events *events);

#endif
