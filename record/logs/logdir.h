/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kieker log, a directory (or a zip archive) with a map and files of records, as a source of
 * records: text and binary, packed or not, of every Kieker since 0.95a, in the order of their
 * files' names. It can be read again, for what has been added.
 *
 * What cannot be read costs as little as can be: in a text file the line, in a binary one, whose
 * records cannot be told apart any more, the rest of the file.
 */
#ifndef KIEKER_RECORD_LOGS_LOGDIR_H
#define KIEKER_RECORD_LOGS_LOGDIR_H

#include "record/record.h"

#define LOGDIR_LINE_MAX (16u << 20) /* bytes of a line; a longer one is passed over */

struct logdir;

struct logdir_sink {
    /* A record of the file with that number. -1 ends the reading. */
    int (*on_record)(void *context, unsigned file, const struct record *record);
    /* Something could not be read: of a text file in that line, of another at that byte. */
    void (*on_flaw)(void *context, const char *file, uint64_t line, uint64_t byte, const char *why);
    /* From time to time, with how many bytes of records have been read (unpacked). May be NULL. */
    void (*on_progress)(void *context, uint64_t bytes);
    void *context;
};

/*
 * Calls `found` for every log at or below `path`, in the order of their names: directories with a
 * map in them, and archives with one. How many there are, or -1 with the sentence in `error`.
 */
int logdir_find(const char *path, int (*found)(void *context, const char *log), void *context,
    char *error, size_t error_size);

/* NULL with the sentence in `error`. */
struct logdir *logdir_open(const char *path, char *error, size_t error_size);
void logdir_close(struct logdir *log);

/*
 * How a log ends. LOGDIR_GROWS: it is still written, so what is not whole at its end, what the map
 * does not tell of yet, and what cannot be unpacked so far are left for the next time, and no flaw;
 * files that are as they were are not read again. LOGDIR_ENDS: all there is. LOGDIR_LEFT: it will
 * not be read on, but may still be written: all there is, but for what is not whole.
 */
enum logdir_end { LOGDIR_GROWS, LOGDIR_ENDS, LOGDIR_LEFT };

/* Reads on. 0; 1 when the sink has ended it; -1 when memory is short or the directory is gone. */
int logdir_read(struct logdir *log, enum logdir_end end, const struct logdir_sink *sink);

/* In on_record: whether its line has no end, so that it may have been cut off. */
int logdir_is_unended(const struct logdir *log);

/* Reads only the file of that name from now on. */
void logdir_only(struct logdir *log, const char *name);

/* The files of records, from 0: NULL behind the last. Lent until logdir_read. */
const char *logdir_file(const struct logdir *log, unsigned file);

/* Passes over the first records of that file, which are known from another time. */
void logdir_skip(struct logdir *log, unsigned file, uint64_t records);

/* Bytes on disk of the files of records. */
uint64_t logdir_bytes(const struct logdir *log);

#endif
