/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/assembling.h"

#include <string.h>

/* What the model has had to refuse or fold since the batch before. */
static void count_bounds(struct assembler *a)
{
    struct model *model = &a->model;

    assembler_count(a, NULL, "names_refused", model->refused_names - a->refused_names);
    assembler_count(a, NULL, "classes_refused", model->refused_classes - a->refused_classes);
    assembler_count(a, NULL, "calls_folded", model->folded_calls - a->folded_calls);
    a->refused_names = model->refused_names;
    a->refused_classes = model->refused_classes;
    a->folded_calls = model->folded_calls;
}

static int hand_names(struct assembler *a)
{
    for (size_t id = a->handed.names; id < a->model.names.count; id++) {
        struct model_name *name = &a->model.names.items[id];
        struct batch_name *row = list_add(&a->batch->names);

        if (row == NULL)
            return -1;
        *row = (struct batch_name){
            (uint32_t)id, name->length, arena_copy(&a->batch->arena, name->text, name->length + 1)};
        if (row->text == NULL) {
            a->batch->names.count--;
            return -1;
        }
        a->handed.names = id + 1;
    }
    a->handed.bytes = a->model.name_bytes;
    return 0;
}

/* The dictionaries' new rows. Each is handed over once, also if memory gives out half way. */
static int hand_dictionaries(struct assembler *a)
{
    struct model *model = &a->model;

    if (hand_names(a) < 0)
        return -1;
    for (; a->handed.operations < model->operations.count; a->handed.operations++) {
        struct batch_operation *row = list_add(&a->batch->operations);

        if (row == NULL)
            return -1;
        *row = (struct batch_operation){
            (uint32_t)a->handed.operations, model->operations.items[a->handed.operations]};
    }
    for (; a->handed.paths < model->paths.count; a->handed.paths++) {
        struct batch_path *row = list_add(&a->batch->paths);

        if (row == NULL)
            return -1;
        *row = (struct batch_path){(uint32_t)a->handed.paths, model->paths.items[a->handed.paths]};
    }
    for (; a->handed.runs < model->runs.count; a->handed.runs++) {
        struct batch_run *row = list_add(&a->batch->runs);

        if (row == NULL)
            return -1;
        *row = (struct batch_run){(uint32_t)a->handed.runs, model->runs.items[a->handed.runs]};
    }
    return 0;
}

int stream_hand_over(struct assembler *a, struct stream *stream)
{
    const char *agent = stream->agent ? stream->agent : "";
    struct batch_stream row = stream->row, *place;

    row.peer = arena_copy(&a->batch->arena, stream->peer, strlen(stream->peer) + 1);
    row.agent = arena_copy(&a->batch->arena, agent, strlen(agent) + 1);
    row.session = *stream->session
                      ? arena_copy(&a->batch->arena, stream->session, sizeof(stream->session))
                      : NULL;
    place = row.peer && row.agent && !row.session == !*stream->session
                ? list_add(&a->batch->streams)
                : NULL;
    if (place == NULL)
        return -1;
    *place = row;
    stream->changed = 0;
    return 0;
}

static int hand_streams(struct assembler *a)
{
    for (struct stream *stream = a->streams; stream; stream = stream->next)
        if (stream->changed && stream_hand_over(a, stream) < 0)
            return -1;
    return 0;
}

/* Every open trace that has changed, from the one touched last: the first that has not ends the
 * search. */
static int hand_open_traces(struct assembler *a)
{
    for (struct open_trace *trace = a->newest; trace && trace->changed; trace = trace->older) {
        struct batch_trace *row;

        if (trace_flush_chunk(a, trace) < 0)
            return -1;
        row = list_add(&a->batch->open);
        if (row == NULL)
            return -1;
        *row = (struct batch_trace){.trace = trace->row,
            .open = {trace->stream->row.id, trace->order, trace->beyond, trace->metadata_at},
            .was_open = trace->was_open};
        trace->was_open = 1;
        trace->changed = 0;
        trace_trim_chunk(a, trace);
    }
    return 0;
}

struct batch *assembler_cut(struct assembler *a)
{
    struct batch *batch = a->batch, *next = batch_new(a->last.last_batch + 1);
    int waiting = 0;

    if (next == NULL)
        return NULL;
    if (executions_finish_ready(a) < 0 || hand_open_traces(a) < 0 || hand_streams(a) < 0) {
        batch_free(next);
        return NULL;
    }
    count_bounds(a);
    if (hand_dictionaries(a) < 0 || a->model.is_short) {
        batch_free(next);
        return NULL;
    }
    for (unsigned i = 0; i < READY_TRACES; i++)
        waiting |= a->ready[i].id != 0;
    a->last.last_batch++;
    a->batch = next;
    a->dirty = waiting;
    return batch;
}
