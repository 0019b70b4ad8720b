/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/events.h"

#include <stdlib.h>

#define PLAIN_EXECUTION 0xFFu /* the fields that a step says by itself */

/* Traces of executions are known by run and trace id, whatever host they come from. Two with one
 * key take neighbours. The key under which the trace is, or that is free for it. */
uint64_t executions_key(struct assembler *a, uint32_t run, int64_t id)
{
    /* The run is mixed by itself: small runs and small ids would else give equal keys, and of two
     * with one key the second is lost sight of once the first has ended. */
    uint64_t key = shape_mix(shape_mix(1, run), (uint64_t)id);
    uint32_t slot;

    for (; (slot = map_get(&a->executions, key)) != MAP_NONE; key++)
        if (a->traces.items[slot]->row.kieker_id == id && a->traces.items[slot]->row.run == run)
            break;
    return key;
}

static struct open_trace *trace_of(struct assembler *a, struct stream *stream, int64_t id)
{
    struct open_trace *trace = stream->last;
    uint64_t key;
    uint32_t slot;

    if (trace && trace->row.kieker_id == id && trace->row.kind == TRACE_OF_EXECUTIONS)
        return trace;
    key = executions_key(a, stream->row.run, id);
    slot = map_get(&a->executions, key);
    return slot != MAP_NONE ? a->traces.items[slot]
                            : trace_open(a, stream, key, id, TRACE_OF_EXECUTIONS);
}

/* The trace goes on in this stream: it ends with it at the latest. */
static void move(struct open_trace *trace, struct stream *stream)
{
    struct stream *old = trace->stream;

    if (old == stream)
        return;
    *(trace->previous ? &trace->previous->next : &old->traces) = trace->next;
    if (trace->next)
        trace->next->previous = trace->previous;
    if (old->last == trace)
        old->last = NULL;
    trace->stream = stream;
    trace->previous = NULL;
    trace->next = stream->traces;
    if (stream->traces)
        stream->traces->previous = trace;
    stream->traces = trace;
}

int executions_keep(struct open_trace *trace, const struct execution *execution)
{
    struct execution *place = list_add(&trace->executions);

    if (place == NULL)
        return -1;
    *place = *execution;
    if (execution->eoi > trace->last_eoi)
        trace->last_eoi = execution->eoi;
    trace->has_root |= execution->eoi == 0 && execution->ess == 0;
    return 0;
}

static int keep(struct open_trace *trace, const struct execution *execution, int64_t logged)
{
    struct trace *row = &trace->row;

    if (row->events++ == 0) {
        row->start = execution->tin;
        row->end = execution->tout;
        row->host = execution->host;
        row->session = execution->session;
        chunk_base(&trace->chunk, execution->tin);
    }
    if (execution->tin < row->start)
        row->start = execution->tin;
    if (execution->tout > row->end)
        row->end = execution->tout;
    row->calls++;
    return executions_keep(trace, execution) < 0
               ? -1
               : chunk_put_execution(&trace->chunk, execution, logged);
}

/*
 * A trace is whole when its root has returned and no number is missing. More root calls may still
 * follow under the same id, so it waits among the last READY_TRACES, or until the batch after the
 * next.
 */
int executions_judge(struct assembler *a, struct open_trace *trace)
{
    struct ready *place;

    if (!trace->has_root || trace->executions.count != (size_t)trace->last_eoi + 1) {
        trace->ready_since = 0;
        return 0;
    }
    trace->ready_since = a->batch->number;
    place = &a->ready[a->next_ready++ % READY_TRACES];
    if (place->id != 0 && place->id != trace->row.id &&
        a->traces.items[place->slot]->row.id == place->id &&
        a->traces.items[place->slot]->ready_since != 0 &&
        trace_finish(a, a->traces.items[place->slot]) < 0)
        return -1;
    *place = (struct ready){trace->row.id, trace->slot};
    return 0;
}

int executions_finish_ready(struct assembler *a)
{
    for (unsigned i = 0; i < READY_TRACES; i++) {
        struct open_trace *trace;

        if (a->ready[i].id == 0)
            continue;
        trace = a->traces.items[a->ready[i].slot];
        if (trace->row.id == a->ready[i].id && trace->ready_since == a->batch->number)
            continue;
        if (trace->row.id == a->ready[i].id && trace->ready_since != 0 &&
            trace_finish(a, trace) < 0)
            return -1;
        a->ready[i].id = 0;
    }
    return 0;
}

