/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the export of Kieker logs share: the logs that are open, and writing to the one
 * under way. Not for others to include. The functions: 0, or -1 after request_refuse.
 */
#ifndef KIEKER_QUERY_EXPORT_LOG_H
#define KIEKER_QUERY_EXPORT_LOG_H

#include "analysis/records.h"
#include "query/export.h"
#include "record/build.h"
#include "record/logs/packfile.h"

struct log {
    uint32_t stream;
    struct export_stream facts;
    char *directory;
    struct packfile *map, *records;
    unsigned files, entries; /* entries: in the file that is open */
    struct map numbers;      /* of texts and classes, in the map */
    uint32_t names;
    int has_metadata;
};

struct logs {
    struct request *request;
    struct store_reader *reader;
    struct outlet *outlet;
    struct records *source;
    int binary, rounds, deferred, failed;
    int metadata; /* which records of no trace are wanted: KiekerMetadataRecords, or the others */
    struct log *open; /* `count` of them */
    size_t count, most;
    struct map places; /* stream -> which of `open`; DONE: written in an earlier round */
    struct log *log;   /* of what is under way */
    struct build build;
    struct buffer bytes;
    struct map said; /* sentences, by hash */
    uint64_t trace;
};

/* What kind of thing a key of log.numbers is of: a name of the store's, a text of our own record,
 * a class. */
enum { OF_NAME, OF_OWN, OF_CLASS };

/* Refuses, and ends it all. Returns -1. */
int log_fail(struct logs *logs, const char *path, const char *why);
int log_no_memory(struct logs *logs);

/* Makes a log's directory, with an empty map. */
int log_make(struct logs *logs, struct log *log);

/* Puts a record into the log under way; `kind`: of its strings. */
int log_put(struct logs *logs, const struct record *record, unsigned kind);

/* A KiekerMetadataRecord for a client that sent none. */
int log_put_own_metadata(struct logs *logs);

/* Ends a file of a log, and sees to it that all has reached the disk. */
int log_end_file(struct logs *logs, struct packfile **file, const char *path);

#endif
