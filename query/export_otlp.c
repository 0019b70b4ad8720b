/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenTelemetry's protocol as JSON lines, the form of its file exporter: each line is an export
 * request of some spans, which a collector of theirs also takes at /v1/traces. A call is a span; it
 * is written when it ends, callees first.
 */
#include "query/export.h"

#include <inttypes.h>
#include <stdlib.h>

#define SPANS_A_LINE 500

struct state {
    unsigned spans; /* in the line under way */
};

static int begin(struct export *export)
{
    export->state = calloc(1, sizeof(struct state));
    if (export->state)
        return 0;
    request_refuse(export->request, 500, "memory is short");
    return -1;
}

static void put_attribute(FILE *out, const char *key, const char *text)
{
    fprintf(out, "{\"key\":\"%s\",\"value\":{\"stringValue\":", key);
    export_json(out, text);
    fputs("}}", out);
}

static void begin_line(struct export *export)
{
    FILE *out = export->out;

    fputs("{\"resourceSpans\":[{\"resource\":{\"attributes\":[", out);
    put_attribute(out, "service.name", export->row.run);
    putc(',', out);
    put_attribute(out, "host.name", export->row.host);
    fputs("]},\"scopeSpans\":[{\"scope\":{\"name\":\"kieker\"},\"spans\":[", out);
}

static void end_line(struct export *export)
{
    struct state *state = export->state;

    if (state->spans > 0)
        fputs("]}]}]}\n", export->out);
    state->spans = 0;
}

/* Times before 1970 cannot be said. */
static uint64_t unsigned_time(int64_t ns)
{
    return ns < 0 ? 0 : (uint64_t)ns;
}

static void put_failure(struct export *export, const struct call *call, int64_t end)
{
    const char *cause = store_name(export->reader, call->cause);

    fprintf(export->out,
        ",\"events\":[{\"name\":\"exception\",\"timeUnixNano\":\"%" PRIu64 "\",\"attributes\":[",
        unsigned_time(end));
    put_attribute(export->out, "exception.message", cause);
    fputs("]}],\"status\":{\"code\":2,\"message\":", export->out);
    export_json(export->out, cause);
    putc('}', export->out);
}

static void leave(struct export *export, struct call *call)
{
    const struct trace *trace = &export->row.trace;
    struct state *state = export->state;
    FILE *out = export->out;
    int64_t end = time_sum(call->start, call->duration);
    const char *name = "", *component = "";

    if (state->spans == 0)
        begin_line(export);
    (void)store_operation(export->reader, call->operation, &name, &component);
    fprintf(out, "%s{\"traceId\":\"%016" PRIx64 "%016" PRIx64 "\",\"spanId\":\"%016" PRIx64 "\"",
        state->spans > 0 ? "," : "", (uint64_t)trace->kieker_id, trace->id, call->position + 1);
    if (call->parent != CALL_NO_PARENT)
        fprintf(out, ",\"parentSpanId\":\"%016" PRIx64 "\"", call->parent + 1);
    fputs(",\"kind\":1,\"name\":", out);
    export_json_name(out, export->reader, call->operation);
    fprintf(out, ",\"startTimeUnixNano\":\"%" PRIu64 "\",\"endTimeUnixNano\":\"%" PRIu64 "\"",
        unsigned_time(call->start), unsigned_time(end));
    fputs(",\"attributes\":[", out);
    put_attribute(out, "code.function.name", name);
    putc(',', out);
    put_attribute(out, "code.namespace", component);
    fprintf(
        out, ",{\"key\":\"thread.id\",\"value\":{\"intValue\":\"%" PRId64 "\"}}]", trace->thread);
    if (call->failed)
        put_failure(export, call, end);
    putc('}', out);
    if (++state->spans == SPANS_A_LINE)
        end_line(export);
}

static int trace_end(struct export *export)
{
    end_line(export); /* the next trace may be of another host */
    return 0;
}

static void fini(struct export *export)
{
    free(export->state);
}

const struct export_form export_otlp = {
    "otlp-json", "application/x-ndjson", begin, NULL, NULL, leave, trace_end, NULL, fini};
