/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a client's stream, through the wire, the assembler, a batch and the walk back to
 * calls. The first byte says into how large pieces the rest is cut and how often a batch is. What
 * must hold: reading ends, every call that began is in one trace, and what was coded can be walked.
 */
#include "analysis/assembler.h"
#include "analysis/walk.h"
#include "record/wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct sums {
    uint64_t begun, left;
};

static void on_enter(void *context, struct call *call)
{
    (void)call;
    ((struct sums *)context)->begun++;
}

static void on_leave(void *context, struct call *call)
{
    (void)call;
    ((struct sums *)context)->left++;
}

static void must(int holds)
{
    if (!holds)
        abort();
}

/* Traces that lie in this batch as a whole. */
static void walk_finished(const struct batch *batch)
{
    for (size_t i = 0; i < batch->finished.count; i++) {
        const struct batch_trace *finished = &batch->finished.items[i];
        struct sums sums = {0, 0};
        const struct walker walker = {on_enter, on_leave, &sums};
        struct chunk_view view = {.events = finished->trace.events, .base = finished->trace.start};
        struct walk *walk = walk_new(&finished->trace, &walker);

        for (int part = 0; part < CHUNK_PARTS; part++) {
            view.parts[part].bytes = batch->parts[part].bytes + finished->offset[part];
            view.parts[part].size = finished->size[part];
        }
        if (finished->trace.chunks == 0) {
            must(walk && walk_feed(walk, &view) == 0 && walk_end(walk) == 0);
            must(sums.begun == finished->trace.calls && sums.left == sums.begun);
        }
        walk_free(walk);
    }
}

static void cut(struct assembler *assembler)
{
    struct batch *batch = assembler_cut(assembler);

    must(batch != NULL);
    walk_finished(batch);
    batch_free(batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct assembler_start start = {0};
    struct assembler *assembler;
    struct stream *stream;
    struct model model;
    struct wire wire;
    const unsigned char *at = bytes + 1;
    size_t piece = size ? 1 + (size_t)bytes[0] * 16 : 1;
    enum wire_item item = WIRE_NEED_MORE;

    if (size < 2)
        return 0;
    must(model_init(&model) == 0);
    assembler = assembler_new(&model, &start, "fuzz");
    must(assembler != NULL);
    stream = assembler_open_stream(assembler, "peer", 1);
    wire_init(&wire);
    for (size_t there = 1; there < size && item != WIRE_FAILED;) {
        there = there + piece < size ? there + piece : size;
        while ((item = wire_next(&wire, &at, bytes + there, there == size)) > 0) {
            if (item == WIRE_ENTRY)
                must(assembler_entry(assembler, stream, wire.entry) == 0);
            else
                must(assembler_feed(assembler, stream, &wire.record, 1) == 0);
            if (wire.records % (1 + (size_t)bytes[0]) == 0)
                cut(assembler);
        }
    }
    must(at <= bytes + size);
    must(assembler_close_stream(assembler, stream, NULL, 2) == 0);
    cut(assembler);
    wire_fini(&wire);
    assembler_free(assembler);
    return 0;
}
