/* SPDX-License-Identifier: Apache-2.0 */
/* Records in, traces out: the captures' known facts, made-up streams of every kind against a plain
 * oracle, and bounds. */
#include "analysis/restore.h"
#include "analysis/walk.h"
#include "record/wire.h"
#include "tests/captures.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* An assembler and all that came out of it. */
struct bench {
    struct assembler *assembler;
    struct stream *stream;
    struct wire wire;
    LIST(struct batch *) batches;
    LIST(char *) names; /* by id, as the batches gave them */
    LIST(struct model_operation) operations;
};

static void bench_open(struct bench *bench)
{
    struct assembler_start start = {0};
    struct model model;
    char **name;

    *bench = (struct bench){0};
    ck_assert_int_eq(model_init(&model), 0);
    bench->assembler = assembler_new(&model, &start, "default");
    bench->stream = assembler_open_stream(bench->assembler, "peer", 1);
    wire_init(&bench->wire);
    name = list_add(&bench->names);
    *name = strdup("");
    *list_add(&bench->operations) = (struct model_operation){0};
}

static void bench_cut(struct bench *bench)
{
    struct batch *batch = assembler_cut(bench->assembler);

    ck_assert_ptr_nonnull(batch);
    for (size_t i = 0; i < batch->names.count; i++) {
        char **name = list_add(&bench->names);

        ck_assert_uint_eq(batch->names.items[i].id, bench->names.count - 1);
        *name = strndup(batch->names.items[i].text, batch->names.items[i].length);
    }
    for (size_t i = 0; i < batch->operations.count; i++) {
        ck_assert_uint_eq(batch->operations.items[i].id, bench->operations.count);
        *list_add(&bench->operations) = batch->operations.items[i].operation;
    }
    *list_add(&bench->batches) = batch;
}

/* Feeds bytes; cuts a batch after every `every` records (0: never). */
static void bench_feed(struct bench *bench, const unsigned char *bytes, size_t size, unsigned every)
{
    const unsigned char *at = bytes;
    enum wire_item item;

    while ((item = wire_next(&bench->wire, &at, bytes + size, 0)) > 0) {
        if (item == WIRE_ENTRY) {
            ck_assert_int_eq(
                assembler_entry(bench->assembler, bench->stream, bench->wire.entry), 0);
            continue;
        }
        ck_assert_int_eq(
            assembler_feed(bench->assembler, bench->stream, &bench->wire.record, 1), 0);
        if (every && bench->wire.records % every == 0)
            bench_cut(bench);
    }
    ck_assert_msg(item == WIRE_NEED_MORE && at == bytes + size, "%s", bench->wire.error);
}

static void bench_end(struct bench *bench)
{
    assembler_position(bench->stream, bench->wire.position);
    ck_assert_int_eq(assembler_close_stream(bench->assembler, bench->stream, NULL, 2), 0);
    bench_cut(bench);
}

static void bench_close(struct bench *bench)
{
    for (size_t i = 0; i < bench->batches.count; i++)
        batch_free(bench->batches.items[i]);
    for (size_t i = 0; i < bench->names.count; i++)
        free(bench->names.items[i]);
    list_fini(&bench->batches);
    list_fini(&bench->names);
    list_fini(&bench->operations);
    wire_fini(&bench->wire);
    assembler_free(bench->assembler);
}

static struct chunk_view view_of(const struct batch *batch, const uint64_t *offset,
    const uint32_t *size, uint64_t events, int64_t base)
{
    struct chunk_view view = {.events = events, .base = base};

    for (int part = 0; part < CHUNK_PARTS; part++) {
        view.parts[part].bytes = batch->parts[part].bytes + offset[part];
        view.parts[part].size = size[part];
    }
    return view;
}

/* Walks a finished trace through all its chunks, in whichever batches they are. */
static void bench_walk(struct bench *bench, const struct batch *of,
    const struct batch_trace *finished, const struct walker *walker)
{
    struct walk *walk = walk_new(&finished->trace, walker);
    uint32_t chunks = 0;

    for (size_t i = 0; finished->trace.chunks > 0 && i < bench->batches.count; i++) {
        const struct batch *batch = bench->batches.items[i];

        for (size_t j = 0; j < batch->chunks.count; j++) {
            const struct batch_chunk *chunk = &batch->chunks.items[j];
            struct chunk_view view =
                view_of(batch, chunk->offset, chunk->size, chunk->events, chunk->base);

            if (chunk->trace != finished->trace.id)
                continue;
            ck_assert_uint_eq(chunk->number, chunks++);
            ck_assert_msg(walk_feed(walk, &view) == 0, "%s", walk_error(walk));
        }
    }
    ck_assert_uint_eq(chunks, finished->trace.chunks);
    if (chunks == 0) {
        struct chunk_view view = view_of(
            of, finished->offset, finished->size, finished->trace.events, finished->trace.start);

        ck_assert_msg(walk_feed(walk, &view) == 0, "%s", walk_error(walk));
    }
    ck_assert_msg(walk_end(walk) == 0, "%s", walk_error(walk));
    walk_free(walk);
}

struct totals {
    unsigned traces, states[TRACE_STATES], kinds[2];
    uint64_t calls, failed, depth, others;
    uint64_t path_calls, path_total, path_self, path_failed;
};

static void bench_totals(struct bench *bench, struct totals *totals)
{
    *totals = (struct totals){0};
    for (size_t i = 0; i < bench->batches.count; i++) {
        const struct batch *batch = bench->batches.items[i];

        totals->others += batch->records.count;
        for (size_t j = 0; j < batch->finished.count; j++) {
            const struct trace *trace = &batch->finished.items[j].trace;

            totals->traces++;
            totals->states[trace->state]++;
            totals->kinds[trace->kind]++;
            totals->calls += trace->calls;
            totals->failed += trace->failed;
            if (trace->depth > totals->depth)
                totals->depth = trace->depth;
        }
        for (size_t j = 0; j < batch->path_stats.count; j++) {
            const struct durations *durations = &batch->path_stats.items[j].durations;

            totals->path_calls += durations->count;
            totals->path_total += durations->total;
            totals->path_self += durations->self;
            totals->path_failed += durations->failed;
        }
    }
}

/* What is known of the captures (the specification's test data, section 6); depth counts the root
 * as 1. */
