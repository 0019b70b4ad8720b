/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept stays within its bounds of age and size, and all that is left fits together. */
#include "tests/store_check.h"

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MINUTE INT64_C(60000000000)

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

static void retire_all(void)
{
    int more;

    while ((more = store_retire(world.store)) > 0)
        ;
    ck_assert_msg(more == 0, "%s", store_error(world.store));
}

static void keep(int64_t age, uint64_t bytes)
{
    ck_assert_int_eq(store_keep(world.store, &(struct store_limits){age, bytes}), 0);
}

static int64_t wall_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static uint64_t bytes_on_disk(void)
{
    struct store_reader *reader = world_read(&world);
    struct store_status status;

    ck_assert_int_eq(store_status(reader, &status), 0);
    store_reader_close(reader);
    return status.bytes;
}

/* What the database has, written to the file or still in the log. */
static uint64_t bytes_in_file(void)
{
    sqlite3_stmt *statement;
    sqlite3 *handle;
    uint64_t pages;

    ck_assert_int_eq(sqlite3_open(world.path, &handle), SQLITE_OK);
    ck_assert_int_eq(
        sqlite3_prepare_v2(handle, "PRAGMA page_count", -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    pages = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return pages * 4096;
}

static void tidy_all(void)
{
    while (store_tidy(world.store) > 0)
        ;
}

/* ---- age */

START_TEST(test_age)
{
    int64_t edge = 0, block_edge;
    struct store_reader *reader;
    struct store_retired retired;
    size_t gone = 0, before = 0;
    char sql[256];

    for (int i = 0; i < 20; i++) {
        world_make(&world, 200, 12, 4);
        if (i % 4 == 0)
            world_leave_open(&world, 10);
        world.now += 3 * MINUTE;
        if (i == 11)
            edge = world.now;
        if (i % 3 == 0)
            tidy_all();
    }
    reader = world_read(&world);
    check_sums(reader);
    retire_all(); /* without limits nothing goes */
    for (size_t i = 0; i < world.known.count; i++)
        ck_assert_int_eq(check_trace(reader, &world.known.items[i]), 1);

    snprintf(
        sql, sizeof(sql), "SELECT count(*) FROM block WHERE max_end < %" PRId64, edge - MINUTE);
    ck_assert_int_gt(check_ask(reader, sql), 0);
    keep(wall_clock() - edge, 0);
    retire_all();
    check_none(reader, sql);
    check_sums(reader);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM path_minute WHERE minute < %" PRId64,
        edge / MINUTE - 1);
    check_none(reader, sql);
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM record WHERE time_at < %" PRId64,
        edge - 2 * MINUTE);
    check_none(reader, sql);
    block_edge = check_ask(reader, "SELECT min(min_start) FROM block");
    for (size_t i = 0; i < world.known.count; i++) {
        const struct known *known = &world.known.items[i];
        int there = check_trace(reader, known);

        before += !known->open && known->trace.end < edge - MINUTE;
        gone += !there;
        ck_assert_msg(there || (!known->open && known->trace.end < edge),
            "trace %" PRIu64 " is gone too early", known->trace.id);
        ck_assert(!there || known->open || known->trace.start >= block_edge);
    }
    ck_assert(before > 0 && gone > 0);
    store_retired(world.store, &retired);
    ck_assert_uint_eq(retired.by_age, gone);
    ck_assert_uint_eq(retired.by_size, 0);
    ck_assert_int_eq(check_ask(reader, "SELECT value FROM counter WHERE name = 'retired_for_age'"),
        (int64_t)gone);

    /* What comes then is added to what was left; late ones, too. */
    world_make(&world, 300, 12, 4);
    world.now = edge - 30 * MINUTE;
    world_make(&world, 50, 12, 1);
    tidy_all();
    check_sums(reader);
    retire_all();
    check_sums(reader);

    /* All goes but what is running. */
    keep(1, 0);
    retire_all();
    check_sums(reader);
    check_none(reader, "SELECT count(*) FROM block");
    check_none(reader, "SELECT count(*) FROM path_total");
    check_none(reader, "SELECT count(*) FROM class_total");
    check_none(reader, "SELECT count(*) FROM record");
    for (size_t i = 0; i < world.known.count; i++)
        ck_assert_int_eq(check_trace(reader, &world.known.items[i]), world.known.items[i].open);
    store_reader_close(reader);
}
END_TEST

/* ---- streams and runs of which nothing is left */

