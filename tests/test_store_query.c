/* SPDX-License-Identifier: Apache-2.0 */
/* Random questions, answered by the store and by looking at every trace that went into it. */
#include "storage/sqlite/extension.h"
#include "storage/sqlite/queue.h"
#include "tests/store_world.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct world world;
static struct store_reader *reader;

static void set_up(void)
{
    world_open(&world, world_seed());
    world_make(&world, 400, 20, 60);
    world_make(&world, 5000, 5, 3);
    for (int i = 0; i < 30; i++)
        world_leave_open(&world, 6);
    while (store_tidy(world.store) > 0)
        ;
    world_make(&world, 50, 5, 10);
    reader = world_read(&world);
    world_learn_calls(&world, reader);
}

static void tear_down(void)
{
    store_reader_close(reader);
    world_close(&world);
    world_remove(&world);
}

/* ---- the plain oracle */

static int64_t key_of(const struct trace *trace, enum trace_sort sort)
{
    const int64_t keys[TRACE_SORTS] = {[SORT_START] = trace->start,
        [SORT_DURATION] = trace->end - trace->start,
        [SORT_CALLS] = (int64_t)trace->calls,
        [SORT_DEPTH] = trace->depth,
        [SORT_FAILED] = (int64_t)trace->failed,
        [SORT_ID] = (int64_t)trace->id};

    return keys[sort];
}

/* "*" at either end is all that the test's globs have. */
static int glob(const char *pattern, const char *text)
{
    size_t length = strlen(pattern);
    char middle[64];

    if (length > 1 && pattern[0] == '*' && pattern[length - 1] == '*') {
        snprintf(middle, sizeof(middle), "%.*s", (int)length - 2, pattern + 1);
        return strstr(text, middle) != NULL;
    }
    if (pattern[0] == '*')
        return strlen(text) >= length - 1 &&
               strcmp(text + strlen(text) - (length - 1), pattern + 1) == 0;
    return strcmp(pattern, text) == 0;
}

static int glob_operation(const char *pattern, uint32_t operation)
{
    char both[256];

    snprintf(both, sizeof(both), "%s.%s", world_component(&world, operation),
        world_operation(&world, operation));
    return glob(pattern, world_operation(&world, operation)) || glob(pattern, both);
}

static uint32_t root_of(const struct known *known)
{
    for (size_t i = known->calls.count; i > 0; i--)
        if (known->calls.items[i - 1].caller == 0 &&
            known->calls.items[i - 1].start == known->trace.start)
            return known->calls.items[i - 1].operation;
    return 0;
}

static int has_call(const struct known *known, const struct store_filter *filter)
{
    if (filter->operation == NULL && filter->component == NULL)
        return 1;
    for (size_t i = 0; i < known->calls.count; i++) {
        uint32_t operation = known->calls.items[i].operation;

        if ((filter->operation == NULL || glob_operation(filter->operation, operation)) &&
            (filter->component == NULL ||
                glob(filter->component, world_component(&world, operation))))
            return 1;
    }
    return 0;
}

static int has_edge(const struct known *known, const struct store_filter *filter)
{
    if (!filter->caller && !filter->callee && !filter->caller_component &&
        !filter->callee_component)
        return 1;
    for (size_t i = 0; i < known->calls.count; i++) {
        const struct known_call *call = &known->calls.items[i];
        int caller = 1;

        if (filter->callee && call->operation != (uint32_t)atoi(filter->callee))
            continue;
        if (filter->callee_component &&
            strcmp(filter->callee_component, world_component(&world, call->operation)) != 0)
            continue;
        if (filter->caller)
            caller = strcmp(filter->caller, "entry") == 0
                         ? call->caller == 0
                         : call->caller == (uint32_t)atoi(filter->caller);
        if (filter->caller_component)
            caller = call->caller != 0 &&
                     strcmp(filter->caller_component, world_component(&world, call->caller)) == 0;
        if (caller)
            return 1;
    }
    return 0;
}