static const struct {
    const char *name;
    unsigned complete, incomplete, damaged;
    uint64_t calls, failed, depth, others;
} facts[] = {
    {"python-single", 2, 0, 0, 4, 1, 2, 0},
    {"c-basic", 1, 0, 0, 12, 0, 12, 0},
    {"c-gcc-instrument", 1, 0, 0, 4, 0, 3, 0},
    {"java-single-ascii-flush", 2, 0, 1, 5, 1, 2, 5},
    {"java-single-ascii-noflush", 2, 0, 1, 5, 1, 2, 5},
    {"java-single-unicode-flush", 2, 0, 1, 5, 1, 2, 5},
};

START_TEST(test_facts)
{
    struct totals totals;
    struct bench bench;
    size_t size;
    char *bytes = capture_read(facts[_i].name, ".bin", &size);

    for (unsigned every = 0; every < 6; every++) {
        bench_open(&bench);
        bench_feed(&bench, (unsigned char *)bytes, size, every);
        bench_end(&bench);
        bench_totals(&bench, &totals);
        ck_assert_uint_eq(totals.states[TRACE_COMPLETE], facts[_i].complete);
        ck_assert_uint_eq(totals.states[TRACE_INCOMPLETE], facts[_i].incomplete);
        ck_assert_uint_eq(totals.states[TRACE_DAMAGED], facts[_i].damaged);
        ck_assert_uint_eq(totals.calls, facts[_i].calls);
        ck_assert_uint_eq(totals.failed, facts[_i].failed);
        ck_assert_uint_eq(totals.depth, facts[_i].depth);
        ck_assert_uint_eq(totals.others, facts[_i].others);
        bench_close(&bench);
    }
    free(bytes);
}
END_TEST

/* A writer of made-up streams. */
static unsigned char *out, *out_end, *at;
static int32_t next_id;

enum {
    CLASS_META,
    CLASS_BEFORE,
    CLASS_AFTER,
    CLASS_FAILED,
    CLASS_EXECUTION,
    SESSION,
    HOST,
    CAUSE,
    OPERATIONS
};
#define OPERATION_COUNT 12

static void put_text(const char *text)
{
    at = wire_put_entry(at, next_id++, text, strlen(text));
}

static void put_begin(size_t room)
{
    static const enum record_id types[] = {RECORD_TRACE_METADATA, RECORD_BEFORE_OPERATION,
        RECORD_AFTER_OPERATION, RECORD_AFTER_OPERATION_FAILED, RECORD_OPERATION_EXECUTION};
    char text[64];

    free(out);
    out = at = malloc(room);
    out_end = out + room;
    next_id = 0;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        put_text(record_type(types[i])->name);
    put_text("<no-session-id>");
    put_text("host");
    put_text("ValueError: no");
    for (int i = 0; i < OPERATION_COUNT; i++) {
        snprintf(text, sizeof(text), "op%d", i);
        put_text(text);
        snprintf(text, sizeof(text), "module.Class%d", i / 3);
        put_text(text);
    }
}

static void put_metadata(int64_t trace)
{
    at = bytes_put64(wire_put_head(at, CLASS_META, -1), (uint64_t)trace);
    at = bytes_put64(at, 42);
    at = bytes_put32(bytes_put32(at, SESSION), HOST);
    at = bytes_put32(bytes_put64(at, (uint64_t)trace), UINT32_MAX);
}

static void put_event(int class, int64_t trace, int64_t time, int32_t order, int operation)
{
    ck_assert(at + 64 <= out_end);
    at = bytes_put64(wire_put_head(at, class, -1), (uint64_t)time);
    at = bytes_put32(bytes_put64(at, (uint64_t)trace), (uint32_t)order);
    at = bytes_put32(at, (uint32_t)(OPERATIONS + 2 * operation));
    at = bytes_put32(at, (uint32_t)(OPERATIONS + 2 * operation + 1));
    if (class == CLASS_FAILED)
        at = bytes_put32(at, CAUSE);
}

static void put_execution(int64_t trace, int64_t tin, int64_t tout, int eoi, int ess, int operation)
{
    at = wire_put_head(at, CLASS_EXECUTION, -1);
    at = bytes_put32(at, (uint32_t)(OPERATIONS + 2 * operation));
    at = bytes_put64(bytes_put32(at, SESSION), (uint64_t)trace);
    at = bytes_put64(bytes_put64(at, (uint64_t)tin), (uint64_t)tout);
    at = bytes_put32(bytes_put32(bytes_put32(at, HOST), (uint32_t)eoi), (uint32_t)ess);
}

/* The oracle: calls as they were made, in the order of their beginnings. */
struct made {
    int operation, depth, failed, parent;
    int64_t start, end, below;
};
#define MADE_MAX 4000
static struct made made[MADE_MAX];
static int made_count;

/* A random call tree of `calls` calls. */
static void make_trace(unsigned *seed, int calls)
{
    int stack[MADE_MAX], depth = 0;
    int64_t now = 1700000000000000000;

    made_count = 0;
    while (made_count < calls || depth > 0) {
        now += rand_r(seed) % 5000;
        if (made_count < calls && (depth == 0 || rand_r(seed) % 5 > 1) &&
            (depth > 0 || made_count == 0)) {
            made[made_count] = (struct made){.operation = rand_r(seed) % OPERATION_COUNT,
                .depth = depth,
                .parent = depth ? stack[depth - 1] : -1,
                .start = now};
            stack[depth++] = made_count++;
        } else if (depth > 0 && (depth > 1 || made_count >= calls)) {
            struct made *call = &made[stack[--depth]];

            call->end = now;
            call->failed = rand_r(seed) % 7 == 0;
            if (call->parent >= 0)
                made[call->parent].below += call->end - call->start;
        }
    }
}

/* Writes the events that the made calls give, in order. */
static void put_made(int64_t trace)
{
    int stack[MADE_MAX], depth = 0, next = 0, order = 0;

    put_metadata(trace);
    while (next < made_count || depth > 0) {
        if (next < made_count && made[next].depth == depth) {
            put_event(CLASS_BEFORE, trace, made[next].start, order++, made[next].operation);
            stack[depth++] = next++;
        } else {
            const struct made *call = &made[stack[--depth]];

            put_event(call->failed ? CLASS_FAILED : CLASS_AFTER, trace, call->end, order++,
                call->operation);
        }
    }
}