START_TEST(test_streams)
{
    char path[128];
    struct store_reader *reader;
    int64_t streams;
    unsigned seed = world.seed;

    world_make(&world, 400, 5, 2);
    world_close(&world);
    strcpy(path, world.path);
    reader = world_read(&world);
    streams = check_ask(reader, "SELECT count(*) FROM stream");
    ck_assert_int_eq(check_ask(reader, "SELECT count(*) FROM runs"), WORLD_STREAMS);
    ck_assert_int_gt(check_ask(reader, "SELECT count(*) FROM counter WHERE stream > 0"), 0);
    {
        struct world other;
        int64_t counted =
            check_ask(reader, "SELECT sum(value) FROM counter WHERE name NOT LIKE 'retired%'");

        world_open_at(&other, path, seed);
        ck_assert_int_eq(store_keep(other.store, &(struct store_limits){MINUTE, 0}), 0);
        while (store_retire(other.store) > 0)
            ;
        ck_assert_int_eq(
            check_ask(reader, "SELECT count(*) FROM stream"), 1); /* says what number was last */
        ck_assert_int_eq(check_ask(reader, "SELECT max(id) FROM stream"), streams);
        ck_assert_int_eq(check_ask(reader, "SELECT count(*) FROM runs"), 1);
        ck_assert_int_eq(
            check_ask(reader, "SELECT sum(value) FROM counter WHERE name NOT LIKE 'retired%'"),
            counted);
        world_make(&other, 10, 3, 0);
        ck_assert_int_eq(check_ask(reader, "SELECT count(*) FROM stream"), 1 + WORLD_STREAMS);
        world_close(&other);
        for (size_t i = 0; i < other.known.count; i++)
            buffer_fini(&other.known.items[i].records);
        list_fini(&other.known);
        for (size_t i = 0; i < other.names.count; i++)
            free(other.names.items[i]);
        list_fini(&other.names);
        list_fini(&other.operations);
    }
    store_reader_close(reader);
}
END_TEST

/* ---- size */

static atomic_int reading;
static atomic_uint answers;

static int count_row(void *context, const struct trace_row *row)
{
    (void)row;
    ++*(unsigned *)context;
    return 0;
}

static int count_operation(void *context, const struct operation_row *row)
{
    *(uint64_t *)context += row->stats.calls;
    return 0;
}

/* Asks again and again; nothing may fail. */
static void *read_on(void *context)
{
    struct store_reader *reader = world_read(&world);
    struct trace_page page = {.sort = SORT_DURATION, .limit = 50};

    (void)context;
    while (atomic_load(&reading)) {
        unsigned rows = 0;
        uint64_t calls = 0;

        page.sort = (enum trace_sort)(atomic_load(&answers) % TRACE_SORTS);
        ck_assert_msg(store_traces(reader, &store_filter_all, &page, count_row, &rows) == 0, "%s",
            store_reader_error(reader));
        ck_assert_msg(store_operations(reader, &store_filter_all, count_operation, &calls) == 0,
            "%s", store_reader_error(reader));
        atomic_fetch_add(&answers, 1);
        usleep(30000);
    }
    store_reader_close(reader);
    return NULL;
}

#define SIZE (4u << 20)
#define SLACK (SIZE / 4)

START_TEST(test_size)
{
    struct store_reader *reader;
    struct store_retired retired;
    uint64_t most = 0;
    pthread_t thread;
    size_t there = 0;

    keep(0, SIZE);
    world_make(&world, 100, 20, 4);
    atomic_store(&reading, 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, read_on, NULL), 0);
    for (int i = 0; i < 30; i++) {
        size_t first = world.known.count;

        world_make(&world, 1500, 3, 3);
        retire_all();
        if (i % 5 == 0)
            tidy_all();
        if (i % 10 == 0) {
            reader = world_read(&world);
            check_sums_so_far(reader);
            store_reader_close(reader);
        }
        if (bytes_in_file() > most) /* the log is as large as readers make it */
            most = bytes_in_file();
        reader = world_read(&world);
        for (size_t j = first; j < world.known.count; j += 17)
            ck_assert_int_eq(check_trace(reader, &world.known.items[j]), 1);
        store_reader_close(reader);
    }
    atomic_store(&reading, 0);
    pthread_join(thread, NULL);
    for (int i = 0; i < 500 && bytes_on_disk() > SIZE + SLACK; i++) {
        world_make(&world, 10, 3, 0); /* with nobody there the log begins anew */
        retire_all();
        usleep(10000);
    }
    store_retired(world.store, &retired);
    reader = world_read(&world);
    check_sums(reader);
    there = (size_t)check_ask(reader, "SELECT count(*) FROM trace");
    printf("%zu traces, %zu kept, %" PRIu64 " retired, at most %" PRIu64 " bytes, now %" PRIu64
           ", %u answers\n",
        world.known.count, there, retired.by_size, most, bytes_on_disk(), atomic_load(&answers));
    ck_assert_uint_le(most, SIZE + SLACK);
    ck_assert_uint_le(bytes_on_disk(), SIZE + SLACK);
    ck_assert_uint_eq(retired.excess, 0);
    ck_assert_uint_eq(world.known.count, there + retired.by_size);
    ck_assert_uint_gt(retired.by_size, 1000);
    ck_assert_uint_gt(there, 500);
    ck_assert_uint_gt(atomic_load(&answers), 0);
    store_reader_close(reader);
}
END_TEST

