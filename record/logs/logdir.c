/* SPDX-License-Identifier: Apache-2.0 */
#include "record/logs/logdir_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void take_map_lines(
    struct logdir *log, const char *name, const char *text, size_t size, enum logdir_end log_end)
{
    uint64_t number = 1;

    for (const char *at = text, *end = text + size, *stop; at < end; at = stop + 1, number++) {
        size_t length;

        stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL && log_end != LOGDIR_ENDS)
            break; /* it is still written */
        stop = stop ? stop : end;
        length = (size_t)(stop - at);
        length -= length > 0 && at[length - 1] == '\r';
        log->is_bridge |= number == 1 && length > 0 && *at != '$';
        if (logtext_map_line(&log->map, at, length) < 0)
            logdir_flaw(
                log, name, number, 0, "the map has more, or longer, names than can be kept");
    }
}

static int read_map(
    struct logdir *log, const char *name, struct unpack *unpack, enum logdir_end end)
{
    struct logdir_window window = {0};

    while (!window.at_end && window.size < REGISTRY_BYTES_MAX && logdir_fill(&window, unpack) == 0)
        continue;
    if (!window.at_end && end != LOGDIR_GROWS)
        logdir_flaw(log, name, 0, window.size,
            window.size < REGISTRY_BYTES_MAX ? unpack_error(unpack) : "the map is too long");
    take_map_lines(log, name, (const char *)window.bytes, window.size, end);
    free(window.bytes);
    return 0;
}

/* Calls for what is in the archive, or in the one file: 0, or 1 when it ended it. */
static int each_packed(struct logdir *log, const char *path, const char *file,
    int (*work)(struct logdir *log, const char *name, struct unpack *unpack, enum logdir_end end),
    enum logdir_end end)
{
    char error[200];
    const char *name;
    struct unpack *unpack = unpack_open(path, error, sizeof(error));
    int got, ended = 0;

    if (unpack == NULL) {
        if (end != LOGDIR_GROWS)
            logdir_flaw(log, file, 0, 0, error);
        return 0;
    }
    while (!ended && (got = unpack_next(unpack, &name)) > 0)
        ended = work(log, log->is_archive ? name : file, unpack, end);
    if (!ended && got < 0 && end != LOGDIR_GROWS)
        logdir_flaw(log, file, 0, 0, unpack_error(unpack));
    unpack_close(unpack);
    return ended;
}

static int work_map(
    struct logdir *log, const char *name, struct unpack *unpack, enum logdir_end end)
{
    return logdir_is_map(name) ? read_map(log, name, unpack, end) : 0;
}

static int is_meant(const struct logdir *log, const char *name)
{
    return log->only == NULL || strcmp(log->only, name) == 0;
}

static struct logdir_file *file_of(struct logdir *log, const char *name)
{
    struct logdir_file *files;

    for (unsigned i = 0; i < log->count; i++)
        if (strcmp(log->files[i].name, name) == 0)
            return &log->files[i];
    files = realloc(log->files, (log->count + 1) * sizeof(*files));
    if (files == NULL)
        return NULL;
    log->files = files;
    files[log->count] = (struct logdir_file){.name = strdup(name)};
    return files[log->count].name ? &files[log->count++] : NULL;
}

static int work_records(
    struct logdir *log, const char *name, struct unpack *unpack, enum logdir_end end)
{
    struct logdir_file *file = logdir_is_map(name) ? NULL : file_of(log, name);

    return file && !file->given_up && is_meant(log, name) ? logdir_read_file(log, file, unpack, end)
                                                          : 0;
}

static int work_names(
    struct logdir *log, const char *name, struct unpack *unpack, enum logdir_end end)
{
    (void)unpack, (void)end;
    if (!logdir_is_map(name))
        file_of(log, name);
    return 0;
}

void logdir_only(struct logdir *log, const char *name)
{
    log->only = name;
}

int logdir_is_unended(const struct logdir *log)
{
    return log->is_unended;
}

/* Notes what lies in the directory. 0 or -1. */
static int look(struct logdir *log)
{
    char **names;
    int count;

    if (log->is_archive)
        return log->count > 0 ? 0 : each_packed(log, log->path, log->path, work_names, LOGDIR_ENDS);
    for (unsigned i = 0; i < log->count; i++)
        log->files[i].is_there = 0;
    count = logdir_list(log->path, &names);
    for (int i = 0; i < count; i++) {
        struct logdir_file *file =
            logdir_may_hold_records(names[i]) ? file_of(log, names[i]) : NULL;
        char *path = file ? logdir_join(log->path, names[i]) : NULL;
        struct stat about;

        if (path && stat(path, &about) == 0) {
            file->on_disk = (uint64_t)about.st_size;
            file->is_there = 1;
        }
        free(path);
    }
    if (count >= 0)
        logdir_list_free(names, (size_t)count);
    return count < 0 ? -1 : 0;
}

/* The bytes of the maps among those names. */
static uint64_t maps_size(const struct logdir *log, char *const *names, int count)
{
    uint64_t bytes = 0;

    for (int i = 0; i < count; i++) {
        char *path = logdir_is_map(names[i]) ? logdir_join(log->path, names[i]) : NULL;
        struct stat about;

        if (path && stat(path, &about) == 0)
            bytes += (uint64_t)about.st_size;
        free(path);
    }
    return bytes;
}

/* All maps of the directory, anew if they have become longer: entries may have been added. */
static int read_maps(struct logdir *log, enum logdir_end end)
{
    char **names;
    uint64_t bytes;
    int count;

    if (log->is_archive)
        return each_packed(log, log->path, log->path, work_map, LOGDIR_ENDS);
    count = logdir_list(log->path, &names);
    bytes = count > 0 ? maps_size(log, names, count) : 0;
    for (int i = 0; i < count && (end != LOGDIR_GROWS || bytes != log->maps); i++) {
        char *path = logdir_is_map(names[i]) ? logdir_join(log->path, names[i]) : NULL;

        if (path)
            each_packed(log, path, names[i], work_map, end);
        free(path);
    }
    log->maps = bytes;
    if (count >= 0)
        logdir_list_free(names, (size_t)count);
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

/* Whether there may be something new in it. */
static int has_more(struct logdir *log, struct logdir_file *file, enum logdir_end end)
{
    if (!is_meant(log, file->name) || file->given_up)
        return 0;
    if (file->is_there)
        return end != LOGDIR_GROWS || file->on_disk != file->looked || file->waits;
    if (end != LOGDIR_GROWS && (file->on_disk != file->looked || file->waits))
        logdir_flaw(log, file->name, 0, file->bytes, "it was removed before all of it was read");
    return 0;
}

int logdir_read(struct logdir *log, enum logdir_end end, const struct logdir_sink *sink)
{
    int ended = 0;

    log->sink = sink;
    /* Sizes first, then maps: a writer names a class or a string before it refers to it. */
    if (look(log) < 0 || read_maps(log, end) < 0)
        return -1;
    if (log->is_archive)
        return each_packed(log, log->path, log->path, work_records, LOGDIR_ENDS);
    for (unsigned i = 0; i < log->count && !ended; i++) {
        char *path;

        if (!has_more(log, &log->files[i], end))
            continue;
        path = logdir_join(log->path, log->files[i].name);
        if (path == NULL)
            return -1;
        ended = each_packed(log, path, log->files[i].name, work_records, end);
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
