/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/restore.h"

#include "analysis/assembling.h"

#include <stdlib.h>
#include <string.h>

#define DAMAGED 1 /* besides 0 and -1 */

struct stream *restore_stream(struct assembler *a, const struct batch_stream *row)
{
    struct stream *stream;
    int dirty = a->dirty;

    if (row->run >= a->model.runs.count)
        return NULL;
    stream = assembler_open_stream(a, row->peer, row->opened);
    if (stream == NULL)
        return NULL;
    a->last.last_stream--; /* it has its number */
    stream->row = *row;
    stream->row.peer = stream->row.agent = stream->row.session = NULL;
    stream->changed = 0;
    a->dirty = dirty;
    if (row->session)
        memcpy(stream->session, row->session, TALK_SESSION_SIZE);
    if (row->agent[0] != '\0' && (stream->agent = strdup(row->agent)) == NULL) {
        assembler_drop_stream(a, stream);
        return NULL;
    }
    return stream;
}

int restore_counter(struct stream *stream, const char *name, uint64_t value)
{
    struct model *model = &stream->assembler->model;
    uint32_t id = model_name(model, name, strlen(name));
    struct agent_counter *counter = id ? stream_counter(stream, model->names.items[id].text) : NULL;

    if (counter == NULL)
        return stream->counters.count < AGENT_COUNTERS_MAX ? -1 : 0;
    counter->value = value;
    return 0;
}

/* What a trace is while its chunks are gone through. */
struct restoring {
    struct assembler *assembler;
    struct open_trace *trace;
    uint64_t events, calls;
    int64_t time;
};

/* The Before of the innermost call, which a Call event has begun. */
static int begin_called(struct restoring *r, const struct step *step)
{
    struct open_trace *trace = r->trace;
    struct frame *frame;

    if (!top_is_called(trace) || trace->called_at != r->events || step->argument == 0 ||
        step->argument >= r->assembler->model.operations.count)
        return DAMAGED;
    frame = &trace->frames.items[trace->frames.count - 1];
    frame->operation = (uint32_t)step->argument;
    frame->constructor = step->more & BEGIN_CONSTRUCTOR ? 1 : 0;
    frame->called = 0;
    frame->signature_id = FRAME_NO_ID;
    frame->start = step->time;
    return 0;
}

static int begin_call(struct restoring *r, const struct step *step)
{
    struct open_trace *trace = r->trace;
    struct model *model = &r->assembler->model;
    const struct trace *row = &trace->row;
    int is_known = row->kind == TRACE_OF_THREAD ||
                   (row->metadata != METADATA_NONE && r->events >= trace->metadata_at);
    int called = step->kind == STEP_CALL;
    struct frame *frame;
    uint32_t parent, deployed;

    if (step->argument == 0 || step->argument >= model->operations.count ||
        (called && step->more >> 1 >= model->operations.count))
        return DAMAGED;
    parent = trace->frames.count ? trace->frames.items[trace->frames.count - 1].path
                                 : model_entry(model, row->run);
    deployed = model_deployed(model, (uint32_t)step->argument, is_known ? row->host : 0);
    frame = parent && deployed ? list_add(&trace->frames) : NULL;
    if (frame == NULL)
        return -1;
    *frame = (struct frame){.path = model_path_child(model, parent, deployed),
        .operation = (uint32_t)step->argument,
        .constructor = (called || step->kind == STEP_BEGIN) && (step->more & 1),
        .called = called,
        .signature_id = called ? (int32_t)(step->more >> 1) : FRAME_NO_ID,
        .class_id = FRAME_NO_ID,
        .start = step->time};
    r->calls++;
    if (called)
        trace->called_at = r->events + 1;
    return frame->path == 0 ? -1 : stat_touch(r->assembler, trace, frame->path);
}

static int keep_execution(struct restoring *r, const struct execution *execution)
{
    const struct model *model = &r->assembler->model;

    if (execution->operation == 0 || execution->operation >= model->operations.count ||
        execution->host >= model->names.count || execution->session >= model->names.count)
        return DAMAGED;
    r->calls++;
    return executions_keep(r->trace, execution);
}