struct check {
    struct bench *bench;
    int seen;
    int executions; /* which know of no failures */
};

static void check_call(void *context, struct call *call)
{
    struct check *check = context;
    const struct made *expected = &made[call->position];
    const struct model_operation *operation = &check->bench->operations.items[call->operation];
    char name[16];

    ck_assert_int_lt((int)call->position, made_count);
    snprintf(name, sizeof(name), "op%d", expected->operation);
    ck_assert_str_eq(check->bench->names.items[operation->name], name);
    ck_assert_int_eq(
        (int64_t)call->parent, expected->parent < 0 ? (int64_t)CALL_NO_PARENT : expected->parent);
    ck_assert_int_eq(call->depth, expected->depth);
    ck_assert_int_eq(call->start, expected->start);
    ck_assert_int_eq(call->duration, expected->end - expected->start);
    ck_assert_int_eq(call->self, call->duration - expected->below);
    ck_assert_str_eq(check->bench->names.items[call->host], "host");
    if (!check->executions) {
        ck_assert_int_eq(call->failed, expected->failed);
        ck_assert_str_eq(
            check->bench->names.items[call->cause], expected->failed ? "ValueError: no" : "");
    }
    check->seen++;
}

/* The one finished trace must give back the made calls, and the statistics their sums. */
static void check_made(struct bench *bench, int executions)
{
    struct check check = {bench, 0, executions};
    const struct walker walker = {.on_leave = check_call, .context = &check};
    int64_t total = 0, self = 0, failed = 0;
    struct totals totals;

    for (size_t i = 0; i < bench->batches.count; i++)
        for (size_t j = 0; j < bench->batches.items[i]->finished.count; j++)
            bench_walk(bench, bench->batches.items[i], &bench->batches.items[i]->finished.items[j],
                &walker);
    ck_assert_int_eq(check.seen, made_count);
    for (int i = 0; i < made_count; i++) {
        total += made[i].end - made[i].start;
        self += made[i].end - made[i].start - made[i].below;
        failed += executions ? 0 : made[i].failed;
    }
    bench_totals(bench, &totals);
    ck_assert_uint_eq(totals.states[TRACE_COMPLETE], 1);
    ck_assert_uint_eq(totals.traces, 1);
    ck_assert_int_eq((int64_t)totals.calls, made_count);
    ck_assert_int_eq((int64_t)totals.path_calls, made_count);
    ck_assert_int_eq((int64_t)totals.path_total, total);
    ck_assert_int_eq((int64_t)totals.path_self, self);
    ck_assert_int_eq((int64_t)totals.path_failed, failed);
    ck_assert_int_eq((int64_t)totals.failed, failed);
}

static unsigned seed_of(int round)
{
    return (getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1) * 1000 + (unsigned)round;
}

START_TEST(test_random_events)
{
    unsigned seed = seed_of(_i);
    struct bench bench;

    make_trace(&seed, 1 + (int)((unsigned)rand_r(&seed) % (MADE_MAX - 1)));
    put_begin(1 << 20);
    put_made(-77);
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), _i % 3 ? 0 : 1 + (unsigned)rand_r(&seed) % 900);
    bench_end(&bench);
    check_made(&bench, 0);
    bench_close(&bench);
}
END_TEST

static int by_end(const void *a, const void *b)
{
    const struct made *x = &made[*(const int *)a], *y = &made[*(const int *)b];

    if (x->end != y->end)
        return x->end < y->end ? -1 : 1;
    return *(const int *)b -
           *(const int *)a; /* of those that end together the callee, begun later, is first */
}

/* Operation executions come when calls return, or, across hosts, in any order. */
START_TEST(test_random_executions)
{
    unsigned seed = seed_of(_i);
    struct bench bench;
    int order[MADE_MAX];

    make_trace(&seed, 1 + (int)((unsigned)rand_r(&seed) % (MADE_MAX - 1)));
    for (int i = 0; i < made_count; i++)
        order[i] = i;
    qsort(order, (size_t)made_count, sizeof(order[0]), by_end);
    for (int i = 0; _i % 2 && i + 1 < made_count; i++) {
        int j = i + (int)((unsigned)rand_r(&seed) % (unsigned)(made_count - i)), swap = order[i];

        order[i] = order[j];
        order[j] = swap;
    }
    put_begin(1 << 20);
    for (int i = 0; i < made_count; i++)
        put_execution(5, made[order[i]].start, made[order[i]].end, order[i], made[order[i]].depth,
            made[order[i]].operation);
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), 1 + (unsigned)rand_r(&seed) % 3000);
    bench_end(&bench);
    check_made(&bench, 1);
    bench_close(&bench);
}
END_TEST

/* Events of the one trace 1, "B0 A0 F2": Before of operation 0, After of 0, Failed of 2; "+" leaves
 * an order index out. */
static const struct {
    const char *events;
    int metadata;
    enum trace_state state;
    unsigned flaws, traces, calls;
} broken[] = {
    {"B0 B1 A1 A0", 1, TRACE_COMPLETE, 0, 1, 2},
    {"B0 B1 A1 A0", 0, TRACE_INCOMPLETE, FLAW_NO_METADATA, 1, 2},
    {"B0 B1 A1", 1, TRACE_INCOMPLETE, FLAW_OPEN_CALLS, 1, 2},
    {"B0 B1 B2 A0", 1, TRACE_DAMAGED, FLAW_MISSING_AFTER, 1, 3},
    {"A0", 1, TRACE_DAMAGED, FLAW_ORPHAN_AFTER, 1, 0},
    {"B0 A3 A0", 1, TRACE_DAMAGED, FLAW_ORPHAN_AFTER, 1, 1},
    {"B0 + B1 A1 A0", 1, TRACE_DAMAGED, FLAW_ORDER_GAP, 1, 2},
    {"B0 - B1 A1 A0", 1, TRACE_DAMAGED, FLAW_ORDER_REPEATED, 1, 2},
    {"B0 M B1 A1 A0", 1, TRACE_DAMAGED, FLAW_SECOND_METADATA, 1, 2},
    {"B0 M A0", 0, TRACE_COMPLETE, 0, 1, 1},
    {"", 1, TRACE_COMPLETE, 0, 1, 0},
};

