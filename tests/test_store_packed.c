/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics of many paths: packed, added up, made rows when their minute is over, they stay the
 * same statistics. */
#include "storage/sqlite/packed.h"
#include "tests/store_world.h"

#include <check.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE INT64_C(60000000000)

/* ---- strings of bytes */

#define ROWS 700
#define PIECES 9

struct sum {
    struct figures row;
    struct histogram_sum histogram;
};

static void check_same(const struct sum *sum, const struct figures *row)
{
    struct histogram_sum histogram;

    ck_assert_uint_eq(row->calls, sum->row.calls);
    ck_assert_uint_eq(row->failed, sum->row.failed);
    ck_assert_uint_eq(row->total, sum->row.total);
    ck_assert_uint_eq(row->self, sum->row.self);
    ck_assert_int_eq(row->minimum, sum->row.minimum);
    ck_assert_int_eq(row->maximum, sum->row.maximum);
    histogram_sum_init(&histogram);
    ck_assert_int_eq(histogram_sum_add(&histogram, row->histogram, row->histogram_size), 0);
    ck_assert_mem_eq(histogram.counts, sum->histogram.counts, sizeof(histogram.counts));
}

static void add_duration(struct sum *sum, int64_t duration, int failed, uint64_t self)
{
    struct figures *row = &sum->row;
    unsigned char coded[2 * VARINT_MAX],
        *end = varint_put(varint_put(coded, histogram_bucket((uint64_t)duration)), 1);

    if (row->calls == 0) {
        row->minimum = row->maximum = duration;
        histogram_sum_init(&sum->histogram);
    }
    row->minimum = duration < row->minimum ? duration : row->minimum;
    row->maximum = duration > row->maximum ? duration : row->maximum;
    row->calls++;
    row->failed += (unsigned)failed;
    row->total += (uint64_t)duration;
    row->self += self;
    ck_assert_int_eq(histogram_sum_add(&sum->histogram, coded, (size_t)(end - coded)), 0);
}

static void put_row(struct buffer *out, uint32_t *before, const struct sum *sum, uint32_t path)
{
    struct buffer coded = {0};
    struct figures row = sum->row;

    ck_assert_int_eq(buffer_reserve(&coded, 1), 0);
    ck_assert_int_eq(histogram_sum_encode(&sum->histogram, &coded), 0);
    row.path = path;
    row.histogram = coded.bytes;
    row.histogram_size = coded.size;
    ck_assert_int_eq(packed_put(out, before, &row), 0);
    buffer_fini(&coded);
}

/* Any pieces, added up, are what was put into them. */
START_TEST(test_merge)
{
    struct sum *all = calloc(ROWS, sizeof(*all)), *one = malloc(sizeof(*one));
    struct buffer pieces[PIECES] = {{0}}, merged = {0};
    struct packed_reader reader;
    unsigned seed = world_seed();
    uint32_t path = 0;

    for (int i = 0; i < PIECES; i++)
        for (uint32_t at = 1, before = 0; at < ROWS; at += 1 + (uint32_t)rand_r(&seed) % 5) {
            memset(one, 0, sizeof(*one));
            for (int n = rand_r(&seed) % 4 ? 0 : rand_r(&seed) % 9; n >= 0; n--) {
                int64_t duration = rand_r(&seed) >> rand_r(&seed) % 30;
                int failed = rand_r(&seed) % 5 == 0;

                duration = rand_r(&seed) % 50 == 0 ? INT64_MAX - duration : duration;
                add_duration(one, duration, failed, (uint64_t)duration / 2);
                add_duration(&all[at], duration, failed, (uint64_t)duration / 2);
            }
            put_row(&pieces[i], &before, one, at);
        }
    ck_assert_int_eq(packed_merge(pieces, PIECES, &merged), 0);
    packed_read(&reader, merged.bytes, merged.size);
    while (packed_next(&reader) > 0) {
        while (++path < reader.row.path)
            ck_assert_uint_eq(all[path].row.calls, 0);
        check_same(&all[path], &reader.row);
    }
    ck_assert_int_eq(packed_next(&reader), 0);
    while (++path < ROWS)
        ck_assert_uint_eq(all[path].row.calls, 0);
    for (int i = 0; i < PIECES; i++)
        buffer_fini(&pieces[i]);
    buffer_fini(&merged);
    free(all);
    free(one);
}
END_TEST

