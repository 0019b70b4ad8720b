/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logdir.h"

#include "record/logtext.h"
#include "record/unpack.h"
#include "record/wire.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define READ_SIZE (256u << 10)
#define DEPTH_MAX 32 /* of directories that are searched */

/* A file of records, and how far it has been read. */
struct file {
    char *name; /* in its directory or archive */
    uint64_t bytes, lines;
    uint64_t skip;    /* records that are passed over */
    uint64_t on_disk; /* its size when it was looked at last */
    int given_up;
};

struct logdir {
    char *path;
    int is_archive;
    int is_bridge; /* the Data Bridge's map: its entries have no $ */
    struct registry map;
    struct logtext text;
    struct file *files;
    unsigned count;
    uint64_t read; /* bytes of records */
    const struct logdir_sink *sink;
};

/* What is in memory of a file. */
struct window {
    unsigned char *bytes;
    size_t size, capacity;
    int at_end;
};

static int ends_with(const char *name, const char *ending)
{
    size_t length = strlen(name), size = strlen(ending);

    return length >= size && strcmp(name + length - size, ending) == 0;
}

static int is_map(const char *name)
{
    return ends_with(name, ".map");
}

/* Files that may hold records: whatever else lies there has other endings. */
static int may_hold_records(const char *name)
{
    static const char *const endings[] = {
        ".dat", ".bin", ".gz", ".df", ".zip", ".xz", ".bz2", ".zst"};

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (ends_with(name, endings[i]))
            return 1;
    return 0;
}

