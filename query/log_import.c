/* SPDX-License-Identifier: Apache-2.0 */
#include "query/log_import.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "query/log_known.h"
#include "record/logs/logdir.h"

#define BATCH_BYTES (4u << 20)
#define FOLLOW_MS 200 /* between looks at logs that are followed */
#define FIND_MS 1000  /* between looks for others */

/* A file of records: what is known of it from another time, and what has come by now. */
struct file {
    char key[KNOWN_KEY_MAX]; /* "": it has not given a record yet */
    uint64_t known;
    struct known_state state;
    int changed; /* since the batch before */
};

struct log {
    char *path;
    struct logdir *directory;
    struct stream *stream;
    struct import_figures figures;
    LIST(struct file) files;
    struct importing *importing;
    uint64_t bytes;
    dev_t device;
    ino_t inode;
    int ended;
};

struct importing {
    const struct import *import;
    struct store *store;
    struct assembler *assembler;
    LIST(struct log *) logs;
    struct import_figures sum;
    uint64_t bytes, done; /* of record files: all; of logs that have been read */
    int stops_heard;      /* that have been obeyed */
    int is_interrupted;   /* while there were records to read */
    int failed;
    char *error;
    size_t error_size;
};

static int fail(struct importing *importing, const char *sentence)
{
    if (!importing->failed)
        snprintf(importing->error, importing->error_size, "%s", sentence);
    importing->failed = 1;
    return -1;
}

static int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* How far each file has come, with the batch that holds its records. */
static int note_files(struct importing *importing)
{
    for (size_t i = 0; i < importing->logs.count; i++) {
        struct log *log = importing->logs.items[i];

        if (log->stream)
            assembler_position(log->stream, log->figures.records);
        for (size_t j = 0; j < log->files.count; j++) {
            struct file *file = &log->files.items[j];

            if (file->changed && known_note(importing->assembler, file->key, &file->state) < 0)
                return -1;
            file->changed = 0;
        }
    }
    return 0;
}

static int commit(struct importing *importing)
{
    struct batch *batch;
    int result;

    if (note_files(importing) < 0 || (batch = assembler_cut(importing->assembler)) == NULL)
        return fail(importing, "memory is short");
    result = store_commit(importing->store, batch);
    batch_free(batch);
    if (result < 0)
        return fail(importing, store_error(importing->store));
    return 0;
}

static struct file *file_of(struct log *log, unsigned number)
{
    while (log->files.count <= number) {
        struct file *file = list_add(&log->files);

        if (file == NULL)
            return NULL;
        *file = (struct file){.key = ""};
    }
    return &log->files.items[number];
}

/* Whether a file that begins alike has come in this run: how far is not committed then. */
static int has_alike(const struct importing *importing, const char *key)
{
    size_t length = (size_t)(strrchr(key, ' ') - key);

    for (size_t i = 0; i < importing->logs.count; i++)
        for (size_t j = 0; j < importing->logs.items[i]->files.count; j++)
            if (strncmp(importing->logs.items[i]->files.items[j].key, key, length) == 0)
                return 1;
    return 0;
}

/* Its first record has come. */
static int name_file(struct log *log, struct file *file, unsigned number)
{
    struct importing *importing = log->importing;
    const char *name = logdir_file(log->directory, number);
    struct known_file known;
    char key[KNOWN_KEY_MAX];

    known_key(key, name, file->state.digest, 0);
    if (has_alike(importing, key) && commit(importing) < 0)
        return -1;
    if (known_look(&known, importing->store, log->path, name, file->state.digest, importing->error,
            importing->error_size) < 0)
        return importing->failed = 1, -1;
    snprintf(file->key, sizeof(file->key), "%s", known.key);
    file->known = known.records;
    return 0;
}

static int is_stopped(const struct importing *importing)
{
    return importing->import->stop && *importing->import->stop > importing->stops_heard;
}

static int on_record(void *context, unsigned number, const struct record *record)
{
    struct log *log = context;
    struct importing *importing = log->importing;
    struct file *file = file_of(log, number);

    if (is_stopped(importing))
        return importing->is_interrupted = 1, -1;
    if (file == NULL)
        return fail(importing, "memory is short");
    file->state.before = file->state.digest;
    file->state.digest = known_digest(file->state.digest, record);
    if (file->key[0] == '\0' && name_file(log, file, number) < 0)
        return -1;
    file->state.is_unended = logdir_is_unended(log->directory);
    if (++file->state.records <= file->known) {
        log->figures.known++;
        return 0;
    }
    file->changed = 1;
    log->figures.records++;
    if (assembler_feed(importing->assembler, log->stream, record, now_ns()) < 0)
        return fail(importing, "memory is short");
    return assembler_pending(importing->assembler) >= BATCH_BYTES ? commit(importing) : 0;
}

