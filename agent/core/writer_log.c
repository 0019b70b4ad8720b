/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/writer_log.h"

#include <string.h>
#include <time.h>

#include "agent/core/writer.h"
#include "record/logfile.h"

#define OWN_TEXTS "kieker:" /* what the agent says of itself, see stream_put_text */

/* The two kinds differ in how a record is put, and in whether its strings are in the map. */
struct writer_log_format {
    const char *suffix;
    int has_strings;
    size_t (*max)(const struct record *record);
    char *(*put)(char *at, const struct record *record, uint32_t class, int64_t logged);
};

static const struct writer_log_format text = {".dat", 0, logfile_text_max, logfile_put_text};
static const struct writer_log_format binary = {".bin", 1, logfile_binary_max, logfile_put_binary};

static int64_t now(void)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    return (int64_t)wall.tv_sec * 1000000000 + wall.tv_nsec;
}

/* Gives a text its line in the map; its number, or REGISTRY_NO_SYMBOL without memory. */
static uint32_t name(struct writer_log *log, const char *bytes, size_t length)
{
    struct log_file *map = &log->files.map;
    char *at = log_file_room(map, logfile_name_max(length));

    if (at == NULL)
        return REGISTRY_NO_SYMBOL;
    log_file_put(map, logfile_put_name(at, log->next_name, bytes, length));
    return log->next_name++;
}

/* The number of a record's class in the map. */
static uint32_t class_of(struct writer_log *log, const struct record_type *type)
{
    uint32_t *number = &log->classes[record_type_id(type)];

    if (*number == 0)
        *number = name(log, type->name, strlen(type->name)) + 1;
    return *number - 1;
}

/* Sees to it that the record's strings are in the map. 0, or -1 without memory. */
static int name_strings(struct writer_log *log, const struct record *record)
{
    struct record_cursor cursor = {.record = record};

    while (record_next_value(&cursor)) {
        enum record_field_type type = record->type->fields[cursor.field].type;
        struct registry_entry *entry;

        if ((type != FIELD_STR && type != FIELD_STRS) || cursor.at == NULL)
            continue;
        entry = registry_get(record->registry, (int32_t)bytes_get32(cursor.at));
        if (entry != NULL && entry->name == 0) { /* an id that got a new text has none either */
            entry->symbol = name(log, entry->text, entry->length);
            entry->name = entry->symbol + 1;
        }
        if (entry == NULL || entry->name == 0)
            return -1;
    }
    return 0;
}

static int put(struct writer *writer, const struct record *record, int64_t logged)
{
    struct writer_log *log = &writer->log;
    struct log_file *file = &log->files.records;
    uint32_t class = class_of(log, record->type);
    char *at = log_file_room(file, log->format->max(record));

    if (class == REGISTRY_NO_SYMBOL || at == NULL ||
        (log->format->has_strings && name_strings(log, record) != 0))
        return writer_refuse(writer, "out of memory", "");
    log_file_put(file, log->format->put(at, record, class, logged));
    log->entries++;
    log->count++;
    return 0;
}

/* 0, or -1 with `error`. */
static int write_all(struct writer *writer)
{
    struct writer_log *log = &writer->log;

    if (log_files_write(&log->files, &writer->lock) != 0)
        return writer_refuse(writer, log->files.error, "");
    log->kept = log->count;
    return 0;
}

/* Writes what was put when it is much, or the file has enough: *written is `done` then. 0, or -1
 * with `error`. */
static int write_some(struct writer *writer, size_t done, size_t *written)
{
    struct writer_log *log = &writer->log;
    int is_full = log->entries >= WRITER_LOG_ENTRIES;

    if (log->files.records.used < WRITER_LOG_BYTES && !is_full)
        return 0;
    if (write_all(writer) != 0)
        return -1;
    *written = done;
    if (!is_full)
        return 0;
    log->entries = 0;
    return log_files_next(&log->files, &writer->lock) == 0
               ? 0
               : writer_refuse(writer, log->files.error, "");
}

/* When the record was logged: at the moment it tells of, or `otherwise`. */
static int64_t time_of(const struct record *record, int64_t otherwise)
{
    const struct record_type *type = record->type;

    if (type->role == ROLE_EXECUTION)
        return record_i64(record, EXEC_TOUT);
    if (type->field_count > 0 && type->fields[0].type == FIELD_I64 &&
        strcmp(type->fields[0].name, "timestamp") == 0)
        return record_i64(record, 0);
    return otherwise;
}

/* Whether the item that comes next gives another text to an id. */
static int redefines(const struct wire *wire, const unsigned char *at, const unsigned char *end)
{
    return end - at >= 8 && bytes_get32(at) == UINT32_MAX &&
           registry_get(&wire->registry, (int32_t)bytes_get32(at + 4)) != NULL;
}

