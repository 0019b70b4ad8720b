/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/figures.h"

#include "storage/sqlite/functions.h"
#include "storage/sqlite/packed_scan.h"
#include "storage/sqlite/schema.h"

#include <stdlib.h>

#define MINUTE INT64_C(60000000000)

void tally_fini(struct tally *tally)
{
    buffer_fini(&tally->histogram);
}

int tally_add(struct tally *tally, const struct figures *figures)
{
    struct buffer merged = {0};

    if (histogram_merge(tally->histogram.bytes, tally->histogram.size, figures->histogram,
            figures->histogram_size, &merged) < 0) {
        buffer_fini(&merged);
        return -1;
    }
    buffer_fini(&tally->histogram);
    tally->histogram = merged;
    if (tally->calls == 0 || figures->minimum < tally->minimum)
        tally->minimum = figures->minimum;
    if (tally->calls == 0 || figures->maximum > tally->maximum)
        tally->maximum = figures->maximum;
    tally->calls += figures->calls;
    tally->failed += figures->failed;
    tally->total += figures->total;
    tally->self += figures->self;
    return 0;
}

/* A bucket's middle, but nothing beyond the extremes, which are exact. */
static int64_t quantile(const struct tally *tally, const struct histogram_sum *sum, double q)
{
    int64_t value = (int64_t)histogram_sum_quantile(sum, q);

    return value < tally->minimum   ? tally->minimum
           : value > tally->maximum ? tally->maximum
                                    : value;
}

int tally_stats(const struct tally *tally, struct histogram_sum *room, struct call_stats *stats)
{
    *stats = (struct call_stats){.calls = tally->calls,
        .failed = tally->failed,
        .total = tally->total,
        .self = tally->self,
        .minimum = tally->minimum,
        .maximum = tally->maximum};
    if (tally->calls == 0)
        return 0;
    histogram_sum_init(room);
    if (histogram_sum_add(room, tally->histogram.bytes, tally->histogram.size) < 0)
        return -1;
    stats->p50 = quantile(tally, room, 0.50);
    stats->p95 = quantile(tally, room, 0.95);
    stats->p99 = quantile(tally, room, 0.99);
    return 0;
}

static int64_t minute_of(int64_t time)
{
    return time / MINUTE - (time % MINUTE < 0);
}

/* The operations that match the globs. */
static int choose_operations(
    struct path_query *query, struct store_reader *reader, const struct store_filter *filter)
{
    const struct dictionary *dictionary = &reader->dictionary;

    if (filter->operation == NULL && filter->component == NULL)
        return 0;
    query->by_operation = 1;
    if (bits_init(&query->operations, dictionary->whole_operations) < 0)
        return database_fail(&reader->database, "not enough memory for the query");
    for (uint32_t id = 1; id <= dictionary->whole_operations; id++)
        if ((filter->component == NULL ||
                glob_matches(filter->component,
                    dictionary_name(reader, dictionary->operations.items[id].component))) &&
            (filter->operation == NULL || operation_matches(reader, id, filter->operation)))
            bits_set(&query->operations, id);
    return 0;
}

int path_query_init(
    struct path_query *query, struct store_reader *reader, const struct store_filter *filter)
{
    *query = (struct path_query){.first = INT64_MIN, .last = INT64_MAX};
    if (filter->since)
        query->first = minute_of(filter->since);
    if (filter->until)
        query->last = minute_of(filter->until);
    if (dictionary_load_operations(reader) < 0 || dictionary_load_paths(reader) < 0 ||
        (filter->run && read_find_run(reader, filter->run, &query->run) < 0) ||
        (filter->host && read_find_name(reader, filter->host, &query->host) < 0))
        return -1;
    query->nothing = (filter->run && query->run == 0) || (filter->host && query->host == 0);
    return choose_operations(query, reader, filter);
}

void path_query_fini(struct path_query *query)
{
    bits_fini(&query->operations);
}

