/* SPDX-License-Identifier: Apache-2.0 */
/* The collector's figures for Prometheus, in its text format. Any thread. */
#ifndef KIEKER_WEB_METRICS_H
#define KIEKER_WEB_METRICS_H

#include "web/exchange.h"

void metrics_handle(struct exchange *exchange);

/* The text for these figures; malloc'ed, or NULL when memory is short. */
char *metrics_text(const struct figures *figures, size_t *size);

#endif
