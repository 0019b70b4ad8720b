/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/expected.h"

#include "analysis/signature.h"
#include "analysis/assembler.h"
#include "tests/fuzz/input.h"

#define ADD(list, value)                                                                           \
    do {                                                                                           \
        must(list_add(list) != NULL);                                                              \
        (list)->items[(list)->count - 1] = (value);                                                \
    } while (0)

void expected_init(struct expected *expected)
{
    *expected = (struct expected){.batch = 1};
}

void expected_fini(struct expected *expected)
{
    for (size_t i = 0; i < expected->traces.count; i++) {
        list_fini(&expected->traces.items[i].calls);
        list_fini(&expected->traces.items[i].open);
        list_fini(&expected->traces.items[i].records);
        list_fini(&expected->traces.items[i].executions);
        list_fini(&expected->traces.items[i].digests);
    }
    list_fini(&expected->others);
    list_fini(&expected->traces);
}

static uint64_t mix(uint64_t digest, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        digest = (digest ^ ((const unsigned char *)bytes)[i]) * UINT64_C(0x100000001B3);
    return digest;
}

static int is_time(const char *name)
{
    return strcmp(name, "timestamp") == 0 || strcmp(name, "tin") == 0 || strcmp(name, "tout") == 0;
}

static uint64_t mix_string(uint64_t digest, const struct record *record, const unsigned char *at)
{
    int32_t id = (int32_t)bytes_get32(at);
    const struct registry_entry *entry = registry_get(record->registry, id);
    char unknown[32];

    if (entry)
        return mix(digest, entry->text, entry->length);
    snprintf(unknown, sizeof(unknown), "<?%d>", (int)id);
    return mix(digest, unknown, strlen(unknown));
}

uint64_t expected_digest(const struct record *record)
{
    struct record_cursor cursor = {.record = record};
    uint64_t digest = mix(1, record->type->name, strlen(record->type->name));

    while (record_next_value(&cursor) > 0) {
        const struct record_field *field = &record->type->fields[cursor.field];

        digest = mix(digest, &cursor.elements, sizeof(cursor.elements));
        if (cursor.at == NULL || is_time(field->name))
            continue;
        if (field_element(field->type) == FIELD_STR)
            digest = mix_string(digest, record, cursor.at);
        else
            digest = mix(digest, cursor.at, field_width(field_element(field->type)));
    }
    return digest;
}

static int is_same_trace(const struct expected_trace *trace, enum trace_kind kind, unsigned stream,
    uint32_t run, int64_t id)
{
    return !trace->finished && trace->kind == kind && trace->kieker_id == id &&
           (kind != TRACE_OF_EXECUTIONS ? trace->stream == stream : trace->run == run);
}

static struct expected_trace *trace_of(
    struct expected *expected, enum trace_kind kind, unsigned stream, uint32_t run, int64_t id)
{
    struct expected_trace new = {.id = expected->traces.count + 1,
        .kieker_id = id,
        .kind = kind,
        .stream = stream,
        .run = run,
        .order = -1,
        .last_eoi = -1};

    for (size_t i = 0; i < expected->traces.count; i++)
        if (is_same_trace(&expected->traces.items[i], kind, stream, run, id))
            return &expected->traces.items[i];
    ADD(&expected->traces, new);
    return &expected->traces.items[expected->traces.count - 1];
}

static void note_record(struct expected_trace *trace, const struct fact *fact)
{
    if (trace->records.count == 0)
        trace->start = trace->end = fact->time;
    if (fact->time > trace->end)
        trace->end = fact->time;
    ADD(&trace->records, *fact);
}

static void note_digest(struct expected_trace *trace, uint64_t digest)
{
    ADD(&trace->digests, digest);
}

static void note_order(struct expected_trace *trace, int32_t order)
{
    if (order > (int64_t)trace->order + 1)
        trace->flaws |= FLAW_ORDER_GAP;
    else if (order < (int64_t)trace->order + 1)
        trace->flaws |= FLAW_ORDER_REPEATED;
    if (trace->kind == TRACE_OF_THREAD && trace->records.count == 1)
        trace->flaws &= ~(unsigned)(FLAW_ORDER_GAP | FLAW_ORDER_REPEATED);
    trace->order = order;
}

