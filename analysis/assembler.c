/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/assembling.h"

#include "record/talk.h"

#include <stdlib.h>
#include <string.h>

struct assembler *assembler_new(
    struct model *model, const struct assembler_start *start, const char *run)
{
    struct assembler *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return NULL;
    a->model = *model;
    memset(model, 0, sizeof(*model));
    a->last = *start;
    a->limits = (struct assembler_limits){.open_traces = ASSEMBLER_OPEN_TRACES_MAX,
        .trace_memory = ASSEMBLER_TRACE_MEMORY_MAX,
        .depth = ASSEMBLER_DEPTH_MAX,
        .executions = ASSEMBLER_EXECUTIONS_MAX,
        .model = a->model.limits};
    a->handed.names = a->model.names.count;
    a->handed.bytes = a->model.name_bytes;
    a->handed.operations = a->model.operations.count;
    a->handed.paths = a->model.paths.count;
    a->handed.classes = a->model.classes.count;
    a->handed.runs = a->model.runs.count;
    a->batch = batch_new(++a->last.last_batch);
    a->run = model_run(&a->model, model_name(&a->model, run, strlen(run)));
    if (a->batch == NULL || a->run == 0) {
        assembler_free(a);
        return NULL;
    }
    return a;
}

void assembler_limit(struct assembler *a, const struct assembler_limits *limits)
{
    a->limits = *limits;
    a->model.limits = limits->model;
}

void assembler_limit_traces(struct assembler *a, size_t trace_memory)
{
    a->limits.trace_memory = trace_memory;
}

static void stream_free(struct stream *stream)
{
    map_fini(&stream->ids);
    map_fini(&stream->threads);
    map_fini(&stream->thread_hosts);
    map_fini(&stream->pairs);
    list_fini(&stream->resolved);
    list_fini(&stream->counters);
    free(stream->peer);
    free(stream->agent);
    free(stream);
}

void assembler_free(struct assembler *a)
{
    if (a == NULL)
        return;
    while (a->streams) {
        struct stream *next = a->streams->next;

        stream_free(a->streams);
        a->streams = next;
    }
    for (size_t i = 0; i < a->traces.count; i++) {
        struct open_trace *trace = a->traces.items[i];

        list_fini(&trace->frames);
        list_fini(&trace->paths);
        list_fini(&trace->executions);
        chunk_fini(&trace->chunk);
        free(trace);
    }
    list_fini(&a->traces);
    map_fini(&a->executions);
    map_fini(&a->user_types);
    batch_free(a->batch);
    model_fini(&a->model);
    free(a);
}

struct stream *assembler_open_stream(struct assembler *a, const char *peer, int64_t now)
{
    struct stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL)
        return NULL;
    stream->peer = strdup(peer);
    if (stream->peer == NULL) {
        free(stream);
        return NULL;
    }
    stream->assembler = a;
    stream->row = (struct batch_stream){.id = ++a->last.last_stream, .run = a->run, .opened = now};
    stream->changed = 1;
    stream->next = a->streams;
    if (a->streams)
        a->streams->previous = stream;
    a->streams = stream;
    a->dirty = 1;
    return stream;
}

struct agent_counter *stream_counter(struct stream *stream, const char *name)
{
    struct agent_counter *counter;

    for (size_t i = 0; i < stream->counters.count; i++)
        if (strcmp(stream->counters.items[i].name, name) == 0)
            return &stream->counters.items[i];
    if (stream->counters.count == AGENT_COUNTERS_MAX)
        return NULL;
    counter = list_add(&stream->counters);
    if (counter)
        *counter = (struct agent_counter){name, 0};
    else
        stream->assembler->model.is_short = 1;
    return counter;
}

/* An agent's counters are numbers since its begin: what is new of them is counted. */
static void take_counters(struct assembler *a, struct stream *stream, const char *text)
{
    struct talk_pair pair;

    while (talk_next(&text, &pair)) {
        uint32_t name = model_name(&a->model, pair.key, pair.key_length);
        uint64_t value = strtoull(pair.value, NULL, 10);
        struct agent_counter *counter =
            name ? stream_counter(stream, a->model.names.items[name].text) : NULL;

        if (counter && value > counter->value) {
            assembler_count(a, stream, counter->name, value - counter->value);
            counter->value = value;
        }
    }
}

