/* SPDX-License-Identifier: Apache-2.0 */
/* What the files share that take events: a record into its trace's chunk, and into the open calls.
 * Not for others to include. The functions: 0, or -1 when memory is short. */
#ifndef KIEKER_ANALYSIS_EVENTS_H
#define KIEKER_ANALYSIS_EVENTS_H

#include "analysis/assembling.h"

#define CHUNK_FULL (64u << 10) /* bytes of records after which an open trace hands them over */

/* The fields that a step of a chunk says by itself: an extra need not repeat them. */
#define PLAIN_EVENT 0x1Fu /* timestamp, traceId, orderIndex, operationSignature, classSignature */
#define PLAIN_FAILED (PLAIN_EVENT | 1u << EVENT_CAUSE)
#define PLAIN_CALL (PLAIN_EVENT | 1u << CALL_CALLEE_OPERATION | 1u << CALL_CALLEE_CLASS)
#define PLAIN_STATEMENT (1u << EVENT_TIMESTAMP | 1u << STATEMENT_TRACE | 1u << STATEMENT_ORDER)

/* One record of a trace, and what it says of it. */
struct event {
    const struct record *record;
    int64_t time; /* ns */
    int32_t order;
    unsigned operation, class, cause; /* fields */
};

/* Extends the trace's time, and codes one record's step. */
static inline int put_step(struct stream *stream, struct open_trace *trace, enum step_kind kind,
    uint64_t argument, const struct event *event)
{
    struct trace *row = &trace->row;
    int64_t logged = event->record->logged, time = event->time;

    if (row->events++ == 0) {
        row->start = row->end = time;
        chunk_base(&trace->chunk, time);
    }
    if (time > row->end)
        row->end = time;
    if (logged != RECORD_NOT_LOGGED)
        logged = stream_time(stream, logged);
    return chunk_put(&trace->chunk, kind, argument, time, logged);
}

/* Notes the order index of the record that was put last, if it is not the next one. */
int event_odd_order(struct open_trace *trace, int32_t order);
static inline int check_order(struct open_trace *trace, int32_t order)
{
    if (order != (int64_t)trace->order + 1)
        return event_odd_order(trace, order);
    trace->order = order;
    return 0;
}

/* Notes the type of the record that was put last, which has more to it than its step's plain type,
 * and what more: all fields but the `plain` ones. */
int event_put_type(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct record *record, uint32_t plain);

/* A record that begins and ends no call, or one that should but cannot. */
int event_put_other(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct event *event);

/* The trace of events of that id, opened if it is new; NULL when memory is short. */
struct open_trace *event_trace(struct assembler *a, struct stream *stream, int64_t id);

/* An open call more, on the path of `of`; the rest as `begun` has it. */
int event_add_frame(struct assembler *a, struct open_trace *trace, const struct resolved *of,
    const struct frame *begun);

/* A Before, After or Failed event of the trace. 1 when nothing is open any more. */
int event_take(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct event *event);

/*
 * called.c, where the innermost call is one that only a Call event has told of: an event of
 * `operation` comes. Those of its callees that are such calls end; a Before may be the one that the
 * Call has announced: called_begin is 1 then, and the event is taken.
 */
int called_close(struct assembler *a, struct open_trace *trace, uint32_t operation, int64_t time);
int called_begin(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct event *event);

#endif