/* The innermost open call ends. */
static void end_call(
    struct expected *expected, struct expected_trace *trace, int64_t time, int made_up)
{
    struct expected_call *call = &trace->calls.items[trace->open.items[--trace->open.count]];

    call->ended = 1;
    call->made_up = made_up;
    call->duration = time_between(call->begin.time, time);
    if (call->caller >= 0) {
        struct expected_call *caller = &trace->calls.items[call->caller];

        caller->below = time_sum(caller->below, call->duration);
    }
    expected->calls++;
    expected->total += (uint64_t)call->duration;
    if (call->duration > call->below)
        expected->self += (uint64_t)(call->duration - call->below);
}

static struct expected_call *innermost(struct expected_trace *trace)
{
    return trace->open.count ? &trace->calls.items[trace->open.items[trace->open.count - 1]] : NULL;
}

/* Calls end that only Call events have told of: the innermost ones, up to the first that has this
 * caller (NULL: all). */
static void end_called(
    struct expected *expected, struct expected_trace *trace, const char *caller, int64_t time)
{
    size_t at = trace->open.count;

    while (at > 0 && trace->calls.items[trace->open.items[at - 1]].called_by) {
        at--;
        if (caller && strcmp(trace->calls.items[trace->open.items[at]].called_by, caller) == 0)
            break;
        if (at == 0 || !trace->calls.items[trace->open.items[at - 1]].called_by) {
            if (caller)
                return;
            break;
        }
    }
    while (trace->open.count > at)
        end_call(expected, trace, time, 0);
}

static void finish(struct expected *expected, struct expected_trace *trace)
{
    if (trace->kind == TRACE_OF_EXECUTIONS)
        trace->flaws |= expected_tree(trace, expected);
    else if (!trace->metadata && trace->kind != TRACE_OF_THREAD)
        trace->flaws |= FLAW_NO_METADATA;
    if (trace->open.count > 0)
        end_called(expected, trace, NULL, innermost(trace)->begin.time);
    if (trace->open.count > 0)
        trace->flaws |= FLAW_OPEN_CALLS;
    if (trace->flaws & FLAW_OPEN_CALLS)
        expected->left_open += trace->open.count;
    while (trace->open.count > 0)
        end_call(expected, trace, trace->end, 1);
    for (unsigned bit = 0; bit < FLAWS; bit++)
        expected->flaws[bit] += trace->flaws >> bit & 1;
    expected->traces_finished++;
    trace->finished = 1;
}

/* Of the innermost call ids say enough: its text may have come behind its Before. */
static int is_operation_of(
    const struct expected_call *call, const struct fact *fact, int is_innermost)
{
    if (call->called_by || (fact->form == FORM_CONSTRUCTOR && call->before.form != fact->form))
        return 0;
    if (is_innermost && fact->by_ids && call->before.by_ids &&
        call->before.signature_id == fact->signature_id && call->before.class_id == fact->class_id)
        return 1;
    return strcmp(call->before.signature, fact->signature) == 0 &&
           strcmp(call->before.class, fact->class) == 0;
}

static void end_named(
    struct expected *expected, struct expected_trace *trace, const struct fact *fact)
{
    struct fact other = *fact;
    size_t at, least;

    if (fact->form != FORM_DATABASE && innermost(trace) && innermost(trace)->called_by)
        end_called(expected, trace, fact->signature, fact->time);
    at = trace->open.count;
    least = trace->flaws & FLAW_ORPHAN_AFTER && at > ASSEMBLER_SEARCHED_CALLS
                ? at - ASSEMBLER_SEARCHED_CALLS
                : 0;
    while (at > least && !is_operation_of(&trace->calls.items[trace->open.items[at - 1]], fact,
                             at == trace->open.count))
        at--;
    if (at == least) {
        trace->flaws |= FLAW_ORPHAN_AFTER;
        other.kind = STEP_OTHER;
        note_record(trace, &other);
        return;
    }
    while (trace->open.count > at) {
        trace->flaws |= FLAW_MISSING_AFTER;
        end_call(expected, trace, fact->time, !innermost(trace)->called_by);
    }
    note_record(trace, fact);
    if (fact->kind == STEP_FAILED) {
        innermost(trace)->failed = 1;
        innermost(trace)->cause = fact->cause;
        expected->failed++;
    }
    end_call(expected, trace, fact->time, 0);
}

