/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logs/logdir_private.h"
#include "record/wire.h"

#include <stdio.h>
#include <stdlib.h>

#define READ_SIZE (256u << 10)
#define HEAD_SIZE 64 /* bytes that tell what kind of file it is */

void logdir_flaw(
    struct logdir *log, const char *file, uint64_t line, uint64_t byte, const char *why)
{
    log->sink->on_flaw(log->sink->context, file, line, byte, why);
}

int logdir_fill(struct logdir_window *window, struct unpack *unpack)
{
    ssize_t got;

    if (window->capacity - window->size < READ_SIZE) {
        size_t capacity = window->capacity * 2 + READ_SIZE;
        unsigned char *larger = realloc(window->bytes, capacity);

        if (larger == NULL)
            return -1;
        window->bytes = larger;
        window->capacity = capacity;
    }
    got = unpack_read(unpack, window->bytes + window->size, READ_SIZE);
    if (got < 0)
        return -1;
    window->size += (size_t)got;
    window->at_end = got == 0;
    return 0;
}

static void drop(struct logdir_window *window, size_t used)
{
    memmove(window->bytes, window->bytes + used, window->size - used);
    window->size -= used;
}

static int give(struct logdir *log, struct logdir_file *file, const struct record *record)
{
    if (file->skip > 0) {
        file->skip--;
        return 0;
    }
    return log->sink->on_record(log->sink->context, (unsigned)(file - log->files), record) < 0;
}

/* Whether the record's last string may go on in the next line. */
static int may_go_on(const struct record_type *type)
{
    return type->field_count > 0 &&
           field_element(type->fields[type->field_count - 1].type) == FIELD_STR;
}

/* The length of the line at `at` without its end; sets *next to where another begins, or to NULL if
 * the line is not whole. */
static size_t line_length(const char *at, const char *end, const char **next)
{
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    size_t length = (size_t)((stop ? stop : end) - at);

    *next = stop ? stop + 1 : NULL;
    return length > 0 && at[length - 1] == '\r' ? length - 1 : length;
}

/* The map may tell of it later: what follows is left until then. Nobody looks again in a log that
 * is left, so that is said. 0. */
static int wait_for_map(struct logdir *log, struct logdir_file *file, uint64_t line,
    const char *why, enum logdir_end end)
{
    file->waits = 1;
    if (end == LOGDIR_GROWS)
        return 0;
    logdir_flaw(log, file->name, line, line > 0 ? 0 : file->bytes, why);
    file->given_up = 1;
    return 0;
}

/*
 * Reads the record at the begin of the window: 1 with the bytes that it took in *used; 0 when more
 * must be read before it is known; -1 when the sink ends it.
 */
static int take_line(struct logdir *log, struct logdir_file *file,
    const struct logdir_window *window, size_t from, enum logdir_end log_end, size_t *used)
{
    const char *at = (const char *)window->bytes + from,
               *end = (const char *)window->bytes + window->size, *next;
    int over = window->at_end && log_end == LOGDIR_ENDS;
    size_t length = line_length(at, end, &next);
    enum logtext_result result;
    uint64_t first = file->lines + 1, lines = 1;

    if (next == NULL && !over)
        return 0;
    result = logtext_line(&log->text, at, length);
    /* A string with line breaks in it: lines that do not begin like a record belong to it. */
    while (next && (result == LOGTEXT_SHORT ||
                       (result == LOGTEXT_RECORD && may_go_on(log->text.build.record.type)))) {
        const char *following = next;
        size_t more;

        if (following == end && !window->at_end)
            return 0;
        /* Its next line may be on its way. */
        if (following == end && log_end == LOGDIR_GROWS &&
            (result == LOGTEXT_SHORT || !file->rests))
            return file->waits = 1, 0;
        if (following == end)
            break;
        more = line_length(following, end, &next);
        if (next == NULL && !over)
            return 0;
        if (more == 0 || *at != '$' || logtext_begins(following, more)) {
            next = following;
            break;
        }
        length = (size_t)(following - at) + more;
        lines++;
        result = logtext_line(&log->text, at, length);
    }
    if (result == LOGTEXT_WRONG && log->text.has_no_class && log_end != LOGDIR_ENDS)
        return wait_for_map(log, file, first, log->text.error, log_end);
    *used = (size_t)((next ? next : end) - at);
    file->lines += lines;
    log->is_unended = next == NULL;
    if (result == LOGTEXT_SHORT)
        logdir_flaw(log, file->name, first, 0, "the line has too few fields");
    else if (result == LOGTEXT_WRONG)
        logdir_flaw(log, file->name, first, 0, log->text.error);
    else if (result == LOGTEXT_RECORD && give(log, file, log->text.record))
        return -1;
    return 1;
}

