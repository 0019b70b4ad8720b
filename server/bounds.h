/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the log says when a bound of what is kept is reached: which, what becomes of the rest, and
 * the option that raises it. At most once a minute each; the counters have every case. The loop's
 * thread.
 */
#ifndef KIEKER_SERVER_BOUNDS_H
#define KIEKER_SERVER_BOUNDS_H

#include "analysis/assembler.h"
#include "server/settings.h"

#define BOUNDS 6

/* All zero in the beginning. */
struct bounds {
    int64_t said_at[BOUNDS]; /* 0: never */
};

/* Looks at what the batch counts. */
void bounds_look(struct bounds *bounds, const struct batch *batch);

/* What the options say of the assembler's bounds. */
void bounds_get(const struct settings *settings, struct assembler_limits *limits);

#endif
