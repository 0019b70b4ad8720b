/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/assembling.h"

#include <stdlib.h>

#define KEPT_FRAMES 256 /* what an unused trace keeps of its memory */
#define KEPT_BYTES 4096
#define UNUSED_KEEPING 128 /* so many unused traces keep anything */

static void unlink_touched(struct assembler *a, struct open_trace *trace)
{
    *(trace->newer ? &trace->newer->older : &a->newest) = trace->older;
    *(trace->older ? &trace->older->newer : &a->oldest) = trace->newer;
}

static void link_newest(struct assembler *a, struct open_trace *trace)
{
    if (a->newest)
        trace_weigh(a, a->newest);
    trace->newer = NULL;
    trace->older = a->newest;
    *(a->newest ? &a->newest->newer : &a->oldest) = trace;
    a->newest = trace;
}

/* The trace is in use right now: it is the last to be put away. */
void trace_touch(struct assembler *a, struct open_trace *trace)
{
    trace->changed = 1;
    if (a->newest == trace)
        return;
    unlink_touched(a, trace);
    link_newest(a, trace);
}

static struct open_trace *unused_trace(struct assembler *a)
{
    struct open_trace *trace = a->unused, **place;

    if (trace) {
        a->unused = trace->older;
        a->unused_count--;
        return trace;
    }
    trace = calloc(1, sizeof(*trace));
    place = trace ? list_add(&a->traces) : NULL;
    if (place == NULL) {
        free(trace);
        return NULL;
    }
    *place = trace;
    trace->slot = (uint32_t)a->traces.count - 1;
    return trace;
}

static struct map *found_by(struct assembler *a, struct stream *stream, const struct trace *row)
{
    return row->kind == TRACE_OF_EVENTS   ? &stream->ids
           : row->kind == TRACE_OF_THREAD ? &stream->threads
                                          : &a->executions;
}

/* The trace is put away before it has ended, but for one whose end nothing would tell. */
int trace_evict(struct assembler *a, struct open_trace *trace)
{
    if (!called_is_all(trace))
        trace->row.flaws |= FLAW_EVICTED;
    return trace_finish(a, trace);
}

struct open_trace *trace_link(
    struct assembler *a, struct stream *stream, uint64_t key, const struct trace *row)
{
    struct open_trace *trace;

    if (a->open_count >= a->limits.open_traces && trace_evict(a, a->oldest) < 0)
        return NULL;
    trace = unused_trace(a);
    if (trace == NULL)
        return NULL;
    if (map_put(found_by(a, stream, row), key, trace->slot) < 0) {
        trace->older = a->unused;
        a->unused = trace;
        a->unused_count++;
        return NULL;
    }
    trace->row = *row;
    trace->key = key;
    trace->order = -1;
    trace->last_eoi = -1;
    chunk_begin(&trace->chunk, 0);
    trace->stream = stream;
    trace->previous = NULL;
    trace->next = stream->traces;
    if (stream->traces)
        stream->traces->previous = trace;
    stream->traces = trace;
    link_newest(a, trace);
    a->open_count++;
    return trace;
}

struct open_trace *trace_open(struct assembler *a, struct stream *stream, uint64_t key,
    int64_t kieker_id, enum trace_kind kind)
{
    struct trace row = {.id = a->last.last_trace + 1,
        .kieker_id = kieker_id,
        .thread = -1,
        .parent_kieker_id = -1,
        .parent_order = -1,
        .stream = stream->row.id,
        .run = stream->row.run,
        .metadata_logged = RECORD_NOT_LOGGED,
        .kind = (uint8_t)kind};
    struct open_trace *trace = trace_link(a, stream, key, &row);

    a->last.last_trace += trace != NULL;
    return trace;
}

