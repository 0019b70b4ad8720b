/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kieker logs, one for each stream, as its client could have written it itself: trace ids are a
 * stream's own. Text as Kieker's readers take it (record/logfile.h), or binary, which loses
 * nothing. A log begins with a KiekerMetadataRecord; if the client sent none, with one of ours that
 * says in which unit times are. Records of no trace come before the traces.
 *
 * Streams mix in what is stored, and each log has files open: so many as are open at a time take
 * part in a round, the others in a later one.
 */
#include "query/export_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOGS_OPEN 200 /* at a time; of packed ones fewer: each takes memory */
#define PACKED_OPEN 8
#define DONE (UINT32_MAX - 1)

/* A sentence, once. */
static void say(struct logs *logs, const char *sentence)
{
    uint64_t hash = 0xCBF29CE484222325u;

    for (const char *at = sentence; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 0x100000001B3u;
    if (map_get(&logs->said, hash) == MAP_NONE) {
        map_put(&logs->said, hash, 1);
        export_lost(logs->outlet, sentence);
    }
}

/* Makes the stream's log the one under way: 0; 1 when it takes no part in this round; -1. */
static int choose_log(struct logs *logs, uint32_t stream)
{
    uint32_t place = map_get(&logs->places, stream);
    struct log *log;

    if (place == DONE)
        return 1;
    if (place != MAP_NONE) {
        logs->log = &logs->open[place];
        return 0;
    }
    if (logs->count == logs->most) {
        logs->deferred = 1;
        return 1;
    }
    if (map_put(&logs->places, stream, (uint32_t)logs->count) < 0)
        return log_no_memory(logs);
    log = logs->log = &logs->open[logs->count++];
    *log = (struct log){.stream = stream};
    if (store_export_stream(logs->reader, stream, &log->facts) < 0)
        say(logs, "some streams cannot be read: times of theirs are in nanoseconds");
    return log_make(logs, log);
}

static int end_round(struct logs *logs)
{
    for (size_t i = 0; i < logs->count; i++) {
        struct log *log = &logs->open[i];

        log_end_file(logs, &log->records, log->directory);
        log_end_file(logs, &log->map, log->directory);
        if (map_put(&logs->places, log->stream, DONE) < 0)
            log_no_memory(logs);
        map_fini(&log->numbers);
        free(log->directory);
    }
    logs->count = 0;
    logs->rounds++;
    return logs->failed ? -1 : 0;
}

/* A record as it came in, from records.c. */
static int on_source(void *context, const struct record *record)
{
    struct logs *logs = context;

    return log_put(logs, record, OF_NAME) < 0;
}

/* Whether records of no trace are asked for: no filter is given that only traces can pass. */
static int wants_all(const struct request *request)
{
    return (request->given &
               ~(PARAM_BIT(PARAM_TO) | PARAM_BIT(PARAM_OUT) | PARAM_BIT(PARAM_COMPRESS) |
                   PARAM_BIT(PARAM_RECORDS) | PARAM_BIT(PARAM_RUN) | PARAM_BIT(PARAM_SINCE) |
                   PARAM_BIT(PARAM_UNTIL))) == 0;
}

static int is_wanted(const struct logs *logs, const struct batch_record *record)
{
    struct store_filter filter = request_filter(logs->request);
    struct export_stream facts;

    if (!logs->metadata && ((filter.since && record->time < filter.since) ||
                               (filter.until && record->time > filter.until)))
        return 0;
    if (filter.run == NULL)
        return 1;
    return store_export_stream(logs->reader, record->stream, &facts) == 0 &&
           strncmp(facts.run, filter.run, sizeof(facts.run) - 1) == 0;
}

static int on_record(void *context, const struct batch_record *record)
{
    struct logs *logs = context;
    const struct record_type *type = records_type(logs->source, record->type);
    int chosen, result;

    if ((type == record_type(RECORD_KIEKER_METADATA)) != logs->metadata || !is_wanted(logs, record))
        return 0;
    chosen = choose_log(logs, record->stream);
    if (chosen != 0)
        return chosen < 0 ? -1 : 0;
    if (!logs->log->has_metadata && !logs->metadata && log_put_own_metadata(logs) < 0)
        return -1;
    logs->log->has_metadata |= logs->metadata;
    result = records_other(logs->source, record, logs->log->facts.unit);
    if (result < 0)
        say(logs, records_error(logs->source));
    return logs->failed ? -1 : 0;
}

static int on_trace(void *context, const struct trace_row *row)
{
    struct logs *logs = context;
    int chosen = choose_log(logs, row->trace.stream);

    if (chosen != 0)
        return chosen;
    if (!logs->log->has_metadata && log_put_own_metadata(logs) < 0)
        return -1;
    logs->outlet->traces++;
    logs->trace = row->trace.id;
    if (records_begin(logs->source, &row->trace, logs->log->facts.unit) < 0)
        say(logs, records_error(logs->source));
    return logs->failed ? -1 : 0;
}

static int on_chunk(void *context, const struct chunk_view *chunk)
{
    struct logs *logs = context;
    char sentence[300];

    if (records_feed(logs->source, chunk) < 0) {
        snprintf(sentence, sizeof(sentence), "trace %" PRIu64 " is not whole: %s", logs->trace,
            records_error(logs->source));
        say(logs, sentence);
    }
    return logs->failed ? -1 : 0;
}

static int on_gap(void *context, uint64_t events)
{
    struct logs *logs = context;

    records_lose(logs->source, events);
    return 0;
}

static int on_trace_end(void *context)
{
    (void)context;
    return 0;
}

/* The first round comes upon all that is damaged; it is told once. */
static void on_lost(void *context, const char *sentence, uint64_t traces)
{
    struct logs *logs = context;

    if (logs->rounds > 0)
        return;
    logs->outlet->lost_traces += traces;
    say(logs, sentence);
}

static void on_progress(void *context, uint64_t traces)
{
    struct logs *logs = context;

    if (logs->outlet->progress)
        logs->outlet->progress(logs->outlet->context, traces);
}

static int run_round(struct logs *logs)
{
    const struct export_sink sink = {
        on_record, on_trace, on_chunk, on_gap, on_trace_end, on_lost, on_progress, logs};

    logs->deferred = 0;
    for (logs->metadata = 1; logs->metadata >= 0 && wants_all(logs->request); logs->metadata--)
        if (!logs->failed && store_export_records(logs->reader, &sink) < 0) {
            request_refuse(logs->request, 500, "%s", store_reader_error(logs->reader));
            logs->failed = 1;
        }
    if (!logs->failed && export_traces(logs->request, logs->reader, &sink) < 0)
        logs->failed = 1;
    return end_round(logs);
}

static void sum_up(struct logs *logs)
{
    struct records_losses losses;
    char sentence[200];

    records_losses(logs->source, &losses);
    if (losses.records > 0) {
        snprintf(sentence, sizeof(sentence), "%" PRIu64 " records of what is exported are lost",
            losses.records);
        say(logs, sentence);
    }
    if (losses.texts > 0) {
        snprintf(sentence, sizeof(sentence),
            "%" PRIu64 " texts are lost: \"<lost text N>\" stands for each", losses.texts);
        say(logs, sentence);
    }
}

int export_log(
    struct request *request, struct store_reader *reader, struct outlet *outlet, int binary)
{
    const struct records_texts texts = {store_export_name, store_export_operation, reader};
    struct logs logs = {.request = request,
        .reader = reader,
        .outlet = outlet,
        .binary = binary,
        .most = outlet->packing == PACKING_NONE ? LOGS_OPEN : PACKED_OPEN};

    build_init(&logs.build);
    logs.open = calloc(logs.most, sizeof(*logs.open));
    logs.source = records_new(&texts, on_source, &logs);
    if (logs.open == NULL || logs.source == NULL)
        log_no_memory(&logs);
    while (!logs.failed && run_round(&logs) == 0 && logs.deferred)
        ;
    if (!logs.failed)
        sum_up(&logs);
    records_free(logs.source);
    build_fini(&logs.build);
    buffer_fini(&logs.bytes);
    map_fini(&logs.places);
    map_fini(&logs.said);
    free(logs.open);
    return request->status == 0 ? 0 : -1;
}
