/* SPDX-License-Identifier: Apache-2.0 */
/* What the assembler holds, in bytes, and how it gets along with less. */
#include "analysis/assembling.h"

#include <stdlib.h>

#define BLOCK 16          /* what memory of its own costs each thing besides its size */
#define TRIMMED_BYTES 512 /* of an emptied part of a chunk: not worth giving back */

#define HELD(list) ((list).items ? (list).capacity * sizeof(*(list).items) + BLOCK : 0)

void trace_weigh(struct assembler *a, struct open_trace *trace)
{
    size_t weight = HELD(trace->frames) + HELD(trace->paths) + HELD(trace->executions);
    size_t content = chunk_bytes(&trace->chunk);

    for (int i = 0; i < CHUNK_PARTS; i++)
        if (trace->chunk.parts[i].bytes)
            weight += trace->chunk.parts[i].capacity + BLOCK;
    a->weight += weight - trace->weight;
    a->content += content - trace->content;
    trace->weight = weight;
    trace->content = content;
}

/* An emptied chunk gives its memory back: most open traces wait for long. */
void trace_trim_chunk(struct assembler *a, struct open_trace *trace)
{
    for (int i = 0; i < CHUNK_PARTS; i++)
        if (trace->chunk.parts[i].size == 0 && trace->chunk.parts[i].capacity > TRIMMED_BYTES)
            buffer_fini(&trace->chunk.parts[i]);
    trace_weigh(a, trace);
}

int assembler_relieve(struct assembler *a)
{
    /* Well below the limit, so that this is not to be done again with the next record. */
    size_t enough = a->limits.trace_memory / 4 * 3;

    for (struct open_trace *trace = a->oldest; trace && a->weight > enough; trace = trace->newer) {
        if (trace_flush_chunk(a, trace) < 0)
            return -1;
        trace_trim_chunk(a, trace);
    }
    while (a->oldest && a->weight > enough) {
        assembler_count(a, a->oldest->stream, "trace_memory", 1);
        if (trace_evict(a, a->oldest) < 0)
            return -1;
    }
    return 0;
}

size_t assembler_trace_bytes(const struct assembler *a)
{
    return a->weight;
}

size_t assembler_stream_bytes(const struct stream *stream)
{
    return sizeof(*stream) + map_bytes(&stream->ids) + map_bytes(&stream->threads) +
           map_bytes(&stream->thread_hosts) + map_bytes(&stream->pairs) + HELD(stream->resolved) +
           HELD(stream->counters);
}

static size_t model_bytes(const struct model *model)
{
    return model->name_bytes + model->names.count * BLOCK + HELD(model->names) +
           HELD(model->operations) + HELD(model->paths) + HELD(model->classes) + HELD(model->runs) +
           HELD(model->deployed) + map_bytes(&model->name_ids) + map_bytes(&model->operation_ids) +
           map_bytes(&model->path_ids) + map_bytes(&model->class_ids) + map_bytes(&model->run_ids) +
           map_bytes(&model->deployed_ids);
}

size_t assembler_bytes(const struct assembler *a)
{
    return a->weight + a->traces.count * (sizeof(struct open_trace) + BLOCK) +
           map_bytes(&a->executions) + batch_bytes(a->batch) + model_bytes(&a->model);
}
