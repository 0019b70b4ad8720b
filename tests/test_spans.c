/* SPDX-License-Identifier: Apache-2.0 */
/* Spans in, call trees out. */
#include "analysis/spans.h"
#include "analysis/walk.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

struct bench {
    struct assembler *assembler;
    struct spans *spans;
    char *names[256], *operations[256]; /* by id */
    char shapes[16384];                 /* of the traces, in the order of their ends */
    uint64_t repeated, calls, failed;
    struct trace last;
};

static void bench_open(struct bench *bench)
{
    struct assembler_start start = {0};
    struct model model;

    memset(bench, 0, sizeof(*bench));
    ck_assert_int_eq(model_init(&model), 0);
    bench->assembler = assembler_new(&model, &start, "default");
    bench->spans = spans_new(bench->assembler);
}

static void bench_close(struct bench *bench)
{
    for (int i = 0; i < 256; i++)
        free(bench->names[i]);
    spans_free(bench->spans);
    assembler_free(bench->assembler);
}

static void write(struct bench *bench, const char *text)
{
    size_t used = strlen(bench->shapes);

    snprintf(bench->shapes + used, sizeof(bench->shapes) - used, "%s", text);
}

static void on_enter(void *context, struct call *call)
{
    struct bench *bench = context;

    write(bench, bench->operations[call->operation]);
    write(bench, "(");
}

static void on_leave(void *context, struct call *call)
{
    struct bench *bench = context;
    char text[64];

    snprintf(text, sizeof(text), ")%s%d", call->failed ? "!" : "", (int)call->duration);
    write(bench, text);
    if (call->failed)
        write(bench, bench->names[call->cause]);
    write(bench, " ");
}

/* Gives what is due, and writes down the traces that are finished by it. */
static int bench_give(struct bench *bench, int64_t now, int all)
{
    const struct walker walker = {on_enter, on_leave, bench};
    int given = spans_give(bench->spans, now, all);
    struct batch *batch = assembler_cut(bench->assembler);

    ck_assert_ptr_nonnull(batch);
    for (size_t i = 0; i < batch->names.count; i++)
        bench->names[batch->names.items[i].id] = strdup(batch->names.items[i].text);
    for (size_t i = 0; i < batch->operations.count; i++)
        bench->operations[batch->operations.items[i].id] =
            bench->names[batch->operations.items[i].operation.name];
    for (size_t i = 0; i < batch->counters.count; i++)
        if (strcmp(batch->counters.items[i].name, "spans_repeated") == 0)
            bench->repeated += batch->counters.items[i].more;
    ck_assert_uint_eq(batch->open.count, 0);
    for (size_t i = 0; i < batch->finished.count; i++) {
        const struct batch_trace *finished = &batch->finished.items[i];
        struct chunk_view view = {.events = finished->trace.events, .base = finished->trace.start};
        struct walk *walk = walk_new(&finished->trace, &walker);

        ck_assert_uint_eq(finished->trace.state, TRACE_COMPLETE);
        for (int part = 0; part < CHUNK_PARTS; part++) {
            view.parts[part].bytes = batch->parts[part].bytes + finished->offset[part];
            view.parts[part].size = finished->size[part];
        }
        if (finished->trace.chunks == 0) {
            ck_assert_int_eq(walk_feed(walk, &view), 0);
            ck_assert_int_eq(walk_end(walk), 0);
            write(bench, "; ");
        }
        bench->calls += finished->trace.calls;
        bench->failed += finished->trace.failed;
        bench->last = finished->trace;
        walk_free(walk);
    }
    batch_free(batch);
    return given;
}

/* A span of trace `trace`; parent 0: it has none. */
static void add(struct bench *bench, uint64_t trace, uint64_t id, uint64_t parent, const char *name,
    int64_t start, int64_t end, const char *cause, int64_t now)
{
    struct span span = {.has_parent = parent != 0,
        .operation = name,
        .component = "shop/http",
        .host = "web1",
        .cause = cause,
        .start = start,
        .end = end};

    bytes_put64(span.trace + 8, trace);
    bytes_put64(span.id, id);
    bytes_put64(span.parent, parent);
    ck_assert_int_eq(spans_add(bench->spans, &span, now), 0);
}

START_TEST(test_a_tree_whose_spans_come_in_any_order)
{
    /* a(b(c d) e), of which each permutation gives the same */
    static const struct {
        uint64_t id, parent;
        const char *name;
        int64_t start, end;
    } tree[] = {{1, 0, "a", 10, 100}, {2, 1, "b", 20, 60}, {3, 2, "c", 25, 30}, {4, 2, "d", 35, 50},
        {5, 1, "e", 70, 90}};
    struct bench bench;
    int order[5] = {0, 1, 2, 3, 4}, number = _i;

    for (int i = 5; i > 1; i--) {
        int with = number % i, other = order[i - 1];

        order[i - 1] = order[with];
        order[with] = other;
        number /= i;
    }
    bench_open(&bench);
    for (int i = 0; i < 5; i++)
        add(&bench, 7, tree[order[i]].id, tree[order[i]].parent, tree[order[i]].name,
            tree[order[i]].start, tree[order[i]].end, NULL, i);
    ck_assert_int_eq(bench_give(&bench, SPANS_REST_NS + 3, 0), 0);
    ck_assert_int_eq(spans_due(bench.spans), SPANS_REST_NS + 4);
    ck_assert_int_eq(bench_give(&bench, SPANS_REST_NS + 4, 0), 1);
    ck_assert_str_eq(bench.shapes, "a(b(c()5 d()15 )40 e()20 )90 ; ");
    ck_assert_int_eq(bench.last.kieker_id, 7);
    ck_assert_int_eq(bench.last.start, 10);
    ck_assert_uint_eq(spans_bytes(bench.spans), 0);
    ck_assert_int_eq(spans_due(bench.spans), INT64_MAX);
    bench_close(&bench);
}
END_TEST

