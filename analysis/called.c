/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls as their callers tell of them, by Call events. The Before event behind a Call is that call;
 * without it the call is assumed, and ends with the caller's next event. After Kieker's
 * TraceEventRecords2ExecutionAndMessageTraceStage.
 */
#include "analysis/events.h"

#include "analysis/signature.h"

#define LOOKED_THROUGH 4096 /* calls above one another that only Call events tell of */

/* How many calls, from the innermost on, only Call events have told of. */
static size_t called_run(const struct open_trace *trace, size_t most)
{
    size_t count = trace->frames.count, run = 0;

    while (run < count && run < most && trace->frames.items[count - 1 - run].called)
        run++;
    return run;
}

static int end_frames(struct assembler *a, struct open_trace *trace, size_t count, int64_t time)
{
    if (chunk_put_close(&trace->chunk, count, time) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (frame_count(a, trace, time, 0) < 0)
            return -1;
    return 0;
}

int called_close(struct assembler *a, struct open_trace *trace, uint32_t operation, int64_t time)
{
    const struct model_operation *operations = a->model.operations.items;
    const struct frame *top = &trace->frames.items[trace->frames.count - 1];
    size_t run = called_run(trace, LOOKED_THROUGH);

    if (trace->beyond > 0)
        return 0;
    for (size_t i = 0; i < run; i++) {
        uint32_t caller = (uint32_t)(top - i)->signature_id;

        if (operations[caller].signature == operations[operation].signature)
            return end_frames(a, trace, i + 1, time);
    }
    return 0;
}

/* Whether two operations are the same call's, as its caller and as it names it itself. */
static int is_alike(const struct model *model, uint32_t called, uint32_t begun)
{
    const struct model_operation *x = &model->operations.items[called],
                                 *y = &model->operations.items[begun];
    const struct model_name *a = &model->names.items[x->signature],
                            *b = &model->names.items[y->signature];

    return called == begun || (x->class_signature == y->class_signature && a->text && b->text &&
                                  signature_is_alike(a->text, a->length, b->text, b->length));
}

int called_begin(
    struct assembler *a, struct stream *stream, struct open_trace *trace, const struct event *event)
{
    struct frame *frame = &trace->frames.items[trace->frames.count - 1];
    const struct record *record = event->record;
    int constructor = record->type->form == FORM_CONSTRUCTOR;
    struct resolved begun;

    if (resolve(stream, record, event->operation, event->class, trace->row.host, &begun) < 0)
        return -1;
    if (trace->called_at != trace->row.events || event->order != (int64_t)trace->order + 1 ||
        (constructor && !frame->constructor) ||
        !is_alike(&a->model, frame->operation, begun.operation))
        return called_close(a, trace, begun.operation, event->time);
    frame->operation = begun.operation;
    frame->constructor = constructor;
    frame->called = 0;
    frame->signature_id = record_i32(record, event->operation);
    frame->class_id = record_i32(record, event->class);
    frame->start = event->time;
    if (put_step(stream, trace, STEP_BEGIN, begun.operation, event) < 0 ||
        chunk_put_more(&trace->chunk, BEGIN_CALLED | (constructor ? BEGIN_CONSTRUCTOR : 0u)) < 0 ||
        check_order(trace, event->order) < 0)
        return -1;
    if (record_type_id(record->type) != RECORD_BEFORE_OPERATION &&
        event_put_type(a, stream, trace, record, PLAIN_EVENT) < 0)
        return -1;
    return 1;
}

static int take_call(
    struct assembler *a, struct stream *stream, struct open_trace *trace, const struct event *event)
{
    const struct record *record = event->record;
    unsigned constructor = record->type->form == FORM_CONSTRUCTOR;
    struct resolved caller, callee;

    if (resolve(stream, record, EVENT_OPERATION, EVENT_CLASS, trace->row.host, &caller) < 0 ||
        resolve(
            stream, record, CALL_CALLEE_OPERATION, CALL_CALLEE_CLASS, trace->row.host, &callee) < 0)
        return -1;
    if (top_is_called(trace) && called_close(a, trace, caller.operation, event->time) < 0)
        return -1;
    if (trace->frames.count >= a->limits.depth) {
        trace->row.flaws |= FLAW_TOO_DEEP;
        return event_put_other(a, stream, trace, event);
    }
    if (event_add_frame(a, trace, &callee,
            &(struct frame){.operation = callee.operation,
                .constructor = constructor,
                .called = 1,
                .signature_id = (int32_t)caller.operation,
                .class_id = FRAME_NO_ID,
                .start = event->time}) < 0)
        return -1;
    if (put_step(stream, trace, STEP_CALL, callee.operation, event) < 0 ||
        chunk_put_more(&trace->chunk, (uint64_t)caller.operation << 1 | constructor) < 0 ||
        check_order(trace, event->order) < 0)
        return -1;
    trace->called_at = trace->row.events;
    return record_type_id(record->type) == RECORD_CALL_OPERATION
               ? 0
               : event_put_type(a, stream, trace, record, PLAIN_CALL);
}

int feed_call(struct assembler *a, struct stream *stream, const struct record *record)
{
    struct open_trace *trace = event_trace(a, stream, record_i64(record, EVENT_TRACE));
    struct event event = {record, 0, 0, EVENT_OPERATION, EVENT_CLASS, EVENT_CAUSE};

    if (trace == NULL)
        return -1;
    trace_touch(a, trace);
    stream->last = trace;
    event.time = stream_time(stream, record_i64(record, EVENT_TIMESTAMP));
    event.order = record_i32(record, EVENT_ORDER);
    if (take_call(a, stream, trace, &event) < 0)
        return -1;
    return chunk_bytes(&trace->chunk) >= CHUNK_FULL ? trace_flush_chunk(a, trace) : 0;
}

int called_end(struct assembler *a, struct open_trace *trace)
{
    size_t run = called_run(trace, SIZE_MAX);

    return run == 0 ? 0
                    : end_frames(a, trace, run, trace->frames.items[trace->frames.count - 1].start);
}

int called_is_all(const struct open_trace *trace)
{
    return trace->frames.count > 0 && trace->row.flaws == 0 &&
           trace->row.metadata != METADATA_NONE &&
           called_run(trace, LOOKED_THROUGH) == trace->frames.count;
}
