/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics by operation, and minute by minute. */
#include "storage/sqlite/figures.h"

#include <stdlib.h>

/* ---- by operation */

struct by_operation {
    struct store_reader *reader;
    const struct path_query *query;
    struct tally *tallies; /* by operation id */
};

static int add_to_operation(void *context, const struct figures *figures)
{
    struct by_operation *by = context;
    const struct stored_path *path = &by->reader->dictionary.paths.items[figures->path];

    if (path->operation == 0 || path->operation > by->reader->dictionary.whole_operations ||
        !path_query_lies(by->query, path) || !path_query_has(by->query, path->operation))
        return 0;
    return tally_add(&by->tallies[path->operation], figures);
}

static int give_operations(struct by_operation *by, operation_sink *sink, void *context)
{
    struct store_reader *reader = by->reader;
    struct histogram_sum *room = malloc(sizeof(*room));
    int result = 0;

    for (uint32_t id = 1; result == 0 && id <= reader->dictionary.whole_operations; id++) {
        struct operation_row row = {.id = id};

        if (by->tallies[id].calls == 0)
            continue;
        if (room == NULL || tally_stats(&by->tallies[id], room, &row.stats) < 0) {
            result = database_fail(&reader->database,
                "%s is damaged: a histogram, or memory is short", reader->database.location);
            break;
        }
        store_operation(reader, id, &row.operation, &row.component);
        row.signature = dictionary_name(reader, reader->dictionary.operations.items[id].signature);
        if (sink(context, &row))
            break;
    }
    free(room);
    return result;
}

static int sum_operations(struct store_reader *reader, const struct path_query *query,
    operation_sink *sink, void *context)
{
    uint32_t count = reader->dictionary.whole_operations + 1;
    struct by_operation by = {reader, query, calloc(count, sizeof(*by.tallies))};
    int result;

    if (by.tallies == NULL)
        return database_fail(&reader->database, "not enough memory for the query");
    result = figures_each(reader, query, 0, add_to_operation, &by);
    if (result == 0)
        result = give_operations(&by, sink, context);
    for (uint32_t id = 0; id < count; id++)
        tally_fini(&by.tallies[id]);
    free(by.tallies);
    return result;
}

int store_operations(struct store_reader *reader, const struct store_filter *filter,
    operation_sink *sink, void *context)
{
    struct path_query query;
    int result;

    if (read_begin(reader) < 0)
        return -1;
    result = path_query_init(&query, reader, filter);
    if (result == 0)
        result = sum_operations(reader, &query, sink, context);
    path_query_fini(&query);
    return read_end(reader, result);
}

/* ---- by minute */

struct by_minute {
    struct store_reader *reader;
    const struct path_query *query;
    latency_sink *sink;
    void *context;
    int64_t minute;
    struct tally tally; /* of that minute */
    struct histogram_sum *room;
    int ended;
};

/* The minute is over: gives its row. */
static int give_minute(struct by_minute *by)
{
    struct latency_row row = {.at = (int64_t)((uint64_t)by->minute * UINT64_C(60000000000))};

    if (by->ended || by->tally.calls == 0)
        return 0;
    if (tally_stats(&by->tally, by->room, &row.stats) < 0)
        return -1;
    by->ended = by->sink(by->context, &row) != 0;
    tally_fini(&by->tally);
    by->tally = (struct tally){0};
    return 0;
}

static int add_to_minute(void *context, const struct figures *figures)
{
    struct by_minute *by = context;
    const struct dictionary *dictionary = &by->reader->dictionary;
    const struct stored_path *path = &dictionary->paths.items[figures->path];
    int wanted = by->query->by_operation ? path_query_has(by->query, path->operation)
                                         : dictionary->paths.items[path->parent].kind == PATH_ENTRY;

    if (by->ended || path->kind != PATH_CALL || !wanted || !path_query_lies(by->query, path))
        return 0;
    if (figures->minute != by->minute && give_minute(by) < 0)
        return -1;
    by->minute = figures->minute;
    return tally_add(&by->tally, figures);
}

int store_latency(struct store_reader *reader, const struct store_filter *filter,
    latency_sink *sink, void *context)
{
    struct path_query query;
    struct by_minute by = {.reader = reader,
        .query = &query,
        .sink = sink,
        .context = context,
        .room = malloc(sizeof(*by.room))};
    int result;

    if (by.room == NULL)
        return database_fail(&reader->database, "not enough memory for the query");
    if (read_begin(reader) < 0) {
        free(by.room);
        return -1;
    }
    result = path_query_init(&query, reader, filter);
    if (result == 0)
        result = figures_each(reader, &query, 1, add_to_minute, &by);
    if (result == 0 && give_minute(&by) < 0)
        result = database_fail(
            &reader->database, "%s is damaged: a histogram", reader->database.location);
    tally_fini(&by.tally);
    free(by.room);
    path_query_fini(&query);
    return read_end(reader, result);
}
