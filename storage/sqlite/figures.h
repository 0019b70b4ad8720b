/* SPDX-License-Identifier: Apache-2.0 */
/* Adding up what path_minute, path_packed and path_total hold. */
#ifndef KIEKER_STORAGE_SQLITE_FIGURES_H
#define KIEKER_STORAGE_SQLITE_FIGURES_H

#include "storage/sqlite/packed.h"
#include "storage/sqlite/query.h"

/* Figures added up. All zero is none. */
struct tally {
    uint64_t calls, failed, total, self;
    int64_t minimum, maximum;
    struct buffer histogram; /* coded */
};

/* 0; -1: the histogram is damaged, or memory is short. */
int tally_add(struct tally *tally, const struct figures *figures);
void tally_fini(struct tally *tally);

/* `room` is overwritten. 0; -1: the histogram is damaged. */
int tally_stats(const struct tally *tally, struct histogram_sum *room, struct call_stats *stats);

/* Which paths to look at. */
struct path_query {
    int64_t first, last; /* minutes; INT64_MIN and INT64_MAX: all */
    int nothing;
    uint32_t run, host; /* 0: any */
    int by_operation;
    struct bits operations;
};

/* Takes a filter: loads the dictionaries, too. 0 or -1 (the reader's sentence). path_query_fini in
 * any case. */
int path_query_init(
    struct path_query *query, struct store_reader *reader, const struct store_filter *filter);
void path_query_fini(struct path_query *query);

/* Whether the path's run and host are asked for. */
static inline int path_query_lies(const struct path_query *query, const struct stored_path *path)
{
    return (query->run == 0 || path->run == query->run) &&
           (query->host == 0 || path->host == query->host);
}

/* Whether the operation is asked for. */
static inline int path_query_has(const struct path_query *query, uint32_t operation)
{
    return !query->by_operation || bits_has(&query->operations, operation);
}

/*
 * Every row of figures of the time asked for, of paths that are known; if `by_minute` ascending by
 * minutes. A call back that returns -1 ends it: damage, or memory is short. 0 or -1.
 */
int figures_each(struct store_reader *reader, const struct path_query *query, int by_minute,
    int (*each)(void *context, const struct figures *figures), void *context);

#endif