static int take_agent(struct assembler *a, struct stream *stream, const char *text)
{
    struct talk_pair pair;
    uint32_t run = 0;

    free(stream->agent);
    stream->agent = strndup(text + strspn(text, " "), AGENT_TEXT_MAX);
    if (stream->agent == NULL)
        return -1;
    stream->changed = 1;
    while (talk_next(&text, &pair))
        if (talk_has_key(&pair, "run") && pair.value[0] != '\0') {
            run = model_run(&a->model, model_name(&a->model, pair.value, strlen(pair.value)));
            if (run == 0)
                return -1;
            stream->row.run = run;
        }
    return 0;
}

int assembler_entry(struct assembler *a, struct stream *stream, const struct registry_entry *entry)
{
    const char *pairs;

    if ((pairs = talk_is(entry->text, TALK_AGENT)))
        return take_agent(a, stream, pairs);
    if ((pairs = talk_is(entry->text, TALK_COUNTERS)))
        take_counters(a, stream, pairs);
    return 0;
}

/* The stream says in what unit its timestamps are. */
static void take_metadata(struct stream *stream, const struct record *record)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {{"NANOSECONDS", 1}, {"MICROSECONDS", 1000}, {"MILLISECONDS", 1000000},
        {"SECONDS", 1000000000}};
    int field = field_find(record->type, "timeUnit");
    const struct registry_entry *unit = field < 0 ? NULL : record_string(record, (unsigned)field);

    for (size_t i = 0; unit && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(unit->text, units[i].name) == 0)
            stream->row.unit = units[i].ns;
}

/* A record of no trace: kept as it came. */
static int feed_other(
    struct assembler *a, struct stream *stream, const struct record *record, int64_t now)
{
    struct batch_record *place;
    struct buffer fields = {0};
    int field = record->type->timestamp;
    int64_t logged =
        record->logged == RECORD_NOT_LOGGED ? record->logged : stream_time(stream, record->logged);
    int result = -1;

    place = list_add(&a->batch->records);
    if (place == NULL)
        return -1;
    *place = (struct batch_record){.stream = stream->row.id,
        .type = type_stored(a, record->type),
        .logged = logged,
        .time = field >= 0 ? stream_time(stream, record_i64(record, (unsigned)field))
                           : (logged != RECORD_NOT_LOGGED ? logged : now)};
    if (fields_code(stream, record, 0, &fields) == 0) {
        place->size = (uint32_t)fields.size;
        place->fields = arena_copy(&a->batch->arena, fields.bytes, fields.size);
        result = place->fields ? 0 : -1;
    }
    buffer_fini(&fields);
    if (result < 0)
        a->batch->records.count--;
    return result;
}

int assembler_feed(
    struct assembler *a, struct stream *stream, const struct record *record, int64_t now)
{
    a->dirty = 1;
    if (a->weight > a->limits.trace_memory && assembler_relieve(a) < 0)
        return -1;
    a->figures.records++;
    a->batch->record_count++;
    stream->row.records++;
    switch (record->type->role) {
    case ROLE_BEFORE:
    case ROLE_AFTER:
    case ROLE_FAILED:
        if (record->type->form == FORM_THREAD)
            return feed_thread_event(a, stream, record);
        return feed_event(a, stream, record);
    case ROLE_TRACE_EVENT:
    case ROLE_REMOTE:
        return feed_event(a, stream, record);
    case ROLE_CALL:
        return feed_call(a, stream, record);
    case ROLE_EXECUTION:
        return feed_execution(a, stream, record);
    case ROLE_TRACE_METADATA:
        return trace_metadata(a, stream, record);
    case ROLE_METADATA:
        take_metadata(stream, record);
        break;
    case ROLE_THREAD:
        if (feed_thread(stream, record) < 0)
            return -1;
        break;
    case ROLE_OTHER:
        break;
    }
    return feed_other(a, stream, record, now);
}