/* Whether the Before is what the Call event has announced that came just before it. */
static int is_called(
    const struct expected_trace *trace, const struct expected_call *call, const struct fact *fact)
{
    return trace->call_is_last && call->called_by && fact->order == (int64_t)trace->order + 1 &&
           (fact->form != FORM_CONSTRUCTOR || call->begin.form == fact->form) &&
           strcmp(call->begin.class, fact->class) == 0 &&
           (strcmp(call->begin.signature, fact->signature) == 0 ||
               signature_is_alike(call->begin.signature, strlen(call->begin.signature),
                   fact->signature, strlen(fact->signature)));
}

static void begin(struct expected *expected, struct expected_trace *trace, const struct fact *fact)
{
    struct expected_call call = {.begin = *fact, .before = *fact, .caller = -1},
                         *top = innermost(trace);
    struct fact noted = *fact;

    if (fact->kind == STEP_CALL) {
        call.begin.signature = fact->callee;
        call.begin.class = fact->callee_class;
        call.called_by = fact->signature;
    } else if (fact->form == FORM_CONSTRUCTOR) {
        noted.kind = STEP_BEGIN;
    }
    if (fact->kind != STEP_CALL && fact->form != FORM_DATABASE && top &&
        is_called(trace, top, fact)) {
        top->called_by = NULL;
        top->before = *fact;
        top->begin.time = fact->time;
        noted.kind = STEP_BEGIN;
        note_record(trace, &noted);
        return;
    }
    if (fact->form != FORM_DATABASE && top && top->called_by)
        end_called(expected, trace, fact->signature, fact->time);
    if (trace->open.count > 0)
        call.caller = (int64_t)trace->open.items[trace->open.count - 1];
    ADD(&trace->open, trace->calls.count);
    ADD(&trace->calls, call);
    if (trace->open.count > trace->depth)
        trace->depth = trace->open.count;
    note_record(trace, &noted);
}

void expected_event(struct expected *expected, enum trace_kind kind, unsigned stream, uint32_t run,
    int64_t id, const struct fact *fact)
{
    struct expected_trace *trace = trace_of(expected, kind, stream, run, id);
    int ends = fact->kind == STEP_AFTER || fact->kind == STEP_FAILED;

    if (fact->kind == STEP_BEFORE || fact->kind == STEP_CALL)
        begin(expected, trace, fact);
    else if (ends)
        end_named(expected, trace, fact);
    else
        note_record(trace, fact);
    note_digest(trace, fact->digest);
    note_order(trace, fact->order);
    trace->call_is_last = fact->kind == STEP_CALL;
    if (ends && trace->open.count == 0 &&
        (kind == TRACE_OF_THREAD || (trace->flaws == 0 && trace->metadata)))
        finish(expected, trace);
}

int expected_metadata(
    struct expected *expected, unsigned stream, uint32_t run, int64_t id, uint64_t digest)
{
    struct expected_trace *trace = trace_of(expected, TRACE_OF_EVENTS, stream, run, id);

    if (trace->metadata) {
        trace->flaws |= FLAW_SECOND_METADATA;
        return 0;
    }
    trace->metadata = 1;
    note_digest(trace, digest);
    memmove(trace->digests.items + 1, trace->digests.items,
        (trace->digests.count - 1) * sizeof(*trace->digests.items));
    trace->digests.items[0] = digest;
    return 1;
}