static int passes(const struct known *known, const struct store_filter *filter)
{
    const struct trace *trace = &known->trace;
    int64_t duration = trace->end - trace->start;
    char run[16];

    snprintf(run, sizeof(run), "run%u", trace->stream - 1);
    if (filter->run && strcmp(filter->run, run) != 0)
        return 0;
    if (filter->host && strcmp(filter->host, world.names.items[trace->host]) != 0)
        return 0;
    if ((filter->since && trace->start < filter->since) ||
        (filter->until && trace->start > filter->until))
        return 0;
    if (duration < filter->min_duration ||
        (filter->max_duration && duration > filter->max_duration))
        return 0;
    if (trace->calls < filter->min_calls || (filter->failed && trace->failed == 0))
        return 0;
    if (filter->state == STATE_NOT_COMPLETE
            ? trace->state != TRACE_INCOMPLETE && trace->state != TRACE_DAMAGED
            : filter->state != STATE_ANY && trace->state != filter->state)
        return 0;
    if (filter->class && trace->class != filter->class)
        return 0;
    if (filter->root && (trace->root == 0 || !glob_operation(filter->root, root_of(known))))
        return 0;
    return has_call(known, filter) && has_edge(known, filter);
}

static enum trace_sort oracle_sort;

static int by_key(const void *a, const void *b)
{
    const struct known *x = *(struct known *const *)a, *y = *(struct known *const *)b;
    int64_t k = key_of(&x->trace, oracle_sort), l = key_of(&y->trace, oracle_sort);

    if (k != l)
        return k < l ? -1 : 1;
    return x->trace.id < y->trace.id ? -1 : x->trace.id > y->trace.id;
}

/* The known traces that pass, in order. */
static size_t oracle(
    const struct store_filter *filter, enum trace_sort sort, int ascending, struct known **out)
{
    size_t count = 0;

    for (size_t i = 0; i < world.known.count; i++)
        if (passes(&world.known.items[i], filter))
            out[count++] = &world.known.items[i];
    oracle_sort = sort;
    qsort(out, count, sizeof(*out), by_key);
    for (size_t i = 0; !ascending && i < count / 2; i++) {
        struct known *swap = out[i];

        out[i] = out[count - 1 - i];
        out[count - 1 - i] = swap;
    }
    return count;
}

/* ---- pages */

struct got {
    uint64_t ids[10000];
    size_t count;
};

static int keep_row(void *context, const struct trace_row *row)
{
    struct got *got = context;

    got->ids[got->count++] = row->trace.id;
    return 0;
}

static unsigned rnd(unsigned below)
{
    return (unsigned)rand_r(&world.seed) % below;
}

static const char *pick(const char *const *texts, unsigned count)
{
    return texts[rnd(count)];
}

static void random_filter(struct store_filter *filter)
{
    static const char *const globs[] = {
        "operation1", "*3", "*ration1*", "package.Class2.operation7", "nothing", "*"};
    static const char *const components[] = {"package.Class0", "*Class3", "none", "package.Class1"};
    static const char *const ids[] = {"1", "2", "3", "5", "11", "4000000", "entry"};
    const struct trace *some = &world.known.items[rnd((unsigned)world.known.count)].trace;
    const struct trace *other = &world.known.items[rnd((unsigned)world.known.count)].trace;

    *filter = store_filter_all;
    if (rnd(4) == 0)
        filter->since = some->start;
    if (rnd(4) == 0)
        filter->until = other->start;
    if (rnd(5) == 0)
        filter->min_duration = some->end - some->start;
    if (rnd(6) == 0)
        filter->max_duration = other->end - other->start + 1;
    if (rnd(6) == 0)
        filter->min_calls = rnd(6);
    if (rnd(6) == 0)
        filter->failed = 1;
    if (rnd(6) == 0)
        filter->state = (int)rnd(TRACE_STATES + 2) + STATE_NOT_COMPLETE;
    if (rnd(10) == 0)
        filter->class = some->class;
    if (rnd(6) == 0)
        filter->run = rnd(4) ? "run1" : "run7";
    if (rnd(8) == 0)
        filter->host = rnd(4) ? "host1" : "nowhere";
    if (rnd(5) == 0)
        filter->operation = pick(globs, 6);
    if (rnd(8) == 0)
        filter->component = pick(components, 4);
    if (rnd(8) == 0)
        filter->root = pick(globs, 6);
    if (rnd(6) == 0)
        filter->caller = pick(ids, 7);
    if (rnd(6) == 0)
        filter->callee = pick(ids, 6);
    if (rnd(10) == 0 && !filter->caller)
        filter->caller_component = pick(components, 4);
    if (rnd(10) == 0 && !filter->callee)
        filter->callee_component = pick(components, 4);
}

