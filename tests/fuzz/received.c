/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/received.h"

#include "analysis/records.h"
#include "analysis/walk.h"
#include "tests/fuzz/input.h"

void received_init(struct received *received)
{
    memset(received, 0, sizeof(*received));
    must(list_add(&received->names) && list_add(&received->operations));
    must(list_add(&received->paths) && list_add(&received->classes));
    received->names.items[0] = strdup("");
    received->operations.items[0] = (struct model_operation){0};
    received->paths.items[0] = (struct model_path){0};
    memset(received->classes.items, 0, sizeof(*received->classes.items));
}

void received_fini(struct received *received)
{
    for (size_t i = 0; i < received->names.count; i++)
        free(received->names.items[i]);
    list_fini(&received->names);
    list_fini(&received->operations);
    list_fini(&received->paths);
    list_fini(&received->classes);
    list_fini(&received->chunks);
    for (int i = 0; i < CHUNK_PARTS; i++)
        buffer_fini(&received->parts[i]);
}

/* Dictionaries: ids count up by one, and what a row refers to is there. */
static void take_dictionaries(struct received *received, const struct batch *batch)
{
    for (size_t i = 0; i < batch->names.count; i++) {
        const struct batch_name *row = &batch->names.items[i];

        must(row->id == received->names.count && list_add(&received->names));
        must(row->text[row->length] == '\0');
        received->names.items[row->id] = strdup(row->text);
    }
    for (size_t i = 0; i < batch->operations.count; i++) {
        const struct model_operation *operation = &batch->operations.items[i].operation;

        must(batch->operations.items[i].id == received->operations.count);
        must(operation->name < received->names.count &&
             operation->signature < received->names.count);
        must(operation->component < received->names.count);
        must(operation->class_signature < received->names.count);
        must(list_add(&received->operations));
        received->operations.items[received->operations.count - 1] = *operation;
    }
    for (size_t i = 0; i < batch->paths.count; i++) {
        const struct model_path *path = &batch->paths.items[i].path;

        must(batch->paths.items[i].id == received->paths.count);
        must(path->parent < received->paths.count);
        must(path->operation < received->operations.count && path->host < received->names.count);
        must(list_add(&received->paths));
        received->paths.items[received->paths.count - 1] = *path;
    }
    for (size_t i = 0; i < batch->classes.count; i++) {
        const struct batch_class *class = &batch->classes.items[i];

        must(class->id == received->classes.count && list_add(&received->classes));
        received->classes.items[class->id] = (struct received_class){
            .calls = class->calls, .depth = class->depth, .root = class->root};
        for (size_t j = 0; j < class->path_count; j++)
            must(class->paths[j] != 0 && class->paths[j] < received->paths.count &&
                 (j == 0 || class->paths[j] > class->paths[j - 1]));
    }
}

static void check_durations(const struct durations *durations)
{
    struct histogram_sum sum;
    struct buffer coded = {0};

    must(durations->count > 0 && durations->failed <= durations->count);
    must(durations->minimum >= 0 && durations->minimum <= durations->maximum);
    histogram_sum_init(&sum);
    must(durations_encode(durations, &coded) == 0);
    must(histogram_sum_add(&sum, coded.bytes, coded.size) == 0 && sum.total == durations->count);
    must(histogram_sum_quantile(&sum, 1) <=
         histogram_value(histogram_bucket((uint64_t)durations->maximum)));
    buffer_fini(&coded);
}

static void take_statistics(struct received *received, const struct batch *batch)
{
    for (size_t i = 0; i < batch->path_stats.count; i++) {
        const struct batch_path_stat *stat = &batch->path_stats.items[i];

        must(stat->path != 0 && stat->path < received->paths.count);
        check_durations(&stat->durations);
        received->calls += stat->durations.count;
        received->failed += stat->durations.failed;
        received->total += stat->durations.total;
        received->self += stat->durations.self;
    }
    for (size_t i = 0; i < batch->class_stats.count; i++) {
        const struct batch_class_stat *stat = &batch->class_stats.items[i];

        must(stat->class != 0 && stat->class < received->classes.count);
        check_durations(&stat->durations);
        received->traces += stat->durations.count;
        must(stat->first_start <= stat->latest_start);
    }
    for (size_t i = 0; i < batch->counters.count; i++) {
        const struct batch_counter *counter = &batch->counters.items[i];

        for (unsigned bit = 0; bit < FLAWS; bit++)
            if (strcmp(counter->name, trace_flaw_name(bit)) == 0)
                received->flaws[bit] += counter->more;
        if (strcmp(counter->name, "calls_left_open") == 0)
            received->left_open += counter->more;
    }
}