int feed_execution(struct assembler *a, struct stream *stream, const struct record *record)
{
    struct open_trace *trace = trace_of(a, stream, record_i64(record, EXEC_TRACE));
    struct execution execution;
    struct resolved called;

    if (trace == NULL)
        return -1;
    if (trace->executions.count >= a->limits.executions) {
        trace->row.flaws |= FLAW_EVICTED;
        if (trace_finish(a, trace) < 0)
            return -1;
        return feed_execution(a, stream, record);
    }
    move(trace, stream);
    trace_touch(a, trace);
    stream->last = trace;
    execution = (struct execution){.host = field_name(stream, record, EXEC_HOST),
        .session = field_name(stream, record, EXEC_SESSION),
        .tin = stream_time(stream, record_i64(record, EXEC_TIN)),
        .tout = stream_time(stream, record_i64(record, EXEC_TOUT)),
        .eoi = record_i32(record, EXEC_EOI),
        .ess = record_i32(record, EXEC_ESS)};
    if (resolve(stream, record, EXEC_OPERATION, EXEC_OPERATION, execution.host, &called) < 0)
        return -1;
    execution.operation = called.operation;
    if (keep(trace, &execution,
            record->logged == RECORD_NOT_LOGGED ? record->logged
                                                : stream_time(stream, record->logged)) < 0)
        return -1;
    if (record_type_id(record->type) != RECORD_OPERATION_EXECUTION &&
        event_put_type(a, stream, trace, record, PLAIN_EXECUTION) < 0)
        return -1;
    return executions_judge(a, trace);
}

/* What is wrong with execution number `i` of the sorted ones, `depth` calls being open. */
static unsigned flaws_of(const struct execution *executions, size_t i, size_t depth)
{
    int64_t before = i ? executions[i - 1].eoi : -1;
    unsigned flaws = 0;

    if (executions[i].eoi <= before)
        flaws |= FLAW_ORDER_REPEATED;
    else if (executions[i].eoi > before + 1)
        flaws |= i ? FLAW_ORDER_GAP : FLAW_OPEN_CALLS; /* what calls the first has not returned */
    if (executions[i].ess < 0 || (size_t)executions[i].ess > depth)
        flaws |= FLAW_BAD_STACK;
    return flaws;
}

static int begin(struct assembler *a, struct open_trace *trace, const struct execution *execution)
{
    uint32_t parent = trace->frames.count ? trace->frames.items[trace->frames.count - 1].path
                                          : model_entry(&a->model, trace->row.run);
    uint32_t deployed = model_deployed(&a->model, execution->operation, execution->host);
    struct frame *frame = list_add(&trace->frames);

    if (parent == 0 || deployed == 0 || frame == NULL)
        return -1;
    *frame = (struct frame){
        .path = model_path_child(&a->model, parent, deployed), .start = execution->tin};
    if (trace->row.root == 0) {
        trace->row.root = frame->path;
        trace->row.host = execution->host;
        trace->row.session = execution->session;
    }
    if (trace->frames.count > trace->row.depth)
        trace->row.depth = (uint32_t)trace->frames.count;
    return frame->path == 0 ? -1 : stat_touch(a, trace, frame->path);
}

/* All executions of the trace are there that will be: into calls with them, callers first. */
int executions_finish(struct assembler *a, struct open_trace *trace)
{
    const struct execution *executions = trace->executions.items;
    size_t count = trace->executions.count;
    LIST(int64_t) ends = {0}; /* of the open calls */
    int result = 0;

    /* Callees came first: only now is it known when the trace began, which is what its row and its
     * chunk go by. */
    if (trace->row.chunks == 0 && chunk_rebase(&trace->chunk, trace->row.start) < 0)
        return -1;
    qsort(trace->executions.items, count, sizeof(*executions), execution_by_order);
    for (size_t i = 0; i <= count && result == 0; i++) {
        size_t depth = i < count && executions[i].ess > 0 ? (size_t)executions[i].ess : 0;
        int64_t *end;

        if (i < count)
            trace->row.flaws |= (uint16_t)flaws_of(executions, i, trace->frames.count);
        while (trace->frames.count > depth && result == 0)
            result = frame_count(a, trace, ends.items[--ends.count], 0);
        if (i == count || result < 0)
            break;
        end = list_add(&ends);
        if (end == NULL) {
            result = -1;
            break;
        }
        *end = executions[i].tout;
        result = begin(a, trace, &executions[i]);
    }
    list_fini(&ends);
    return result;
}