START_TEST(test_filters)
{
    struct known **expected = calloc(world.known.count, sizeof(*expected));
    struct got *got = calloc(1, sizeof(*got));

    for (int round = 0; round < 400; round++) {
        struct trace_page page = {
            .sort = (enum trace_sort)rnd(TRACE_SORTS), .ascending = (int)rnd(2)};
        struct store_filter filter;
        size_t count;

        random_filter(&filter);
        page.limit = rnd(3) ? rnd(50) : 9000;
        page.offset = rnd(3) ? 0 : rnd(100);
        count = oracle(&filter, page.sort, page.ascending, expected);
        got->count = 0;
        ck_assert_msg(store_traces(reader, &filter, &page, keep_row, got) == 0, "%s",
            store_reader_error(reader));
        ck_assert_uint_eq(page.total, count);
        ck_assert_uint_eq(got->count, count < page.offset                ? 0
                                      : count - page.offset < page.limit ? count - page.offset
                                                                         : page.limit);
        for (size_t i = 0; i < got->count; i++)
            ck_assert_uint_eq(got->ids[i], expected[page.offset + i]->trace.id);
        if (page.limit > 0)
            ck_assert_int_eq(page.next[0] != '\0', page.offset + got->count < count);
    }
    free(expected);
    free(got);
}
END_TEST

START_TEST(test_tokens_walk_through_all)
{
    struct known **expected = calloc(world.known.count, sizeof(*expected));
    struct got *got = calloc(1, sizeof(*got));

    for (int i = 0; i < TRACE_SORTS * 2; i++) {
        struct trace_page page = {.sort = (enum trace_sort)(i / 2), .ascending = i % 2};
        struct store_filter filter = store_filter_all;
        char token[64] = "";
        size_t count;

        if (i % 3 == 0)
            filter.operation = "*1";
        count = oracle(&filter, page.sort, page.ascending, expected);
        got->count = 0;
        do {
            page.limit = 1 + rnd(300);
            page.after = token[0] ? token : NULL;
            ck_assert_int_eq(store_traces(reader, &filter, &page, keep_row, got), 0);
            strcpy(token, page.next);
        } while (token[0]);
        ck_assert_uint_eq(got->count, count);
        for (size_t j = 0; j < count; j++)
            ck_assert_uint_eq(got->ids[j], expected[j]->trace.id);
    }
    free(expected);
    free(got);
}
END_TEST

START_TEST(test_bad_tokens)
{
    static const char *const tokens[] = {"x", "sd", "sd1", "sd1.", "sd1.2x", "sa1.2", "dd1.2",
        "sd.", "sd1.2 ", "sd99999999999999999999999999999.2", "\n"};
    struct got *got = calloc(1, sizeof(*got));

    for (size_t i = 0; i < sizeof(tokens) / sizeof(tokens[0]); i++) {
        struct trace_page page = {.sort = SORT_START, .limit = 5, .after = tokens[i]};

        ck_assert_msg(
            store_traces(reader, &store_filter_all, &page, keep_row, got) == -1, "%s", tokens[i]);
        ck_assert_ptr_nonnull(strstr(store_reader_error(reader), "next="));
    }
    free(got);
}
END_TEST

/* ---- SQL */

struct table {
    char cells[12000][8][24];
    unsigned rows, columns;
};

static int keep_columns(void *context, unsigned count, const char *const *names)
{
    (void)names;
    ((struct table *)context)->columns = count;
    return 0;
}

static int keep_cells(void *context, unsigned count, const struct sql_value *values)
{
    struct table *table = context;

    for (unsigned i = 0; i < count && i < 8; i++) {
        char *cell = table->cells[table->rows][i];

        if (values[i].type == SQL_INTEGER)
            snprintf(cell, 24, "%" PRId64, values[i].integer);
        else
            snprintf(cell, 24, "%s", values[i].type == SQL_TEXT ? values[i].text : "");
    }
    table->rows++;
    return 0;
}

static struct table *ask(const char *sql)
{
    static struct table table;
    const struct sql_sink sink = {keep_columns, keep_cells, &table};

    table.rows = 0;
    ck_assert_msg(store_sql(reader, sql, &sink) == 0, "%s: %s", sql, store_reader_error(reader));
    return &table;
}

static int64_t ask_number(const char *sql)
{
    return atoll(ask(sql)->cells[0][0]);
}