static void keep_parts(struct received *received, const struct batch *batch, const uint64_t *offset,
    const uint32_t *size, struct received_chunk *chunk)
{
    for (int i = 0; i < CHUNK_PARTS; i++) {
        must(offset[i] + size[i] <= batch->parts[i].size);
        chunk->offset[i] = received->parts[i].size;
        chunk->size[i] = size[i];
        must(buffer_append(&received->parts[i], batch->parts[i].bytes + offset[i], size[i]) == 0);
    }
    must(list_add(&received->chunks));
    received->chunks.items[received->chunks.count - 1] = *chunk;
}

/* A walk in the midst of its comparison. */
struct comparison {
    struct received *received;
    struct expected_trace *trace;
    size_t begun, left;
    uint64_t tree;
    int is_open;  /* the trace is not at its end: open calls are no matter */
    int has_ties; /* the order of executions is not told by their numbers */
};

static const char *name(const struct received *received, uint32_t id)
{
    must(id < received->names.count);
    return received->names.items[id];
}

static void on_enter(void *context, struct call *call)
{
    struct comparison *comparison = context;
    struct expected_trace *trace = comparison->trace;
    const struct expected_call *expected;
    const struct model_operation *operation;

    must(call->position == comparison->begun++ && call->position < trace->calls.count);
    must(call->operation < comparison->received->operations.count);
    expected = &trace->calls.items[call->position];
    operation = &comparison->received->operations.items[call->operation];
    comparison->tree =
        (comparison->tree ^ (call->operation * 2654435761u + call->depth)) * 0x9E3779B97F4A7C15u;
    comparison->tree ^= comparison->tree >> 31;
    must(call->parent == (expected->caller < 0 ? CALL_NO_PARENT : (uint64_t)expected->caller));
    if (comparison->has_ties)
        return;
    must(strcmp(name(comparison->received, operation->signature), expected->begin.signature) == 0);
    if (expected->begin.class)
        must(strcmp(name(comparison->received, operation->class_signature),
                 expected->begin.class) == 0);
    must(call->start == expected->begin.time);
}

static void on_leave(void *context, struct call *call)
{
    struct comparison *comparison = context;
    const struct expected_call *expected = &comparison->trace->calls.items[call->position];

    comparison->left++;
    if (comparison->has_ties)
        return;
    must(call->assumed == (expected->called_by != NULL));
    must(call->open == (!expected->ended || expected->made_up));
    if (!expected->ended)
        return;
    must(call->duration == expected->duration);
    must(call->self ==
         (expected->duration > expected->below ? expected->duration - expected->below : 0));
    must(call->failed == expected->failed);
    if (call->failed)
        must(strcmp(name(comparison->received, call->cause), expected->cause) == 0);
}

/* The steps of a chunk are the records, in order, with their logging timestamps. */
static size_t compare_records(
    const struct expected_trace *trace, const struct chunk_view *view, size_t at)
{
    struct reader logged = {view->parts[CHUNK_LOGGED].bytes,
        view->parts[CHUNK_LOGGED].bytes + view->parts[CHUNK_LOGGED].size, 0};
    int is_logged = view->parts[CHUNK_LOGGED].size > 0;
    struct chunk_reader reader;
    struct step step;
    int64_t lag = 0;
    int got;

    chunk_read(&reader, view);
    while ((got = chunk_next(&reader, &step)) > 0) {
        uint64_t code = is_logged && step.kind != STEP_CLOSE ? reader_varint(&logged) : 0;
        const struct fact *fact;

        if (code > 0)
            lag = (int64_t)((uint64_t)lag + (uint64_t)unzigzag(code - 1));
        if (step.kind == STEP_EXECUTION || step.kind == STEP_CLOSE)
            continue;
        must(at < trace->records.count);
        fact = &trace->records.items[at++];
        must(step.kind == fact->kind && step.time == fact->time);
        must((code == 0) == (fact->logged == RECORD_NOT_LOGGED));
        must(code == 0 || (int64_t)((uint64_t)step.time + (uint64_t)lag) == fact->logged);
    }
    must(got == 0 && !logged.bad && logged.at == logged.end);
    return at;
}

