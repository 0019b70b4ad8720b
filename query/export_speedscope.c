/* SPDX-License-Identifier: Apache-2.0 */
/*
 * speedscope's own form (https://www.speedscope.app/file-format-schema.json): an evented profile
 * for each trace. It wants times that never go back; clocks do, and are held then. The frames'
 * names come last, when they are known.
 */
#include "query/export.h"

#include <inttypes.h>
#include <stdlib.h>

#include "record/map.h"

struct state {
    struct map frames; /* operation -> frame */
    LIST(uint32_t) operations;
    int64_t last; /* ns since the trace's start */
    int has_profile, has_event;
};

static int begin(struct export *export)
{
    export->state = calloc(1, sizeof(struct state));
    if (export->state == NULL) {
        request_refuse(export->request, 500, "memory is short");
        return -1;
    }
    fputs("{\"$schema\":\"https://www.speedscope.app/file-format-schema.json\","
          "\"exporter\":\"kieker-query\",\"name\":\"Kieker\",\"profiles\":[",
        export->out);
    return 0;
}

static int trace_begin(struct export *export)
{
    struct state *state = export->state;
    const struct trace_row *row = &export->row;

    fputs(state->has_profile ? ",\n" : "\n", export->out);
    state->has_profile = 1;
    state->has_event = 0;
    state->last = 0;
    fputs("{\"type\":\"evented\",\"unit\":\"nanoseconds\",\"startValue\":0,\"name\":", export->out);
    export_json_name(export->out, export->reader, row->root_operation);
    fprintf(export->out,
        ",\"trace\":\"%" PRIu64 "\",\"thread\":\"%" PRId64 "\",\"host\":", row->trace.id,
        row->trace.thread);
    export_json(export->out, row->host);
    fprintf(export->out, ",\"start_at\":\"%" PRId64 "\",\"events\":[", row->trace.start);
    return 0;
}

static uint32_t frame_of(struct export *export, uint32_t operation)
{
    struct state *state = export->state;
    uint32_t frame = map_get(&state->frames, operation), *place;

    if (frame != MAP_NONE)
        return frame;
    place = list_add(&state->operations);
    frame = (uint32_t)state->operations.count - 1;
    if (place == NULL || map_put(&state->frames, operation, frame) < 0) {
        export->failed = 1;
        return 0;
    }
    *place = operation;
    return frame;
}

static void put_event(struct export *export, char type, const struct call *call, int64_t at)
{
    struct state *state = export->state;
    int64_t since = time_between(export->row.trace.start, at);

    if (since > state->last)
        state->last = since;
    fprintf(export->out, "%s{\"type\":\"%c\",\"frame\":%" PRIu32 ",\"at\":%" PRId64 "}",
        state->has_event ? "," : "", type, frame_of(export, call->operation), state->last);
    state->has_event = 1;
}

static void enter(struct export *export, struct call *call)
{
    put_event(export, 'O', call, call->start);
}

static void leave(struct export *export, struct call *call)
{
    put_event(export, 'C', call, time_sum(call->start, call->duration));
}

static int trace_end(struct export *export)
{
    const struct state *state = export->state;

    fprintf(export->out, "],\"endValue\":%" PRId64 "}", state->last);
    return 0;
}

static int end(struct export *export)
{
    const struct state *state = export->state;

    fputs("\n],\"shared\":{\"frames\":[", export->out);
    for (size_t i = 0; i < state->operations.count; i++) {
        fputs(i > 0 ? ",\n{\"name\":" : "\n{\"name\":", export->out);
        export_json_name(export->out, export->reader, state->operations.items[i]);
        putc('}', export->out);
    }
    fputs("\n]}}\n", export->out);
    return 0;
}

static void fini(struct export *export)
{
    struct state *state = export->state;

    if (state == NULL)
        return;
    map_fini(&state->frames);
    list_fini(&state->operations);
    free(state);
}

const struct export_form export_speedscope = {
    "speedscope", "application/json", begin, trace_begin, enter, leave, trace_end, end, fini};
