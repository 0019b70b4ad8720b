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
#include "query/export.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/records.h"
#include "record/build.h"
#include "record/logfile.h"
#include "record/logname.h"
#include "record/packfile.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define ENTRIES_A_FILE 25000 /* Kieker's default */
#define LOGS_OPEN 200        /* at a time; of packed ones fewer: each takes memory */
#define PACKED_OPEN 8

struct log {
    uint32_t stream;
    struct export_stream facts;
    char *directory;
    struct packfile *map, *records;
    unsigned files, entries; /* entries: in the file that is open */
    struct map numbers;      /* of texts and classes, in the map */
    uint32_t names;
    int has_metadata;
};

struct logs {
    struct request *request;
    struct store_reader *reader;
    struct outlet *outlet;
    struct records *source;
    int binary, rounds, deferred, failed;
    int metadata; /* which records of no trace are wanted: KiekerMetadataRecords, or the others */
    struct log *open; /* `count` of them */
    size_t count, most;
    struct map places; /* stream -> which of `open`; DONE: written in an earlier round */
    struct log *log;   /* of what is under way */
    struct build build;
    struct buffer bytes;
    struct map said; /* sentences, by hash */
    uint64_t trace;
};

#define DONE (UINT32_MAX - 1)

static int fail(struct logs *logs, const char *path, const char *why)
{
    request_refuse(logs->request, 500, "%s cannot be written: %s", path, why);
    logs->failed = 1;
    return -1;
}

static int no_memory(struct logs *logs)
{
    return fail(logs, "The log", "memory is short");
}

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

static int put_bytes(
    struct logs *logs, struct packfile *file, const char *from, const char *to, const char *path)
{
    return packfile_write(file, from, (size_t)(to - from)) < 0
               ? fail(logs, path, packfile_error(file))
               : 0;
}

static char *room(struct logs *logs, size_t size)
{
    logs->bytes.size = 0;
    return buffer_reserve(&logs->bytes, size) < 0 ? NULL : (char *)logs->bytes.bytes;
}

/* The number of a text in the log's map, where it is put at its first use; -1. */
static int64_t number_of(struct logs *logs, uint64_t key, const char *text, size_t length)
{
    struct log *log = logs->log;
    uint32_t number = map_get(&log->numbers, key);
    char *at;

    if (number != MAP_NONE)
        return number;
    at = room(logs, logfile_name_max(length));
    if (at == NULL || map_put(&log->numbers, key, log->names) < 0)
        return no_memory(logs);
    if (put_bytes(
            logs, log->map, at, logfile_put_name(at, log->names, text, length), log->directory) < 0)
        return -1;
    return log->names++;
}

/* What kind of thing a key of log.numbers is of. */
enum { OF_NAME, OF_OWN, OF_CLASS };

static uint64_t key_of(unsigned kind, uint32_t id)
{
    return (uint64_t)kind << 32 | id;
}

/* Gives every string of the record its number in the map. */
static int number_strings(struct logs *logs, const struct record *record, unsigned kind)
{
    struct record_cursor cursor = {.record = record};

    while (record_next_value(&cursor)) {
        enum record_field_type type = record->type->fields[cursor.field].type;
        struct registry_entry *entry;
        int64_t number;
        int32_t id;

        if (field_element(type) != FIELD_STR || cursor.at == NULL)
            continue;
        id = (int32_t)bytes_get32(cursor.at);
        entry = registry_get(record->registry, id);
        number = number_of(logs, key_of(kind, (uint32_t)id), entry->text, entry->length);
        if (number < 0)
            return -1;
        entry->symbol = (uint32_t)number;
    }
    return 0;
}

/* Ends a file; it is -1 when not all has reached the disk. */
static int end_file(struct logs *logs, struct packfile **file, const char *path)
{
    char why[200];
    int result;

    if (*file == NULL)
        return 0;
    result = packfile_close(*file, why, sizeof(why));
    *file = NULL;
    return result < 0 ? fail(logs, path, why) : 0;
}

static struct packfile *make_file(
    struct logs *logs, const char *directory, const char *name, enum packing packing)
{
    struct packfile *file;
    char why[200], *path;

    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        no_memory(logs);
        return NULL;
    }
    file = packfile_make(path, packing, why, sizeof(why));
    if (file == NULL)
        fail(logs, path, why);
    free(path);
    return file;
}

/* The next file of records. Their names are in order whatever the clock says: each has a
 * millisecond of its own behind the stream's begin. */