static int take(struct restoring *r, const struct step *step)
{
    struct open_trace *trace = r->trace;
    int of_events = trace->row.kind != TRACE_OF_EXECUTIONS;
    int64_t duration;
    int result = 0;

    if (of_events != (step->kind != STEP_EXECUTION))
        return DAMAGED;
    switch (step->kind) {
    case STEP_BEFORE:
    case STEP_CALL:
        result = begin_call(r, step);
        break;
    case STEP_BEGIN:
        result = step->more & BEGIN_CALLED ? begin_called(r, step) : begin_call(r, step);
        break;
    case STEP_AFTER:
    case STEP_FAILED:
        if (trace->frames.count == 0)
            return DAMAGED;
        frame_end(trace, step->time, &duration);
        break;
    case STEP_CLOSE:
        if (step->argument > trace->frames.count)
            return DAMAGED;
        for (uint64_t i = 0; i < step->argument; i++)
            frame_end(trace, step->time, &duration);
        break;
    case STEP_EXECUTION:
        result = keep_execution(r, &step->execution);
        break;
    case STEP_OTHER:
        break;
    }
    r->events += step->kind != STEP_CLOSE;
    return result;
}

static int replay(struct restoring *r, const struct chunk_view *chunk)
{
    struct chunk_reader reader;
    struct step step;
    int got, result = 0;

    chunk_read(&reader, chunk);
    while (result == 0 && (got = chunk_next(&reader, &step)) != 0)
        result = got < 0 ? DAMAGED : take(r, &step);
    r->time = reader.time;
    return result;
}

static int replay_all(struct restoring *r, restore_chunk *next, void *context)
{
    struct chunk_view chunk;
    uint32_t chunks = 0;
    int got, result = 0;

    while (result == 0 && (got = next(context, &chunk)) != 0) {
        result = got < 0 ? DAMAGED : replay(r, &chunk);
        chunks++;
    }
    if (result != 0)
        return result;
    return chunks == r->trace->row.chunks && r->events == r->trace->row.events &&
                   r->calls == r->trace->row.calls
               ? 0
               : DAMAGED;
}

/* Whether the row speaks of what there is. */
static int is_sound(const struct assembler *a, const struct trace *row)
{
    const struct model *model = &a->model;

    return row->id > 0 && row->id <= a->last.last_trace && row->run > 0 &&
           row->run < model->runs.count && row->host < model->names.count &&
           row->session < model->names.count && row->application < model->names.count &&
           row->root < model->paths.count && row->kind <= TRACE_OF_THREAD &&
           (row->metadata & ~METADATA_REMOTE) <= METADATA_OWN && row->flaws >> FLAWS == 0;
}

/* It ends as far as it can be told. */
static int give_up(struct assembler *a, struct open_trace *trace)
{
    trace->frames.count = trace->executions.count = 0;
    trace->row.flaws |= FLAW_OPEN_CALLS;
    trace->row.state = TRACE_DAMAGED;
    assembler_count(a, trace->stream, "damaged_open_trace", 1);
    return trace_put_away(a, trace);
}

int restore_trace(struct assembler *a, struct stream *stream, const struct batch_trace *row,
    restore_chunk *next, void *context)
{
    uint64_t key = row->trace.kind != TRACE_OF_EXECUTIONS
                       ? (uint64_t)row->trace.kieker_id
                       : executions_key(a, row->trace.run, row->trace.kieker_id);
    const struct map *known = row->trace.kind == TRACE_OF_EVENTS   ? &stream->ids
                              : row->trace.kind == TRACE_OF_THREAD ? &stream->threads
                                                                   : &a->executions;
    uint64_t folded = a->model.folded_calls;
    struct restoring restoring = {.assembler = a};
    struct open_trace *trace;
    int result;

    if (!is_sound(a, &row->trace) || map_get(known, key) != MAP_NONE) {
        assembler_count(a, stream, "damaged_open_trace", 1);
        return 0;
    }
    trace = trace_link(a, stream, key, &row->trace);
    if (trace == NULL)
        return -1;
    trace->was_open = 1;
    trace->row.state = TRACE_RUNNING;
    trace->order = row->open.order;
    trace->beyond = row->open.beyond;
    trace->metadata_at = row->open.metadata_at;
    restoring.trace = trace;
    result = replay_all(&restoring, next, context);
    a->model.folded_calls = folded;
    if (result < 0)
        return -1;
    if (result == DAMAGED)
        return give_up(a, trace) < 0 ? -1 : 1;
    chunk_begin(&trace->chunk, restoring.time);
    if (trace->row.kind == TRACE_OF_EXECUTIONS && executions_judge(a, trace) < 0)
        return -1;
    if (trace->ready_since != 0)
        trace->ready_since--; /* it was whole in the batch before, or it would have ended there */
    return 1;
}