static void put_broken(const char *events)
{
    int32_t order = 0;
    int64_t now = 1700000000000000000;

    for (const char *event = events; *event; event++) {
        now += 10;
        if (*event == '+')
            order++;
        else if (*event == '-')
            order--;
        else if (*event == 'M')
            put_metadata(1);
        else if (*event == 'B' || *event == 'A' || *event == 'F') {
            int class = *event == 'B' ? CLASS_BEFORE : *event == 'A' ? CLASS_AFTER : CLASS_FAILED;

            put_event(class, 1, now, order++, *++event - '0');
        }
    }
}

START_TEST(test_broken)
{
    const struct walker walker = {0};
    struct bench bench;
    struct totals totals;
    const struct batch *last;

    put_begin(1 << 16);
    if (broken[_i].metadata)
        put_metadata(1);
    put_broken(broken[_i].events);
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), 0);
    bench_end(&bench);
    bench_totals(&bench, &totals);
    last = bench.batches.items[0];
    ck_assert_uint_eq(totals.traces, broken[_i].traces);
    ck_assert_uint_eq(last->finished.items[0].trace.flaws, broken[_i].flaws);
    ck_assert_int_eq(last->finished.items[0].trace.state, broken[_i].state);
    ck_assert_uint_eq(totals.calls, broken[_i].calls);
    bench_walk(&bench, last, &last->finished.items[0], &walker);
    for (unsigned bit = 0; bit < FLAWS; bit++) {
        uint64_t counted = 0;

        for (size_t i = 0; i < last->counters.count; i++)
            if (strcmp(last->counters.items[i].name, trace_flaw_name(bit)) == 0)
                counted += last->counters.items[i].more;
        ck_assert_uint_eq(counted, broken[_i].flaws >> bit & 1);
    }
    bench_close(&bench);
}
END_TEST

/* Traces of equal shape are one class, whatever their times; others are not. */
START_TEST(test_classes)
{
    static const char *const shapes[] = {
        "B0 B1 A1 A0", "B0 B1 A1 A0", "B0 A0", "B0 B1 A1 B1 A1 A0", "B0 B2 A2 A0"};
    uint32_t classes[5];
    struct bench bench;

    put_begin(1 << 16);
    bench_open(&bench);
    for (int i = 0; i < 5; i++) {
        put_metadata(1);
        put_broken(shapes[i]);
    }
    bench_feed(&bench, out, (size_t)(at - out), 0);
    bench_end(&bench);
    ck_assert_uint_eq(bench.batches.items[0]->finished.count, 5);
    for (int i = 0; i < 5; i++)
        classes[i] = bench.batches.items[0]->finished.items[i].trace.class;
    ck_assert_uint_eq(classes[0], classes[1]);
    for (int i = 1; i < 5; i++)
        for (int j = i + 1; j < 5; j++)
            ck_assert_uint_ne(classes[i], classes[j]);
    ck_assert_uint_eq(bench.batches.items[0]->classes.count, 4);
    ck_assert_uint_eq(bench.batches.items[0]->classes.items[0].path_count, 2);
    bench_close(&bench);
}
END_TEST

/* Any events at all, of a few traces: nothing crashes, and each call that began is in just one
 * trace. */
START_TEST(test_any_sequence)
{
    unsigned seed = seed_of(_i);
    const struct walker walker = {0};
    struct totals totals;
    struct bench bench;
    unsigned begun = 0, executions = 0;

    put_begin(1 << 20);
    for (int i = 0; i < 3000; i++) {
        int64_t trace = rand_r(&seed) % 5;
        int kind = rand_r(&seed) % 16;

        if (kind == 0)
            put_metadata(trace);
        else if (kind == 1) {
            put_execution(
                trace, 100, rand_r(&seed) % 200, rand_r(&seed) % 9 - 1, rand_r(&seed) % 5 - 1, 3);
            executions++;
        } else {
            int class = kind < 9 ? CLASS_BEFORE : kind < 14 ? CLASS_AFTER : CLASS_FAILED;

            begun += class == CLASS_BEFORE;
            put_event(class, trace, rand_r(&seed), rand_r(&seed) % 3 ? i : 0, rand_r(&seed) % 4);
        }
    }
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), 1 + (unsigned)rand_r(&seed) % 700);
    bench_end(&bench);
    bench_totals(&bench, &totals);
    ck_assert_uint_eq(totals.calls, begun + executions);
    for (size_t i = 0; i < bench.batches.count; i++)
        for (size_t j = 0; j < bench.batches.items[i]->finished.count; j++)
            bench_walk(&bench, bench.batches.items[i], &bench.batches.items[i]->finished.items[j],
                &walker);
    bench_close(&bench);
}
END_TEST

/* More open traces than may be: the oldest are put away, none is lost. */
START_TEST(test_too_many_open_traces)
{
    const unsigned more = 100;
    struct totals totals;
    struct bench bench;

    bench_open(&bench);
    put_begin(((size_t)ASSEMBLER_OPEN_TRACES_MAX + more) * 48 + (1 << 16));
    for (unsigned i = 0; i < ASSEMBLER_OPEN_TRACES_MAX + more; i++)
        put_event(CLASS_BEFORE, i, 1700000000000000000 + i, 0, 1);
    bench_feed(&bench, out, (size_t)(at - out), 0);
    bench_cut(&bench);
    ck_assert_uint_eq(bench.batches.items[0]->finished.count, more);
    ck_assert_uint_eq(bench.batches.items[0]->finished.items[0].trace.kieker_id, 0);
    ck_assert_uint_ne(bench.batches.items[0]->finished.items[0].trace.flaws & FLAW_EVICTED, 0);
    bench_end(&bench);
    bench_totals(&bench, &totals);
    ck_assert_uint_eq(totals.traces, ASSEMBLER_OPEN_TRACES_MAX + more);
    bench_close(&bench);
}
END_TEST