static void on_flaw(void *context, const char *file, uint64_t line, uint64_t byte, const char *why)
{
    struct log *log = context;
    const struct import *import = log->importing->import;

    log->figures.flaws++;
    assembler_count(log->importing->assembler, log->stream, "log_flaws", 1);
    if (import->on_flaw)
        import->on_flaw(import->context, log->path, file, line, byte, why);
}

static void add_up(struct importing *importing)
{
    importing->sum = (struct import_figures){0};
    for (size_t i = 0; i < importing->logs.count; i++) {
        const struct import_figures *figures = &importing->logs.items[i]->figures;

        importing->sum.records += figures->records;
        importing->sum.known += figures->known;
        importing->sum.flaws += figures->flaws;
    }
}

static void on_progress(void *context, uint64_t bytes)
{
    struct log *log = context;
    struct importing *importing = log->importing;
    const struct import *import = importing->import;

    if (import->on_progress == NULL)
        return;
    add_up(importing);
    import->on_progress(
        import->context, &importing->sum, importing->done + (bytes < log->bytes ? bytes : log->bytes),
        import->follow ? 0 : importing->bytes);
}

static void log_free(struct log *log)
{
    logdir_close(log->directory);
    list_fini(&log->files);
    free(log->path);
    free(log);
}

static int is_had(const struct importing *importing, const struct stat *about)
{
    for (size_t i = 0; i < importing->logs.count; i++) {
        const struct log *log = importing->logs.items[i];

        if (!log->ended && log->device == about->st_dev && log->inode == about->st_ino)
            return 1;
    }
    return 0;
}

static int found(void *context, const char *path)
{
    struct importing *importing = context;
    struct stat about;
    struct log *log, **place;

    if (stat(path, &about) == 0 && is_had(importing, &about))
        return 0;
    log = calloc(1, sizeof(*log));
    if (log == NULL || (log->path = strdup(path)) == NULL) {
        free(log);
        return fail(importing, "memory is short");
    }
    log->importing = importing;
    log->device = about.st_dev;
    log->inode = about.st_ino;
    log->directory = logdir_open(path, importing->error, importing->error_size);
    place = log->directory ? list_add(&importing->logs) : NULL;
    if (place == NULL) {
        importing->failed = 1;
        log_free(log);
        return -1;
    }
    *place = log;
    log->bytes = logdir_bytes(log->directory);
    importing->bytes += log->bytes;
    return 0;
}

static void notice(const struct importing *importing, const char *path, const char *what)
{
    if (importing->import->on_notice)
        importing->import->on_notice(importing->import->context, path, what);
}

static int find_logs(struct importing *importing)
{
    const struct import *import = importing->import;

    for (size_t i = 0; i < import->path_count; i++) {
        struct stat about;
        int logs = 0;

        if (!import->follow || stat(import->paths[i], &about) == 0 || errno != ENOENT)
            logs = logdir_find(
                import->paths[i], found, importing, importing->error, importing->error_size);
        if (logs < 0)
            return importing->failed = 1, -1;
        if (logs == 0 && import->follow) {
            notice(importing, import->paths[i], "there is no Kieker log yet: it is waited for");
        } else if (logs == 0) {
            snprintf(importing->error, importing->error_size,
                "there is no Kieker log at or below %.300s: one is a directory with a kieker.map, "
                "or a zip archive of one",
                import->paths[i]);
            return importing->failed = 1, -1;
        }
    }
    return 0;
}

/* Those that have appeared. What cannot be read now may be later. */
static void find_more(struct importing *importing)
{
    const struct import *import = importing->import;
    size_t before = importing->logs.count;
    char ignored[512];

    for (size_t i = 0; i < import->path_count; i++) {
        struct stat about;

        if (stat(import->paths[i], &about) == 0)
            logdir_find(import->paths[i], found, importing, ignored, sizeof(ignored));
    }
    for (size_t i = before; i < importing->logs.count; i++)
        notice(importing, importing->logs.items[i]->path, "a log that is new");
    importing->failed = 0;
}

static int open_store(struct importing *importing)
{
    const struct import *import = importing->import;
    struct assembler_start start;
    struct model model;
    char *location = import->database ? strdup(import->database) : store_default_location();

    if (location == NULL)
        return fail(importing,
            "there is no home directory for the database: say where it is with --database FILE");
    if (model_init(&model) < 0) {
        free(location);
        return fail(importing, "memory is short");
    }
    importing->store = store_open(
        location, DURABLE_COMMIT, &model, &start, importing->error, importing->error_size);
    free(location);
    if (importing->store)
        importing->assembler = assembler_new(&model, &start, import->run);
    if (importing->assembler)
        return 0;
    model_fini(&model);
    if (importing->store == NULL)
        return importing->failed = 1, -1;
    return fail(importing, "memory is short");
}