static int write_items(struct writer *writer, const unsigned char *bytes, size_t size,
    const _Atomic uint64_t *give_up, size_t *written)
{
    struct writer_log *log = &writer->log;
    const unsigned char *at = bytes, *end = bytes + size, *begin = bytes;
    const struct record *record = &log->wire.record;
    struct record metadata = {.type = NULL}; /* of a trace, until the time of its first event */
    int64_t moment = now();
    enum wire_item item;

    (void)give_up;
    for (;; begin = at) {
        int64_t logged;

        if (metadata.type != NULL && (at == end || redefines(&log->wire, at, end))) {
            if (put(writer, &metadata, moment) != 0)
                return -1;
            metadata.type = NULL;
        }
        item = wire_next(&log->wire, &at, end, 1);
        if (item == WIRE_NEED_MORE)
            break;
        if (item == WIRE_FAILED)
            return writer_refuse(writer, "the stream is broken", log->wire.error);
        if (item == WIRE_ENTRY) {
            /* Nothing refers to these; the map is where a log's reader can find them. */
            if (strncmp(log->wire.entry->text, OWN_TEXTS, strlen(OWN_TEXTS)) == 0)
                name(log, log->wire.entry->text, log->wire.entry->length);
            continue;
        }
        logged = record->type->role == ROLE_METADATA ? log->begun : time_of(record, moment);
        if (metadata.type != NULL && (put(writer, &metadata, logged) != 0 ||
                                         write_some(writer, (size_t)(begin - bytes), written) != 0))
            return -1;
        metadata.type = NULL;
        if (record->type->role == ROLE_TRACE_METADATA)
            metadata = *record;
        else if (put(writer, record, logged) != 0 ||
                 write_some(writer, (size_t)(at - bytes), written) != 0)
            return -1;
    }
    if (write_all(writer) != 0)
        return -1;
    *written = size;
    return 0;
}

static int open_log(struct writer *writer)
{
    struct writer_log *log = &writer->log;

    if (log_files_open(&log->files, &writer->lock, log->has_failed) != 0)
        return writer_refuse(writer, log->files.error, "");
    wire_fini(&log->wire);
    wire_init(&log->wire);
    memset(log->classes, 0, sizeof(log->classes));
    log->next_name = log->entries = 0;
    log->count = log->kept = 0;
    log->begun = now();
    return 0;
}

static int init(struct writer *writer, const char *address, const struct writer_log_format *format)
{
    struct writer_log *log = &writer->log;

    wire_init(&log->wire);
    log->format = format;
    if (address[0] == '\0')
        return writer_refuse(writer, "the writer must name a directory, as in file:DIRECTORY", "");
    writer->name = strdup(address);
    if (writer->name == NULL || log_files_init(&log->files, address, format->suffix) != 0)
        return writer_refuse(writer, "out of memory", "");
    /* Here and now, before the observed program runs, so as to be out of the way of its
     * descriptors. Whether it succeeds is asked later. */
    open_log(writer);
    return 0;
}

static int init_text(struct writer *writer, const char *address)
{
    return init(writer, address, &text);
}

static int init_binary(struct writer *writer, const char *address)
{
    return init(writer, address, &binary);
}

static int connect_log(struct writer *writer)
{
    return log_files_are_open(&writer->log.files) || open_log(writer) == 0 ? 1 : -1;
}

static int hear(struct writer *writer, char *said)
{
    struct writer_log *log = &writer->log;

    (void)said;
    return log_files_exist(&log->files) ? 0 : writer_refuse(writer, "the log has been removed", "");
}

/* A log that has nothing but the metadata is nobody's. */
static void drop(struct writer *writer)
{
    struct writer_log *log = &writer->log;

    log->has_failed = 1;
    log_files_close(&log->files, &writer->lock, log->kept <= 1);
}

static int finish(struct writer *writer, uint64_t give_up)
{
    (void)give_up;
    log_files_close(&writer->log.files, &writer->lock, 0);
    return 0;
}

static void fini(struct writer *writer)
{
    drop(writer);
    log_files_fini(&writer->log.files);
    wire_fini(&writer->log.wire);
}

static void disown(struct writer *writer)
{
    log_files_disown(&writer->log.files);
}

#define WRITER_LOG_KIND(name)                                                                      \
    .form = name ":DIRECTORY", .prefix = name ":", .absent = "no log can be written in",           \
    .until = "one can", .present = "a log in",                                                     \
    .back = "can be written: records are kept from now on", .fini = fini, .connect = connect_log,  \
    .hear = hear, .write = write_items, .finish = finish, .drop = drop, .disown = disown

const struct writer_kind writer_log_text = {WRITER_LOG_KIND("file"), .init = init_text};
const struct writer_kind writer_log_binary = {WRITER_LOG_KIND("binary"), .init = init_binary};
