/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/store_check.h"

#include <check.h>
#include <inttypes.h>
#include <string.h>

static int keep_number(void *context, unsigned count, const struct sql_value *values)
{
    (void)count;
    *(int64_t *)context = values[0].type == SQL_NULL ? -1 : values[0].integer;
    return 0;
}

static int no_columns(void *context, unsigned count, const char *const *names)
{
    (void)context;
    (void)count;
    (void)names;
    return 0;
}

int64_t check_ask(struct store_reader *reader, const char *sql)
{
    int64_t number = -1;
    const struct sql_sink sink = {no_columns, keep_number, &number};

    ck_assert_msg(store_sql(reader, sql, &sink) == 0, "%s: %s", sql, store_reader_error(reader));
    return number;
}

void check_none(struct store_reader *reader, const char *sql)
{
    int64_t number = check_ask(reader, sql);

    ck_assert_msg(number == 0, "%" PRId64 " of: %s", number, sql);
}

void check_sums_so_far(struct store_reader *reader)
{
    check_none(reader, "SELECT count(*) FROM block WHERE id NOT IN (SELECT block FROM block_data)");
    check_none(reader, "SELECT count(*) FROM block_data WHERE block NOT IN (SELECT id FROM block)");
    /* Totals are the sums of their minutes; extremes may be off by the width of a bucket. */
    check_none(reader,
        "WITH s AS (SELECT path, sum(calls) AS calls, sum(failed) AS failed, sum(total_ns) AS total,"
        " sum(self_ns) AS self, min(min_ns) AS least, max(max_ns) AS most,"
        " hex(histogram_sum(histogram)) AS histogram FROM path_minute"
        " WHERE id <= coalesce((SELECT value FROM property WHERE name = 'total_through'), 0)"
        " GROUP BY path)"
        " SELECT count(*) FROM s FULL JOIN path_total t ON t.path = s.path"
        " WHERE s.calls IS NOT t.calls OR s.failed IS NOT t.failed OR s.total IS NOT t.total_ns"
        " OR s.self IS NOT t.self_ns OR s.histogram IS NOT hex(t.histogram)"
        " OR t.min_ns > s.least OR t.min_ns < s.least * 0.98 - 1"
        " OR t.max_ns < s.most OR t.max_ns > s.most * 1.02 + 1");
    /* Likewise classes, of the traces that are there. */
    check_none(reader,
        "WITH t AS (SELECT class, count(*) AS traces, sum(failed > 0) AS failed,"
        " sum(duration_ns) AS total, min(duration_ns) AS least, max(duration_ns) AS most"
        " FROM trace WHERE class > 0 AND state <> 'running' GROUP BY class)"
        " SELECT count(*) FROM t FULL JOIN class_total c ON c.class = t.class"
        " WHERE c.traces IS NOT t.traces OR c.failed IS NOT t.failed OR c.total_ns IS NOT t.total"
        " OR c.min_ns > t.least OR c.min_ns < t.least * 0.98 - 1"
        " OR c.max_ns < t.most OR c.max_ns > t.most * 1.02 + 1");
    check_none(reader,
        "SELECT count(*) FROM class_total WHERE slowest NOT IN (SELECT id FROM trace UNION SELECT 0)"
        " OR first NOT IN (SELECT id FROM trace UNION SELECT 0)"
        " OR latest NOT IN (SELECT id FROM trace UNION SELECT 0)");
    check_none(reader,
        "WITH t AS (SELECT run, count(*) AS traces, sum(calls) AS calls, sum(failed > 0) AS failed,"
        " sum(state <> 'complete') AS incomplete, min(start_at) AS first, max(end_at) AS last"
        " FROM trace WHERE state <> 'running' GROUP BY run)"
        " SELECT count(*) FROM t FULL JOIN (SELECT * FROM runs WHERE traces > 0) r ON r.name = t.run"
        " WHERE r.traces IS NOT t.traces OR r.calls IS NOT t.calls OR r.failed IS NOT t.failed"
        " OR r.incomplete IS NOT t.incomplete OR r.first_at > t.first OR r.last_at < t.last");
}

void check_sums(struct store_reader *reader)
{
    check_none(reader, "SELECT count(*) FROM retired");
    check_none(reader,
        "SELECT count(*) FROM (SELECT DISTINCT trace FROM chunk) WHERE trace NOT IN (SELECT id FROM trace)");
    check_sums_so_far(reader);
}

static int keep_chunk(void *context, const struct chunk_view *chunk)
{
    for (int i = 0; i < CHUNK_PARTS; i++)
        ck_assert_int_eq(buffer_append(context, chunk->parts[i].bytes, chunk->parts[i].size), 0);
    return 0;
}

int check_trace(struct store_reader *reader, const struct known *known)
{
    struct buffer records = {0};
    struct trace_row row;
    int got = store_trace(reader, known->trace.id, &row);

    ck_assert_msg(got >= 0, "%s", store_reader_error(reader));
    if (got == 0)
        return 0;
    ck_assert_int_eq(row.trace.start, known->trace.start);
    ck_assert_uint_eq(row.trace.calls, known->trace.calls);
    ck_assert_msg(store_chunks(reader, known->trace.id, keep_chunk, &records) == 0, "%s",
        store_reader_error(reader));
    ck_assert_uint_eq(records.size, known->records.size);
    ck_assert_int_eq(memcmp(records.bytes, known->records.bytes, records.size), 0);
    buffer_fini(&records);
    return 1;
}