static int next_file(struct logs *logs)
{
    struct log *log = logs->log;
    char name[LOGNAME_MAX], suffix[16];

    if (end_file(logs, &log->records, log->directory) < 0)
        return -1;
    snprintf(suffix, sizeof(suffix), "%s%s", logs->binary ? ".bin" : ".dat",
        packing_suffix(logs->outlet->packing));
    logname_records(
        name, log->facts.opened + (int64_t)log->files * 1000000, log->files + 1, suffix);
    log->files++;
    log->entries = 0;
    log->records = make_file(logs, log->directory, name, logs->outlet->packing);
    return log->records ? 0 : -1;
}

static int64_t class_number(struct logs *logs, const struct record_type *type)
{
    /* Types live for good: where one is tells it from others. */
    return number_of(logs, key_of(OF_CLASS, 0) ^ map_mix((uint64_t)(uintptr_t)type), type->name,
        strlen(type->name));
}

static int put_record(struct logs *logs, const struct record *record, unsigned kind)
{
    struct log *log = logs->log;
    int64_t class = class_number(logs, record->type);
    char *at, *end;

    if (class < 0 || (logs->binary && number_strings(logs, record, kind) < 0) ||
        ((log->records == NULL || log->entries == ENTRIES_A_FILE) && next_file(logs) < 0))
        return -1;
    at = room(logs, logs->binary ? logfile_binary_max(record) : logfile_text_max(record));
    if (at == NULL)
        return no_memory(logs);
    end = logs->binary ? logfile_put_binary(at, record, (uint32_t) class, record->logged)
                       : logfile_put_text(at, record, (uint32_t) class, record->logged);
    log->entries++;
    logs->outlet->records++;
    return put_bytes(logs, log->records, at, end, log->directory);
}

/* A KiekerMetadataRecord for a client that sent none. */
static int put_own_metadata(struct logs *logs)
{
    static const struct {
        int64_t ns;
        const char *name;
    } units[] = {{1, "NANOSECONDS"}, {1000, "MICROSECONDS"}, {1000000, "MILLISECONDS"},
        {1000000000, "SECONDS"}};
    struct log *log = logs->log;
    int64_t unit = log->facts.unit > 1 ? log->facts.unit : 1;
    const char *unit_name = units[0].name;
    const struct record *record;
    struct build *build = &logs->build;
    int result;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (units[i].ns == unit)
            unit_name = units[i].name;
    build_begin(build, record_type(RECORD_KIEKER_METADATA), log->facts.opened / unit);
    result = build_text(build, PACKAGE_VERSION, strlen(PACKAGE_VERSION)) |
             build_text(build, "KIEKER", 6) |
             build_text(build, log->facts.peer, strlen(log->facts.peer)) | build_integer(build, 0) |
             build_integer(build, 0) | build_integer(build, 0) |
             build_text(build, unit_name, strlen(unit_name)) | build_integer(build, 0);
    record = result == 0 ? build_end(build) : NULL;
    log->has_metadata = 1;
    return record ? put_record(logs, record, OF_OWN) : no_memory(logs);
}

static int make_directory(struct logs *logs, struct log *log)
{
    char name[LOGNAME_MAX];

    logname_directory(
        name, log->facts.opened, log->stream, "", *log->facts.run ? log->facts.run : "KIEKER");
    if (asprintf(&log->directory, "%s/%s", logs->outlet->directory, name) < 0) {
        log->directory = NULL;
        return no_memory(logs);
    }
    if (mkdir(logs->outlet->directory, 0777) < 0 && errno != EEXIST)
        return fail(logs, logs->outlet->directory, strerror(errno));
    if (mkdir(log->directory, 0777) < 0)
        return fail(logs, log->directory,
            errno == EEXIST ? "it is there already; give another directory with --out"
                            : strerror(errno));
    if (logs->outlet->made)
        logs->outlet->made(logs->outlet->context, log->directory);
    log->map = make_file(logs, log->directory, LOGNAME_MAP, PACKING_NONE);
    return log->map ? 0 : -1;
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
        return no_memory(logs);
    log = logs->log = &logs->open[logs->count++];
    *log = (struct log){.stream = stream};
    if (store_export_stream(logs->reader, stream, &log->facts) < 0)
        say(logs, "some streams cannot be read: times of theirs are in nanoseconds");
    return make_directory(logs, log);
}

static int end_round(struct logs *logs)
{
    for (size_t i = 0; i < logs->count; i++) {
        struct log *log = &logs->open[i];

        end_file(logs, &log->records, log->directory);
        end_file(logs, &log->map, log->directory);
        if (map_put(&logs->places, log->stream, DONE) < 0)
            no_memory(logs);
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

    return put_record(logs, record, OF_NAME) < 0;
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
    if (!logs->log->has_metadata && !logs->metadata && put_own_metadata(logs) < 0)
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
    if (!logs->log->has_metadata && put_own_metadata(logs) < 0)
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
        no_memory(&logs);
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