/* Reads what the window has of whole lines. How many bytes, or -1. */
static ssize_t take_lines(struct logdir *log, struct logdir_file *file,
    const struct logdir_window *window, enum logdir_end end)
{
    size_t at = 0, used;

    while (at < window->size) {
        int taken = take_line(log, file, window, at, end, &used);

        if (taken < 0)
            return -1;
        if (taken == 0)
            break;
        at += used;
    }
    if (at == 0 && window->size > LOGDIR_LINE_MAX) {
        logdir_flaw(log, file->name, file->lines + 1, 0, "the line is longer than 16 MiB");
        return (ssize_t)window->size;
    }
    return (ssize_t)at;
}

/* Whether the map has all its strings. */
static int has_strings(const struct record *record)
{
    struct record_cursor cursor = {.record = record};

    while (record_next_value(&cursor))
        if (cursor.at && field_element(record->type->fields[cursor.field].type) == FIELD_STR &&
            registry_get(record->registry, (int32_t)bytes_get32(cursor.at)) == NULL)
            return 0;
    return 1;
}

/* Reads what the window has of whole binary records. How many bytes, or -1. */
static ssize_t take_records(struct logdir *log, struct logdir_file *file,
    const struct logdir_window *window, enum logdir_end log_end)
{
    struct wire wire;
    const unsigned char *at = window->bytes, *end = at + window->size, *begin = at;
    enum wire_item item = WIRE_NEED_MORE;
    int ended = 0;

    wire_init(&wire);
    wire.registry = log->map; /* lent */
    while (!ended && at < end) {
        /* What looks like an entry on the wire is nothing here. */
        if (end - at >= 4 && bytes_get32(at) == UINT32_MAX) {
            item = WIRE_FAILED;
            snprintf(wire.error, sizeof(wire.error), "a record has no class");
            break;
        }
        begin = at;
        item = wire_next(&wire, &at, end, window->at_end && log_end == LOGDIR_ENDS);
        if (log_end != LOGDIR_ENDS &&
            (item == WIRE_RECORD ? !has_strings(&wire.record)
                                 : item == WIRE_FAILED && wire.fault == WIRE_UNKNOWN_CLASS_ID)) {
            wait_for_map(
                log, file, 0, wire.error[0] ? wire.error : "the map lacks a string", log_end);
            return begin - window->bytes;
        }
        if (item != WIRE_RECORD)
            break;
        ended = give(log, file, &wire.record);
    }
    if (item == WIRE_FAILED) {
        logdir_flaw(log, file->name, 0, file->bytes + (uint64_t)(at - window->bytes), wire.error);
        file->given_up = 1;
    }
    return ended ? -1 : at - window->bytes;
}

/* The same of the Data Bridge's records. */
static ssize_t take_bridged(struct logdir *log, struct logdir_file *file,
    const struct logdir_window *window, enum logdir_end log_end)
{
    const unsigned char *at = window->bytes, *end = at + window->size;
    enum logtext_result result = LOGTEXT_RECORD;

    while (at < end && (result = logtext_bridge(&log->text, &at, end)) == LOGTEXT_RECORD)
        if (give(log, file, log->text.record))
            return -1;
    if (result == LOGTEXT_WRONG && log_end == LOGDIR_GROWS)
        file->waits = 1; /* for the map */
    else if (result == LOGTEXT_WRONG ||
             (result == LOGTEXT_SHORT && window->at_end && log_end == LOGDIR_ENDS)) {
        logdir_flaw(log, file->name, 0, file->bytes + (uint64_t)(at - window->bytes),
            result == LOGTEXT_WRONG ? log->text.error : "the last record is cut off");
        file->given_up = 1;
    }
    return at - window->bytes;
}