START_TEST(test_failures_overlaps_and_repetitions)
{
    struct bench bench;

    bench_open(&bench);
    add(&bench, 1, 1, 0, "a", 10, 50, NULL, 0);
    add(&bench, 1, 2, 1, "b", 20, 90, "Error: no", 0); /* outlasts its caller */
    add(&bench, 1, 3, 1, "c", 30, 40, NULL, 0);        /* while b runs */
    add(&bench, 1, 3, 1, "c", 30, 40, NULL, 0);
    ck_assert_int_eq(bench_give(&bench, 0, 1), 1);
    ck_assert_str_eq(bench.shapes, "a(b()!70Error: no c()10 )40 ; ");
    ck_assert_uint_eq(bench.repeated, 1);
    ck_assert_uint_eq(bench.failed, 1);
    bench_close(&bench);
}
END_TEST

START_TEST(test_spans_without_their_callers)
{
    struct bench bench;

    bench_open(&bench);
    add(&bench, 1, 2, 9, "b", 20, 30, NULL, 0); /* 9 never comes */
    add(&bench, 1, 3, 2, "c", 21, 22, NULL, 0);
    add(&bench, 1, 4, 9, "d", 40, 50, NULL, 0);
    ck_assert_int_eq(bench_give(&bench, SPANS_REST_NS, 0), 0);
    ck_assert_int_eq(spans_due(bench.spans), SPANS_ROOTLESS_NS);
    ck_assert_int_eq(bench_give(&bench, SPANS_ROOTLESS_NS, 0), 1);
    ck_assert_str_eq(bench.shapes, "b(c()1 )10 ; d()10 ; ");
    /* in a ring, and its own caller */
    bench.shapes[0] = '\0';
    add(&bench, 2, 1, 2, "x", 10, 50, NULL, 0);
    add(&bench, 2, 2, 1, "y", 20, 30, NULL, 0);
    add(&bench, 3, 1, 1, "z", 20, 30, NULL, 0);
    ck_assert_int_eq(bench_give(&bench, 0, 1), 2);
    ck_assert_str_eq(bench.shapes, "x(y()10 )40 ; z()10 ; ");
    bench_close(&bench);
}
END_TEST

START_TEST(test_many_traces_at_a_time)
{
    struct bench bench;

    bench_open(&bench);
    for (uint64_t span = 50; span > 0; span--)
        for (uint64_t trace = 1; trace <= 1000; trace++)
            add(&bench, trace, span, span / 2, "op", (int64_t)span, (int64_t)(200 - span), NULL,
                (int64_t)span);
    ck_assert_int_eq(bench_give(&bench, SECOND, 0), 0);
    ck_assert_int_eq(bench_give(&bench, SPANS_REST_NS + SECOND, 0), 1000);
    ck_assert_uint_eq(bench.calls, 50000);
    bench_close(&bench);
}
END_TEST

START_TEST(test_what_waits_is_bounded)
{
    struct bench bench;
    char name[1001];

    memset(name, 'n', 1000);
    name[1000] = '\0';
    bench_open(&bench);
    for (uint64_t trace = 1; trace <= 80000; trace++) {
        add(&bench, trace, 1, 0, name, 1, 2, NULL, 0);
        ck_assert_int_ge(spans_give(bench.spans, 0, 0), 0);
        ck_assert_uint_le(spans_bytes(bench.spans), SPANS_BYTES_MAX + 2000);
    }
    bench_close(&bench);
}
END_TEST

START_TEST(test_a_deep_trace)
{
    struct bench bench;

    bench_open(&bench);
    for (uint64_t span = 1; span <= 100000; span++)
        add(&bench, 1, span, span - 1, "op", (int64_t)span, (int64_t)(400000 - span), NULL, 0);
    ck_assert_int_eq(bench_give(&bench, 0, 1), 1);
    ck_assert_uint_eq(bench.calls, 100000);
    ck_assert_uint_eq(bench.last.depth, 100000);
    bench_close(&bench);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spans");
    TCase *cases = tcase_create("spans");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(cases, test_a_tree_whose_spans_come_in_any_order, 0, 120);
    tcase_add_test(cases, test_failures_overlaps_and_repetitions);
    tcase_add_test(cases, test_spans_without_their_callers);
    tcase_add_test(cases, test_many_traces_at_a_time);
    tcase_add_test(cases, test_what_waits_is_bounded);
    tcase_add_test(cases, test_a_deep_trace);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