static int has_ties(const struct expected_trace *trace)
{
    for (size_t i = 1; i < trace->executions.count; i++)
        if (execution_by_order(&trace->executions.items[i - 1].execution,
                &trace->executions.items[i].execution) == 0)
            return 1;
    return 0;
}

/* Walks all chunks of the trace; returns what its calls look like. */
static uint64_t compare_calls(
    struct received *received, struct expected_trace *trace, const struct trace *row, int is_open)
{
    struct comparison comparison = {.received = received,
        .trace = trace,
        .tree = 1,
        .is_open = is_open,
        .has_ties = has_ties(trace)};
    const struct walker walker = {on_enter, on_leave, &comparison};
    struct walk *walk = walk_new(row, &walker);
    uint64_t events = 0;
    size_t records = 0;

    for (size_t i = 0; i < received->chunks.count; i++) {
        const struct received_chunk *chunk = &received->chunks.items[i];
        struct chunk_view view = {.events = chunk->events, .base = chunk->base};

        if (chunk->trace != trace->id)
            continue;
        for (int part = 0; part < CHUNK_PARTS; part++) {
            view.parts[part].bytes = received->parts[part].bytes + chunk->offset[part];
            view.parts[part].size = chunk->size[part];
        }
        must(walk_feed(walk, &view) == 0);
        records = compare_records(trace, &view, records);
        events += chunk->events;
    }
    must(events == row->events && records == trace->records.count);
    if (!is_open || trace->kind != TRACE_OF_EXECUTIONS) {
        must(walk_end(walk) == 0);
        must(comparison.begun == trace->calls.count && comparison.left == comparison.begun);
    }
    walk_free(walk);
    return comparison.tree;
}

/* What the numbers of the dictionaries mean, for records.h. */
static int on_name(void *context, uint32_t id, const char **text, size_t *length)
{
    *text = name(context, id);
    *length = strlen(*text);
    return 0;
}

static int on_operation(void *context, uint32_t id, uint32_t *signature, uint32_t *class_signature)
{
    const struct received *received = context;

    must(id != 0 && id < received->operations.count);
    *signature = received->operations.items[id].signature;
    *class_signature = received->operations.items[id].class_signature;
    return 0;
}

struct given_back {
    const uint64_t *digests;
    size_t count, most;
};

static int on_record(void *context, const struct record *record)
{
    struct given_back *back = context;

    must(back->count < back->most);
    must(expected_digest(record) == back->digests[back->count++]);
    return 0;
}

static struct records *begin_records(struct received *received, struct given_back *back)
{
    const struct records_texts texts = {on_name, on_operation, received};
    struct records *records = records_new(&texts, on_record, back);

    must(records != NULL);
    return records;
}

static void end_records(struct records *records)
{
    struct records_losses losses;

    records_losses(records, &losses);
    must(losses.records == 0 && losses.texts == 0);
    records_free(records);
}

/* All records of a finished trace come back as they were fed. */
static void compare_given_back(
    struct received *received, const struct expected_trace *trace, const struct trace *row)
{
    struct given_back back = {trace->digests.items, 0, trace->digests.count};
    struct records *records = begin_records(received, &back);

    must(records_begin(records, row, 1) == 0);
    for (size_t i = 0; i < received->chunks.count; i++) {
        const struct received_chunk *chunk = &received->chunks.items[i];
        struct chunk_view view = {.events = chunk->events, .base = chunk->base};

        if (chunk->trace != trace->id)
            continue;
        for (int part = 0; part < CHUNK_PARTS; part++) {
            view.parts[part].bytes = received->parts[part].bytes + chunk->offset[part];
            view.parts[part].size = chunk->size[part];
        }
        must(records_feed(records, &view) == 0);
    }
    must(back.count == back.most);
    end_records(records);
}

static void take_others(
    struct received *received, const struct expected *expected, const struct batch *batch)
{
    struct given_back back = {expected->others.items, received->others, expected->others.count};
    struct records *records = begin_records(received, &back);

    for (size_t i = 0; i < batch->records.count; i++)
        must(records_other(records, &batch->records.items[i], 1) == 0);
    received->others += batch->records.count;
    must(back.count == received->others);
    end_records(records);
}

