/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a Kieker log: its directory, kieker.map, and one record file after the other. What
 * they hold is the caller's business, which puts it into buffers here; files get whole buffers or
 * nothing of them. Not thread-safe; `lock` is held while a descriptor changes, which fork needs.
 */
#ifndef KIEKER_AGENT_CORE_LOG_FILES_H
#define KIEKER_AGENT_CORE_LOG_FILES_H

#include <pthread.h>
#include <stddef.h>

#include "agent/core/descriptor.h"

#define LOG_FILES_ERROR_MAX 200

struct log_file {
    char *path; /* NULL: not open */
    struct descriptor descriptor;
    off_t size;
    char *bytes; /* `used` of `capacity`, not written yet */
    size_t used, capacity;
};

struct log_files {
    char *parent, *directory; /* where logs go; the log's own, or NULL while there is none */
    const char *suffix;       /* of a record file */
    struct log_file map, records;
    unsigned number; /* of the record file, from 1 */
    char error[LOG_FILES_ERROR_MAX];
};

/* 0, or -1 without memory. The suffix is lent. */
int log_files_init(struct log_files *files, const char *parent, const char *suffix);
void log_files_fini(struct log_files *files);

/* Begins a log, with an empty map and an empty record file; directories are made as needed. If
 * `doubtful`, also tries whether there is room. 0, or -1 with `error` and nothing left behind. */
int log_files_open(struct log_files *files, pthread_mutex_t *lock, int doubtful);

static inline int log_files_are_open(const struct log_files *files)
{
    return files->directory != NULL;
}

/* Whether what is written still has a name. */
int log_files_exist(const struct log_files *files);

/* Writes the buffers, the map's first. 0, or -1 with `error`: then a file is as it was before. */
int log_files_write(struct log_files *files, pthread_mutex_t *lock);

/* Begins the next record file; what is in the buffer goes there. 0, or -1 with `error`. */
int log_files_next(struct log_files *files, pthread_mutex_t *lock);

/* Ends the log; removes it if `remove`. Nothing if none is open. */
void log_files_close(struct log_files *files, pthread_mutex_t *lock, int remove);

/* In a forked child: lets go of the parent's files, which stay as they are. */
void log_files_disown(struct log_files *files);

/* Room for that many bytes behind what is in the buffer; NULL without memory. */
char *log_file_room(struct log_file *file, size_t size);

/* The caller has put something there, up to `end`. */
static inline void log_file_put(struct log_file *file, const char *end)
{
    file->used = (size_t)(end - file->bytes);
}

#endif