static const struct {
    const char *column;
    enum trace_sort sort;
} sql_sorts[] = {{"start_at", SORT_START}, {"duration_ns", SORT_DURATION}, {"calls", SORT_CALLS},
    {"depth", SORT_DEPTH}, {"failed", SORT_FAILED}, {"id", SORT_ID}};

START_TEST(test_sql_traces)
{
    static const char *const operators[] = {"<", "<=", "=", ">=", ">", "<>"};
    struct known **expected = calloc(world.known.count, sizeof(*expected));

    for (int round = 0; round < 200; round++) {
        unsigned sort = rnd(TRACE_SORTS), on = rnd(TRACE_SORTS), operator= rnd(6);
        int ascending = (int)rnd(2), state = (int)rnd(5);
        const struct trace *some = &world.known.items[rnd((unsigned)world.known.count)].trace;
        int64_t bound = key_of(some, sql_sorts[on].sort);
        size_t count = oracle(&store_filter_all, sql_sorts[sort].sort, ascending, expected), at = 0;
        struct table *table;
        char sql[512], more[64] = "";

        if (state < TRACE_STATES)
            snprintf(
                more, sizeof(more), " AND state = '%s'", trace_state_name((enum trace_state)state));
        snprintf(sql, sizeof(sql), "SELECT id, %s FROM trace WHERE %s %s %" PRId64 "%s%s ORDER BY %s %s, id %s",
            sql_sorts[on].column, sql_sorts[on].column, operators[operator], bound, rnd(4) ? "" : ".0", more,
            sql_sorts[sort].column, ascending ? "" : "DESC", ascending ? "" : "DESC");
        if (strstr(sql, ".0") && bound > 9007199254740992)
            continue;
        table = ask(sql);
        for (size_t i = 0; i < count; i++) {
            int64_t key = key_of(&expected[i]->trace, sql_sorts[on].sort);
            const int verdicts[] = {
                key<bound, key <= bound, key == bound, key >= bound, key> bound, key != bound};

            if (!verdicts[operator] || (state < TRACE_STATES && expected[i]->trace.state != state))
                continue;
            ck_assert_msg(at < table->rows &&
                              strtoull(table->cells[at][0], NULL, 10) == expected[i]->trace.id,
                "%s", sql);
            at++;
        }
        ck_assert_msg(at == table->rows, "%s", sql);
    }
    free(expected);
}
END_TEST

START_TEST(test_sql_columns)
{
    const struct known *known = &world.known.items[10];
    struct table *table;
    char sql[256];

    snprintf(sql, sizeof(sql),
        "SELECT run, host, root, component, state, trace_id, session FROM trace WHERE id = "
        "%" PRIu64,
        known->trace.id);
    table = ask(sql);
    ck_assert_uint_eq(table->rows, 1);
    ck_assert_str_eq(table->cells[0][1], world.names.items[known->trace.host]);
    ck_assert_str_eq(table->cells[0][2], world_operation(&world, root_of(known)));
    ck_assert_str_eq(table->cells[0][4], trace_state_name((enum trace_state)known->trace.state));
    ck_assert_int_eq(atoll(table->cells[0][5]), known->trace.kieker_id);
    ck_assert_uint_eq((uint64_t)ask_number("SELECT count(*) FROM trace"), world.known.count);
    ck_assert_int_eq(ask_number("SELECT count(*) FROM trace WHERE id = 7.5"), 0);
    ck_assert_int_eq(ask_number("SELECT count(*) FROM trace WHERE id < 7.5"), 7);
    ck_assert_int_eq(ask_number("SELECT count(*) FROM trace WHERE id = NULL"), 0);
    ck_assert_int_eq(
        ask_number("SELECT count(*) FROM trace WHERE state = 'nonsense' OR run = 'run9'"), 0);
    ck_assert_int_eq(ask_number("SELECT count(*) FROM trace WHERE class IS NULL"),
        ask_number("SELECT count(*) FROM trace WHERE state = 'running'"));
    ck_assert_int_eq(ask_number("SELECT count(*) FROM trace a JOIN trace b ON a.id = b.id WHERE "
                                "b.duration_ns > 100000"),
        ask_number("SELECT count(*) FROM trace WHERE duration_ns > 100000"));
    ck_assert_int_eq(ask_number("SELECT count(*) FROM trace WHERE run = 'run0'") +
                         ask_number("SELECT count(*) FROM trace WHERE run = 'run1'") +
                         ask_number("SELECT count(*) FROM trace WHERE run = 'run2'"),
        (int64_t)world.known.count);
}
END_TEST