static void compare_row(const struct received *received, const struct expected_trace *trace,
    const struct batch_trace *given)
{
    const struct trace *row = &given->trace;
    size_t calls =
        trace->kind != TRACE_OF_EXECUTIONS ? trace->calls.count : trace->executions.count;
    size_t chunks = 0, failed = 0;

    for (size_t i = 0; i < received->chunks.count; i++)
        chunks += received->chunks.items[i].trace == trace->id;
    for (size_t i = 0; i < trace->calls.count; i++)
        failed += trace->calls.items[i].failed != 0;
    must(row->kieker_id == trace->kieker_id && row->kind == trace->kind);
    must(row->chunks == chunks || (trace->finished && row->chunks == 0));
    must(row->calls == calls && row->failed == failed);
    must(row->start == trace->start && row->end == trace->end);
    must(given->was_open == trace->was_open && row->run == trace->run);
    must((row->metadata != METADATA_NONE) == (trace->metadata != 0));
    if (trace->finished || trace->kind != TRACE_OF_EXECUTIONS)
        must(row->flaws == trace->flaws && row->depth == trace->depth);
}

static void take_open(
    struct received *received, struct expected *expected, const struct batch *batch)
{
    for (size_t i = 0; i < batch->open.count; i++) {
        const struct batch_trace *given = &batch->open.items[i];
        struct expected_trace *trace;

        must(given->trace.id > 0 && given->trace.id <= expected->traces.count);
        trace = &expected->traces.items[given->trace.id - 1];
        must(!trace->finished && given->trace.state == TRACE_RUNNING);
        compare_row(received, trace, given);
        compare_calls(received, trace, &given->trace, 1);
        trace->was_open = 1;
    }
}

static void take_finished(
    struct received *received, struct expected *expected, const struct batch *batch)
{
    for (size_t i = 0; i < batch->finished.count; i++) {
        const struct batch_trace *given = &batch->finished.items[i];
        struct expected_trace *trace;
        struct received_class *class;
        uint64_t tree;

        must(given->trace.id > 0 && given->trace.id <= expected->traces.count);
        trace = &expected->traces.items[given->trace.id - 1];
        must(trace->finished == 1);
        trace->finished = 2; /* and given, once */
        if (given->trace.chunks == 0) {
            struct received_chunk whole = {.trace = given->trace.id,
                .events = given->trace.events,
                .base = given->trace.start};

            keep_parts(received, batch, given->offset, given->size, &whole);
        }
        compare_row(received, trace, given);
        must(given->trace.state != TRACE_RUNNING && given->trace.class != 0);
        must((given->trace.state == TRACE_COMPLETE) == (trace->flaws == 0));
        tree = compare_calls(received, trace, &given->trace, 0);
        compare_given_back(received, trace, &given->trace);
        class = &received->classes.items[given->trace.class];
        must(class->calls == given->trace.calls && class->depth == given->trace.depth);
        must(class->root == given->trace.root);
        /* Below that paths are folded, and unlike trees may look alike. */
        must(class->tree == 0 || class->tree == tree || class->depth >= MODEL_PATH_DEPTH_MAX);
        class->tree = tree;
        received->finished++;
    }
    for (size_t i = 0; i < expected->traces.count; i++)
        must(expected->traces.items[i].finished != 1); /* none is left out */
}

void received_batch(struct received *received, struct expected *expected, const struct batch *batch)
{
    must(batch->number == ++received->batches);
    take_dictionaries(received, batch);
    take_statistics(received, batch);
    for (size_t i = 0; i < batch->chunks.count; i++) {
        const struct batch_chunk *given = &batch->chunks.items[i];
        struct received_chunk chunk = {
            .trace = given->trace, .events = given->events, .base = given->base};
        uint32_t number = 0;

        for (size_t j = 0; j < received->chunks.count; j++)
            number += received->chunks.items[j].trace == given->trace;
        must(number == given->number);
        keep_parts(received, batch, given->offset, given->size, &chunk);
    }
    take_open(received, expected, batch);
    take_finished(received, expected, batch);
    received->records += batch->record_count;
    take_others(received, expected, batch);
    must(received->calls == expected->calls && received->failed == expected->failed);
    must(received->total == expected->total && received->self == expected->self);
    must(received->traces == received->finished);
    must(received->finished == expected->traces_finished);
    must(received->left_open == expected->left_open);
    for (unsigned bit = 0; bit < FLAWS; bit++)
        must(received->flaws[bit] == expected->flaws[bit]);
}
