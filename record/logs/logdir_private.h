/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of logdir share. Not for others to include. */
#ifndef KIEKER_RECORD_LOGS_LOGDIR_PRIVATE_H
#define KIEKER_RECORD_LOGS_LOGDIR_PRIVATE_H

#include "record/logs/logdir.h"
#include "record/logtext.h"
#include "record/logs/unpack.h"

struct logdir_window;
struct logdir_file;

/* Gives what the window has of whole records: how many bytes, or -1 when the sink has ended it. */
typedef ssize_t logdir_taking(struct logdir *log, struct logdir_file *file,
    const struct logdir_window *window, enum logdir_end end);

/* A file of records, and how far it has been read. */
struct logdir_file {
    char *name; /* in its directory or archive */
    uint64_t bytes, lines;
    uint64_t skip;         /* records that are passed over */
    uint64_t on_disk;      /* its size when it was looked at last */
    uint64_t looked;       /* its size when it was read last */
    int waits;             /* something was left that may be read later even if it stays as it is */
    int rests;             /* it is as it was */
    logdir_taking *taking; /* NULL: not known yet */
    int is_there;          /* it was when it was looked for last */
    int given_up;
};

struct logdir {
    char *path;
    int is_archive;
    int is_bridge; /* the Data Bridge's map: its entries have no $ */
    struct registry map;
    struct logtext text;
    struct logdir_file *files;
    unsigned count;
    uint64_t read; /* bytes of records */
    uint64_t maps; /* bytes of all maps when they were read last */
    int is_unended;
    const char *only; /* the one file that is read; or NULL. Lent */
    const struct logdir_sink *sink;
};

/* What is in memory of a file. */
struct logdir_window {
    unsigned char *bytes;
    size_t size, capacity;
    int at_end;
};

/* Tells the sink. */
void logdir_flaw(
    struct logdir *log, const char *file, uint64_t line, uint64_t byte, const char *why);

/* logdir_find.c: the names in a directory, ascending: how many, or -1 with errno. Both are the
 * caller's to free. */
int logdir_list(const char *path, char ***names);
void logdir_list_free(char **names, size_t count);
char *logdir_join(const char *directory, const char *name);
int logdir_is_map(const char *name);
int logdir_may_hold_records(const char *name);

/* logdir_file.c: reads more of the file behind what is there. 0, or -1: see unpack_error, or memory
 * is short. */
int logdir_fill(struct logdir_window *window, struct unpack *unpack);

/* Reads a file of records on, from where it was left. 0, or 1 when the sink has ended it. */
int logdir_read_file(
    struct logdir *log, struct logdir_file *file, struct unpack *unpack, enum logdir_end end);

#endif
