/* SPDX-License-Identifier: Apache-2.0 */
/* One parser per type of parameter. No state; any thread. */
#ifndef KIEKER_QUERY_PARAM_H
#define KIEKER_QUERY_PARAM_H

#include "query/verb.h"

#define DURATION_MAX INT64_MAX

/*
 * Reads `text` as a value of the parameter for a request of `verb` at `now`: its number into
 * *number, and into *choice the choice's own spelling (of other types: `text`). 0, or -1 with a
 * sentence in `error` that shows how it is written.
 */
int param_parse(const struct param *param, const struct verb *verb, int64_t now, const char *text,
    int64_t *number, const char **choice, char *error, size_t error_size);

/* How far two names are apart: letters to be added, dropped, changed or swapped. */
unsigned param_distance(const char *a, const char *b);

/* Whether somebody who wrote `typed` may have meant a name that is `distance` away. */
int param_is_near(const char *typed, unsigned distance);

#endif