static void read_figures(sqlite3_stmt *row, struct figures *figures)
{
    *figures = (struct figures){.path = (uint32_t)sqlite3_column_int64(row, 0),
        .calls = (uint64_t)sqlite3_column_int64(row, 1),
        .failed = (uint64_t)sqlite3_column_int64(row, 2),
        .total = (uint64_t)sqlite3_column_int64(row, 3),
        .self = (uint64_t)sqlite3_column_int64(row, 4),
        .minimum = sqlite3_column_int64(row, 5),
        .maximum = sqlite3_column_int64(row, 6),
        .histogram = sqlite3_column_blob(row, 7),
        .histogram_size = (size_t)sqlite3_column_bytes(row, 7),
        .minute = sqlite3_column_int64(row, 8)};
}

#define COLUMNS_READ "SELECT path, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram, "

/* As the view path_statistics, but for what is packed. */
static const char rows_of_all_time[] =
    COLUMNS_READ "0 FROM path_total UNION ALL " COLUMNS_READ
                 "0 FROM path_minute WHERE id > coalesce((SELECT value FROM property WHERE name = "
                 "'total_through'), 0)";
static const char rows_of_minutes[] =
    COLUMNS_READ "minute FROM path_minute WHERE id BETWEEN ?1 AND ?2 ORDER BY id";

/* The rows there are, and those that are packed. */
struct sources {
    struct store_reader *reader;
    sqlite3_stmt *rows;
    struct packed_scan packed;
    struct figures row;
    int has_row, has_packed;
};

static int open_sources(
    struct sources *sources, struct store_reader *reader, const struct path_query *query, int all)
{
    struct database *database = &reader->database;

    *sources = (struct sources){.reader = reader,
        .rows = database_prepare(database, all ? rows_of_all_time : rows_of_minutes)};
    if (sources->rows == NULL ||
        packed_scan_open(&sources->packed, database, query->first, query->last) < 0)
        return -1;
    if (!all) {
        sqlite3_bind_int64(sources->rows, 1,
            query->first == INT64_MIN ? INT64_MIN : schema_minute_id(query->first, 0));
        sqlite3_bind_int64(sources->rows, 2,
            query->last == INT64_MAX ? INT64_MAX : schema_minute_id(query->last + 1, 0) - 1);
    }
    return 0;
}

static void close_sources(struct sources *sources)
{
    sqlite3_finalize(sources->rows);
    packed_scan_close(&sources->packed);
}

static int next_row(struct sources *sources)
{
    sources->has_row = database_step(&sources->reader->database, sources->rows);
    if (sources->has_row > 0)
        read_figures(sources->rows, &sources->row);
    return sources->has_row;
}

static int next_packed(struct sources *sources)
{
    return sources->has_packed = packed_scan_next(&sources->packed);
}

static int give(struct sources *sources, const struct figures *figures,
    int (*each)(void *context, const struct figures *figures), void *context)
{
    struct store_reader *reader = sources->reader;

    if (figures->path == 0 || figures->path > reader->dictionary.whole_paths ||
        figures->calls == 0 || each(context, figures) == 0)
        return 0;
    return database_fail(&reader->database,
        "%s is damaged: the statistics of path %u in minute %lld, or memory is short",
        reader->database.location, figures->path, (long long)figures->minute);
}

/* Whichever minute is the earlier. */
static int give_all(struct sources *sources,
    int (*each)(void *context, const struct figures *figures), void *context)
{
    if (next_row(sources) < 0 || next_packed(sources) < 0)
        return -1;
    while (sources->has_row || sources->has_packed) {
        const struct figures *packed = &sources->packed.rows.row;
        int is_packed =
            sources->has_packed && (!sources->has_row || packed->minute < sources->row.minute);

        if (give(sources, is_packed ? packed : &sources->row, each, context) < 0 ||
            (is_packed ? next_packed(sources) : next_row(sources)) < 0)
            return -1;
    }
    return 0;
}

int figures_each(struct store_reader *reader, const struct path_query *query, int by_minute,
    int (*each)(void *context, const struct figures *figures), void *context)
{
    const int all_time = query->first == INT64_MIN && query->last == INT64_MAX && !by_minute;
    struct sources sources;
    int result;

    if (query->nothing)
        return 0;
    result = open_sources(&sources, reader, query, all_time);
    if (result == 0)
        result = give_all(&sources, each, context);
    close_sources(&sources);
    return result;
}