/* What is running is never touched, however large it is; that is said. */
START_TEST(test_open_trace_too_large)
{
    struct store_retired retired;
    struct store_reader *reader;
    uint64_t most, packed;

    for (int i = 0; i < 20; i++)
        world_leave_open(&world, 8000);
    reader = world_read(&world);
    most = bytes_in_file() - (uint64_t)check_ask(reader, "SELECT sum(length(data)) FROM chunk") / 4;
    printf("%" PRIu64 " bytes in the file, %" PRId64 " of them chunks, at most %" PRIu64 "\n",
        bytes_in_file(), check_ask(reader, "SELECT sum(length(data)) FROM chunk"), most);
    store_reader_close(reader);
    keep(0, most);
    retire_all();
    store_retired(world.store, &retired);
    ck_assert_uint_gt(retired.excess, 0);
    reader = world_read(&world);
    for (size_t i = 0; i < world.known.count; i++)
        ck_assert_int_eq(check_trace(reader, &world.known.items[i]), 1);
    /* Once it has ended it may go, and its chunks with it. */
    ck_assert_int_gt(check_ask(reader, "SELECT count(*) FROM chunk"), 0);
    store_reader_close(reader);
    world_close(&world);
    reader = world_read(&world);
    {
        struct assembler_start start;
        struct model model;
        char error[512];

        ck_assert_int_eq(model_init(&model), 0);
        world.store = store_open(world.path, DURABLE_COMMIT, &model, &start, error, sizeof(error));
        ck_assert_msg(world.store != NULL, "%s", error);
        keep(0, most);
        retire_all();
        store_retired(world.store, &retired);
        /* Their calls that were still open are counted now, and a minute that is not over stays. */
        packed = (uint64_t)check_ask(
            reader, "SELECT ifnull(sum((length(data) + 8191) / 4096), 0) * 4096 FROM path_packed");
        ck_assert_uint_le(retired.excess, packed);
        ck_assert_int_eq(check_ask(reader, "SELECT count(*) FROM chunk"), 0);
        ck_assert_uint_gt(retired.by_size, 0);
        check_sums(reader);
        store_reader_close(reader); /* the last to close copies the log into the file */
        model_fini(&model);
        store_close(world.store);
        world.store = NULL;
    }
    ck_assert_uint_le(bytes_on_disk(), most);
}
END_TEST

/* A block that cannot be read goes like others, as far as is known what it had. */
START_TEST(test_damaged_block)
{
    struct store_reader *reader;
    sqlite3 *handle;

    for (int i = 0; i < 5; i++) {
        world_leave_open(&world, 3000);
        world_make(&world, 50, 5, 0);
    }
    world_close(&world);
    ck_assert_int_eq(sqlite3_open(world.path, &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(handle,
                         "UPDATE block_data SET columns = x'0102' WHERE block IN"
                         " (SELECT id FROM block ORDER BY max_end DESC LIMIT 1)",
                         NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(handle);
    {
        struct assembler_start start;
        struct model model;
        char error[512];

        ck_assert_int_eq(model_init(&model), 0);
        world.store = store_open(world.path, DURABLE_COMMIT, &model, &start, error, sizeof(error));
        ck_assert_msg(world.store != NULL, "%s", error);
        keep(1, 0);
        retire_all();
        reader = world_read(&world);
        check_none(reader, "SELECT count(*) FROM block");
        check_none(reader, "SELECT count(*) FROM chunk");
        check_none(reader, "SELECT count(*) FROM retired");
        ck_assert_int_gt(
            check_ask(reader, "SELECT value FROM counter WHERE name = 'retired_unreadable'"), 0);
        store_reader_close(reader);
        model_fini(&model);
        store_close(world.store);
        world.store = NULL;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_retain");
    TCase *tcase = tcase_create("limits");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_age);
    tcase_add_test(tcase, test_streams);
    tcase_add_test(tcase, test_size);
    tcase_add_test(tcase, test_open_trace_too_large);
    tcase_add_test(tcase, test_damaged_block);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
