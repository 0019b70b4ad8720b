/* SPDX-License-Identifier: Apache-2.0 */
/* What goes wrong outside: killed collectors, foreign and damaged files, two writers, no
 * permission, readers meanwhile. */
#include "tests/store_world.h"

#include <check.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* Opens a store; NULL with the sentence. */
static struct store *try_open(const char *path, struct model *model, char *error)
{
    struct assembler_start start;

    ck_assert_int_eq(model_init(model), 0);
    error[0] = '\0';
    return store_open(path, DURABLE_COMMIT, model, &start, error, 512);
}

static void must_refuse(const char *path, const char *words)
{
    struct model model;
    char error[512];

    ck_assert_ptr_null(try_open(path, &model, error));
    ck_assert_msg(strstr(error, words) != NULL, "%s", error);
    ck_assert_msg(
        strstr(error, strrchr(path, '/') + 1) != NULL, "does not name the file: %s", error);
    model_fini(&model);
}

static int64_t sql_number(const char *path, const char *sql)
{
    sqlite3_stmt *statement;
    sqlite3 *handle;
    int64_t number;

    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(handle);
    return number;
}

static void sql_do(const char *path, const char *sql)
{
    sqlite3 *handle;
    char *error = NULL;

    ck_assert_int_eq(sqlite3_open(path, &handle), SQLITE_OK);
    ck_assert_msg(sqlite3_exec(handle, sql, NULL, NULL, &error) == SQLITE_OK, "%s", error);
    sqlite3_close(handle);
}

/* ---- a killed collector */

