/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The traces that match a query, in the order of its sort (then of ids), one after the other, from
 * blocks and from what is running. Blocks come in the order of the best that their zone maps
 * promise, and one is read only when it may hold the next trace: so the slowest twenty of ten
 * million touch a few blocks.
 */
#ifndef KIEKER_STORAGE_SQLITE_SCAN_H
#define KIEKER_STORAGE_SQLITE_SCAN_H

#include "storage/sqlite/query.h"

struct scan;

/* A place between two traces: that of the last one given. */
struct scan_place {
    int64_t key;
    uint64_t id;
};

/*
 * Lends the query until scan_close. `behind`: begins behind that place; or NULL. So many traces
 * will be `wanted` (0: it is not known), which is but a hint: what the scan keeps in memory is
 * bounded. NULL: failed, the reader has the sentence.
 */
struct scan *scan_open(struct store_reader *reader, const struct trace_query *query,
    const struct scan_place *behind, uint64_t wanted);
void scan_close(struct scan *scan);

/* Passes over up to `count` traces. 0 or -1. */
int scan_skip(struct scan *scan, uint64_t count);

/* 1 with the next trace (and its place), 0 at the end, -1. */
int scan_next(struct scan *scan, struct located *located, struct scan_place *place);

/* rows.c: of the block's rows those that pass the tests, in `rows` (room for BLOCK_TRACES_MAX).
 * Their number, or -1. */
int rows_select(struct store_reader *reader, const struct trace_query *query, int64_t id,
    struct block *block, unsigned tests, uint16_t *rows);

/* Reads a row of "SELECT id" with zone_columns behind it. */
void zone_row_read(sqlite3_stmt *statement, struct zone_row *zone);

/* All running traces that match, given to the call back. 0 or -1. */
int rows_running(struct store_reader *reader, const struct trace_query *query,
    int (*each)(void *context, const struct located *located), void *context);

#endif