static char *join(const char *directory, const char *name)
{
    char *path;

    return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* The names in a directory, ascending: how many, or -1 with errno. */
static int list(const char *path, char ***names)
{
    DIR *directory = opendir(path);
    struct dirent *entry;
    size_t count = 0;
    int failed = directory == NULL;

    *names = NULL;
    while (!failed && (entry = readdir(directory))) {
        char **larger;

        if (entry->d_name[0] == '.')
            continue;
        larger = realloc(*names, (count + 1) * sizeof(**names));
        if (larger)
            *names = larger;
        failed = larger == NULL || (larger[count] = strdup(entry->d_name)) == NULL;
        count += !failed;
    }
    if (directory)
        closedir(directory);
    if (failed) {
        free_names(*names, count);
        return -1;
    }
    if (count > 0)
        qsort(*names, count, sizeof(**names), compare_names);
    return (int)count;
}

/* Whether an archive holds a whole log. */
static int is_packed_log(const char *path)
{
    char error[200];
    const char *name;
    struct unpack *unpack = unpack_open(path, error, sizeof(error));
    int found = 0;

    while (unpack && !found && unpack_next(unpack, &name) > 0)
        found = is_map(name);
    unpack_close(unpack);
    return found;
}

static int find_in(const char *path, int depth, int (*found)(void *context, const char *log),
    void *context, char *error, size_t error_size)
{
    char **names;
    int count = list(path, &names), logs = 0;

    if (count < 0 && errno == ENOTDIR)
        return is_packed_log(path) ? (found(context, path) < 0 ? -1 : 1) : 0;
    if (count < 0) {
        snprintf(error, error_size, "%.300s cannot be read: %s", path, strerror(errno));
        return -1;
    }
    for (int i = 0; i < count && logs == 0; i++)
        logs = is_map(names[i]);
    if (logs) {
        logs = found(context, path) < 0 ? -1 : 1;
    } else {
        for (int i = 0; i < count && logs >= 0 && depth < DEPTH_MAX; i++) {
            char *below = join(path, names[i]);
            struct stat about;
            int more = 0;

            if (below && stat(below, &about) == 0 &&
                (S_ISDIR(about.st_mode) || ends_with(below, ".zip")))
                more = find_in(below, depth + 1, found, context, error, error_size);
            free(below);
            logs = more < 0 ? -1 : logs + more;
        }
    }
    free_names(names, (size_t)count);
    return logs;
}

int logdir_find(const char *path, int (*found)(void *context, const char *log), void *context,
    char *error, size_t error_size)
{
    return find_in(path, 0, found, context, error, error_size);
}

static void flaw(
    struct logdir *log, const char *file, uint64_t line, uint64_t byte, const char *why)
{
    log->sink->on_flaw(log->sink->context, file, line, byte, why);
}

/* Reads more of the file behind what is there. 0, or -1: see unpack_error, or memory is short. */
static int fill(struct window *window, struct unpack *unpack)
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

static void drop(struct window *window, size_t used)
{
    memmove(window->bytes, window->bytes + used, window->size - used);
    window->size -= used;
}

static void take_map_lines(struct logdir *log, const char *name, const char *text, size_t size)
{
    uint64_t number = 1;

    for (const char *at = text, *end = text + size, *stop; at < end; at = stop + 1, number++) {
        size_t length;

        stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        length = (size_t)(stop - at);
        length -= length > 0 && at[length - 1] == '\r';
        log->is_bridge |= number == 1 && length > 0 && *at != '$';
        if (logtext_map_line(&log->map, at, length) < 0)
            flaw(log, name, number, 0, "the map has more, or longer, names than can be kept");
    }
}

static int read_map(struct logdir *log, const char *name, struct unpack *unpack)
{
    struct window window = {0};

    while (!window.at_end && window.size < REGISTRY_BYTES_MAX && fill(&window, unpack) == 0)
        continue;
    if (!window.at_end)
        flaw(log, name, 0, window.size,
            window.size < REGISTRY_BYTES_MAX ? unpack_error(unpack) : "the map is too long");
    take_map_lines(log, name, (const char *)window.bytes, window.size);
    free(window.bytes);
    return 0;
}

static int give(struct logdir *log, struct file *file, const struct record *record)
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

/*
 * Reads the record at the begin of the window: 1 with the bytes that it took in *used; 0 when more
 * must be read before it is known; -1 when the sink ends it.
 */
static int take_line(struct logdir *log, struct file *file, const struct window *window,
    size_t from, int last, size_t *used)
{
    const char *at = (const char *)window->bytes + from,
               *end = (const char *)window->bytes + window->size, *next;
    int over = window->at_end && last;
    size_t length = line_length(at, end, &next);
    enum logtext_result result;
    uint64_t first = file->lines + 1, lines = 1;

    if (next == NULL && !over)
        return 0;
    result = logtext_line(&log->text, at, length);
    /* A string with line breaks in it: lines that do not begin like a record belong to it. */
    while (next && (result == LOGTEXT_SHORT ||
                       (result == LOGTEXT_RECORD && may_go_on(log->text.record.type)))) {
        const char *following = next;
        size_t more;

        if (following == end && !window->at_end)
            return 0;
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
    *used = (size_t)((next ? next : end) - at);
    file->lines += lines;
    if (result == LOGTEXT_SHORT)
        flaw(log, file->name, first, 0, "the line has too few fields");
    else if (result == LOGTEXT_WRONG)
        flaw(log, file->name, first, 0, log->text.error);
    else if (result == LOGTEXT_RECORD && give(log, file, &log->text.record))
        return -1;
    return 1;
}

/* Reads what the window has of whole lines. How many bytes, or -1. */
static ssize_t take_lines(
    struct logdir *log, struct file *file, const struct window *window, int last)
{
    size_t at = 0, used;

    while (at < window->size) {
        int taken = take_line(log, file, window, at, last, &used);

        if (taken < 0)
            return -1;
        if (taken == 0)
            break;
        at += used;
    }
    if (at == 0 && window->size > LOGDIR_LINE_MAX) {
        flaw(log, file->name, file->lines + 1, 0, "the line is longer than 16 MiB");
        return (ssize_t)window->size;
    }
    return (ssize_t)at;
}

/* Reads what the window has of whole binary records. How many bytes, or -1. */
static ssize_t take_records(
    struct logdir *log, struct file *file, const struct window *window, int last)
{
    struct wire wire;
    const unsigned char *at = window->bytes, *end = at + window->size;
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
        item = wire_next(&wire, &at, end, window->at_end && last);
        if (item != WIRE_RECORD)
            break;
        ended = give(log, file, &wire.record);
    }
    if (item == WIRE_FAILED) {
        flaw(log, file->name, 0, file->bytes + (uint64_t)(at - window->bytes), wire.error);
        file->given_up = 1;
    }
    return ended ? -1 : at - window->bytes;
}

/* The same of the Data Bridge's records. */
static ssize_t take_bridged(
    struct logdir *log, struct file *file, const struct window *window, int last)
{
    const unsigned char *at = window->bytes, *end = at + window->size;
    enum logtext_result result = LOGTEXT_RECORD;

    while (at < end && (result = logtext_bridge(&log->text, &at, end)) == LOGTEXT_RECORD)
        if (give(log, file, &log->text.record))
            return -1;
    if (result == LOGTEXT_WRONG || (result == LOGTEXT_SHORT && window->at_end && last)) {
        flaw(log, file->name, 0, file->bytes + (uint64_t)(at - window->bytes),
            result == LOGTEXT_WRONG ? log->text.error : "the last record is cut off");
        file->given_up = 1;
    }
    return at - window->bytes;
}

/* A text begins with a class's number, or with a field of a very old one. */
static int is_text(const struct window *window)
{
    for (size_t i = 0; i < window->size && i < 64; i++) {
        unsigned char c = window->bytes[i];

        if (c == '$')
            return 1;
        if (c != '\r' && c != '\n' && c != ';' && c != '-' && (c < '0' || c > '9'))
            return c >= ' ' && i > 0;
    }
    return window->size >= 64;
}

/* Passes over what was read another time. 0, or -1. */
static int skip_read(struct window *window, struct unpack *unpack, uint64_t bytes)
{
    while (bytes > 0) {
        size_t used;

        if (window->size == 0 && (fill(window, unpack) < 0 || window->at_end))
            return -1;
        used = window->size < bytes ? window->size : (size_t)bytes;
        drop(window, used);
        bytes -= used;
    }
    return 0;
}

/* 0, or 1 when the sink has ended it. */
static int read_file(struct logdir *log, struct file *file, struct unpack *unpack, int last)
{
    ssize_t (*take)(struct logdir *, struct file *, const struct window *, int) = NULL;
    struct window window = {0};
    ssize_t used = 0;

    if (fill(&window, unpack) == 0 && window.size > 0)
        take = is_text(&window) ? take_lines : log->is_bridge ? take_bridged : take_records;
    if (take && skip_read(&window, unpack, file->bytes) < 0)
        take = NULL; /* it has become shorter, or cannot be unpacked so far */
    while (take && !file->given_up) {
        used = take(log, file, &window, last);
        if (used < 0)
            break;
        file->bytes += (uint64_t)used;
        log->read += (uint64_t)used;
        drop(&window, (size_t)used);
        if (log->sink->on_progress)
            log->sink->on_progress(log->sink->context, log->read);
        if (window.at_end)
            break;
        if (fill(&window, unpack) < 0) {
            flaw(log, file->name, 0, file->bytes, unpack_error(unpack));
            window.at_end = 1; /* what came is read */
            last = 1;
        }
    }
    free(window.bytes);
    return used < 0;
}

/* Calls for what is in the archive, or in the one file: 0, or 1 when it ended it. */
static int each_packed(struct logdir *log, const char *path, const char *file,
    int (*work)(struct logdir *log, const char *name, struct unpack *unpack, int last), int last)
{
    char error[200];
    const char *name;
    struct unpack *unpack = unpack_open(path, error, sizeof(error));
    int got, ended = 0;

    if (unpack == NULL) {
        flaw(log, file, 0, 0, error);
        return 0;
    }
    while (!ended && (got = unpack_next(unpack, &name)) > 0)
        ended = work(log, log->is_archive ? name : file, unpack, last);
    if (!ended && got < 0)
        flaw(log, file, 0, 0, unpack_error(unpack));
    unpack_close(unpack);
    return ended;
}

static int work_map(struct logdir *log, const char *name, struct unpack *unpack, int last)
{
    (void)last;
    return is_map(name) ? read_map(log, name, unpack) : 0;
}

static struct file *file_of(struct logdir *log, const char *name)
{
    struct file *files;

    for (unsigned i = 0; i < log->count; i++)
        if (strcmp(log->files[i].name, name) == 0)
            return &log->files[i];
    files = realloc(log->files, (log->count + 1) * sizeof(*files));
    if (files == NULL)
        return NULL;
    log->files = files;
    files[log->count] = (struct file){.name = strdup(name)};
    return files[log->count].name ? &files[log->count++] : NULL;
}

static int work_records(struct logdir *log, const char *name, struct unpack *unpack, int last)
{
    struct file *file = is_map(name) ? NULL : file_of(log, name);

    return file && !file->given_up ? read_file(log, file, unpack, last) : 0;
}

static int work_names(struct logdir *log, const char *name, struct unpack *unpack, int last)
{
    (void)unpack, (void)last;
    if (!is_map(name))
        file_of(log, name);
    return 0;
}

/* Notes what lies in the directory. 0 or -1. */
static int look(struct logdir *log)
{
    char **names;
    int count;

    if (log->is_archive)
        return log->count > 0 ? 0 : each_packed(log, log->path, log->path, work_names, 1);
    count = list(log->path, &names);
    for (int i = 0; i < count; i++) {
        struct file *file = may_hold_records(names[i]) ? file_of(log, names[i]) : NULL;
        char *path = file ? join(log->path, names[i]) : NULL;
        struct stat about;

        if (path && stat(path, &about) == 0)
            file->on_disk = (uint64_t)about.st_size;
        free(path);
    }
    if (count >= 0)
        free_names(names, (size_t)count);
    return count < 0 ? -1 : 0;
}

/* All maps of the directory, anew: entries may have been added. */
static int read_maps(struct logdir *log)
{
    char **names;
    int count;

    if (log->is_archive)
        return each_packed(log, log->path, log->path, work_map, 1);
    count = list(log->path, &names);
    for (int i = 0; i < count; i++) {
        char *path = is_map(names[i]) ? join(log->path, names[i]) : NULL;

        if (path)
            each_packed(log, path, names[i], work_map, 1);
        free(path);
    }
    if (count >= 0)
        free_names(names, (size_t)count);
    return count < 0 ? -1 : 0;
}

static void ignore_flaw(
    void *context, const char *file, uint64_t line, uint64_t byte, const char *why)
{
    (void)context, (void)file, (void)line, (void)byte, (void)why;
}

struct logdir *logdir_open(const char *path, char *error, size_t error_size)
{
    static const struct logdir_sink nobody = {.on_flaw = ignore_flaw};
    struct logdir *log = calloc(1, sizeof(*log));
    struct stat about;

    if (log == NULL || (log->path = strdup(path)) == NULL || stat(path, &about) < 0) {
        snprintf(error, error_size, "%.300s cannot be read: %s", path, strerror(errno));
        if (log)
            free(log->path);
        free(log);
        return NULL;
    }
    registry_init(&log->map);
    logtext_init(&log->text, &log->map);
    log->is_archive = !S_ISDIR(about.st_mode);
    log->sink = &nobody;
    if (look(log) < 0) {
        snprintf(error, error_size, "%.300s cannot be read: %s", path, strerror(errno));
        logdir_close(log);
        return NULL;
    }
    return log;
}

void logdir_close(struct logdir *log)
{
    if (log == NULL)
        return;
    for (unsigned i = 0; i < log->count; i++)
        free(log->files[i].name);
    free(log->files);
    logtext_fini(&log->text);
    registry_fini(&log->map);
    free(log->path);
    free(log);
}

int logdir_read(struct logdir *log, int last, const struct logdir_sink *sink)
{
    int ended = 0;

    log->sink = sink;
    if (look(log) < 0 || read_maps(log) < 0)
        return -1;
    if (log->is_archive)
        return each_packed(log, log->path, log->path, work_records, 1);
    for (unsigned i = 0; i < log->count && !ended; i++) {
        char *path = join(log->path, log->files[i].name);

        if (path == NULL)
            return -1;
        ended = each_packed(log, path, log->files[i].name, work_records, last);
        free(path);
    }
    return ended;
}

const char *logdir_file(const struct logdir *log, unsigned file)
{
    return file < log->count ? log->files[file].name : NULL;
}

void logdir_skip(struct logdir *log, unsigned file, uint64_t records)
{
    if (file < log->count)
        log->files[file].skip = records;
}

uint64_t logdir_bytes(const struct logdir *log)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < log->count; i++)
        bytes += log->files[i].on_disk;
    return bytes;
}
