/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics of paths, on their way into the store. Few of them are rows of path_minute at
 * once. Many are packed: a piece a batch, minute and 4,096 neighbouring paths; so many pieces as
 * PIECES of one level become one of the next, so that there are never many. When their minute is
 * over, pieces become rows, bit by bit.
 */
#include "storage/sqlite/packed.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/writer.h"

#include <stdlib.h>

#define PACKED_LEAST 128 /* paths of a batch and minute */
#define PART_PATHS 4096
#define PIECES 8
#define LEVEL_DAMAGED (-1) /* stays as it is: whoever reads it is told */

_Static_assert(PIECES <= PACKED_MERGE_MAX, "so many can be added up");

/* ---- rows */

static int write_row(
    struct store *store, enum write_statement number, int64_t id, const struct figures *row)
{
    sqlite3_stmt *statement = write_statement(store, number);
    const int64_t values[] = {id, (int64_t)row->calls, (int64_t)row->failed, (int64_t)row->total,
        (int64_t)row->self, row->minimum, row->maximum};

    if (statement == NULL)
        return -1;
    for (int i = 0; i < 7; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    sqlite3_bind_blob64(statement, 8, row->histogram_size ? row->histogram : "",
        row->histogram_size, SQLITE_STATIC);
    return write_done(store, statement);
}

/* Its histogram lies in store->coded until the next. */
static int figures_of(
    struct store *store, const struct batch_path_stat *stat, struct figures *figures)
{
    const struct durations *d = &stat->durations;

    *figures = (struct figures){.path = stat->path,
        .minute = stat->minute,
        .calls = d->count,
        .failed = d->failed,
        .total = d->total,
        .self = d->self,
        .minimum = d->minimum,
        .maximum = d->maximum};
    store->coded.size = 0;
    if (buffer_reserve(&store->coded, 1) < 0 || durations_encode(d, &store->coded) < 0)
        return -1;
    figures->histogram = store->coded.bytes;
    figures->histogram_size = store->coded.size;
    return 0;
}

static int write_rows(struct store *store, const struct batch_path_stat *const *stats, size_t count)
{
    struct figures row;

    for (size_t i = 0; i < count; i++) {
        int64_t id = schema_minute_id(stats[i]->minute, stats[i]->path);

        if (figures_of(store, stats[i], &row) < 0 || write_row(store, WRITE_MINUTE, id, &row) < 0)
            return -1;
        if (id <= store->total_through && /* late: its minute is among the totals */
            write_row(store, WRITE_TOTAL, row.path, &row) < 0)
            return -1;
    }
    return 0;
}

/* ---- pieces */

struct place {
    int64_t minute, part;
};

struct group {
    int64_t ids[PACKED_MERGE_MAX];
    struct buffer pieces[PACKED_MERGE_MAX];
    size_t count;
};

static void group_fini(struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        buffer_fini(&group->pieces[i]);
}

static int write_piece(
    struct store *store, const struct place *place, int64_t level, const struct buffer *piece)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_PACKED);

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, place->minute);
    sqlite3_bind_int64(statement, 2, place->part);
    sqlite3_bind_int64(statement, 3, level);
    sqlite3_bind_blob64(statement, 4, piece->bytes, piece->size, SQLITE_STATIC);
    return write_done(store, statement);
}

/* Up to `most` pieces of the levels from `level` to `last`. */
static int read_group(struct store *store, const struct place *place, int64_t level, int64_t last,
    size_t most, struct group *group)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_PACKED_PIECES);
    const int64_t values[] = {place->minute, place->part, level, last, (int64_t)most};
    int got;

    *group = (struct group){.count = 0};
    if (statement == NULL)
        return -1;
    for (int i = 0; i < 5; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    while ((got = database_step(&store->database, statement)) > 0) {
        group->ids[group->count] = sqlite3_column_int64(statement, 0);
        if (buffer_append(&group->pieces[group->count++], sqlite3_column_blob(statement, 1),
                (size_t)sqlite3_column_bytes(statement, 1)) < 0)
            return -1;
    }
    return got;
}

static int write_id(struct store *store, enum write_statement number, int64_t id)
{
    sqlite3_stmt *statement = write_statement(store, number);

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    return write_done(store, statement);
}

/* Adds the group up into store->packed. 1; 0: damaged pieces have been put aside; -1. */
static int add_up(struct store *store, const struct group *group)
{
    int damaged = 0;

    store->packed.size = 0;
    if (packed_merge(group->pieces, group->count, &store->packed) == 0)
        return 1;
    for (size_t i = 0; i < group->count; i++)
        if (!packed_is_whole(group->pieces[i].bytes, group->pieces[i].size)) {
            if (write_id(store, WRITE_PACKED_ASIDE, group->ids[i]) < 0)
                return -1;
            damaged = 1;
        }
    return damaged ? 0 : -1;
}