/* The child goes on where the parent was, and ends as a killed process does. */
static void killed_with_open_traces(void)
{
    pid_t child;
    int status;

    world_forget(&world);
    child = fork();
    if (child == 0) {
        struct world other;

        world_open_at(&other, world.path, world.seed);
        world_make(&other, 200, 10, 5);
        for (int i = 0; i < 7; i++)
            world_leave_open(&other, 5);
        _exit(0);
    }
    waitpid(child, &status, 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static int keep_counter(void *context, const char *name, uint64_t value)
{
    if (strcmp(name, "open_calls") == 0)
        *(uint64_t *)context = value;
    return 0;
}

static int count_calls(void *context, const struct chunk_view *chunk)
{
    ck_assert_int_eq(walk_feed(context, chunk), 0);
    return 0;
}

static int check_incomplete(void *context, const struct trace_row *row)
{
    const struct walker walker = {0};
    struct walk *walk = walk_new(&row->trace, &walker);
    struct store_reader *other = world_read(&world);

    ++*(int *)context;
    ck_assert_uint_ne(row->trace.flaws & FLAW_OPEN_CALLS, 0);
    ck_assert_int_eq(store_chunks(other, row->trace.id, count_calls, walk), 0);
    ck_assert_int_eq(walk_end(walk), 0);
    walk_free(walk);
    store_reader_close(other);
    return 0;
}

START_TEST(test_leftovers)
{
    struct store_filter incomplete = store_filter_all;
    struct trace_page page = {.limit = 100};
    struct store_status before, after;
    struct assembler_start start;
    struct store_reader *reader;
    uint64_t open_calls = 0;
    struct model model;
    char error[512];
    int count = 0;

    killed_with_open_traces();
    reader = world_read(&world);
    ck_assert_int_eq(store_status(reader, &before), 0);
    ck_assert_uint_ge(before.states[TRACE_RUNNING], 7);
    ck_assert_uint_ge(before.open_streams, WORLD_STREAMS);

    ck_assert_int_eq(model_init(&model), 0);
    world.store = store_open(world.path, DURABLE_POWER, &model, &start, error, sizeof(error));
    ck_assert_msg(world.store != NULL, "%s", error);
    ck_assert_uint_ge(start.last_trace, before.traces);
    ck_assert_uint_eq(start.last_stream, before.streams);
    ck_assert_uint_gt(start.last_batch, 3);
    ck_assert_uint_eq(model.operations.count - 1, before.operations);
    ck_assert_int_eq(store_status(reader, &after), 0);
    ck_assert_uint_eq(after.traces, before.traces);
    ck_assert_uint_eq(after.calls, before.calls);
    ck_assert_uint_eq(after.states[TRACE_RUNNING], 0);
    ck_assert_uint_eq(after.open_streams, 0);
    incomplete.state = STATE_NOT_COMPLETE;
    ck_assert_int_eq(store_traces(reader, &incomplete, &page, check_incomplete, &count), 0);
    ck_assert_int_ge(count, 7);
    ck_assert_int_eq(store_counters(reader, keep_counter, &open_calls), 0);
    ck_assert_uint_ge(open_calls, 7);
    store_reader_close(reader);
    store_close(world.store);
    world.store = NULL;
    model_fini(&model);
}
END_TEST

/* Ids go on behind the last, also when its trace is gone. */
START_TEST(test_numbering_goes_on)
{
    struct assembler_start start;
    struct model model;
    char error[512];
    uint64_t last = 0;

    world_make(&world, 50, 5, 4);
    for (size_t i = 0; i < world.known.count; i++)
        last = world.known.items[i].trace.id > last ? world.known.items[i].trace.id : last;
    world_close(&world);
    sql_do(world.path, "DELETE FROM block; DELETE FROM block_data");
    ck_assert_int_eq(model_init(&model), 0);
    world.store = store_open(world.path, DURABLE_COMMIT, &model, &start, error, sizeof(error));
    ck_assert_uint_eq(start.last_trace, last);
    store_close(world.store);
    world.store = NULL;
    model_fini(&model);
}
END_TEST

/* ---- what is not ours to write */

START_TEST(test_second_writer)
{
    must_refuse(world.path, "another collector (process ");
    world_close(&world);
}
END_TEST

START_TEST(test_newer_schema)
{
    struct store_reader *reader;
    char error[512];
    int missing;

    world_close(&world);
    sql_do(world.path, "PRAGMA user_version = 99");
    must_refuse(world.path, "newer Kieker");
    reader = store_read(world.path, error, sizeof(error), &missing);
    ck_assert_ptr_null(reader);
    ck_assert_int_eq(missing, 0);
    ck_assert_ptr_nonnull(strstr(error, "newer Kieker"));
    ck_assert_int_eq(sql_number(world.path, "PRAGMA user_version"), 99);
}
END_TEST

START_TEST(test_foreign_files)
{
    char path[256], text[300];
    char error[512];
    int missing, file;

    snprintf(path, sizeof(path), "%s/foreign.db", world.directory);
    sql_do(path, "CREATE TABLE mine (x); PRAGMA user_version = 1");
    must_refuse(path, "another program");
    ck_assert_ptr_null(store_read(path, error, sizeof(error), &missing));
    ck_assert_int_eq(sql_number(path, "SELECT count(*) FROM sqlite_master"), 1);

    snprintf(path, sizeof(path), "%s/text.db", world.directory);
    memset(text, 'x', sizeof(text));
    file = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(write(file, text, sizeof(text)), sizeof(text));
    close(file);
    must_refuse(path, "not a database");
    ck_assert_ptr_null(store_read(path, error, sizeof(error), &missing));
    ck_assert_ptr_nonnull(strstr(error, "not a database"));

    snprintf(text, sizeof(text), "%s/below", path);
    must_refuse(text, "cannot be made");
    must_refuse(world.directory, "cannot");
}
END_TEST

START_TEST(test_nothing_there)
{
    char path[256], error[512];
    int missing, file;

    snprintf(path, sizeof(path), "%s/nothing.db", world.directory);
    ck_assert_ptr_null(store_read(path, error, sizeof(error), &missing));
    ck_assert_int_eq(missing, 1);
    ck_assert_ptr_nonnull(strstr(error, "no database"));
    ck_assert_int_eq(access(path, F_OK), -1);
    file = open(path, O_WRONLY | O_CREAT, 0600);
    close(file);
    ck_assert_ptr_null(store_read(path, error, sizeof(error), &missing));
    ck_assert_int_eq(missing, 1);
}
END_TEST

/* As another user: root may write anywhere. */
START_TEST(test_no_permission)
{
    struct store_status status;
    struct store_reader *reader;
    char directory[160];
    pid_t child;
    int ended;

    world_make(&world, 20, 5, 0);
    world_close(&world);
    snprintf(directory, sizeof(directory), "%s/new", world.directory);
    ck_assert_int_eq(
        chmod(world.directory, 0755) | chmod(directory, 0555) | chmod(world.path, 0444), 0);
    child = fork();
    if (child == 0) {
        if (getuid() == 0)
            ck_assert_int_eq(setuid(65534), 0);
        must_refuse(world.path, "may be written");
        reader = world_read(&world);
        ck_assert_int_eq(store_status(reader, &status), 0);
        ck_assert_uint_eq(status.traces, world.known.count);
        store_reader_close(reader);
        _exit(0);
    }
    waitpid(child, &ended, 0);
    chmod(directory, 0755);
    ck_assert(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
}
END_TEST

START_TEST(test_default_location)
{
    char *location, home[160];
    struct model model;
    struct store *store;
    struct stat status;
    char error[512];

    setenv("KIEKER_DATABASE", "/a/b.db", 1);
    location = store_default_location();
    ck_assert_str_eq(location, "/a/b.db");
    free(location);
    unsetenv("KIEKER_DATABASE");
    snprintf(home, sizeof(home), "%s/home", world.directory);
    setenv("HOME", home, 1);
    setenv("XDG_STATE_HOME", "relative", 1);
    location = store_default_location();
    ck_assert_ptr_nonnull(strstr(location, "/home/.local/state/kieker/kieker.db"));
    store = try_open(location, &model, error);
    ck_assert_msg(store != NULL, "%s", error);
    *strrchr(location, '/') = '\0';
    ck_assert_int_eq(stat(location, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0700);
    store_close(store);
    model_fini(&model);
    free(location);
    unsetenv("HOME");
    unsetenv("XDG_STATE_HOME");
    ck_assert_ptr_null(store_default_location());
}
END_TEST

/* ---- damage */

static int no_row(void *context, const struct trace_row *row)
{
    (void)context;
    (void)row;
    return 0;
}

static int no_chunk(void *context, const struct chunk_view *chunk)
{
    return walk_feed(context, chunk) < 0;
}

static int no_columns(void *context, unsigned count, const char *const *names)
{
    (void)context;
    (void)count;
    (void)names;
    return 0;
}

static int no_values(void *context, unsigned count, const struct sql_value *values)
{
    (void)context;
    (void)count;
    (void)values;
    return 0;
}

/* Everything is asked; what fails says why. */
static unsigned ask_everything(void)
{
    const struct sql_sink sink = {no_columns, no_values, NULL};
    static const char *const questions[] = {"SELECT * FROM trace",
        "SELECT count(*), sum(self_ns) FROM call", "SELECT * FROM operations",
        "SELECT * FROM classes", "SELECT * FROM paths"};
    struct store_reader *reader = world_read(&world);
    const struct walker walker = {0};
    unsigned failed = 0;

    for (int sort = 0; sort < TRACE_SORTS; sort++) {
        struct trace_page page = {.sort = (enum trace_sort)sort, .limit = 1000};
        struct store_filter filter = store_filter_all;

        if (sort % 2)
            filter.operation = "*1";
        if (store_traces(reader, &filter, &page, no_row, NULL) < 0) {
            failed++;
            ck_assert_ptr_nonnull(strstr(store_reader_error(reader), world.path));
        }
    }
    for (uint64_t id = 1; id <= 60; id++) {
        struct trace_row row;
        struct walk *walk;

        if (store_trace(reader, id, &row) <= 0) {
            failed++;
            continue;
        }
        walk = walk_new(&row.trace, &walker);
        failed += store_chunks(reader, id, no_chunk, walk) < 0 || walk_end(walk) < 0;
        walk_free(walk);
    }
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        failed += store_sql(reader, questions[i], &sink) < 0;
    failed += store_left_out(reader) > 0; /* went on without */
    store_reader_close(reader);
    return failed;
}

static const struct {
    const char *table, *column, *key;
} blobs[] = {{"block_data", "columns", "block"}, {"block_data", "structure", "block"},
    {"block_data", "times", "block"}, {"block_data", "logged", "block"}, {"block", "classes", "id"},
    {"block", "roots", "id"}, {"chunk", "data", "id"}, {"open_trace", "data", "id"},
    {"class", "paths", "id"}, {"class_total", "histogram", "class"},
    {"path_minute", "histogram", "id"}, {"path_packed", "data", "id"}};

/* Flips some bits of a blob, cuts or lengthens it. */
static void damage(sqlite3 *handle, unsigned which, unsigned *seed)
{
    sqlite3_stmt *statement;
    unsigned char *copy;
    char sql[256];
    int size;

    snprintf(sql, sizeof(sql),
        "SELECT %s, %s FROM %s WHERE length(%s) > 0 ORDER BY %s * %d %% 1009 LIMIT 1",
        blobs[which].column, blobs[which].key, blobs[which].table, blobs[which].column,
        blobs[which].key, rand_r(seed) % 1000 + 1);
    ck_assert_int_eq(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    if (sqlite3_step(statement) != SQLITE_ROW) {
        sqlite3_finalize(statement);
        return;
    }
    size = sqlite3_column_bytes(statement, 0);
    copy = malloc((size_t)size + 1);
    memcpy(copy, sqlite3_column_blob(statement, 0), (size_t)size);
    snprintf(sql, sizeof(sql), "UPDATE %s SET %s = ? WHERE %s = %lld", blobs[which].table,
        blobs[which].column, blobs[which].key, (long long)sqlite3_column_int64(statement, 1));
    sqlite3_finalize(statement);
    if (rand_r(seed) % 4 == 0)
        size -= rand_r(seed) % size;
    else if (rand_r(seed) % 4 == 0)
        copy[size++] = (unsigned char)rand_r(seed);
    for (int flips = rand_r(seed) % 3; flips >= 0 && size > 0; flips--)
        copy[rand_r(seed) % size] ^= (unsigned char)(1 << rand_r(seed) % 8);
    ck_assert_int_eq(sqlite3_prepare_v2(handle, sql, -1, &statement, NULL), SQLITE_OK);
    sqlite3_bind_blob(statement, 1, copy, size, SQLITE_TRANSIENT);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
    free(copy);
}

/* A collector that finds damage says so or goes on; what there is to merge it merges or leaves. */
static void open_anyhow(void)
{
    struct model model;
    char error[512];
    struct store *store = try_open(world.path, &model, error);

    if (store == NULL)
        ck_assert_msg(strstr(error, world.path) != NULL, "%s", error);
    else
        while (store_tidy(store) > 0)
            ;
    if (store && store_keep(store, &(struct store_limits){1, 0}) == 0)
        while (store_retire(store) > 0)
            ;
    store_close(store);
    model_fini(&model);
}

START_TEST(test_damage)
{
    char command[1024];
    unsigned failed = 0;
    sqlite3 *handle;

    world_make(&world, 300, 10, 6);
    for (int i = 0; i < 5; i++)
        world_leave_open(&world, 5);
    world_forget(&world);
    snprintf(command, sizeof(command), "cp %s %s.good", world.path, world.path);
    ck_assert_int_eq(system(command), 0);
    ck_assert_uint_eq(ask_everything(), 0);
    for (int round = 0; round < 150; round++) {
        snprintf(command, sizeof(command), "cp %s.good %s && rm -f %s-wal %s-shm", world.path,
            world.path, world.path, world.path);
        ck_assert_int_eq(system(command), 0);
        ck_assert_int_eq(sqlite3_open(world.path, &handle), SQLITE_OK);
        damage(handle, (unsigned)round % (sizeof(blobs) / sizeof(blobs[0])), &world.seed);
        sqlite3_close(handle);
        failed += ask_everything() > 0;
        open_anyhow();
    }
    ck_assert_uint_gt(failed, 50);
}
END_TEST

/* ---- readers meanwhile */

static volatile int writing;

static int add_trace(void *context, const struct trace_row *row)
{
    uint64_t *last = context;

    ck_assert_uint_lt(row->trace.id, *last);
    *last = row->trace.id;
    return 0;
}

/* Each answer is of one state: totals agree with rows, and nothing that was there goes away. */
static void *read_meanwhile(void *context)
{
    struct store_reader *reader = world_read(&world);
    uint64_t most = 0, *rounds = context;

    while (writing) {
        struct trace_page page = {.sort = SORT_ID, .limit = 1000000};
        struct store_status status;
        uint64_t last = UINT64_MAX;

        ck_assert_msg(store_traces(reader, &store_filter_all, &page, add_trace, &last) == 0, "%s",
            store_reader_error(reader));
        ck_assert_uint_ge(page.total, most);
        ck_assert(page.total == 0 || last == 1);
        most = page.total;
        ck_assert_int_eq(store_status(reader, &status), 0);
        ck_assert_uint_ge(status.traces, most);
        ++*rounds;
    }
    store_reader_close(reader);
    return NULL;
}

START_TEST(test_reading_while_committing)
{
    uint64_t rounds[2] = {0};
    pthread_t threads[2];

    writing = 1;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, read_meanwhile, &rounds[i]), 0);
    for (int i = 0; i < 60 || rounds[0] < 3 || rounds[1] < 3; i++) {
        world_make(&world, 30, 6, 3);
        while (store_tidy(world.store) > 0)
            ;
    }
    writing = 0;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_faults");
    TCase *tcase = tcase_create("faults");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 600);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_leftovers);
    tcase_add_test(tcase, test_numbering_goes_on);
    tcase_add_test(tcase, test_second_writer);
    tcase_add_test(tcase, test_newer_schema);
    tcase_add_test(tcase, test_foreign_files);
    tcase_add_test(tcase, test_nothing_there);
    tcase_add_test(tcase, test_no_permission);
    tcase_add_test(tcase, test_default_location);
    tcase_add_test(tcase, test_damage);
    tcase_add_test(tcase, test_reading_while_committing);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