uint32_t assembler_stream_id(const struct stream *stream)
{
    return stream->row.id;
}

void assembler_name_session(struct stream *stream, const char *session)
{
    memcpy(stream->session, session, TALK_SESSION_SIZE);
    stream->changed = 1;
}

void assembler_go_on(struct stream *stream)
{
    list_fini(&stream->resolved);
    stream->emptied = 0;
    map_fini(&stream->pairs);
    for (struct open_trace *trace = stream->traces; trace; trace = trace->next)
        for (size_t i = 0; i < trace->frames.count; i++) {
            struct frame *frame = &trace->frames.items[i];

            frame->signature_id = frame->called ? frame->signature_id : FRAME_NO_ID;
            frame->class_id = FRAME_NO_ID;
        }
}

uint64_t assembler_position_of(const struct stream *stream)
{
    return stream->row.position;
}

void assembler_position(struct stream *stream, uint64_t bytes)
{
    if (bytes == stream->row.position)
        return;
    stream->row.position = bytes;
    stream->changed = 1;
    stream->assembler->dirty = 1; /* who has sent it may wait to hear that it is stored */
}

int assembler_rest_stream(
    struct assembler *a, struct stream *stream, const char *fault, int64_t now)
{
    if (trace_finish_all(a, stream) < 0)
        return -1;
    stream->row.closed = now;
    stream->row.fault = fault ? model_name(&a->model, fault, strlen(fault)) : 0;
    if (stream_hand_over(a, stream) < 0)
        return -1;
    map_fini(&stream->ids);
    map_fini(&stream->threads);
    map_fini(&stream->thread_hosts);
    map_fini(&stream->pairs);
    list_fini(&stream->resolved);
    a->dirty = 1;
    return 0;
}

void assembler_wake_stream(struct stream *stream)
{
    stream->row.closed = 0;
    stream->row.fault = 0;
    stream->changed = 1;
    stream->assembler->dirty = 1;
}

void assembler_drop_stream(struct assembler *a, struct stream *stream)
{
    *(stream->previous ? &stream->previous->next : &a->streams) = stream->next;
    if (stream->next)
        stream->next->previous = stream->previous;
    stream_free(stream);
}

int assembler_close_stream(
    struct assembler *a, struct stream *stream, const char *fault, int64_t now)
{
    if (assembler_rest_stream(a, stream, fault, now) < 0)
        return -1;
    assembler_drop_stream(a, stream);
    return 0;
}

void assembler_count(
    struct assembler *a, const struct stream *stream, const char *name, uint64_t more)
{
    uint32_t id = stream ? stream->row.id : 0;
    struct batch_counter *counter;

    if (more == 0)
        return;
    a->dirty = 1;
    for (size_t i = a->batch->counters.count; i-- > 0;) {
        counter = &a->batch->counters.items[i];
        if (counter->stream == id && counter->name == name) {
            counter->more += more;
            return;
        }
        if (a->batch->counters.count - i > 64) /* many streams: a second row for one is no harm */
            break;
    }
    counter = list_add(&a->batch->counters);
    if (counter)
        *counter = (struct batch_counter){id, name, more};
    else
        a->model.is_short = 1;
}

int assembler_note(struct assembler *a, const char *name, uint64_t value)
{
    struct batch_note *note = list_add(&a->batch->notes);

    if (note == NULL)
        return -1;
    *note = (struct batch_note){arena_copy(&a->batch->arena, name, strlen(name) + 1), value};
    a->dirty = 1;
    if (note->name)
        return 0;
    a->batch->notes.count--;
    return -1;
}

size_t assembler_pending(const struct assembler *a)
{
    return a->dirty
               ? batch_bytes(a->batch) + a->content + (a->model.name_bytes - a->handed.bytes) + 1
               : 0;
}

void assembler_figures(const struct assembler *a, struct assembler_figures *figures)
{
    *figures = a->figures;
    figures->traces_running = a->open_count;
    figures->operations = a->model.operations.count - 1;
    figures->paths = a->model.paths.count - 1;
    figures->classes = a->model.classes.count - 1;
}