/* Gives the trace's memory back to the unused ones. */
static void trace_drop(struct assembler *a, struct open_trace *trace)
{
    struct stream *stream = trace->stream;
    struct map *map = found_by(a, stream, &trace->row);
    int keeps = a->unused_count < UNUSED_KEEPING;

    map_remove(map, trace->key);
    map_tidy(map);
    *(trace->previous ? &trace->previous->next : &stream->traces) = trace->next;
    if (trace->next)
        trace->next->previous = trace->previous;
    if (stream->last == trace)
        stream->last = NULL;
    unlink_touched(a, trace);
    if (!keeps || trace->frames.capacity > KEPT_FRAMES)
        list_fini(&trace->frames);
    if (!keeps || trace->paths.capacity > KEPT_BYTES)
        list_fini(&trace->paths);
    if (!keeps || trace->executions.capacity > KEPT_FRAMES)
        list_fini(&trace->executions);
    for (int i = 0; i < CHUNK_PARTS; i++)
        if (!keeps || trace->chunk.parts[i].capacity > KEPT_BYTES)
            buffer_fini(&trace->chunk.parts[i]);
    trace->frames.count = trace->paths.count = trace->paths_sorted = trace->executions.count = 0;
    trace->beyond = trace->shape = trace->metadata_at = trace->called_at = 0;
    trace->has_root = trace->changed = trace->was_open = 0;
    trace->is_parent = 0;
    trace->ready_since = 0;
    chunk_begin(&trace->chunk, 0);
    trace_weigh(a, trace);
    trace->older = a->unused;
    a->unused = trace;
    a->unused_count++;
    a->open_count--;
}

static int hand_over(struct batch *batch, struct chunk *chunk, uint64_t *offset, uint32_t *size)
{
    for (int i = 0; i < CHUNK_PARTS; i++) {
        offset[i] = batch->parts[i].size;
        size[i] = (uint32_t)chunk->parts[i].size;
        if (buffer_append(&batch->parts[i], chunk->parts[i].bytes, chunk->parts[i].size) < 0)
            return -1;
    }
    return 0;
}

/* Moves what the trace's chunk holds into the batch, to be stored apart. */
int trace_flush_chunk(struct assembler *a, struct open_trace *trace)
{
    struct batch_chunk *chunk;

    if (chunk_bytes(&trace->chunk) == 0)
        return 0;
    chunk = list_add(&a->batch->chunks);
    if (chunk == NULL)
        return -1;
    *chunk = (struct batch_chunk){.trace = trace->row.id,
        .number = trace->row.chunks,
        .events = trace->chunk.events,
        .base = trace->chunk.base};
    if (hand_over(a->batch, &trace->chunk, chunk->offset, chunk->size) < 0) {
        a->batch->chunks.count--;
        return -1;
    }
    trace->row.chunks++;
    chunk_begin(&trace->chunk, trace->chunk.time);
    return 0;
}

/* Calls that are still open end with the trace: they count as they stand. */
static int end_open(struct assembler *a, struct open_trace *trace)
{
    while (trace->frames.count > 0)
        if (frame_count(a, trace, trace->row.end, 0) < 0)
            return -1;
    return 0;
}

/* The class of a finished trace. */
static int classify(struct assembler *a, struct open_trace *trace)
{
    struct trace *row = &trace->row;
    struct batch_class *class;
    int is_new;

    row->class = model_class(&a->model, trace->shape, &is_new);
    if (row->class == 0)
        return 0;
    if (is_new) {
        class = list_add(&a->batch->classes);
        if (class == NULL)
            return -1;
        *class = (struct batch_class){.id = row->class,
            .root = row->root,
            .depth = row->depth,
            .hash = trace->shape,
            .calls = row->calls,
            .path_count = stat_paths(trace)};
        class->paths = arena_copy(
            &a->batch->arena, trace->paths.items, class->path_count * sizeof(*class->paths));
        if (class->paths == NULL)
            return -1;
    }
    return stat_class(a, row->class, row);
}

static enum trace_state state_of(unsigned flaws)
{
    if (flaws == 0)
        return TRACE_COMPLETE;
    return flaws & ~(unsigned)FLAWS_INCOMPLETE ? TRACE_DAMAGED : TRACE_INCOMPLETE;
}

static void judge(struct assembler *a, struct open_trace *trace)
{
    struct trace *row = &trace->row;

    if (trace->frames.count > 0)
        row->flaws |= FLAW_OPEN_CALLS;
    if (row->kind == TRACE_OF_EVENTS && row->metadata == METADATA_NONE)
        row->flaws |= FLAW_NO_METADATA;
    row->state = (uint8_t)state_of(row->flaws);
    for (unsigned bit = 0; bit < FLAWS; bit++)
        if (row->flaws >> bit & 1)
            assembler_count(a, trace->stream, trace_flaw_name(bit), 1);
    if (row->flaws & FLAW_OPEN_CALLS)
        assembler_count(a, trace->stream, "calls_left_open", trace->frames.count);
}