/* Deep recursion: paths are folded beyond a depth, calls are not lost. */
START_TEST(test_deep_recursion)
{
    const int depth = MODEL_PATH_DEPTH_MAX * 3;
    struct totals totals;
    struct bench bench;
    int64_t now = 1700000000000000000;

    put_begin((size_t)depth * 96 + (1 << 16));
    put_metadata(1);
    for (int i = 0; i < depth; i++)
        put_event(CLASS_BEFORE, 1, now++, i, i % 2);
    for (int i = depth; i-- > 0;)
        put_event(CLASS_AFTER, 1, now++, 2 * depth - 1 - i, i % 2);
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), 0);
    bench_end(&bench);
    bench_totals(&bench, &totals);
    ck_assert_uint_eq(totals.states[TRACE_COMPLETE], 1);
    ck_assert_uint_eq(totals.path_calls, (unsigned)depth);
    ck_assert_uint_eq(totals.depth, (unsigned)depth);
    ck_assert_uint_lt(bench.batches.items[0]->paths.count, MODEL_PATH_DEPTH_MAX + 10);
    bench_close(&bench);
}
END_TEST

START_TEST(test_agent_says_who_it_is)
{
    static const char hello[] = "kieker:agent version=1 run=a%20b program=x";
    static const char counters[] = "kieker:counters dropped_ring_full=7 dropped_disconnected=1";
    static const char more[] = "kieker:counters dropped_ring_full=9 dropped_disconnected=1";
    struct bench bench;
    uint64_t dropped = 0;

    put_begin(1 << 16);
    put_text(hello);
    put_text(counters);
    put_text(more);
    put_metadata(1);
    put_broken("B0 A0");
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), 0);
    bench_end(&bench);
    for (size_t i = 0; i < bench.batches.items[0]->counters.count; i++)
        if (strcmp(bench.batches.items[0]->counters.items[i].name, "dropped_ring_full") == 0)
            dropped += bench.batches.items[0]->counters.items[i].more;
    ck_assert_uint_eq(dropped, 9);
    ck_assert_uint_eq(bench.batches.items[0]->runs.count, 2);
    ck_assert_str_eq(bench.names.items[bench.batches.items[0]->runs.items[1].name], "a b");
    ck_assert_uint_eq(bench.batches.items[0]->finished.items[0].trace.run,
        bench.batches.items[0]->runs.items[1].id);
    bench_close(&bench);
}
END_TEST

/* What Java calls "void a.b.C.op()" is one operation, whether events or executions tell of it. */
START_TEST(test_events_and_executions_are_of_one_operation)
{
    static const char signature[] = "public void a.b.C.op(int)";
    struct bench bench;

    put_begin(1 << 16);
    at = wire_put_entry(at, OPERATIONS, signature, strlen(signature));
    at = wire_put_entry(at, OPERATIONS + 1, "a.b.C", 5);
    put_metadata(1);
    put_broken("B0 A0");
    put_execution(9, 1700000000000000000, 1700000000000000005, 0, 0, 0);
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), 0);
    bench_end(&bench);
    ck_assert_uint_eq(bench.batches.items[0]->finished.count, 2);
    ck_assert_uint_eq(bench.batches.items[0]->operations.count, 1);
    ck_assert_str_eq(bench.names.items[bench.operations.items[1].name], "op");
    ck_assert_str_eq(bench.names.items[bench.operations.items[1].component], "a.b.C");
    bench_close(&bench);
}
END_TEST

/* An id that is announced again means the new text from then on. */
START_TEST(test_redefined_names)
{
    struct bench bench;

    put_begin(1 << 16);
    put_metadata(1);
    put_broken("B0 A0");
    at = wire_put_entry(at, _i ? OPERATIONS + 1 : OPERATIONS, "other", 5);
    put_metadata(1);
    put_broken("B0 A0");
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), 0);
    bench_end(&bench);
    ck_assert_uint_eq(bench.batches.items[0]->finished.count, 2);
    ck_assert_uint_eq(bench.batches.items[0]->operations.count, 2);
    ck_assert_str_eq(bench.names.items[_i ? bench.operations.items[2].component
                                          : bench.operations.items[2].name],
        "other");
    ck_assert_uint_eq(bench.batches.items[0]->classes.count, 2);
    bench_close(&bench);
}
END_TEST

/* Texts that change at every turn: each event means those of its time, and an operation comes back
 * with its text. Also where a class has never been announced. */
START_TEST(test_redefined_in_turns)
{
    static const char *const signatures[] = {"one", "two"}, *const classes[] = {"A", "B", "C"};
    uint64_t calls[2][3] = {0};
    struct bench bench;

    put_begin(1 << 20);
    bench_open(&bench);
    for (int turn = 0; turn < 600; turn++) {
        at = wire_put_entry(at, OPERATIONS, signatures[turn % 2], 3);
        if (_i)
            at = wire_put_entry(at, OPERATIONS + 1, classes[turn % 3], 1);
        put_metadata(turn);
        put_event(CLASS_BEFORE, turn, 1000 + turn, 0, 0);
        put_event(CLASS_AFTER, turn, 1001 + turn, 1, 0);
        calls[turn % 2][_i ? turn % 3 : 0]++;
    }
    bench_feed(&bench, out, (size_t)(at - out), 0);
    ck_assert_uint_le(assembler_stream_bytes(bench.stream), 4096);
    bench_end(&bench);
    ck_assert_uint_eq(bench.operations.count - 1, _i ? 6 : 2);
    ck_assert_uint_eq(bench.batches.items[0]->classes.count, _i ? 6 : 2);
    for (size_t i = 0; i < bench.batches.items[0]->path_stats.count; i++) {
        const struct batch_path_stat *stat = &bench.batches.items[0]->path_stats.items[i];
        const struct model_operation *operation =
            &bench.operations
                 .items[bench.batches.items[0]->paths.items[stat->path - 1].path.operation];
        const char *name = bench.names.items[operation->name],
                   *component = bench.names.items[operation->component];

        ck_assert_uint_eq(stat->durations.count, calls[*name == 't'][_i ? *component - 'A' : 0]);
    }
    bench_close(&bench);
}
END_TEST

/* An After that ends no open call costs no more than it must in a deep trace; before the first
 * such, the call that is meant is found however deep it is. */
