/* SPDX-License-Identifier: Apache-2.0 */
#include "web/otlp_batch.h"

#include <stdlib.h>
#include <string.h>

/* `before`: what the span before has there. */
static const char *keep(struct otlp_batch *batch, const char *text, const char *before)
{
    if (before && strcmp(text, before) == 0)
        return before;
    return arena_copy(&batch->arena, text, strlen(text) + 1);
}

static int take(void *context, const struct span *span)
{
    struct otlp_batch *batch = context;
    static const struct span none;
    const struct span *before;
    struct span *kept;

    batch->is_large = otlp_batch_bytes(batch) > OTLP_BATCH_MAX;
    kept = batch->is_large ? NULL : list_add(&batch->spans);
    if (kept == NULL)
        return -1;
    before = batch->spans.count > 1 ? kept - 1 : &none;
    *kept = *span;
    kept->operation = keep(batch, span->operation, before->operation);
    kept->component = keep(batch, span->component, before->component);
    kept->host = keep(batch, span->host, before->host);
    kept->cause = span->cause ? keep(batch, span->cause, before->cause) : NULL;
    return kept->operation && kept->component && kept->host && (kept->cause || !span->cause) ? 0
                                                                                             : -1;
}

struct otlp_batch *otlp_batch_read(struct otlp *otlp, const char *bytes, size_t size, int is_json)
{
    struct otlp_batch *batch = calloc(1, sizeof(*batch));
    int result;

    *otlp = (struct otlp){.take = take, .context = batch};
    if (batch == NULL) {
        otlp_fail(otlp, OTLP_SHORT, "memory is short: try again later");
        return NULL;
    }
    result = is_json ? otlp_read_json(otlp, bytes, size) : otlp_read_protobuf(otlp, bytes, size);
    batch->rejected = otlp->rejected;
    if (result == 0)
        return batch;
    if (batch->is_large)
        otlp_fail(otlp, OTLP_LARGE, "too many spans for one request: send fewer at a time");
    otlp_batch_free(batch);
    return NULL;
}

void otlp_batch_free(struct otlp_batch *batch)
{
    if (batch == NULL)
        return;
    list_fini(&batch->spans);
    arena_fini(&batch->arena);
    free(batch);
}

size_t otlp_batch_bytes(const struct otlp_batch *batch)
{
    return sizeof(*batch) + batch->spans.count * sizeof(struct span) + batch->arena.bytes;
}