/* Bytes of any kind end, one way or the other, and are not read beyond their end. */
START_TEST(test_damage)
{
    unsigned seed = world_seed();

    for (int i = 0; i < 20000; i++) {
        size_t size = (size_t)rand_r(&seed) % 64;
        struct buffer pieces[2] = {{0}}, merged = {0};

        for (int piece = 0; piece < 2; piece++) {
            ck_assert_int_eq(buffer_reserve(&pieces[piece], size + 1), 0);
            for (size_t at = 0; at < size; at++)
                pieces[piece].bytes[at] =
                    (unsigned char)(rand_r(&seed) % (rand_r(&seed) % 2 ? 256 : 4));
            pieces[piece].size = size;
            pieces[piece].bytes = realloc(pieces[piece].bytes, size + 1);
        }
        if (packed_is_whole(pieces[0].bytes, size) && packed_is_whole(pieces[1].bytes, size)) {
            ck_assert_int_eq(packed_merge(pieces, 2, &merged), 0);
            ck_assert(packed_is_whole(merged.bytes, merged.size));
        } else {
            packed_merge(pieces, 2, &merged);
        }
        for (int piece = 0; piece < 2; piece++)
            buffer_fini(&pieces[piece]);
        buffer_fini(&merged);
    }
}
END_TEST

/* ---- in the store */

static struct world world;

static void set_up(void)
{
    world_open(&world, world_seed());
}

static void tear_down(void)
{
    if (world.store)
        world_close(&world);
    world_remove(&world);
}

static int no_columns(void *context, unsigned count, const char *const *names)
{
    (void)context;
    (void)count;
    (void)names;
    return 0;
}

/* Appends the values of a row. */
static int keep_row(void *context, unsigned count, const struct sql_value *values)
{
    char number[32];

    for (unsigned i = 0; i < count; i++) {
        int size = snprintf(number, sizeof(number), "%" PRId64 " ", values[i].integer);

        if (values[i].type == SQL_TEXT)
            ck_assert_int_eq(buffer_append(context, values[i].text, values[i].size), 0);
        ck_assert_int_eq(buffer_append(context, number, (size_t)size), 0);
    }
    return 0;
}

static struct buffer ask(const char *sql)
{
    struct store_reader *reader = world_read(&world);
    struct buffer answer = {0};
    struct sql_sink sink = {no_columns, keep_row, &answer};

    ck_assert_msg(store_sql(reader, sql, &sink) == 0, "%s: %s", sql, store_reader_error(reader));
    store_reader_close(reader);
    return answer;
}

static int64_t ask_number(const char *sql)
{
    struct buffer answer = ask(sql);
    int64_t number;

    ck_assert_int_eq(buffer_append(&answer, "", 1), 0);
    number = atoll((const char *)answer.bytes);
    buffer_fini(&answer);
    return number;
}

#define SUMS                                                                                       \
    " sum(calls), sum(failed), sum(total_ns), sum(self_ns), min(min_ns), max(max_ns),"             \
    " hex(histogram_sum(histogram))"

/* All that is known of paths in minutes before `minute`. */
static struct buffer known_of(int64_t minute)
{
    char sql[512];

    snprintf(sql, sizeof(sql),
        "SELECT minute, path," SUMS " FROM path_minutes WHERE minute < %" PRId64
        " GROUP BY minute, path ORDER BY minute, path",
        minute);
    return ask(sql);
}

static void same_buffers(struct buffer *a, struct buffer *b)
{
    ck_assert_uint_gt(a->size, 0);
    ck_assert_uint_eq(a->size, b->size);
    ck_assert_mem_eq(a->bytes, b->bytes, a->size);
    buffer_fini(a);
    buffer_fini(b);
}

/* The totals are the sums of the minutes. */
static void check_totals(void)
{
    struct buffer totals =
                      ask("SELECT path," SUMS " FROM path_statistics GROUP BY path ORDER BY path"),
                  minutes =
                      ask("SELECT path," SUMS " FROM path_minutes GROUP BY path ORDER BY path");

    same_buffers(&totals, &minutes);
}

/* What the verbs say of the same. */
static int add_latency(void *context, const struct latency_row *row)
{
    uint64_t *sums = context;

    sums[0] += row->stats.calls;
    sums[1] += row->stats.total;
    sums[2] += (uint64_t)row->stats.p95;
    return 0;
}

