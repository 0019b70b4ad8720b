/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kieker logs into the database, as if their records had come from a client: one stream a log. What
 * has been imported of a file is remembered with it, by the file's name and its first record, so
 * that a log that is imported again gives only what has been added.
 */
#ifndef KIEKER_QUERY_LOG_IMPORT_H
#define KIEKER_QUERY_LOG_IMPORT_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

/* Of a log, or of all. */
struct import_figures {
    uint64_t records;   /* new ones */
    uint64_t known;     /* that were there from another time */
    uint64_t flaws;     /* lines, files or rests of files that could not be read */
    int is_interrupted; /* of all: there may be more, which another import gives */
};

struct import {
    const char *database; /* NULL: where it is by default */
    const char *run;
    const char *const *paths; /* logs, or directories with logs below them */
    size_t path_count;
    int follow; /* go on reading what is added, also logs that appear, until *stop */
    const volatile sig_atomic_t *stop; /* how often somebody said so: twice, if now */

    /* What is to be said; each may be NULL. `total` and `done` are bytes of record files; `total`
     * is 0 of logs that are followed. */
    void (*on_progress)(
        void *context, const struct import_figures *figures, uint64_t done, uint64_t total);
    void (*on_flaw)(void *context, const char *log, const char *file, uint64_t line, uint64_t byte,
        const char *why);
    void (*on_log)(void *context, const char *log, const struct import_figures *figures);
    /* A log, or a place without one, that is followed: what became of it. */
    void (*on_notice)(void *context, const char *path, const char *what);
    void *context;
};

/* 0 with the sums and how many logs there were; -1 with the sentence in `error`: what had been
 * imported by then is stored. */
int import_logs(const struct import *import, struct import_figures *sum, unsigned *logs,
    char *error, size_t error_size);

#endif