START_TEST(test_ends_of_deep_calls)
{
    enum { DEPTH = 5000 };
    struct totals totals;
    struct bench bench;
    int32_t order = 0;

    put_begin(1 << 20);
    put_metadata(1);
    put_event(CLASS_BEFORE, 1, order, order, 0), order++;
    put_event(CLASS_BEFORE, 1, order, order, 1), order++;
    for (int i = 0; i < DEPTH; i++, order++)
        put_event(CLASS_BEFORE, 1, order, order, 2);
    if (_i)
        put_event(CLASS_AFTER, 1, order, order, 3), order++;
    put_event(CLASS_AFTER, 1, order, order, 1);
    bench_open(&bench);
    bench_feed(&bench, out, (size_t)(at - out), 0);
    bench_end(&bench);
    bench_totals(&bench, &totals);
    ck_assert_uint_eq(totals.path_calls, DEPTH + 2); /* those left open, too */
    ck_assert_uint_eq(bench.batches.items[0]->finished.items[0].trace.flaws,
        FLAW_OPEN_CALLS | (_i ? FLAW_ORPHAN_AFTER : FLAW_MISSING_AFTER));
    bench_close(&bench);
}
END_TEST

/* ---- going on where another assembler was */

static void load_model(const struct bench *bench, struct model *model)
{
    ck_assert_int_eq(model_init(model), 0);
    for (size_t i = 0; i < bench->batches.count; i++) {
        const struct batch *b = bench->batches.items[i];

        for (size_t j = 0; j < b->names.count; j++)
            ck_assert_int_eq(model_load_name(model, b->names.items[j].id, b->names.items[j].text,
                                 b->names.items[j].length),
                0);
        for (size_t j = 0; j < b->operations.count; j++)
            ck_assert_int_eq(model_load_operation(model, b->operations.items[j].id,
                                 &b->operations.items[j].operation),
                0);
        for (size_t j = 0; j < b->paths.count; j++)
            ck_assert_int_eq(
                model_load_path(model, b->paths.items[j].id, &b->paths.items[j].path), 0);
        for (size_t j = 0; j < b->classes.count; j++)
            ck_assert_int_eq(
                model_load_class(model, b->classes.items[j].id, b->classes.items[j].hash), 0);
        for (size_t j = 0; j < b->runs.count; j++)
            ck_assert_int_eq(model_load_run(model, b->runs.items[j].id, b->runs.items[j].name), 0);
    }
}

/* The chunks of a trace, in whichever batches they are; `spoil` of them have a bit of theirs wrong.
 */
struct bench_chunks {
    const struct bench *bench;
    uint64_t trace;
    uint32_t number;
    int spoil;
    unsigned char *spoiled;
};

static int next_chunk(void *context, struct chunk_view *view)
{
    struct bench_chunks *of = context;

    free(of->spoiled);
    of->spoiled = NULL;
    for (size_t i = 0; i < of->bench->batches.count; i++) {
        const struct batch *batch = of->bench->batches.items[i];

        for (size_t j = 0; j < batch->chunks.count; j++) {
            const struct batch_chunk *chunk = &batch->chunks.items[j];

            if (chunk->trace != of->trace || chunk->number != of->number)
                continue;
            *view = view_of(batch, chunk->offset, chunk->size, chunk->events, chunk->base);
            of->number++;
            if (of->spoil) {
                size_t size = view->parts[CHUNK_STRUCTURE].size;

                of->spoiled = malloc(size);
                memcpy(of->spoiled, view->parts[CHUNK_STRUCTURE].bytes, size);
                of->spoiled[(unsigned)of->spoil % size] ^= (unsigned char)(1 << of->spoil % 8);
                view->parts[CHUNK_STRUCTURE].bytes = of->spoiled;
            }
            return 1;
        }
    }
    return 0;
}

/* Whether this is the last that the batches say of an open trace. */
static int is_last(const struct bench *bench, size_t batch, uint64_t id)
{
    for (size_t i = batch; i < bench->batches.count; i++) {
        const struct batch *b = bench->batches.items[i];

        for (size_t j = 0; j < b->finished.count; j++)
            if (b->finished.items[j].trace.id == id)
                return 0;
        for (size_t j = 0; i > batch && j < b->open.count; j++)
            if (b->open.items[j].trace.id == id)
                return 0;
    }
    return 1;
}

/* In the order of their ids, as a store gives them. */
static uint64_t restore_traces(struct bench *bench, uint64_t last_trace, int spoil)
{
    uint64_t traces = 0;

    for (uint64_t id = 1; id <= last_trace; id++)
        for (size_t i = 0; i < bench->batches.count; i++)
            for (size_t j = 0; j < bench->batches.items[i]->open.count; j++) {
                const struct batch_trace *row = &bench->batches.items[i]->open.items[j];
                struct bench_chunks chunks = {.bench = bench, .trace = id, .spoil = spoil};

                if (row->trace.id != id || !is_last(bench, i, id))
                    continue;
                ck_assert_uint_eq(row->open.owner, 1);
                ck_assert_int_eq(
                    restore_trace(bench->assembler, bench->stream, row, next_chunk, &chunks), 1);
                free(chunks.spoiled);
                traces++;
            }
    return traces;
}

static uint64_t counted_as(const struct bench *bench, const char *name)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bench->batches.count; i++)
        for (size_t j = 0; j < bench->batches.items[i]->counters.count; j++)
            if (strcmp(bench->batches.items[i]->counters.items[j].name, name) == 0)
                value += bench->batches.items[i]->counters.items[j].more;
    return value;
}

/* Another assembler, of what the batches hold; the stream comes with a registry of its own. The old
 * one is given back: names of counters are its. */
static struct assembler *bench_move(struct bench *bench, int spoil)
{
    const struct batch *last = bench->batches.items[bench->batches.count - 1];
    struct assembler_start start = {.last_stream = 1, .last_batch = last->number};
    struct assembler *old = bench->assembler;
    uint64_t position = bench->wire.position, traces;
    struct batch_stream row = {0};
    struct assembler_figures figures;
    const unsigned char *from = out;
    struct model model;

