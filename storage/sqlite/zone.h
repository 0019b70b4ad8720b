/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block's zone map: what is known of all its traces together, in ordinary columns of the table
 * `block`, so that a reader passes over blocks that cannot hold what it looks for. `run` and `host`
 * are 0 if there are several.
 */
#ifndef KIEKER_STORAGE_SQLITE_ZONE_H
#define KIEKER_STORAGE_SQLITE_ZONE_H

#include "storage/sqlite/block.h"
#include "storage/sqlite/database.h"

/* Column by column of the table, behind id and level. */
#define ZONE_COLUMNS(VALUE)                                                                        \
    VALUE(TRACES, traces)                                                                          \
    VALUE(COMPLETE, complete)                                                                      \
    VALUE(INCOMPLETE, incomplete)                                                                  \
    VALUE(DAMAGED, damaged)                                                                        \
    VALUE(FAILED, failed) /* traces with failed calls */                                           \
    VALUE(CALLS, calls)                                                                            \
    VALUE(EVENTS, events)                                                                          \
    VALUE(BYTES, bytes) /* of their records as coded */                                            \
    VALUE(FIRST_ID, first_id)                                                                      \
    VALUE(LAST_ID, last_id)                                                                        \
    VALUE(MIN_START, min_start)                                                                    \
    VALUE(MAX_START, max_start)                                                                    \
    VALUE(MAX_END, max_end)                                                                        \
    VALUE(MIN_DURATION, min_duration)                                                              \
    VALUE(MAX_DURATION, max_duration)                                                              \
    VALUE(MIN_CALLS, min_calls)                                                                    \
    VALUE(MAX_CALLS, max_calls)                                                                    \
    VALUE(MIN_DEPTH, min_depth)                                                                    \
    VALUE(MAX_DEPTH, max_depth)                                                                    \
    VALUE(MIN_FAILED, min_failed)                                                                  \
    VALUE(MAX_FAILED, max_failed)                                                                  \
    VALUE(RUN, run)                                                                                \
    VALUE(HOST, host)

enum zone_value {
#define VALUE(name, column) ZONE_##name,
    ZONE_COLUMNS(VALUE)
#undef VALUE
        ZONE_VALUES
};

/* Names of the columns, with a comma before each: ", traces, complete" … and last ", classes,
 * roots". */
extern const char zone_columns[];

struct zone {
    int64_t values[ZONE_VALUES];
    uint32_t classes[BLOCK_TRACES_MAX],
        roots[BLOCK_TRACES_MAX]; /* that occur; ascending, each once */
    size_t class_count, root_count;
};

void zone_of(struct zone *zone, const struct batch_trace *rows, size_t count);

/* Binds what zone_columns names to parameters from `first` on; `coded` is room for the two lists
 * and is needed until then. */
int zone_bind(const struct zone *zone, sqlite3_stmt *statement, int first, struct buffer *coded);

/* Appends ascending numbers as varints of distances. 0, or -1 when memory is short. */
int zone_encode_set(const uint32_t *numbers, size_t count, struct buffer *out);

#endif
