/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/events.h"

struct open_trace *event_trace(struct assembler *a, struct stream *stream, int64_t id)
{
    struct open_trace *trace = stream->last;
    uint32_t slot;

    if (trace && trace->row.kieker_id == id && trace->row.kind == TRACE_OF_EVENTS)
        return trace;
    slot = map_get(&stream->ids, (uint64_t)id);
    if (slot != MAP_NONE)
        return a->traces.items[slot];
    return trace_open(a, stream, (uint64_t)id, id, TRACE_OF_EVENTS);
}

int event_odd_order(struct open_trace *trace, int32_t order)
{
    struct buffer *extras = &trace->chunk.parts[CHUNK_EXTRAS];
    int64_t expected = (int64_t)trace->order + 1;

    trace->order = order;
    /* A thread goes on counting from one trace to the next. */
    if (trace->row.kind != TRACE_OF_THREAD || trace->row.events > 1)
        trace->row.flaws |= order > expected ? FLAW_ORDER_GAP : FLAW_ORDER_REPEATED;
    if (chunk_put_extra(&trace->chunk, EXTRA_ORDER) < 0 || buffer_reserve(extras, VARINT_MAX) < 0)
        return -1;
    buffer_put(extras, zigzag(order - expected));
    return 0;
}

int event_put_type(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct record *record, uint32_t plain)
{
    struct buffer *extras = &trace->chunk.parts[CHUNK_EXTRAS];

    if (chunk_put_extra(&trace->chunk, EXTRA_TYPE) < 0 || buffer_reserve(extras, VARINT_MAX) < 0)
        return -1;
    buffer_put(extras, type_stored(a, record->type));
    return fields_code(stream, record, plain, extras);
}

int event_put_other(
    struct assembler *a, struct stream *stream, struct open_trace *trace, const struct event *event)
{
    const struct record *record = event->record;
    uint64_t skip = 0;
    int fields[] = {field_find(record->type, "timestamp"), field_find(record->type, "traceId"),
        field_find(record->type, "orderIndex")};

    for (int i = 0; i < 3; i++)
        skip |= fields[i] < 0 ? 0 : UINT64_C(1) << fields[i];
    if (put_step(stream, trace, STEP_OTHER, type_stored(a, record->type), event) < 0 ||
        check_order(trace, event->order) < 0 || chunk_put_extra(&trace->chunk, EXTRA_FIELDS) < 0)
        return -1;
    return fields_code(stream, record, skip, &trace->chunk.parts[CHUNK_EXTRAS]);
}

static inline __attribute__((always_inline)) int add_frame(struct assembler *a,
    struct open_trace *trace, const struct resolved *of, const struct frame *begun)
{
    uint32_t parent = trace->frames.count ? trace->frames.items[trace->frames.count - 1].path
                                          : model_entry(&a->model, trace->row.run);
    struct frame *frame = parent ? list_add(&trace->frames) : NULL;

    if (frame == NULL)
        return -1;
    *frame = *begun;
    frame->path = model_path_child(&a->model, parent, of->deployed);
    trace->row.calls++;
    if (trace->frames.count > trace->row.depth)
        trace->row.depth = (uint32_t)trace->frames.count;
    if (trace->row.root == 0)
        trace->row.root = frame->path;
    return frame->path == 0 ? -1 : stat_touch(a, trace, frame->path);
}

int event_add_frame(struct assembler *a, struct open_trace *trace, const struct resolved *of,
    const struct frame *begun)
{
    return add_frame(a, trace, of, begun);
}

/* What is to be said of a Before or After besides its step, by its form. */
static int put_more(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct record *record, enum record_id plain, uint32_t fields)
{
    if (record_type_id(record->type) == plain)
        return 0;
    return event_put_type(
        a, stream, trace, record, record->type->form == FORM_DATABASE ? PLAIN_STATEMENT : fields);
}

static inline __attribute__((always_inline)) int begin_call(
    struct assembler *a, struct stream *stream, struct open_trace *trace, const struct event *event)
{
    const struct record *record = event->record;
    int constructor = record->type->form == FORM_CONSTRUCTOR;
    struct resolved called;

