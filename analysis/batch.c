/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/batch.h"

#include <stdlib.h>

struct batch *batch_new(uint32_t number)
{
    struct batch *batch = calloc(1, sizeof(*batch));

    if (batch)
        batch->number = number;
    return batch;
}

void batch_free(struct batch *batch)
{
    if (batch == NULL)
        return;
    for (int i = 0; i < CHUNK_PARTS; i++)
        buffer_fini(&batch->parts[i]);
    arena_fini(&batch->arena);
    list_fini(&batch->names);
    list_fini(&batch->operations);
    list_fini(&batch->paths);
    list_fini(&batch->runs);
    list_fini(&batch->classes);
    list_fini(&batch->path_stats);
    list_fini(&batch->class_stats);
    list_fini(&batch->finished);
    list_fini(&batch->open);
    list_fini(&batch->chunks);
    list_fini(&batch->records);
    list_fini(&batch->kin);
    list_fini(&batch->streams);
    list_fini(&batch->counters);
    list_fini(&batch->notes);
    free(batch);
}

int durations_encode(const struct durations *durations, struct buffer *out)
{
    if (durations->histogram.capacity > 0 || durations->count == 0)
        return histogram_encode(&durations->histogram, out);
    if (buffer_reserve(out, 2 * VARINT_MAX) < 0)
        return -1;
    buffer_put(out, histogram_bucket((uint64_t)durations->minimum));
    buffer_put(out, durations->count);
    return 0;
}

#define BYTES(list) ((list).capacity * sizeof(*(list).items))

size_t batch_bytes(const struct batch *batch)
{
    size_t bytes = batch->arena.bytes;

    for (int i = 0; i < CHUNK_PARTS; i++)
        bytes += batch->parts[i].capacity;
    return bytes + BYTES(batch->names) + BYTES(batch->operations) + BYTES(batch->paths) +
           BYTES(batch->runs) + BYTES(batch->classes) + BYTES(batch->path_stats) +
           BYTES(batch->class_stats) + BYTES(batch->finished) + BYTES(batch->open) +
           BYTES(batch->chunks) + BYTES(batch->records) + BYTES(batch->streams) +
           BYTES(batch->counters) + BYTES(batch->notes) + BYTES(batch->kin);
}
