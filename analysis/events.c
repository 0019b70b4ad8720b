/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/assembling.h"

#define CHUNK_FULL (64u << 10) /* bytes of records after which an open trace hands them over */

/* The fields that a step of a chunk says by itself: an extra need not repeat them. */
#define PLAIN_EVENT 0x1Fu /* timestamp, traceId, orderIndex, operationSignature, classSignature */
#define PLAIN_FAILED (PLAIN_EVENT | 1u << EVENT_CAUSE)

/* Open calls among which the one is looked for that an event ends, once a trace has had an event
 * that ended none: else each such event would cost as much as the trace is deep. */
#define SEARCHED_CALLS 1024

static struct open_trace *trace_of(struct assembler *a, struct stream *stream, int64_t id)
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

/* Extends the trace's time, and codes one record's step. */
static int put_step(struct stream *stream, struct open_trace *trace, enum step_kind kind,
    uint64_t argument, int64_t time, const struct record *record)
{
    struct trace *row = &trace->row;
    int64_t logged = record->logged;

    if (row->events++ == 0) {
        row->start = row->end = time;
        chunk_begin(&trace->chunk, time);
    }
    if (time > row->end)
        row->end = time;
    if (logged != RECORD_NOT_LOGGED)
        logged = stream_time(stream, logged);
    return chunk_put(&trace->chunk, kind, argument, time, logged);
}

/* Notes an order index that is not the next one. */
static int check_order(struct open_trace *trace, int32_t order)
{
    struct buffer *extras = &trace->chunk.parts[CHUNK_EXTRAS];
    int64_t expected = (int64_t)trace->order + 1;

    trace->order = order;
    if (order == expected)
        return 0;
    trace->row.flaws |= order > expected ? FLAW_ORDER_GAP : FLAW_ORDER_REPEATED;
    if (chunk_put_extra(&trace->chunk, EXTRA_ORDER) < 0 || buffer_reserve(extras, VARINT_MAX) < 0)
        return -1;
    buffer_put(extras, zigzag(order - expected));
    return 0;
}

/* Notes the type of a record that has more to it than its step's plain type, and what more it has.
 */
static int put_type(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct record *record, uint32_t plain)
{
    struct buffer *extras = &trace->chunk.parts[CHUNK_EXTRAS];

    if (chunk_put_extra(&trace->chunk, EXTRA_TYPE) < 0 || buffer_reserve(extras, VARINT_MAX) < 0)
        return -1;
    buffer_put(extras, type_stored(a, record->type));
    return fields_code(stream, record, plain, extras);
}

/* A record that begins and ends no call, or one that should but cannot. */
static int put_other(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct record *record, int64_t time, int32_t order)
{
    uint64_t skip = 0;
    int fields[] = {field_find(record->type, "timestamp"), field_find(record->type, "traceId"),
        field_find(record->type, "orderIndex")};

    for (int i = 0; i < 3; i++)
        skip |= fields[i] < 0 ? 0 : UINT64_C(1) << fields[i];
    if (put_step(stream, trace, STEP_OTHER, type_stored(a, record->type), time, record) < 0 ||
        check_order(trace, order) < 0 || chunk_put_extra(&trace->chunk, EXTRA_FIELDS) < 0)
        return -1;
    return fields_code(stream, record, skip, &trace->chunk.parts[CHUNK_EXTRAS]);
}

static int begin_call(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct record *record, int64_t time, int32_t order)
{
    uint32_t parent = trace->frames.count ? trace->frames.items[trace->frames.count - 1].path
                                          : model_entry(&a->model, trace->row.run);
    struct resolved called;
    struct frame *frame;

    if (trace->frames.count >= a->limits.depth) {
        trace->row.flaws |= FLAW_TOO_DEEP;
        trace->beyond++;
        return put_other(a, stream, trace, record, time, order);
    }
    if (parent == 0 ||
        resolve(stream, record, EVENT_OPERATION, EVENT_CLASS, trace->row.host, &called) < 0)
        return -1;
    frame = list_add(&trace->frames);
    if (frame == NULL)
        return -1;
    *frame = (struct frame){.path = model_path_child(&a->model, parent, called.deployed),
        .operation = called.operation,
        .signature_id = record_i32(record, EVENT_OPERATION),
        .class_id = record_i32(record, EVENT_CLASS),
        .start = time};
    trace->row.calls++;
    if (trace->frames.count > trace->row.depth)
        trace->row.depth = (uint32_t)trace->frames.count;
    if (trace->row.root == 0)
        trace->row.root = frame->path;
    if (frame->path == 0 || stat_touch(a, trace, frame->path) < 0 ||
        put_step(stream, trace, STEP_BEFORE, called.operation, time, record) < 0 ||
        check_order(trace, order) < 0)
        return -1;
    if (record_type_id(record->type) != RECORD_BEFORE_OPERATION)
        return put_type(a, stream, trace, record, PLAIN_EVENT);
    return 0;
}