static int delete_group(struct store *store, const struct group *group)
{
    for (size_t i = 0; i < group->count; i++)
        if (write_id(store, WRITE_PACKED_GONE, group->ids[i]) < 0)
            return -1;
    return 0;
}

/* Enough pieces of a level become one of the next. 1: they did. */
static int raise_level(struct store *store, const struct place *place, int64_t level)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_PACKED_COUNT);
    struct group group;
    int result;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, place->minute);
    sqlite3_bind_int64(statement, 2, place->part);
    sqlite3_bind_int64(statement, 3, level);
    if (database_step(&store->database, statement) < 0)
        return -1;
    result = sqlite3_column_int64(statement, 0) >= PIECES;
    sqlite3_reset(statement);
    if (!result)
        return 0;
    result = read_group(store, place, level, level, PIECES, &group);
    if (result == 0)
        result = add_up(store, &group);
    if (result > 0 && (write_piece(store, place, level + 1, &store->packed) < 0 ||
                          delete_group(store, &group) < 0))
        result = -1;
    group_fini(&group);
    return result;
}

static int put_piece(struct store *store, const struct place *place)
{
    int raised = 1;

    if (write_piece(store, place, 0, &store->packed) < 0)
        return -1;
    for (int64_t level = 0; raised > 0; level++)
        raised = raise_level(store, place, level);
    return raised;
}

/* Many paths of one minute, ascending. */
static int write_pieces(
    struct store *store, const struct batch_path_stat *const *stats, size_t count)
{
    struct figures row;

    for (size_t i = 0; i < count;) {
        struct place place = {stats[i]->minute, stats[i]->path / PART_PATHS};
        uint32_t before = 0;

        store->packed.size = 0;
        for (; i < count && stats[i]->path / PART_PATHS == place.part; i++)
            if (figures_of(store, stats[i], &row) < 0 ||
                packed_put(&store->packed, &before, &row) < 0)
                return -1;
        if (put_piece(store, &place) < 0)
            return -1;
    }
    return 0;
}

static int by_minute_and_path(const void *a, const void *b)
{
    const struct batch_path_stat *x = *(struct batch_path_stat *const *)a;
    const struct batch_path_stat *y = *(struct batch_path_stat *const *)b;

    if (x->minute != y->minute)
        return x->minute < y->minute ? -1 : 1;
    return (x->path > y->path) - (x->path < y->path);
}

/* A minute that is among the totals, perhaps in part, is there in rows alone. */
static int write_minute(
    struct store *store, const struct batch_path_stat *const *stats, size_t count)
{
    return count >= PACKED_LEAST && stats[0]->minute > store->total_through >> SCHEMA_PATH_BITS
               ? write_pieces(store, stats, count)
               : write_rows(store, stats, count);
}

int write_path_stats(struct store *store, const struct batch *batch)
{
    const struct batch_path_stat **stats = malloc((batch->path_stats.count + 1) * sizeof(*stats));
    int result = stats ? 0 : -1, did;
    size_t count = 0;

    for (size_t i = 0; stats && i < batch->path_stats.count; i++)
        if (batch->path_stats.items[i].durations.count > 0)
            stats[count++] = &batch->path_stats.items[i];
    if (count > 0)
        qsort(stats, count, sizeof(*stats), by_minute_and_path);
    for (size_t i = 0, same; result == 0 && i < count; i += same) {
        for (same = 1; i + same < count && stats[i + same]->minute == stats[i]->minute;)
            same++;
        result = write_minute(store, stats + i, same);
    }
    free(stats);
    /* So that pieces do not pile up where there is never time to tidy up. */
    return result == 0 ? write_due(store, &did) : result;
}

/* ---- minutes that are over */

/* 1 with the first place that is due, 0, -1. */
static int find_due(struct store *store, struct place *place)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_PACKED_DUE);
    int got;

    if (statement == NULL)
        return -1;
    got = database_step(&store->database, statement);
    if (got > 0) {
        place->minute = sqlite3_column_int64(statement, 0);
        place->part = sqlite3_column_int64(statement, 1);
        sqlite3_reset(statement);
    }
    return got;
}

static int unpack(struct store *store, int64_t minute, const struct buffer *piece)
{
    struct packed_reader rows;
    int got;

    packed_read(&rows, piece->bytes, piece->size);
    while ((got = packed_next(&rows)) > 0)
        if (write_row(store, WRITE_MINUTE, schema_minute_id(minute, rows.row.path), &rows.row) < 0)
            return -1;
    return got;
}

int write_due(struct store *store, void *context)
{
    int *did = context, result;
    struct place place;
    struct group group;

    *did = find_due(store, &place);
    if (*did <= 0)
        return *did;
    result = read_group(store, &place, 0, INT64_MAX, PACKED_MERGE_MAX, &group);
    if (result == 0)
        result = add_up(store, &group);
    if (result > 0 &&
        (unpack(store, place.minute, &store->packed) < 0 || delete_group(store, &group) < 0))
        result = -1;
    group_fini(&group);
    return result < 0 ? -1 : 0;
}