    if (top_is_called(trace) && record->type->form != FORM_DATABASE) {
        int taken = called_begin(a, stream, trace, event);

        if (taken != 0)
            return taken < 0 ? -1 : 0;
    }
    if (trace->frames.count >= a->limits.depth) {
        trace->row.flaws |= FLAW_TOO_DEEP;
        trace->beyond++;
        return event_put_other(a, stream, trace, event);
    }
    if (resolve(stream, record, event->operation, event->class, trace->row.host, &called) < 0)
        return -1;
    /* A statement's one string is no pair: it goes by its operation. */
    if (add_frame(a, trace, &called,
            &(struct frame){.operation = called.operation,
                .constructor = (unsigned)constructor,
                .signature_id = record_i32(record, event->operation),
                .class_id = event->class == event->operation ? FRAME_NO_ID
                                                             : record_i32(record, event->class),
                .start = event->time}) < 0)
        return -1;
    if (put_step(stream, trace, constructor ? STEP_BEGIN : STEP_BEFORE, called.operation, event) <
            0 ||
        (constructor && chunk_put_more(&trace->chunk, BEGIN_CONSTRUCTOR) < 0) ||
        check_order(trace, event->order) < 0)
        return -1;
    return put_more(a, stream, trace, record, RECORD_BEFORE_OPERATION, PLAIN_EVENT);
}

/* The end of a constructor's call is not that of another operation's. */
static int is_begin_of(const struct frame *frame, const struct record *record)
{
    return !frame->called && (frame->constructor || record->type->form != FORM_CONSTRUCTOR);
}

/* How many open calls lie above the one that the record ends; -1: none is meant. */
static inline __attribute__((always_inline)) int64_t frames_above(
    struct stream *stream, struct open_trace *trace, const struct event *event)
{
    const struct record *record = event->record;
    int32_t signature_id = record_i32(record, event->operation),
            class_id = record_i32(record, event->class);
    size_t count = trace->frames.count, last = 0;
    struct resolved ended;

    if (count == 0)
        return -1;
    if (record->registry->redefined == 0 &&
        trace->frames.items[count - 1].signature_id == signature_id &&
        trace->frames.items[count - 1].class_id == class_id && event->class != event->operation &&
        is_begin_of(&trace->frames.items[count - 1], record))
        return 0;
    if (resolve(stream, record, event->operation, event->class, trace->row.host, &ended) < 0)
        return -1;
    if (trace->row.flaws & FLAW_ORPHAN_AFTER && count > ASSEMBLER_SEARCHED_CALLS)
        last = count - ASSEMBLER_SEARCHED_CALLS;
    for (size_t i = count; i-- > last;)
        if (trace->frames.items[i].operation == ended.operation &&
            is_begin_of(&trace->frames.items[i], record))
            return (int64_t)(count - 1 - i);
    return -1;
}

/* Calls whose After never came, but the After of a caller of theirs. */
static int close_above(struct assembler *a, struct open_trace *trace, int64_t above, int64_t time)
{
    trace->row.flaws |= FLAW_MISSING_AFTER;
    if (chunk_put_close(&trace->chunk, (uint64_t)above, time) < 0)
        return -1;
    for (int64_t i = 0; i < above; i++)
        if (frame_count(a, trace, time, 0) < 0)
            return -1;
    return 0;
}

static inline __attribute__((always_inline)) int end_call(
    struct assembler *a, struct stream *stream, struct open_trace *trace, const struct event *event)
{
    const struct record *record = event->record;
    int failed = record->type->role == ROLE_FAILED;
    int64_t above;

    if (trace->beyond > 0) {
        trace->beyond--;
        return event_put_other(a, stream, trace, event);
    }
    if (top_is_called(trace) && record->type->form != FORM_DATABASE) {
        struct resolved ended;

        if (resolve(stream, record, event->operation, event->class, trace->row.host, &ended) < 0 ||
            called_close(a, trace, ended.operation, event->time) < 0)
            return -1;
    }
    above = frames_above(stream, trace, event);
    if (above < 0) {
        trace->row.flaws |= FLAW_ORPHAN_AFTER;
        return event_put_other(a, stream, trace, event);
    }
    if (above > 0 && close_above(a, trace, above, event->time) < 0)
        return -1;
    if (put_step(stream, trace, failed ? STEP_FAILED : STEP_AFTER,
            failed ? field_name(stream, record, event->cause) : 0, event) < 0 ||
        check_order(trace, event->order) < 0 || frame_count(a, trace, event->time, failed) < 0)
        return -1;
    trace->row.failed += failed != 0;
    return put_more(a, stream, trace, record,
        failed ? RECORD_AFTER_OPERATION_FAILED : RECORD_AFTER_OPERATION,
        failed ? PLAIN_FAILED : PLAIN_EVENT);
}