/* A trace of executions is whole, as far as can be known: it waits whether more comes. */
static void judge_ready(struct expected *expected, struct expected_trace *trace)
{
    uint64_t *place;

    trace->ready_since = 0;
    if (!trace->has_root || trace->executions.count != (size_t)trace->last_eoi + 1)
        return;
    trace->ready_since = expected->batch;
    place = &expected->ready[expected->next_ready++ % EXPECTED_READY];
    if (*place != 0 && *place != trace->id) {
        struct expected_trace *other = &expected->traces.items[*place - 1];

        if (!other->finished && other->ready_since != 0)
            finish(expected, other);
    }
    *place = trace->id;
}

void expected_execution(struct expected *expected, unsigned stream, uint32_t run, int64_t id,
    const struct fact_execution *fact)
{
    struct expected_trace *trace = trace_of(expected, TRACE_OF_EXECUTIONS, stream, run, id);
    const struct execution *execution = &fact->execution;

    trace->stream = stream;
    note_digest(trace, fact->digest);
    if (trace->executions.count == 0) {
        trace->start = execution->tin;
        trace->end = execution->tout;
    }
    if (execution->tin < trace->start)
        trace->start = execution->tin;
    if (execution->tout > trace->end)
        trace->end = execution->tout;
    ADD(&trace->executions, *fact);
    if (execution->eoi > trace->last_eoi)
        trace->last_eoi = execution->eoi;
    trace->has_root |= execution->eoi == 0 && execution->ess == 0;
    judge_ready(expected, trace);
}

void expected_close(struct expected *expected, unsigned stream)
{
    for (size_t i = 0; i < expected->traces.count; i++)
        if (!expected->traces.items[i].finished && expected->traces.items[i].stream == stream)
            finish(expected, &expected->traces.items[i]);
}

void expected_cut(struct expected *expected)
{
    for (unsigned i = 0; i < EXPECTED_READY; i++) {
        struct expected_trace *trace;

        if (expected->ready[i] == 0)
            continue;
        trace = &expected->traces.items[expected->ready[i] - 1];
        if (!trace->finished && trace->ready_since == expected->batch)
            continue;
        if (!trace->finished && trace->ready_since != 0)
            finish(expected, trace);
        expected->ready[i] = 0;
    }
    expected->batch++;
}

unsigned expected_tree(struct expected_trace *trace, struct expected *sums)
{
    unsigned flaws = 0;
    int64_t before = -1;

    /* Stable, one by one: they are few. */
    for (size_t i = 1; i < trace->executions.count; i++)
        for (size_t j = i; j > 0; j--) {
            struct fact_execution *pair = &trace->executions.items[j - 1], kept = pair[0];

            if (execution_by_order(&pair[0].execution, &pair[1].execution) <= 0)
                break;
            pair[0] = pair[1];
            pair[1] = kept;
        }
    for (size_t i = 0; i < trace->executions.count; i++) {
        const struct fact_execution *fact = &trace->executions.items[i];
        struct expected_call call = {
            .begin = {.signature = fact->signature, .time = fact->execution.tin}, .caller = -1};
        size_t depth = fact->execution.ess > 0 ? (size_t)fact->execution.ess : 0;

        if (fact->execution.eoi <= before)
            flaws |= FLAW_ORDER_REPEATED;
        else if (fact->execution.eoi > before + 1)
            flaws |= i > 0 ? FLAW_ORDER_GAP : FLAW_OPEN_CALLS;
        if (fact->execution.ess < 0 || depth > trace->open.count)
            flaws |= FLAW_BAD_STACK;
        before = fact->execution.eoi;
        while (trace->open.count > depth)
            end_call(sums, trace,
                trace->executions.items[trace->open.items[trace->open.count - 1]].execution.tout,
                0);
        if (trace->open.count > 0)
            call.caller = (int64_t)trace->open.items[trace->open.count - 1];
        ADD(&trace->open, trace->calls.count);
        ADD(&trace->calls, call);
        if (trace->open.count > trace->depth)
            trace->depth = trace->open.count;
    }
    while (trace->open.count > 0)
        end_call(sums, trace,
            trace->executions.items[trace->open.items[trace->open.count - 1]].execution.tout, 0);
    return flaws;
}