    for (size_t i = 0; i < bench->batches.count; i++) {
        const struct batch *b = bench->batches.items[i];

        for (size_t j = 0; j < b->streams.count; j++)
            row = b->streams.items[j];
        for (size_t j = 0; j < b->finished.count; j++)
            if (b->finished.items[j].trace.id > start.last_trace)
                start.last_trace = b->finished.items[j].trace.id;
        for (size_t j = 0; j < b->open.count; j++)
            if (b->open.items[j].trace.id > start.last_trace)
                start.last_trace = b->open.items[j].trace.id;
    }
    load_model(bench, &model);
    bench->assembler = assembler_new(&model, &start, "default");
    bench->stream = restore_stream(bench->assembler, &row);
    ck_assert_uint_eq(assembler_stream_id(bench->stream), 1);
    ck_assert_uint_eq(assembler_position_of(bench->stream), position);
    if (counted_as(bench, "dropped") > 0)
        ck_assert_int_eq(
            restore_counter(bench->stream, "dropped", counted_as(bench, "dropped")), 0);
    traces = restore_traces(bench, start.last_trace, spoil);
    assembler_figures(bench->assembler, &figures);
    if (!spoil)
        ck_assert_uint_eq(figures.traces_running, traces);
    ck_assert_uint_eq(figures.calls, 0);
    wire_fini(&bench->wire);
    wire_init(&bench->wire);
    while (bench->wire.position < position)
        ck_assert_int_gt(wire_next(&bench->wire, &from, out + position, 0), 0);
    return old;
}

static void print_trace(FILE *file, const struct trace *t)
{
    fprintf(file,
        "trace %" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64 " %d %u %u %u %u %" PRId64 " %" PRId64
        " %" PRId64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %u %u %u %x %d %d %d\n",
        t->id, t->kieker_id, t->thread, t->parent_kieker_id, t->parent_order, t->stream, t->run,
        t->host, t->session, t->metadata_logged, t->start, t->end, t->calls, t->failed, t->events,
        t->depth, t->root, t->class, t->flaws, t->state, t->kind, t->metadata);
}

static void print_call(void *context, struct call *call)
{
    fprintf(context, "call %" PRIu64 " %" PRIu64 " %u %u %u %" PRId64 " %" PRId64 " %" PRId64 "\n",
        call->position, call->parent, call->operation, call->host, call->cause, call->start,
        call->duration, call->self);
}

struct sum {
    int64_t of, minute;
    uint64_t count, failed, total, self;
    int64_t minimum, maximum;
};

static int by_of(const void *a, const void *b)
{
    const struct sum *x = a, *y = b;

    if (x->of != y->of)
        return x->of < y->of ? -1 : 1;
    return (x->minute > y->minute) - (x->minute < y->minute);
}

typedef LIST(struct sum) sums_t;

static void add(sums_t *sums, int64_t of, int64_t minute, const struct durations *d)
{
    struct sum *sum = NULL;

    for (size_t i = 0; i < sums->count && sum == NULL; i++)
        if (sums->items[i].of == of && sums->items[i].minute == minute)
            sum = &sums->items[i];
    if (sum == NULL) {
        sum = list_add(sums);
        *sum = (struct sum){of, minute, 0, 0, 0, 0, d->minimum, d->maximum};
    }
    sum->count += d->count;
    sum->failed += d->failed;
    sum->total += d->total;
    sum->self += d->self;
    sum->minimum = d->minimum < sum->minimum ? d->minimum : sum->minimum;
    sum->maximum = d->maximum > sum->maximum ? d->maximum : sum->maximum;
}

static void print_sums(FILE *file, const char *what, sums_t *sums)
{
    if (sums->count > 0)
        qsort(sums->items, sums->count, sizeof(*sums->items), by_of);
    for (size_t i = 0; i < sums->count; i++) {
        const struct sum *s = &sums->items[i];

        fprintf(file,
            "%s %" PRId64 " %" PRId64 ": %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64
            " %" PRId64 "\n",
            what, s->of, s->minute, s->count, s->failed, s->total, s->self, s->minimum, s->maximum);
    }
    list_fini(sums);
}

/* All that came out, added up, as text. */
static char *bench_text(struct bench *bench)
{
    static const char *const counters[] = {"dropped", "open_calls", "no_metadata", "order_gap",
        "order_repeated", "missing_after", "orphan_after", "second_metadata", "calls_left_open",
        "bad_stack", "calls_folded", "damaged_open_trace"};
    sums_t paths = {0}, classes = {0};
    char *text = NULL;
    size_t size;
    FILE *file = open_memstream(&text, &size);
    const struct walker walker = {.on_leave = print_call, .context = file};

    for (size_t i = 0; i < bench->batches.count; i++) {
        const struct batch *b = bench->batches.items[i];

        for (size_t j = 0; j < b->finished.count; j++) {
            print_trace(file, &b->finished.items[j].trace);
            bench_walk(bench, b, &b->finished.items[j], &walker);
        }
        for (size_t j = 0; j < b->path_stats.count; j++)
            if (b->path_stats.items[j].durations.count > 0)
                add(&paths, b->path_stats.items[j].path, b->path_stats.items[j].minute,
                    &b->path_stats.items[j].durations);
        for (size_t j = 0; j < b->class_stats.count; j++)
            add(&classes, b->class_stats.items[j].class, 0, &b->class_stats.items[j].durations);
        for (size_t j = 0; j < b->classes.count; j++) {
            fprintf(
                file, "class %u %" PRIx64 ":", b->classes.items[j].id, b->classes.items[j].hash);
            for (size_t k = 0; k < b->classes.items[j].path_count; k++)
                fprintf(file, " %u", b->classes.items[j].paths[k]);
            fprintf(file, "\n");
        }
        for (size_t j = 0; j < b->streams.count; j++)
            if (b->streams.items[j].closed)
                fprintf(file, "stream %u %u %" PRIu64 " %" PRIu64 " %" PRId64 " %s %s\n",
                    b->streams.items[j].id, b->streams.items[j].run, b->streams.items[j].position,
                    b->streams.items[j].records, b->streams.items[j].unit,
                    b->streams.items[j].agent, b->streams.items[j].session);
    }
    print_sums(file, "path", &paths);
    print_sums(file, "class", &classes);
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        fprintf(file, "%s %" PRIu64 "\n", counters[i], counted_as(bench, counters[i]));
    fclose(file);
    return text;
}

#define VARIED 90
static size_t varied_ends[VARIED + 1];