static int add_operation(void *context, const struct operation_row *row)
{
    uint64_t *sums = context;

    sums[3] += row->stats.calls;
    sums[4] += row->stats.self;
    sums[5] += (uint64_t)row->stats.p50;
    return 0;
}

static void told(uint64_t sums[6])
{
    struct store_reader *reader = world_read(&world);

    memset(sums, 0, 6 * sizeof(*sums));
    ck_assert_int_eq(store_latency(reader, &store_filter_all, add_latency, sums), 0);
    ck_assert_int_eq(store_operations(reader, &store_filter_all, add_operation, sums), 0);
    store_reader_close(reader);
}

static void tidy_all(void)
{
    int more;

    while ((more = store_tidy(world.store)) > 0)
        ;
    ck_assert_msg(more == 0, "%s", store_error(world.store));
}

/* Enough for pieces of several levels; then another minute begins. */
static void make_many(void)
{
    for (int i = 0; i < 12; i++)
        world_make(&world, 60, 60, 1);
    ck_assert_int_gt(ask_number("SELECT count(*) FROM path_packed"), 0);
    ck_assert_int_gt(ask_number("SELECT max(level) FROM path_packed"), 0);
}

/* One call, which is counted when this returns. */
static void begin_minute(void)
{
    world_make(&world, 1, 1, 1);
    world_settle(&world);
}

START_TEST(test_rows)
{
    struct buffer before, after;
    uint64_t told_before[6], told_after[6];
    int64_t minute;

    make_many();
    world_settle(&world);
    check_totals();
    world.now += 5 * MINUTE;
    minute = world.now / MINUTE;
    before = known_of(minute);
    told(told_before);
    /* A small commit says that the minutes are over: it takes a piece itself, tidying the rest. */
    begin_minute();
    tidy_all();
    ck_assert_int_eq(ask_number("SELECT count(*) FROM path_packed"
                                " WHERE minute < (SELECT max(id) >> 24 FROM path_minute) - 1"),
        0);
    ck_assert_int_gt(ask_number("SELECT count(*) FROM path_total"), 0);
    after = known_of(minute);
    same_buffers(&before, &after);
    check_totals();
    told(told_after);
    ck_assert_uint_eq(told_after[3] - told_before[3], 1);
    /* What comes late for minutes that are among the totals is counted, too. */
    world.now -= 5 * MINUTE;
    world_make(&world, 300, 60, 4);
    check_totals();
    world.now += 9 * MINUTE;
    begin_minute();
    tidy_all();
    check_totals();
}
END_TEST

/* A piece that is damaged is told of, and stands in nobody's way. */
START_TEST(test_damaged_piece)
{
    struct store_reader *reader;
    uint64_t sums[6] = {0};
    sqlite3 *handle;

    make_many();
    ck_assert_int_eq(sqlite3_open(world.path, &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_busy_timeout(handle, 5000), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(handle,
                         "UPDATE path_packed SET data = x'03FFFFFF' WHERE id ="
                         " (SELECT min(id) FROM path_packed)",
                         NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(handle);
    for (int i = 0; i < 12; i++)
        world_make(&world, 60, 60, 1);
    world.now += 5 * MINUTE;
    begin_minute();
    tidy_all();
    ck_assert_int_eq(ask_number("SELECT count(*) FROM path_packed WHERE level < 0"), 1);
    reader = world_read(&world);
    ck_assert_int_eq(store_operations(reader, &store_filter_all, add_operation, sums), -1);
    ck_assert_ptr_nonnull(strstr(store_reader_error(reader), "is damaged"));
    store_reader_close(reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_packed");
    TCase *bytes = tcase_create("bytes"), *rows = tcase_create("rows");
    SRunner *runner;
    int failed;

    tcase_set_timeout(bytes, 120);
    tcase_add_test(bytes, test_merge);
    tcase_add_test(bytes, test_damage);
    tcase_set_timeout(rows, 240);
    tcase_add_checked_fixture(rows, set_up, tear_down);
    tcase_add_test(rows, test_rows);
    tcase_add_test(rows, test_damaged_piece);
    suite_add_tcase(suite, bytes);
    suite_add_tcase(suite, rows);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
