/* SPDX-License-Identifier: Apache-2.0 */
/* The traces of one block, or of those that are running, that pass a query; and how many do in all.
 */
#include "storage/sqlite/scan.h"

#include <stdio.h>
#include <string.h>

/* Keeps the rows whose value lies in the range. */
static uint32_t keep_range(const struct block *block, enum block_column column, int64_t low,
    int64_t high, uint16_t *rows, uint32_t count)
{
    const int64_t *values = block->columns[column].values;
    uint32_t kept = 0;

    if (values == NULL)
        return block->columns[column].same >= low && block->columns[column].same <= high ? count
                                                                                         : 0;
    for (uint32_t i = 0; i < count; i++) {
        rows[kept] = rows[i];
        kept += values[rows[i]] >= low && values[rows[i]] <= high;
    }
    return kept;
}

/* Keeps the rows whose value is in the set. */
static uint32_t keep_set(const struct block *block, enum block_column column,
    const struct bits *set, uint16_t *rows, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        int64_t value = block_value(block, column, rows[i]);

        rows[kept] = rows[i];
        kept += value >= 0 && value <= UINT32_MAX && bits_has(set, (uint32_t)value);
    }
    return kept;
}

/* Keeps the traces that no other has started. 0 or -1. */
static int keep_without_parent(
    struct store_reader *reader, int64_t id, struct block *block, uint16_t *rows, uint32_t *count)
{
    static const enum block_column columns[] = {
        COLUMN_KIEKER_ID, COLUMN_PARENT_KIEKER_ID, COLUMN_METADATA};
    uint32_t kept = 0;

    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
        if (blocks_decode(reader, id, block, columns[i]) < 0)
            return -1;
    for (uint32_t i = 0; i < *count; i++) {
        const struct trace trace = {.kieker_id = block_value(block, COLUMN_KIEKER_ID, rows[i]),
            .parent_kieker_id = block_value(block, COLUMN_PARENT_KIEKER_ID, rows[i]),
            .metadata = (uint8_t)block_value(block, COLUMN_METADATA, rows[i])};

        rows[kept] = rows[i];
        kept += !trace_has_parent(&trace);
    }
    *count = kept;
    return 0;
}

static int keep_calls(struct store_reader *reader, const struct trace_query *query, int64_t id,
    struct block *block, uint16_t *rows, uint32_t count)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < count; i++) {
        struct located located = {
            .trace.class = (uint32_t)block_value(block, COLUMN_CLASS, rows[i])};
        struct batch_trace row;
        int got;

        if (located.trace.class == 0) {
            if (blocks_decode_all(reader, id, block) < 0)
                return -1;
            block_get(block, rows[i], &row);
            located = (struct located){row.trace, id, rows[i]};
        }
        got = query_try_calls(query, reader, &located);
        if (got < 0)
            return -1;
        rows[kept] = rows[i];
        kept += got != 0;
    }
    return (int)kept;
}

/* Of the tests on one number each. */
static const struct {
    enum query_test test;
    enum block_column column;
} numbers[] = {
    {TEST_RUN, COLUMN_RUN},
    {TEST_HOST, COLUMN_HOST},
    {TEST_CLASS, COLUMN_CLASS},
};

static int64_t wanted(const struct trace_query *query, enum query_test test)
{
    return test == TEST_RUN ? query->run : test == TEST_HOST ? query->host : query->class;
}

int rows_select(struct store_reader *reader, const struct trace_query *query, int64_t id,
    struct block *block, unsigned tests, uint16_t *rows)
{
    uint64_t states = query->states;
    struct bits state_set = {&states, 1};
    uint32_t count = block->count;

    for (uint32_t i = 0; i < count; i++)
        rows[i] = (uint16_t)i;
    for (int sort = 0; sort < TRACE_SORTS; sort++)
        if (tests >> sort & 1) {
            if (blocks_decode(reader, id, block, sort_keys[sort].column) < 0)
                return -1;
            count = keep_range(
                block, sort_keys[sort].column, query->low[sort], query->high[sort], rows, count);
        }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (tests >> numbers[i].test & 1) {
            int64_t number = wanted(query, numbers[i].test);

            if (blocks_decode(reader, id, block, numbers[i].column) < 0)
                return -1;
            count = keep_range(block, numbers[i].column, number, number, rows, count);
        }
    if (tests >> TEST_STATE & 1) {
        if (blocks_decode(reader, id, block, COLUMN_STATE) < 0)
            return -1;
        count = keep_set(block, COLUMN_STATE, &state_set, rows, count);
    }
    if (tests >> TEST_ROOT & 1) {
        if (blocks_decode(reader, id, block, COLUMN_ROOT) < 0)
            return -1;
        count = keep_set(block, COLUMN_ROOT, &query->roots, rows, count);
    }
    if ((tests >> TEST_PARENT & 1) && keep_without_parent(reader, id, block, rows, &count) < 0)
        return -1;
    if (!(tests >> TEST_CALLS & 1))
        return (int)count;
    return blocks_decode(reader, id, block, COLUMN_CLASS) < 0
               ? -1
               : keep_calls(reader, query, id, block, rows, count);
}