/* The innermost open call ends. */
static int end_frame(struct assembler *a, struct open_trace *trace, int64_t time, int failed)
{
    int64_t duration;
    struct frame frame = frame_end(trace, time, &duration);

    trace->row.failed += failed != 0;
    return stat_call(
        a, frame.path, time, duration, duration > frame.below ? duration - frame.below : 0, failed);
}

/* How many open calls lie above the one that the record ends; -1: none is meant. */
static int64_t frames_above(
    struct stream *stream, struct open_trace *trace, const struct record *record)
{
    int32_t signature_id = record_i32(record, EVENT_OPERATION),
            class_id = record_i32(record, EVENT_CLASS);
    size_t count = trace->frames.count, last = 0;
    struct resolved ended;

    if (count == 0)
        return -1;
    if (record->registry->redefined == 0 &&
        trace->frames.items[count - 1].signature_id == signature_id &&
        trace->frames.items[count - 1].class_id == class_id)
        return 0;
    if (resolve(stream, record, EVENT_OPERATION, EVENT_CLASS, trace->row.host, &ended) < 0)
        return -1;
    if (trace->row.flaws & FLAW_ORPHAN_AFTER && count > SEARCHED_CALLS)
        last = count - SEARCHED_CALLS;
    for (size_t i = count; i-- > last;)
        if (trace->frames.items[i].operation == ended.operation)
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
        if (end_frame(a, trace, time, 0) < 0)
            return -1;
    return 0;
}

static int end_call(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct record *record, int64_t time, int32_t order)
{
    int failed = record->type->role == ROLE_FAILED;
    enum record_id plain = failed ? RECORD_AFTER_OPERATION_FAILED : RECORD_AFTER_OPERATION;
    int64_t above;

    if (trace->beyond > 0) {
        trace->beyond--;
        return put_other(a, stream, trace, record, time, order);
    }
    above = frames_above(stream, trace, record);
    if (above < 0) {
        trace->row.flaws |= FLAW_ORPHAN_AFTER;
        return put_other(a, stream, trace, record, time, order);
    }
    if (above > 0 && close_above(a, trace, above, time) < 0)
        return -1;
    if (put_step(stream, trace, failed ? STEP_FAILED : STEP_AFTER,
            failed ? field_name(stream, record, EVENT_CAUSE) : 0, time, record) < 0 ||
        check_order(trace, order) < 0 || end_frame(a, trace, time, failed) < 0)
        return -1;
    if (record_type_id(record->type) != plain)
        return put_type(a, stream, trace, record, failed ? PLAIN_FAILED : PLAIN_EVENT);
    return 0;
}

static int feed_other(struct assembler *a, struct stream *stream, const struct record *record)
{
    const struct record_type *type = record->type;
    unsigned trace_field = (unsigned)field_find(type, "traceId"),
             order_field = (unsigned)field_find(type, "orderIndex");
    struct open_trace *trace = trace_of(a, stream, record_i64(record, trace_field));

    if (trace == NULL)
        return -1;
    trace_touch(a, trace);
    stream->last = trace;
    if (record_type_id(type) == RECORD_SPLIT && kin_note_parent(a, trace) < 0)
        return -1;
    return put_other(a, stream, trace, record,
        stream_time(stream, record_i64(record, EVENT_TIMESTAMP)), record_i32(record, order_field));
}

int feed_event(struct assembler *a, struct stream *stream, const struct record *record)
{
    struct open_trace *trace;
    int64_t time;
    int32_t order;

    if (record->type->role == ROLE_TRACE_EVENT)
        return feed_other(a, stream, record);
    trace = trace_of(a, stream, record_i64(record, EVENT_TRACE));
    if (trace == NULL)
        return -1;
    trace_touch(a, trace);
    stream->last = trace;
    time = stream_time(stream, record_i64(record, EVENT_TIMESTAMP));
    order = record_i32(record, EVENT_ORDER);
    if (record->type->role == ROLE_BEFORE) {
        if (begin_call(a, stream, trace, record, time, order) < 0)
            return -1;
    } else {
        if (end_call(a, stream, trace, record, time, order) < 0)
            return -1;
        /* All that was begun has ended and nothing is missing: no client goes on with such a trace.
         */
        if (trace->frames.count == 0 && trace->row.flaws == 0 &&
            trace->row.metadata != METADATA_NONE)
            return trace_finish(a, trace);
    }
    return chunk_bytes(&trace->chunk) >= CHUNK_FULL ? trace_flush_chunk(a, trace) : 0;
}
