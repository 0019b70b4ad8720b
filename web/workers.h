/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that answer queries, each with a reader of the database of its own, opened when it is
 * needed first. While a worker has an exchange its connection is suspended, so the HTTP thread
 * never waits for a query.
 */
#ifndef KIEKER_WEB_WORKERS_H
#define KIEKER_WEB_WORKERS_H

#include "web/exchange.h"

#define WORKERS_QUEUE_MAX 128 /* queries that wait; further ones are refused */

struct workers;

/*
 * Strings and callbacks of the config are lent until workers_stop. NULL when memory or threads are
 * short.
 */
struct workers *workers_start(const struct web_config *config);

/* Has the exchange's request answered; or refuses it at once. The HTTP thread. */
void workers_submit(struct workers *workers, struct exchange *exchange);

/*
 * Refuses what waits, and ends when what runs has been answered: nothing is suspended any more
 * then.
 */
void workers_stop(struct workers *workers);

#endif
