/* SPDX-License-Identifier: Apache-2.0 */
/* Statistics: by operation, edge, path and minute, against sums over every call that is stored. */
#include "tests/store_world.h"

#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE INT64_C(60000000000)

static struct world world;
static struct store_reader *reader;

/* The calls of an hour and more: totals, minutes that are not yet in them, and late ones. */
static void set_up(void)
{
    world_open(&world, world_seed());
    for (int i = 0; i < 12; i++) {
        int64_t now = world.now;

        world_make(&world, 40, 12, 5);
        world.now += 5 * MINUTE + rand_r(&world.seed) % MINUTE;
        while (store_tidy(world.store) > 0)
            ;
        if (i == 7) {
            int64_t later = world.now;

            world.now = now - 9 * MINUTE;
            world_make(&world, 50, 12, 2);
            world.now = later;
        }
    }
    for (int i = 0; i < 5; i++)
        world_leave_open(&world, 6);
    reader = world_read(&world);
    world_learn_calls(&world, reader);
}

static void tear_down(void)
{
    store_reader_close(reader);
    world_close(&world);
    world_remove(&world);
}

/* ---- the oracle: all ended calls that a test takes, sorted by duration */

struct sum {
    struct call_stats stats;
    LIST(int64_t) durations;
};

static void sum_add(struct sum *sum, const struct known_call *call)
{
    struct call_stats *stats = &sum->stats;

    if (stats->calls == 0 || call->duration < stats->minimum)
        stats->minimum = call->duration;
    if (stats->calls == 0 || call->duration > stats->maximum)
        stats->maximum = call->duration;
    stats->calls++;
    stats->failed += call->failed != 0;
    stats->total += (uint64_t)call->duration;
    stats->self += (uint64_t)call->self;
    *list_add(&sum->durations) = call->duration;
}

