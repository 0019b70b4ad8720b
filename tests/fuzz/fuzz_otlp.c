/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what an OpenTelemetry exporter sends, protobuf or JSON as the first byte says, and
 * its spans into calls. What must hold: reading ends, texts are whole, each span that is kept
 * becomes one call, and no call stays open.
 */
#include "tests/fuzz/input.h"

#include "analysis/spans.h"
#include "web/otlp.h"

struct taking {
    struct spans *spans;
    uint64_t taken;
    int64_t now;
};

static int take(void *context, const struct span *span)
{
    struct taking *taking = context;

    must(span->operation != NULL && span->component != NULL && span->host != NULL);
    must(strlen(span->operation) < OTLP_TEXT_MAX && strlen(span->host) < OTLP_TEXT_MAX);
    taking->taken++;
    taking->now += 1000;
    return spans_add(taking->spans, span, taking->now);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    struct assembler_start start = {0};
    struct assembler_figures figures;
    struct assembler *assembler;
    struct taking taking = {.now = 1};
    struct otlp otlp = {.take = take, .context = &taking};
    struct model model;
    struct batch *batch;
    uint8_t how = input_byte(&input);
    int result;

    must(model_init(&model) == 0);
    assembler = assembler_new(&model, &start, "fuzz");
    must(assembler != NULL && (taking.spans = spans_new(assembler)) != NULL);
    result = how & 1 ? otlp_read_json(&otlp, (const char *)input.at, input_left(&input))
                     : otlp_read_protobuf(&otlp, input.at, input_left(&input));
    must(result == 0 || otlp.error[0] != '\0');
    must(otlp.taken == taking.taken);
    if (how & 2)
        must(spans_give(taking.spans, taking.now + SPANS_REST_NS, 0) >= 0);
    must(spans_give(taking.spans, taking.now, 1) >= 0);
    must(spans_due(taking.spans) == INT64_MAX);
    assembler_figures(assembler, &figures);
    must(figures.calls <= taking.taken && figures.failed_calls <= figures.calls);
    must(figures.traces_running == 0);
    batch = assembler_cut(assembler);
    must(batch != NULL);
    batch_free(batch);
    spans_free(taking.spans);
    assembler_free(assembler);
    return 0;
}