START_TEST(test_sql_calls)
{
    uint64_t calls = 0, self = 0;
    char sql[256];

    for (size_t i = 0; i < world.known.count; i++) {
        const struct known *known = &world.known.items[i];

        calls += known->calls.count;
        for (size_t j = 0; j < known->calls.count; j++)
            self += (uint64_t)known->calls.items[j].self;
        if (i % 97 == 0) {
            snprintf(sql, sizeof(sql), "SELECT count(*) FROM call WHERE trace = %" PRIu64,
                known->trace.id);
            ck_assert_uint_eq((uint64_t)ask_number(sql), known->calls.count);
            snprintf(sql, sizeof(sql),
                "SELECT max(duration_ns) FROM call WHERE trace = %" PRIu64 " AND parent IS NULL",
                known->trace.id);
            if (known->trace.calls > 0)
                ck_assert_int_eq(ask_number(sql), known->trace.end - known->trace.start);
        }
    }
    ck_assert_uint_eq((uint64_t)ask_number("SELECT count(*) FROM call"), calls);
    ck_assert_uint_eq((uint64_t)ask_number("SELECT sum(self_ns) FROM call"), self);
    ck_assert_uint_eq((uint64_t)ask_number("SELECT sum(t.calls) FROM trace t"), calls);
    ck_assert_uint_eq(
        (uint64_t)ask_number("SELECT count(*) FROM trace t JOIN call c ON c.trace = t.id"), calls);
    ck_assert_int_eq(ask_number("SELECT count(*) FROM call WHERE trace = 123456789"), 0);
    ck_assert_int_eq(
        ask_number(
            "SELECT count(*) FROM call a JOIN call b ON b.trace = a.trace AND b.call = a.parent"
            " WHERE a.trace = 3"),
        ask_number("SELECT count(*) FROM call WHERE trace = 3 AND parent IS NOT NULL"));
}
END_TEST

START_TEST(test_sql_only_reads)
{
    static const char *const refused[] = {"DELETE FROM block", "INSERT INTO name VALUES (1, 'x')",
        "CREATE TABLE t (x)", "CREATE TEMP TABLE t (x)", "ATTACH '/tmp/x.db' AS x",
        "PRAGMA query_only = 0", "PRAGMA journal_mode = DELETE", "BEGIN IMMEDIATE", "VACUUM",
        "SELECT load_extension('x')", "SELECT 1; SELECT 2", "", "-- nothing", "SELEC 1",
        "SELECT * FROM nowhere", "PRAGMA user_version = 7", "PRAGMA writable_schema = 1",
        "DROP VIEW operations", "REINDEX", "ANALYZE", "DETACH main", "SAVEPOINT a",
        "EXPLAIN DELETE FROM block", "SELECT writefile('/tmp/x', 'y')"};
    struct table *table = calloc(1, sizeof(*table));
    const struct sql_sink sink = {keep_columns, keep_cells, table};

    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        ck_assert_msg(store_sql(reader, refused[i], &sink) == -1, "%s", refused[i]);
        ck_assert_uint_gt(strlen(store_reader_error(reader)), 10);
    }
    ck_assert_int_eq(store_sql(reader, "SELECT 1; -- and that is all\n ;", &sink), 0);
    ck_assert_int_eq(store_sql(reader, "PRAGMA table_info(block)", &sink), 0);
    store_reader_limit(reader, 50);
    ck_assert_int_eq(store_sql(reader,
                         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT "
                         "count(*) FROM n",
                         &sink),
        -1);
    ck_assert_ptr_nonnull(strstr(store_reader_error(reader), "longer than"));
    store_reader_limit(reader, 0);
    ck_assert_int_eq(store_sql(reader, "SELECT count(*) FROM trace", &sink), 0);
    free(table);
}
END_TEST