static int ascending(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static void near_quantile(struct sum *sum, double q, int64_t got)
{
    size_t rank = (size_t)ceil((double)sum->durations.count * q);
    int64_t expected = sum->durations.items[rank > 0 ? rank - 1 : 0];

    ck_assert_msg(llabs(got - expected) <= expected / 100 + 1, "%" PRId64 " is not near %" PRId64,
        got, expected);
}

static void sum_check(struct sum *sum, const struct call_stats *got)
{
    ck_assert_uint_eq(got->calls, sum->stats.calls);
    if (got->calls > 0) {
        ck_assert_uint_eq(got->failed, sum->stats.failed);
        ck_assert_uint_eq(got->total, sum->stats.total);
        ck_assert_uint_eq(got->self, sum->stats.self);
        ck_assert_int_eq(got->minimum, sum->stats.minimum);
        ck_assert_int_eq(got->maximum, sum->stats.maximum);
        qsort(sum->durations.items, sum->durations.count, sizeof(int64_t), ascending);
        near_quantile(sum, 0.50, got->p50);
        near_quantile(sum, 0.95, got->p95);
        near_quantile(sum, 0.99, got->p99);
    }
    list_fini(&sum->durations);
}

static int64_t minute_of(const struct known_call *call)
{
    return (call->start + call->duration) / MINUTE;
}

static int lies_in(
    const struct known *known, const struct known_call *call, const struct store_filter *filter)
{
    char run[16];

    snprintf(run, sizeof(run), "run%u", known->trace.stream - 1);
    return !call->open && (!filter->run || strcmp(filter->run, run) == 0) &&
           (!filter->host || strcmp(filter->host, world.names.items[known->trace.host]) == 0) &&
           (!filter->since || minute_of(call) >= filter->since / MINUTE) &&
           (!filter->until || minute_of(call) <= filter->until / MINUTE);
}

/* Calls `take` for each call that lies in the filter's run, host and time. */
static void each_call(const struct store_filter *filter,
    void (*take)(void *context, const struct known *known, const struct known_call *call),
    void *context)
{
    for (size_t i = 0; i < world.known.count; i++)
        for (size_t j = 0; j < world.known.items[i].calls.count; j++)
            if (lies_in(&world.known.items[i], &world.known.items[i].calls.items[j], filter))
                take(context, &world.known.items[i], &world.known.items[i].calls.items[j]);
}

static struct store_filter filter_number(int i)
{
    struct store_filter filter = store_filter_all;

    if (i & 1)
        filter.run = "run1";
    if (i & 2)
        filter.host = "host0";
    if (i & 4)
        filter.since = world.now - 40 * MINUTE;
    if (i & 8)
        filter.until = world.now - 12 * MINUTE;
    return filter;
}
#define FILTERS 16

/* ---- operations */

static void take_operation(void *context, const struct known *known, const struct known_call *call)
{
    struct sum *sums = context;

    (void)known;
    sum_add(&sums[call->operation], call);
}

static int check_operation(void *context, const struct operation_row *row)
{
    struct sum *sums = context;

    ck_assert_str_eq(row->operation, world_operation(&world, row->id));
    ck_assert_str_eq(row->component, world_component(&world, row->id));
    ck_assert_ptr_nonnull(strstr(row->signature, row->operation));
    ck_assert_uint_gt(row->stats.calls, 0);
    sum_check(&sums[row->id], &row->stats);
    sums[row->id] = (struct sum){0};
    return 0;
}

START_TEST(test_operations)
{
    struct store_filter filter = filter_number(_i);
    struct sum sums[64] = {0};

    each_call(&filter, take_operation, sums);
    ck_assert_msg(store_operations(reader, &filter, check_operation, sums) == 0, "%s",
        store_reader_error(reader));
    for (int i = 0; i < 64; i++)
        ck_assert_uint_eq(sums[i].stats.calls, 0);
}
END_TEST

static int count_row(void *context, const struct operation_row *row)
{
    (void)row;
    ++*(int *)context;
    return 0;
}

START_TEST(test_operations_by_glob)
{
    static const struct {
        const char *operation, *component;
        int rows;
    } cases[] = {{"operation1", NULL, 1}, {"operation1?", NULL, 2}, {NULL, "package.Class1", 3},
        {"package.Class1.*", NULL, 3}, {"*", "*Class0", 3}, {"operation5", "package.Class0", 0},
        {"", NULL, 0}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct store_filter filter = store_filter_all;
        int rows = 0;

        filter.operation = cases[i].operation;
        filter.component = cases[i].component;
        ck_assert_int_eq(store_operations(reader, &filter, count_row, &rows), 0);
        ck_assert_int_eq(rows, cases[i].rows);
    }
}
END_TEST

/* ---- graph */

struct graph {
    enum graph_level level;
    struct sum nodes[64], edges[64][64];
    int nodes_seen, edges_seen, entry;
};

/* A node's place: 0 the entry. */
static unsigned node_of(const struct graph *graph, const struct known *known, uint32_t operation)
{
    const char *component = operation ? world_component(&world, operation) : "";

    if (operation == 0)
        return 0;
    if (graph->level == LEVEL_OPERATION)
        return operation;
    return graph->level == LEVEL_COMPONENT ? 1 + (unsigned)(component[strlen(component) - 1] - '0')
                                           : 1 + known->trace.host;
}

static void take_edge(void *context, const struct known *known, const struct known_call *call)
{
    struct graph *graph = context;
    unsigned target = node_of(graph, known, call->operation);

    sum_add(&graph->nodes[target], call);
    sum_add(&graph->edges[node_of(graph, known, call->caller)][target], call);
}

static unsigned node_by_id(const struct graph *graph, const char *id)
{
    if (strcmp(id, "entry") == 0)
        return 0;
    if (graph->level == LEVEL_OPERATION)
        return (unsigned)atoi(id);
    if (graph->level == LEVEL_COMPONENT)
        return 1 + (unsigned)(id[strlen(id) - 1] - '0');
    for (unsigned i = 0; i < world.names.count; i++)
        if (strcmp(world.names.items[i], id) == 0)
            return 1 + i;
    return 63;
}

static int check_node(void *context, const struct graph_node *node)
{
    struct graph *graph = context;
    unsigned place = node_by_id(graph, node->id);

    ck_assert_int_eq(graph->edges_seen, 0);
    if (place == 0) {
        graph->entry++;
        ck_assert_int_eq(graph->nodes_seen, 0);
        ck_assert_str_eq(node->name, "Entry");
        ck_assert_ptr_null(node->parent);
        return 0;
    }
    graph->nodes_seen++;
    if (graph->level == LEVEL_OPERATION) {
        ck_assert_str_eq(node->name, world_operation(&world, place));
        ck_assert_str_eq(node->parent, world_component(&world, place));
    }
    sum_check(&graph->nodes[place], &node->stats);
    graph->nodes[place] = (struct sum){0};
    return 0;
}

static int check_edge(void *context, const struct graph_edge *edge)
{
    struct graph *graph = context;
    struct sum *sum =
        &graph->edges[node_by_id(graph, edge->source)][node_by_id(graph, edge->target)];

    graph->edges_seen++;
    sum_check(sum, &edge->stats);
    *sum = (struct sum){0};
    return 0;
}

START_TEST(test_graph)
{
    struct graph *graph = calloc(1, sizeof(*graph));
    const struct graph_sink sink = {check_node, check_edge, graph};
    struct store_filter filter = filter_number(_i / GRAPH_LEVELS);

    graph->level = (enum graph_level)(_i % GRAPH_LEVELS);
    each_call(&filter, take_edge, graph);
    ck_assert_msg(
        store_graph(reader, &filter, graph->level, &sink) == 0, "%s", store_reader_error(reader));
    ck_assert_int_eq(graph->entry, graph->edges_seen > 0);
    for (int i = 0; i < 64; i++) {
        ck_assert_uint_eq(graph->nodes[i].stats.calls, 0);
        for (int j = 0; j < 64; j++)
            ck_assert_uint_eq(graph->edges[i][j].stats.calls, 0);
    }
    free(graph);
}
END_TEST

/* ---- tree */

struct tree {
    LIST(struct path_row) rows;
    struct call_stats all;
};

static int keep_path(void *context, const struct path_row *row)
{
    struct tree *tree = context;
    int parent = row->parent == 0;

    for (size_t i = 0; i < tree->rows.count; i++) {
        ck_assert_uint_ne(tree->rows.items[i].path, row->path);
        parent |= tree->rows.items[i].path == row->parent;
        ck_assert(tree->rows.items[i].parent != row->parent ||
                  tree->rows.items[i].operation != row->operation);
    }
    ck_assert_msg(parent, "a path comes before its parent");
    tree->all.calls += row->stats.calls;
    tree->all.self += row->stats.self;
    tree->all.failed += row->stats.failed;
    *list_add(&tree->rows) = *row;
    return 0;
}

static void take_any(void *context, const struct known *known, const struct known_call *call)
{
    (void)known;
    sum_add(context, call);
}

static void take_root(void *context, const struct known *known, const struct known_call *call)
{
    struct sum *sums = context;

    (void)known;
    if (call->caller == 0)
        sum_add(&sums[call->operation], call);
}

START_TEST(test_tree)
{
    struct store_filter filter = filter_number(_i);
    struct sum all = {0}, roots[64] = {0};
    struct tree tree = {0};

    each_call(&filter, take_any, &all);
    each_call(&filter, take_root, roots);
    ck_assert_int_eq(store_tree(reader, &filter, keep_path, &tree), 0);
    ck_assert_uint_eq(tree.all.calls, all.stats.calls);
    ck_assert_uint_eq(tree.all.self, all.stats.self);
    ck_assert_uint_eq(tree.all.failed, all.stats.failed);
    for (size_t i = 0; i < tree.rows.count; i++)
        if (tree.rows.items[i].parent == 0)
            sum_check(&roots[tree.rows.items[i].operation], &tree.rows.items[i].stats);
    list_fini(&all.durations);
    list_fini(&tree.rows);
}
END_TEST

/* Below the outermost calls of an operation lies what their traces have below them. */
START_TEST(test_tree_of_operation)
{
    struct store_filter filter = store_filter_all;
    struct tree tree = {0};
    int roots = 0;

    filter.operation = "operation3";
    ck_assert_int_eq(store_tree(reader, &filter, keep_path, &tree), 0);
    for (size_t i = 0; i < tree.rows.count; i++)
        if (tree.rows.items[i].parent == 0) {
            roots++;
            ck_assert_str_eq(tree.rows.items[i].name, "operation3");
        }
    ck_assert_int_eq(roots, 1);
    ck_assert_uint_gt(tree.rows.count, 1);
    list_fini(&tree.rows);
}
END_TEST

/* ---- latency, runs, status */

struct minutes {
    const struct store_filter *filter;
    int64_t last;
    uint64_t calls;
};

struct in_minute {
    int64_t minute;
    struct sum sum;
    const char *operation;
};

static void take_in_minute(void *context, const struct known *known, const struct known_call *call)
{
    struct in_minute *in = context;

    (void)known;
    if (minute_of(call) == in->minute &&
        (in->operation ? strcmp(in->operation, world_operation(&world, call->operation)) == 0
                       : call->caller == 0))
        sum_add(&in->sum, call);
}

static int check_minute(void *context, const struct latency_row *row)
{
    struct minutes *minutes = context;
    struct in_minute in = {.minute = row->at / MINUTE, .operation = minutes->filter->operation};

    ck_assert_int_gt(row->at, minutes->last);
    ck_assert_int_eq(row->at % MINUTE, 0);
    minutes->last = row->at;
    minutes->calls += row->stats.calls;
    each_call(minutes->filter, take_in_minute, &in);
    sum_check(&in.sum, &row->stats);
    return 0;
}

START_TEST(test_latency)
{
    struct store_filter filter = filter_number(_i);
    struct minutes minutes = {.filter = &filter};

    ck_assert_int_eq(store_latency(reader, &filter, check_minute, &minutes), 0);
    filter.operation = "operation4";
    minutes.last = 0;
    ck_assert_int_eq(store_latency(reader, &filter, check_minute, &minutes), 0);
    ck_assert_int_eq(minutes.calls > 0, (_i & 3) != 3); /* run1 is not on host0 */
}
END_TEST

static int check_run(void *context, const struct run_row *row)
{
    struct run_row sum = {0};

    ++*(int *)context;
    for (size_t i = 0; i < world.known.count; i++) {
        const struct trace *trace = &world.known.items[i].trace;
        char run[16];

        snprintf(run, sizeof(run), "run%u", trace->stream - 1);
        if (strcmp(run, row->name) != 0)
            continue;
        sum.traces++;
        sum.calls += trace->calls;
        sum.failed += trace->failed > 0;
        sum.incomplete += trace->state == TRACE_INCOMPLETE || trace->state == TRACE_DAMAGED;
        sum.first = sum.first == 0 || trace->start < sum.first ? trace->start : sum.first;
        sum.last = trace->end > sum.last ? trace->end : sum.last;
    }
    ck_assert_uint_eq(row->traces, sum.traces);
    ck_assert_uint_eq(row->calls, sum.calls);
    ck_assert_uint_eq(row->failed, sum.failed);
    ck_assert_uint_eq(row->incomplete, sum.incomplete);
    if (sum.traces > 0) {
        ck_assert_uint_eq(row->streams, 1);
        ck_assert_uint_gt(row->records, 0);
        ck_assert_int_eq(row->first, sum.first);
        ck_assert_int_eq(row->last, sum.last);
    }
    return 0;
}

START_TEST(test_runs)
{
    int runs = 0;

    ck_assert_int_eq(store_runs(reader, check_run, &runs), 0);
    ck_assert_int_ge(runs, WORLD_STREAMS);
}
END_TEST

START_TEST(test_status)
{
    struct store_status status, sum = {0};

    ck_assert_int_eq(store_status(reader, &status), 0);
    for (size_t i = 0; i < world.known.count; i++) {
        sum.states[world.known.items[i].trace.state]++;
        sum.calls += world.known.items[i].trace.calls;
        sum.failed += world.known.items[i].trace.failed > 0;
    }
    ck_assert_str_eq(status.location, world.path);
    ck_assert_int_eq(status.schema, 3);
    ck_assert_uint_gt(status.bytes, 4096);
    ck_assert_uint_eq(status.traces, world.known.count);
    for (int i = 0; i < TRACE_STATES; i++)
        ck_assert_uint_eq(status.states[i], sum.states[i]);
    ck_assert_uint_eq(status.calls, sum.calls);
    ck_assert_uint_eq(status.failed, sum.failed);
    ck_assert_uint_eq(status.records, world.records);
    ck_assert_uint_eq(status.streams, WORLD_STREAMS);
    ck_assert_uint_eq(status.open_streams, WORLD_STREAMS);
    ck_assert_uint_eq(status.operations, WORLD_OPERATIONS);
    ck_assert_uint_eq(status.components, WORLD_OPERATIONS / 3);
    ck_assert_int_le(status.first, WORLD_START + MINUTE);
    ck_assert_int_le(status.last, world.now);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_sums");
    TCase *tcase = tcase_create("sums");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 600);
    tcase_add_unchecked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, test_operations, 0, FILTERS);
    tcase_add_test(tcase, test_operations_by_glob);
    tcase_add_loop_test(tcase, test_graph, 0, FILTERS * GRAPH_LEVELS);
    tcase_add_loop_test(tcase, test_tree, 0, FILTERS);
    tcase_add_test(tcase, test_tree_of_operation);
    tcase_add_loop_test(tcase, test_latency, 0, FILTERS);
    tcase_add_test(tcase, test_runs);
    tcase_add_test(tcase, test_status);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
