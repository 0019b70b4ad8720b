/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections whose request does not come. One is closed when a whole request has not come within
 * the time that it has: `request_ms` from the connection's begin, and again for what a request
 * carries, PATIENCE_IDLE_MS after an answer. When few connections are left, the one that has waited
 * longest is closed for each that comes: so half requests, however many, keep nobody out. Whoever
 * has been understood, a stream of events too, is none of these.
 */
#ifndef KIEKER_WEB_PATIENCE_H
#define KIEKER_WEB_PATIENCE_H

#include <microhttpd.h>
#include <stdint.h>

#define PATIENCE_IDLE_MS 75000
#define PATIENCE_LEFT 8 /* one part of the connections is kept for those that come */

struct patience;

/* `most`: connections that there may be. NULL when memory or threads are short. */
struct patience *patience_start(unsigned most, unsigned request_ms);

/* An MHD_NotifyConnectionCallback; the context is the patience. */
void patience_on_connection(void *context, struct MHD_Connection *connection, void **place,
    enum MHD_ConnectionNotificationCode what);

/* The connection's request: its head is there; all of it is there; it is answered. */
void patience_head(struct patience *patience, struct MHD_Connection *connection);
void patience_whole(struct patience *patience, struct MHD_Connection *connection);
void patience_answered(struct patience *patience, struct MHD_Connection *connection);

/* How many were closed. */
uint64_t patience_closed(struct patience *patience);

/* When no connection is left. */
void patience_stop(struct patience *patience);

#endif