void zone_row_read(sqlite3_stmt *statement, struct zone_row *zone)
{
    struct reader *sets[] = {&zone->classes, &zone->roots};

    zone->id = sqlite3_column_int64(statement, 0);
    for (int i = 0; i < ZONE_VALUES; i++)
        zone->values[i] = sqlite3_column_int64(statement, 1 + i);
    for (int i = 0; i < 2; i++) {
        const unsigned char *bytes = sqlite3_column_blob(statement, 1 + ZONE_VALUES + i);

        *sets[i] = (struct reader){
            bytes, bytes ? bytes + sqlite3_column_bytes(statement, 1 + ZONE_VALUES + i) : NULL, 0};
    }
}

int rows_running(struct store_reader *reader, const struct trace_query *query,
    int (*each)(void *context, const struct located *located), void *context)
{
    sqlite3_stmt *statement;
    struct located located;
    int got;

    if (query->nothing || !(query->states >> TRACE_RUNNING & 1))
        return 0;
    statement = database_prepare(&reader->database, "SELECT data, id FROM open_trace");
    if (statement == NULL)
        return -1;
    while ((got = database_step(&reader->database, statement)) > 0) {
        got = locate_open(reader, sqlite3_column_blob(statement, 0),
            (size_t)sqlite3_column_bytes(statement, 0), &located);
        if (got < 0 && read_leaves_out(reader, -sqlite3_column_int64(statement, 1)))
            continue;
        if (got == 0 && query_try_trace(query, query->tests, &located.trace)) {
            got = query->tests >> TEST_CALLS & 1 ? query_try_calls(query, reader, &located) : 1;
            if (got > 0)
                got = each(context, &located);
        }
        if (got < 0)
            break;
    }
    sqlite3_finalize(statement);
    return got;
}

static int count_one(void *context, const struct located *located)
{
    (void)located;
    ++*(uint64_t *)context;
    return 0;
}

/* What the zone map itself has counted, when that alone is asked; or -1. */
static int64_t counted(const struct trace_query *query, const struct zone_row *zone, int tests)
{
    if (tests == 1 << SORT_FAILED && query->low[SORT_FAILED] == 1 &&
        query->high[SORT_FAILED] == INT64_MAX)
        return zone->values[ZONE_FAILED];
    if (tests == 1 << TEST_STATE)
        return (query->states >> TRACE_COMPLETE & 1) * zone->values[ZONE_COMPLETE] +
               (query->states >> TRACE_INCOMPLETE & 1) * zone->values[ZONE_INCOMPLETE] +
               (query->states >> TRACE_DAMAGED & 1) * zone->values[ZONE_DAMAGED];
    return -1;
}

static int64_t count_block(
    struct store_reader *reader, const struct trace_query *query, const struct zone_row *zone)
{
    int tests = query_try_zone(query, zone);
    uint16_t rows[BLOCK_TRACES_MAX];
    struct block *block;
    int64_t count;

    if (tests <= 0)
        return tests < 0 ? 0 : zone->values[ZONE_TRACES];
    count = counted(query, zone, tests);
    if (count >= 0)
        return count;
    block = blocks_get(reader, zone->id);
    return block == NULL || read_is_late(reader)
               ? -1
               : rows_select(reader, query, zone->id, block, (unsigned)tests, rows);
}

int query_count(const struct trace_query *query, struct store_reader *reader, uint64_t *total)
{
    char sql[1024];
    sqlite3_stmt *statement;
    int got;

    *total = 0;
    if (query->nothing)
        return 0;
    if (rows_running(reader, query, count_one, total) < 0)
        return -1;
    snprintf(sql, sizeof(sql), "SELECT id%s FROM block", zone_columns);
    statement = database_prepare(&reader->database, sql);
    if (statement == NULL)
        return -1;
    while ((got = database_step(&reader->database, statement)) > 0) {
        struct zone_row zone;
        int64_t count;

        zone_row_read(statement, &zone);
        count = count_block(reader, query, &zone);
        if (count < 0 && read_leaves_out(reader, zone.id))
            continue;
        if (count < 0) {
            got = -1;
            break;
        }
        *total += (uint64_t)count;
    }
    sqlite3_finalize(statement);
    return got;
}
