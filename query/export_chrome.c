/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trace events, as chrome://tracing and Perfetto read them: a B and an E for each call, in the
 * order of the program. A process is a host of a run. What they draw as threads must not hold
 * calls that overlap, but tasks of one thread do: so a thread has as many lanes as it needs.
 */
#include "query/export.h"

#include <inttypes.h>
#include <stdlib.h>

#include "record/map.h"

#define NONE UINT32_MAX
#define LANES_MAX 65536 /* beyond, all further threads share the last one */

struct lane {
    int64_t start, end; /* of what lies in it */
    uint32_t next;      /* of the same thread, or NONE */
};

struct state {
    LIST(struct lane) lanes;
    struct map threads; /* -> a thread's last lane */
    struct map hosts;   /* (run, host) -> process */
    uint32_t processes;
    int64_t base; /* ns: what times are counted from, so that they fit */
    int has_base, has_event;
    uint32_t lane, process; /* of the trace under way, from 1 */
};

static void begin_event(struct export *export)
{
    struct state *state = export->state;

    fputs(state->has_event ? ",\n" : "\n", export->out);
    state->has_event = 1;
}

/* The first time there is, if that can be told: some readers want none below 0. */
static void find_base(struct export *export)
{
    struct state *state = export->state;
    struct store_status status;

    state->has_base = store_status(export->reader, &status) == 0 && status.first > 0;
    state->base = state->has_base ? status.first : 0;
}

static int begin(struct export *export)
{
    export->state = calloc(1, sizeof(struct state));
    if (export->state == NULL) {
        request_refuse(export->request, 500, "memory is short");
        return -1;
    }
    find_base(export);
    fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", export->out);
    return 0;
}

static void name_process(struct export *export, uint32_t process)
{
    begin_event(export);
    fprintf(export->out,
        "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":%" PRIu32 ",\"tid\":0,\"args\":{\"name\":",
        process);
    export_json(export->out, *export->row.host ? export->row.host : export->row.run);
    fputs("}},\n", export->out);
    fprintf(export->out,
        "{\"ph\":\"M\",\"name\":\"process_labels\",\"pid\":%" PRIu32
        ",\"tid\":0,\"args\":{\"labels\":",
        process);
    export_json(export->out, export->row.run);
    fputs("}}", export->out);
}

static void name_thread(struct export *export, uint32_t process, uint32_t lane, unsigned more)
{
    begin_event(export);
    fprintf(export->out,
        "{\"ph\":\"M\",\"name\":\"thread_name\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32
        ",\"args\":{\"name\":\"thread %" PRId64,
        process, lane, export->row.trace.thread);
    if (more > 0)
        fprintf(export->out, " (%u)", more + 1);
    fputs("\"}}", export->out);
}

/* The process of the trace's run and host; 0 when memory is short. */
static uint32_t process_of(struct export *export)
{
    struct state *state = export->state;
    uint64_t key = (uint64_t) export->row.trace.run << 32 | export->row.trace.host;
    uint32_t process = map_get(&state->hosts, key);

    if (process != MAP_NONE)
        return process;
    process = state->processes + 1;
    if (map_put(&state->hosts, key, process) < 0)
        return 0;
    state->processes = process;
    name_process(export, process);
    return process;
}

/* Whether nothing in the lane lies at the trace's time; then it does. */
static int fits(struct lane *lane, const struct trace *trace)
{
    if (trace->start < lane->end && trace->end > lane->start)
        return 0;
    lane->start = trace->start < lane->start ? trace->start : lane->start;
    lane->end = trace->end > lane->end ? trace->end : lane->end;
    return 1;
}

/* A lane of the trace's thread in which nothing lies at its time. 0, or -1 when memory is short. */
static int choose_lane(struct export *export)
{
    const struct trace *trace = &export->row.trace;
    struct state *state = export->state;
    uint64_t key = map_mix((uint64_t)trace->thread) ^ ((uint64_t)trace->run << 32 | trace->host);
    uint32_t first = map_get(&state->threads, key), others = 0;
    struct lane *lane;

    state->process = process_of(export);
    for (uint32_t i = first == MAP_NONE ? NONE : first; i != NONE; i = lane->next) {
        lane = &state->lanes.items[i];
        state->lane = i + 1;
        if (fits(lane, trace))
            return 0;
        others++;
    }
    if (state->lanes.count >= LANES_MAX) {
        state->lane = LANES_MAX;
        return 0;
    }
    lane = list_add(&state->lanes);
    state->lane = (uint32_t)state->lanes.count;
    if (lane == NULL || state->process == 0 || map_put(&state->threads, key, state->lane - 1) < 0)
        return -1;
    *lane = (struct lane){trace->start, trace->end, first == MAP_NONE ? NONE : first};
    name_thread(export, state->process, state->lane, others);
    return 0;
}

static int trace_begin(struct export *export)
{
    struct state *state = export->state;

    if (!state->has_base) {
        state->base = export->row.trace.start;
        state->has_base = 1;
    }
    if (choose_lane(export) == 0)
        return 0;
    request_refuse(export->request, 500, "memory is short");
    return -1;
}

static void put_event(struct export *export, char phase, int64_t at)
{
    const struct state *state = export->state;
    int64_t since;

    begin_event(export);
    if (__builtin_sub_overflow(at, state->base, &since))
        since = at < state->base ? INT64_MIN : INT64_MAX;
    fprintf(export->out, "{\"ph\":\"%c\",\"pid\":%" PRIu32 ",\"tid\":%" PRIu32 ",\"ts\":", phase,
        state->process, state->lane);
    export_us(export->out, since);
}

static void enter(struct export *export, struct call *call)
{
    put_event(export, 'B', call->start);
    fputs(",\"name\":", export->out);
    export_json_name(export->out, export->reader, call->operation);
    if (call->parent == CALL_NO_PARENT)
        fprintf(export->out, ",\"args\":{\"trace\":\"%" PRIu64 "\"}", export->row.trace.id);
    putc('}', export->out);
}

static void leave(struct export *export, struct call *call)
{
    int64_t end;

    if (__builtin_add_overflow(call->start, call->duration, &end))
        end = INT64_MAX;
    put_event(export, 'E', end);
    if (call->failed) {
        fputs(",\"args\":{\"failed\":true,\"cause\":", export->out);
        export_json(export->out, store_name(export->reader, call->cause));
        putc('}', export->out);
    } else if (call->open) {
        fputs(",\"args\":{\"open\":true}", export->out);
    }
    putc('}', export->out);
}

static int end(struct export *export)
{
    const struct state *state = export->state;

    fprintf(export->out,
        "\n],\"otherData\":{\"exporter\":\"kieker-query\",\"base_at\":\"%" PRId64 "\"}}\n",
        state->base);
    return 0;
}

static void fini(struct export *export)
{
    struct state *state = export->state;

    if (state == NULL)
        return;
    list_fini(&state->lanes);
    map_fini(&state->threads);
    map_fini(&state->hosts);
    free(state);
}

const struct export_form export_chrome = {
    "chrome", "application/json", begin, trace_begin, enter, leave, NULL, end, fini};