START_TEST(test_sql_views)
{
    static const char *const views[] = {"operations", "paths", "classes", "runs", "streams",
        "records", "path_statistics", "property"};
    char sql[128];

    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        snprintf(sql, sizeof(sql), "SELECT * FROM %s", views[i]);
        ck_assert_msg(ask(sql)->rows > 0, "%s", sql);
    }
    ck_assert_int_eq(ask_number("SELECT sum(traces) FROM classes"),
        ask_number("SELECT count(*) FROM trace WHERE state <> 'running'"));
    ck_assert_int_eq(ask_number("SELECT max(max_ns) FROM classes"),
        ask_number("SELECT max(duration_ns) FROM trace WHERE state <> 'running'"));
    ck_assert_int_eq(ask_number("SELECT count(*) FROM classes c JOIN trace t ON t.id = c.slowest"
                                " WHERE t.class = c.id AND t.duration_ns = c.max_ns"),
        ask_number("SELECT count(*) FROM class"));
    ck_assert_int_eq(ask_number("SELECT count(*) FROM classes c JOIN trace t ON t.id = c.latest"
                                " WHERE t.class = c.id AND t.start_at = c.latest_at"),
        ask_number("SELECT count(*) FROM class"));
}
END_TEST

/* ---- the same tables on a connection of somebody else */

START_TEST(test_extension)
{
    static const char *const queries[] = {
        "SELECT count(*), sum(duration_ns), group_concat(DISTINCT state) FROM trace",
        "SELECT count(*), sum(self_ns) FROM call", "SELECT count(*), max(p99_ns) FROM operations"};
    char *error = NULL;
    sqlite3 *handle;

    ck_assert_int_eq(sqlite3_open_v2(world.path, &handle, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_msg(sqlite3_kieker_init(handle, &error, NULL) == SQLITE_OK, "%s", error);
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        struct table *table = ask(queries[i]);
        sqlite3_stmt *statement;

        ck_assert_int_eq(sqlite3_prepare_v2(handle, queries[i], -1, &statement, NULL), SQLITE_OK);
        ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
        for (unsigned j = 0; j < table->columns; j++)
            ck_assert_int_eq(strncmp((const char *)sqlite3_column_text(statement, (int)j),
                                 table->cells[0][j], 23),
                0);
        sqlite3_finalize(statement);
    }
    ck_assert_int_eq(sqlite3_close(handle), SQLITE_OK);

    ck_assert_int_eq(sqlite3_open(":memory:", &handle), SQLITE_OK);
    ck_assert_int_eq(sqlite3_kieker_init(handle, &error, NULL), SQLITE_ERROR);
    ck_assert_ptr_nonnull(strstr(error, "kieker-collector"));
    sqlite3_free(error);
    ck_assert_int_eq(sqlite3_close(handle), SQLITE_OK);
}
END_TEST

/* ---- the queue of a scan, which keeps but the first */

static int by_waiting(const void *a, const void *b)
{
    return waiting_is_before(a, b) ? -1 : waiting_is_before(b, a);
}

START_TEST(test_queue)
{
    struct waiting items[2000];
    struct queue queue = {.most = 1 + rnd(300)};
    size_t given = 0;

    for (int i = 0; i < 2000; i++)
        items[i] = (struct waiting){.key = rnd(50), .id = i};
    while (given < 2000) {
        /* as a scan does: all that were not given, in any order */
        for (int i = 0; i < 2000; i++) {
            struct waiting item = items[(size_t)i * 7 % 2000];

            if (given == 0 || waiting_is_before(&items[given - 1], &item))
                ck_assert_int_eq(queue_add(&queue, item), 0);
        }
        if (given == 0)
            qsort(items, 2000, sizeof(items[0]), by_waiting);
        ck_assert_uint_le(queue.heap.count, 2 * queue.most);
        while (queue.heap.count > 0) {
            struct waiting first = queue_take(&queue);

            ck_assert_int_eq(first.id, items[given].id);
            given++;
        }
        ck_assert(queue.dropped || given == 2000);
        queue.dropped = 0;
    }
    queue_fini(&queue);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_query");
    TCase *tcase = tcase_create("questions");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 600);
    tcase_add_unchecked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, test_filters);
    tcase_add_test(tcase, test_tokens_walk_through_all);
    tcase_add_test(tcase, test_bad_tokens);
    tcase_add_test(tcase, test_sql_traces);
    tcase_add_test(tcase, test_sql_columns);
    tcase_add_test(tcase, test_sql_calls);
    tcase_add_test(tcase, test_sql_only_reads);
    tcase_add_test(tcase, test_sql_views);
    tcase_add_test(tcase, test_extension);
    tcase_add_loop_test(tcase, test_queue, 0, 20);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