static int end_log(struct log *log)
{
    struct importing *importing = log->importing;
    const struct import *import = importing->import;
    struct stream *stream = log->stream;

    log->stream = NULL;
    log->ended = 1;
    if (stream && assembler_close_stream(importing->assembler, stream, NULL, now_ns()) < 0)
        return fail(importing, "memory is short");
    importing->done += log->bytes;
    if (import->on_log)
        import->on_log(import->context, log->path, &log->figures);
    return 0;
}

static int is_gone(const struct log *log)
{
    struct stat about;

    return stat(log->path, &about) < 0 || about.st_dev != log->device || about.st_ino != log->inode;
}

/* A log on from where it has been read. 0, or -1 when all is to end. */
static int read_log(struct log *log, enum logdir_end end)
{
    struct importing *importing = log->importing;
    const struct logdir_sink sink = {on_record, on_flaw, on_progress, log};

    if (log->stream == NULL)
        log->stream = assembler_open_stream(importing->assembler, log->path, now_ns());
    if (log->stream == NULL)
        return fail(importing, "memory is short");
    if (logdir_read(log->directory, end, &sink) >= 0)
        return importing->failed ? -1 : 0;
    if (!importing->import->follow || !is_gone(log))
        return fail(importing, "memory is short, or the log is gone");
    notice(importing, log->path, "the log was removed; what was read of it is stored");
    return end_log(log);
}

static int read_logs(struct importing *importing, enum logdir_end end)
{
    for (size_t i = 0; i < importing->logs.count && !is_stopped(importing); i++)
        if (!importing->logs.items[i]->ended && read_log(importing->logs.items[i], end) < 0)
            return -1;
    return 0;
}

static int64_t steady_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What is added to the logs is read until somebody stops it, and then what is there. */
static int follow(struct importing *importing)
{
    int64_t next = steady_ms() + FIND_MS;

    while (!is_stopped(importing)) {
        if (read_logs(importing, LOGDIR_GROWS) < 0)
            return -1;
        if (assembler_pending(importing->assembler) > 0 && commit(importing) < 0)
            return -1;
        while (!is_stopped(importing) && store_tidy(importing->store) > 0)
            continue;
        if (!is_stopped(importing))
            usleep(FOLLOW_MS * 1000);
        add_up(importing);
        if (importing->import->on_progress)
            importing->import->on_progress(importing->import->context, &importing->sum, 0, 0);
        if (steady_ms() >= next) {
            int64_t begun = steady_ms();

            find_more(importing);
            /* A twentieth of the time at most, however many directories there are. */
            next = begun + FIND_MS + 20 * (steady_ms() - begun);
        }
    }
    if (importing->is_interrupted)
        return 0;
    importing->stops_heard = 1;
    return read_logs(importing, LOGDIR_LEFT);
}

static int read_all(struct importing *importing)
{
    if (importing->import->follow && follow(importing) < 0)
        return -1;
    for (size_t i = 0; i < importing->logs.count; i++) {
        struct log *log = importing->logs.items[i];

        if (log->ended)
            continue;
        if (!importing->import->follow && !is_stopped(importing) && read_log(log, LOGDIR_ENDS) < 0)
            return -1;
        if (log->stream && end_log(log) < 0)
            return -1;
    }
    return 0;
}

int import_logs(const struct import *import, struct import_figures *sum, unsigned *logs,
    char *error, size_t error_size)
{
    struct importing importing = {.import = import, .error = error, .error_size = error_size};

    if (find_logs(&importing) == 0 && open_store(&importing) == 0) {
        read_all(&importing);
        /* Whatever has ended it, what came before is stored. */
        if (assembler_pending(importing.assembler) > 0)
            commit(&importing);
        while (!importing.failed && store_tidy(importing.store) > 0)
            continue;
    }
    add_up(&importing);
    *sum = importing.sum;
    *logs = (unsigned)importing.logs.count;
    sum->is_interrupted = importing.is_interrupted || (!import->follow && is_stopped(&importing));
    assembler_free(importing.assembler);
    for (size_t i = 0; i < importing.logs.count; i++)
        log_free(importing.logs.items[i]);
    list_fini(&importing.logs);
    store_close(importing.store);
    return importing.failed ? -1 : 0;
}