/* The trace's caller, if its metadata named none: as far as other processes' ids tell. */
static int take_remote(struct assembler *a, struct open_trace *trace, const struct record *record)
{
    struct trace *row = &trace->row;

    if (row->metadata == METADATA_NONE || row->metadata & METADATA_REMOTE ||
        row->parent_kieker_id != row->kieker_id || row->parent_order != -1)
        return 0;
    row->metadata |= METADATA_REMOTE;
    row->parent_kieker_id = record_i64(record, REMOTE_CALLER_TRACE);
    row->parent_order = record_i32(record, REMOTE_CALLER_ORDER);
    return kin_note_child(a, trace);
}

static int feed_other(struct assembler *a, struct stream *stream, const struct record *record)
{
    const struct record_type *type = record->type;
    unsigned trace_field = (unsigned)field_find(type, "traceId"),
             order_field = (unsigned)field_find(type, "orderIndex");
    struct open_trace *trace = event_trace(a, stream, record_i64(record, trace_field));
    struct event event = {.record = record};

    if (trace == NULL)
        return -1;
    trace_touch(a, trace);
    stream->last = trace;
    event.time = stream_time(stream, record_i64(record, EVENT_TIMESTAMP));
    event.order = record_i32(record, order_field);
    if (record_type_id(type) == RECORD_SPLIT && kin_note_parent(a, trace) < 0)
        return -1;
    if (type->role == ROLE_REMOTE && take_remote(a, trace, record) < 0)
        return -1;
    return event_put_other(a, stream, trace, &event);
}

/* In line, so that plain events, whose fields lie at fixed places, pay nothing for the others. */
static inline __attribute__((always_inline)) int take(
    struct assembler *a, struct stream *stream, struct open_trace *trace, const struct event *event)
{
    if (event->record->type->role == ROLE_BEFORE)
        return begin_call(a, stream, trace, event);
    if (end_call(a, stream, trace, event) < 0)
        return -1;
    return trace->frames.count == 0;
}

int event_take(
    struct assembler *a, struct stream *stream, struct open_trace *trace, const struct event *event)
{
    return take(a, stream, trace, event);
}

/* What there is to do when the trace has had an event, `result` being what event_take gave. */
static inline int end_event(struct assembler *a, struct open_trace *trace, int result)
{
    if (result < 0)
        return -1;
    /* All that was begun has ended and nothing is missing: no client goes on with such a trace. */
    if (result > 0 && trace->row.flaws == 0 && trace->row.metadata != METADATA_NONE)
        return trace_finish(a, trace);
    return chunk_bytes(&trace->chunk) >= CHUNK_FULL ? trace_flush_chunk(a, trace) : 0;
}

static int feed_statement(struct assembler *a, struct stream *stream, const struct record *record)
{
    struct open_trace *trace = event_trace(a, stream, record_i64(record, STATEMENT_TRACE));
    struct event event = {record, stream_time(stream, record_i64(record, EVENT_TIMESTAMP)),
        record_i32(record, STATEMENT_ORDER), STATEMENT_SIGNATURE, STATEMENT_SIGNATURE,
        STATEMENT_CAUSE};

    if (trace == NULL)
        return -1;
    trace_touch(a, trace);
    stream->last = trace;
    return end_event(a, trace, event_take(a, stream, trace, &event));
}

int feed_event(struct assembler *a, struct stream *stream, const struct record *record)
{
    struct event event = {record, 0, 0, EVENT_OPERATION, EVENT_CLASS, EVENT_CAUSE};
    struct open_trace *trace;

    if (record->type->role == ROLE_TRACE_EVENT || record->type->role == ROLE_REMOTE)
        return feed_other(a, stream, record);
    if (record->type->form == FORM_DATABASE)
        return feed_statement(a, stream, record);
    trace = event_trace(a, stream, record_i64(record, EVENT_TRACE));
    if (trace == NULL)
        return -1;
    trace_touch(a, trace);
    stream->last = trace;
    event.time = stream_time(stream, record_i64(record, EVENT_TIMESTAMP));
    event.order = record_i32(record, EVENT_ORDER);
    return end_event(a, trace, take(a, stream, trace, &event));
}