/* A text begins with a class's number, or with a field of a very old one. -1: too little is there
 * to tell. */
static int is_text(const struct logdir_window *window)
{
    for (size_t i = 0; i < window->size && i < HEAD_SIZE; i++) {
        unsigned char c = window->bytes[i];

        if (c == '$')
            return 1;
        if (c != '\r' && c != '\n' && c != ';' && c != '-' && (c < '0' || c > '9'))
            return c >= ' ' && i > 0;
    }
    return window->size >= HEAD_SIZE ? 1 : -1;
}

/* Passes over what was read another time. 0, or -1. */
static int skip_read(struct logdir_window *window, struct unpack *unpack, uint64_t bytes)
{
    while (bytes > 0) {
        size_t used;

        if (window->size == 0 && (logdir_fill(window, unpack) < 0 || window->at_end))
            return -1;
        used = window->size < bytes ? window->size : (size_t)bytes;
        drop(window, used);
        bytes -= used;
    }
    return 0;
}

static int passes(struct logdir *log, struct logdir_file *file, struct unpack *unpack,
    struct logdir_window *window)
{
    if (!log->is_archive && file->bytes <= file->on_disk && unpack_skip(unpack, file->bytes))
        return 1;
    if (file->bytes == 0 || skip_read(window, unpack, file->bytes) == 0)
        return 1;
    logdir_flaw(log, file->name, 0, file->bytes,
        "it has become shorter than what was read of it: what follows is not read");
    file->given_up = 1;
    return 0;
}

/* How the file is read, which its first bytes tell. NULL: not at all. */
static logdir_taking *kind_of(struct logdir *log, struct logdir_file *file,
    const struct logdir_window *window, enum logdir_end end)
{
    int text;

    if (file->taking || window->size == 0)
        return file->taking;
    text = is_text(window);
    /* A few bytes may become whatever: also a packed file, which is known by its first ones. */
    if (end == LOGDIR_GROWS &&
        (text < 0 || (window->size < HEAD_SIZE && *window->bytes != '$' && *window->bytes != '\0')))
        return NULL;
    return file->taking = text > 0 ? take_lines : log->is_bridge ? take_bridged : take_records;
}

/* More of it, as far as it was when the map was read. 0, or -1. */
static int fill(struct logdir_file *file, struct logdir_window *window, struct unpack *unpack)
{
    int result = logdir_fill(window, unpack);
    uint64_t there = file->on_disk - file->bytes;

    if (unpack_is_plain(unpack) && window->size >= there) {
        window->size = (size_t)there;
        window->at_end = 1;
    }
    return result;
}

int logdir_read_file(
    struct logdir *log, struct logdir_file *file, struct unpack *unpack, enum logdir_end end)
{
    struct logdir_window window = {0};
    ssize_t used = 0;
    logdir_taking *take = NULL;

    log->is_unended = 0;
    file->rests = file->on_disk == file->looked;
    file->waits = 0;
    if (passes(log, file, unpack, &window)) {
        if (window.size == 0 && fill(file, &window, unpack) < 0 && end != LOGDIR_GROWS)
            logdir_flaw(log, file->name, 0, file->bytes, unpack_error(unpack));
        take = kind_of(log, file, &window, end);
    }
    while (take && !file->given_up) {
        used = take(log, file, &window, end);
        if (used < 0)
            break;
        file->bytes += (uint64_t)used;
        log->read += (uint64_t)used;
        drop(&window, (size_t)used);
        if (log->sink->on_progress)
            log->sink->on_progress(log->sink->context, log->read);
        if (window.at_end || (file->waits && end == LOGDIR_GROWS))
            break;
        if (fill(file, &window, unpack) < 0) {
            if (end == LOGDIR_GROWS)
                break; /* what is packed in it has no end yet */
            logdir_flaw(log, file->name, 0, file->bytes, unpack_error(unpack));
            window.at_end = 1; /* what came is read */
        }
    }
    free(window.bytes);
    if (used >= 0)
        file->looked = file->on_disk;
    return used < 0;
}