/* Anything that may come, in some order; executions make one trace that becomes whole. */
static void put_varied(unsigned *seed)
{
    static const char split[] = "kieker.common.record.flow.trace.concurrency.SplitEvent";
    static const char object[] =
        "kieker.common.record.flow.trace.operation.constructor.BeforeConstructorEvent";
    int32_t order[4] = {0}, split_id, object_id;
    int64_t now = 1700000000000000000;
    char text[64];
    int left = 7;

    put_begin(1 << 18);
    put_text("kieker:agent version=2 run=r");
    split_id = next_id;
    put_text(split);
    object_id = next_id;
    put_text(object);
    for (int i = 0; i < VARIED; i++) {
        int trace = rand_r(seed) % 4, kind = rand_r(seed) % 20;

        varied_ends[i] = (size_t)(at - out);
        now += rand_r(seed) % 20000000000;
        order[trace] += rand_r(seed) % 40 == 0;
        if (kind == 0) {
            put_metadata(trace);
        } else if (kind == 1) {
            snprintf(text, sizeof(text), "kieker:counters dropped=%d", i);
            put_text(text);
        } else if (kind < 5 && left > 0) {
            left--;
            put_execution(9, now, now + left * 3, left, left > 3 ? 3 : left, left % 3);
        } else if (kind == 5) {
            at = bytes_put64(wire_put_head(at, split_id, now - 5), (uint64_t)now);
            at = bytes_put32(bytes_put64(at, (uint64_t)trace), (uint32_t)order[trace]++);
        } else if (kind == 6) {
            put_event(object_id, trace, now, order[trace]++, rand_r(seed) % 3);
        } else {
            put_event(kind < 13   ? CLASS_BEFORE
                      : kind < 18 ? CLASS_AFTER
                                  : CLASS_FAILED,
                trace, now, order[trace]++, rand_r(seed) % 3);
        }
    }
    varied_ends[VARIED] = (size_t)(at - out);
}

/* Feeds all, with a cut behind item `cut` and more of them later; with `moves`, another assembler
 * goes on behind each. */
static char *feed_varied(int cut, int moves, int spoil)
{
    struct assembler *old[VARIED];
    struct bench bench;
    int count = 0;
    char *text;

    bench_open(&bench);
    assembler_name_session(bench.stream, "0123456789abcdef0123456789abcdef");
    for (int i = cut, done = 0; done < VARIED; i += 11) {
        int end = i < VARIED ? i : VARIED;

        bench_feed(
            &bench, out + bench.wire.position, varied_ends[end] - (size_t)bench.wire.position, 0);
        assembler_position(bench.stream, bench.wire.position);
        bench_cut(&bench);
        if (moves && count < moves)
            old[count++] = bench_move(&bench, spoil);
        done = end;
    }
    bench_end(&bench);
    text = bench_text(&bench);
    bench_close(&bench);
    while (count > 0)
        assembler_free(old[--count]);
    return text;
}

/* Says the first line that differs. */
static void check_same(const char *one, const char *other, int cut)
{
    size_t line = 0, i = 0;

    for (; one[i] == other[i] && one[i]; i++)
        line = one[i] == '\n' ? i + 1 : line;
    ck_assert_msg(one[i] == other[i], "cut behind %d: \"%.*s\", but restored \"%.*s\"", cut,
        (int)strcspn(one + line, "\n"), one + line, (int)strcspn(other + line, "\n"), other + line);
}

START_TEST(test_restored)
{
    unsigned seed = seed_of(_i);

    put_varied(&seed);
    for (int cut = 0; cut <= VARIED; cut++) {
        char *whole = feed_varied(cut, 0, 0), *once = feed_varied(cut, 1, 0),
             *often = feed_varied(cut, VARIED, 0);

        check_same(whole, once, cut);
        check_same(whole, often, cut);
        free(whole);
        free(once);
        free(often);
    }
}
END_TEST

/* Whatever the chunks hold: each trace goes on or ends, and is there once. */
START_TEST(test_restored_from_damage)
{
    unsigned seed = seed_of(_i), damaged = 0;

    put_varied(&seed);
    for (int spoil = 1; spoil < 300; spoil++) {
        struct bench bench;
        struct assembler *old;
        struct totals totals;
        unsigned traces[16] = {0};

        bench_open(&bench);
        assembler_name_session(bench.stream, "0123456789abcdef0123456789abcdef");
        bench_feed(&bench, out, varied_ends[spoil % VARIED], 0);
        assembler_position(bench.stream, bench.wire.position);
        bench_cut(&bench);
        old = bench_move(&bench, spoil);
        bench_feed(&bench, out + bench.wire.position,
            varied_ends[VARIED] - (size_t)bench.wire.position, 0);
        bench_end(&bench);
        bench_totals(&bench, &totals);
        for (size_t i = 0; i < bench.batches.count; i++)
            for (size_t j = 0; j < bench.batches.items[i]->finished.count; j++)
                traces[bench.batches.items[i]->finished.items[j].trace.id]++;
        for (unsigned i = 1; i <= totals.traces; i++)
            ck_assert_uint_eq(traces[i], 1);
        damaged += counted_as(&bench, "damaged_open_trace") > 0;
        bench_close(&bench);
        assembler_free(old);
    }
    ck_assert_uint_gt(damaged, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assembler");
    TCase *tests = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, test_facts, 0, sizeof(facts) / sizeof(facts[0]));
    tcase_add_loop_test(tests, test_random_events, 0, 60);
    tcase_add_loop_test(tests, test_random_executions, 0, 60);
    tcase_add_loop_test(tests, test_broken, 0, sizeof(broken) / sizeof(broken[0]));
    tcase_add_test(tests, test_classes);
    tcase_add_loop_test(tests, test_any_sequence, 0, 100);
    tcase_add_test(tests, test_too_many_open_traces);
    tcase_add_test(tests, test_deep_recursion);
    tcase_add_test(tests, test_agent_says_who_it_is);
    tcase_add_test(tests, test_events_and_executions_are_of_one_operation);
    tcase_add_loop_test(tests, test_redefined_names, 0, 2);
    tcase_add_loop_test(tests, test_redefined_in_turns, 0, 2);
    tcase_add_loop_test(tests, test_ends_of_deep_calls, 0, 2);
    tcase_add_loop_test(tests, test_restored, 0, 10);
    tcase_add_loop_test(tests, test_restored_from_damage, 0, 3);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
