/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of a store's tables, asked with its own SQL. A failure ends the test. */
#ifndef KIEKER_TESTS_STORE_CHECK_H
#define KIEKER_TESTS_STORE_CHECK_H

#include "tests/store_world.h"

/* The first column of the last row; -1: null, or no row. */
int64_t check_ask(struct store_reader *reader, const char *sql);

/* It must be 0. */
void check_none(struct store_reader *reader, const char *sql);

/* What fits together at any time, whatever went. */
void check_sums_so_far(struct store_reader *reader);

/* And once nothing is left to do. */
void check_sums(struct store_reader *reader);

/* Whether the trace is there; if it is, then whole. */
int check_trace(struct store_reader *reader, const struct known *known);

#endif