/* The trace is over: into the batch with it. */
int trace_finish(struct assembler *a, struct open_trace *trace)
{
    if ((trace->row.kind == TRACE_OF_EXECUTIONS ? executions_finish(a, trace)
                                                : called_end(a, trace)) < 0)
        return -1;
    judge(a, trace);
    if (end_open(a, trace) < 0 || classify(a, trace) < 0 ||
        (trace->row.chunks > 0 && trace_flush_chunk(a, trace) < 0))
        return -1;
    return trace_put_away(a, trace);
}

/* Its row into the batch, as it is. */
int trace_put_away(struct assembler *a, struct open_trace *trace)
{
    struct batch_trace *finished;

    finished = list_add(&a->batch->finished);
    if (finished == NULL)
        return -1;
    *finished = (struct batch_trace){.trace = trace->row, .was_open = trace->was_open};
    if (trace->row.chunks == 0 &&
        hand_over(a->batch, &trace->chunk, finished->offset, finished->size) < 0) {
        a->batch->finished.count--;
        return -1;
    }
    a->figures.traces_finished++;
    trace_drop(a, trace);
    return 0;
}

/* Finishes all that is open of a stream. */
int trace_finish_all(struct assembler *a, struct stream *stream)
{
    while (stream->traces)
        if (trace_finish(a, stream->traces) < 0)
            return -1;
    return 0;
}

/* What a user's type adds to a TraceMetadata, and to the row. */
static int own_metadata(struct assembler *a, struct stream *stream, struct open_trace *trace,
    const struct record *record)
{
    struct buffer *extras = &trace->chunk.parts[CHUNK_EXTRAS];
    int application = record_type_field(record->type, "applicationName", FIELD_STR);

    if (application >= 0)
        trace->row.application = field_name(stream, record, (unsigned)application);
    trace->row.metadata = METADATA_OWN;
    if (chunk_put_ahead(&trace->chunk, EXTRA_METADATA) < 0 ||
        buffer_reserve(extras, VARINT_MAX) < 0)
        return -1;
    buffer_put(extras, type_stored(a, record->type));
    return fields_code(stream, record, (UINT64_C(1) << (META_PARENT_ORDER + 1)) - 1, extras);
}

/* A TraceMetadata (or ApplicationTraceMetadata): announces a trace, or comes late. */
int trace_metadata(struct assembler *a, struct stream *stream, const struct record *record)
{
    int64_t id = record_i64(record, META_TRACE);
    uint32_t slot = map_get(&stream->ids, (uint64_t)id);
    struct open_trace *trace = slot != MAP_NONE
                                   ? a->traces.items[slot]
                                   : trace_open(a, stream, (uint64_t)id, id, TRACE_OF_EVENTS);
    struct trace *row;

    if (trace == NULL)
        return -1;
    trace_touch(a, trace);
    stream->last = trace;
    row = &trace->row;
    if (row->metadata != METADATA_NONE) {
        row->flaws |= FLAW_SECOND_METADATA;
        return 0;
    }
    trace->metadata_at = row->events;
    row->thread = record_i64(record, META_THREAD);
    row->session = field_name(stream, record, META_SESSION);
    row->host = field_name(stream, record, META_HOST);
    row->parent_kieker_id = record_i64(record, META_PARENT_TRACE);
    row->parent_order = record_i32(record, META_PARENT_ORDER);
    row->metadata = METADATA_TRACE;
    row->metadata_logged =
        record->logged == RECORD_NOT_LOGGED ? record->logged : stream_time(stream, record->logged);
    if (record_type_id(record->type) == RECORD_APPLICATION_TRACE_METADATA) {
        row->application = field_name(stream, record, META_PARENT_ORDER + 1);
        row->metadata = METADATA_APPLICATION;
    }
    if (record_type_id(record->type) == RECORD_TYPES && own_metadata(a, stream, trace, record) < 0)
        return -1;
    return kin_note_child(a, trace);
}
