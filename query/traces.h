/* SPDX-License-Identifier: Apache-2.0 */
/* The row of a trace, as `traces` lists it and `trace` puts it above the calls. */
#ifndef KIEKER_QUERY_TRACES_H
#define KIEKER_QUERY_TRACES_H

#include "query/answer.h"

/* A new reference, or NULL. */
json_t *traces_row(const struct trace_row *row);

#endif
