/* SPDX-License-Identifier: Apache-2.0 */
/* A Kieker log's files: its map, and one file of records after the other. */
#include "query/export_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "record/logfile.h"
#include "record/logname.h"

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#define ENTRIES_A_FILE 25000 /* Kieker's default */

int log_fail(struct logs *logs, const char *path, const char *why)
{
    request_refuse(logs->request, 500, "%s cannot be written: %s", path, why);
    logs->failed = 1;
    return -1;
}

int log_no_memory(struct logs *logs)
{
    return log_fail(logs, "The log", "memory is short");
}

static int put_bytes(
    struct logs *logs, struct packfile *file, const char *from, const char *to, const char *path)
{
    return packfile_write(file, from, (size_t)(to - from)) < 0
               ? log_fail(logs, path, packfile_error(file))
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
        return log_no_memory(logs);
    if (put_bytes(
            logs, log->map, at, logfile_put_name(at, log->names, text, length), log->directory) < 0)
        return -1;
    return log->names++;
}

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

int log_end_file(struct logs *logs, struct packfile **file, const char *path)
{
    char why[200];
    int result;

    if (*file == NULL)
        return 0;
    result = packfile_close(*file, why, sizeof(why));
    *file = NULL;
    return result < 0 ? log_fail(logs, path, why) : 0;
}

static struct packfile *make_file(
    struct logs *logs, const char *directory, const char *name, enum packing packing)
{
    struct packfile *file;
    char why[200], *path;

    if (asprintf(&path, "%s/%s", directory, name) < 0) {
        log_no_memory(logs);
        return NULL;
    }
    file = packfile_make(path, packing, why, sizeof(why));
    if (file == NULL)
        log_fail(logs, path, why);
    free(path);
    return file;
}

/* The next file of records. Their names are in order whatever the clock says: each has a
 * millisecond of its own behind the stream's begin. */
static int next_file(struct logs *logs)
{
    struct log *log = logs->log;
    char name[LOGNAME_MAX], suffix[16];

    if (log_end_file(logs, &log->records, log->directory) < 0)
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

int log_put(struct logs *logs, const struct record *record, unsigned kind)
{
    struct log *log = logs->log;
    int64_t class = class_number(logs, record->type);
    char *at, *end;

    if (class < 0 || (logs->binary && number_strings(logs, record, kind) < 0) ||
        ((log->records == NULL || log->entries == ENTRIES_A_FILE) && next_file(logs) < 0))
        return -1;
    at = room(logs, logs->binary ? logfile_binary_max(record) : logfile_text_max(record));
    if (at == NULL)
        return log_no_memory(logs);
    end = logs->binary ? logfile_put_binary(at, record, (uint32_t) class, record->logged)
                       : logfile_put_text(at, record, (uint32_t) class, record->logged);
    log->entries++;
    logs->outlet->records++;
    return put_bytes(logs, log->records, at, end, log->directory);
}

int log_put_own_metadata(struct logs *logs)
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
    return record ? log_put(logs, record, OF_OWN) : log_no_memory(logs);
}

int log_make(struct logs *logs, struct log *log)
{
    char name[LOGNAME_MAX];

    logname_directory(
        name, log->facts.opened, log->stream, "", *log->facts.run ? log->facts.run : "KIEKER");
    if (asprintf(&log->directory, "%s/%s", logs->outlet->directory, name) < 0) {
        log->directory = NULL;
        return log_no_memory(logs);
    }
    if (mkdir(logs->outlet->directory, 0777) < 0 && errno != EEXIST)
        return log_fail(logs, logs->outlet->directory, strerror(errno));
    if (mkdir(log->directory, 0777) < 0)
        return log_fail(logs, log->directory,
            errno == EEXIST ? "it is there already; give another directory with --out"
                            : strerror(errno));
    if (logs->outlet->made)
        logs->outlet->made(logs->outlet->context, log->directory);
    log->map = make_file(logs, log->directory, LOGNAME_MAP, PACKING_NONE);
    return log->map ? 0 : -1;
}
