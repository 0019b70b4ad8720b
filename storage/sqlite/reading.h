/* SPDX-License-Identifier: Apache-2.0 */
/* What the reader's files share. Not for others to include. */
#ifndef KIEKER_STORAGE_SQLITE_READING_H
#define KIEKER_STORAGE_SQLITE_READING_H

#include "storage/sqlite/block.h"
#include "storage/sqlite/database.h"
#include "storage/store.h"

#include <stdatomic.h>

enum read_statement {
    READ_NAME,
    READ_OPERATION,
    READ_PATH,
    READ_RUN,
    READ_BLOCK,
    READ_PARTS,
    READ_BLOCKS_OF_TRACE,
    READ_OPEN_TRACE,
    READ_PARENT,
    READ_CHILDREN,
    READ_STATEMENTS
};

#define BLOCKS_KEPT 64 /* decoded, within one query */

/* What the dictionaries say, as far as it was asked for: rows of a database never change. */
struct stored_operation {
    uint32_t name, component, signature; /* name 0: perhaps not loaded, see `loaded` */
    int loaded;
};

struct stored_path {
    uint32_t parent, operation, host, run;
    uint8_t kind, loaded;
};

struct dictionary {
    LIST(char *) names; /* NULL: not loaded */
    LIST(struct stored_operation) operations;
    LIST(struct stored_path) paths;
    uint32_t whole_operations, whole_paths; /* all up to here are loaded */
};

struct store_reader {
    struct database database;
    struct database outside; /* for SQL from outside, once it is needed: see sql.c */
    const char *opened_how;  /* the options that the file could be opened with */
    struct packer packer;
    struct dictionary dictionary;
    struct kept_block {
        int64_t id; /* 0: none */
        uint64_t used;
        struct block block;
    } kept[BLOCKS_KEPT];
    uint64_t uses;
    struct {
        int64_t block; /* 0: none */
        struct buffer bytes[CHUNK_PARTS];
    } parts;          /* the records of the block that was asked for last */
    unsigned nesting; /* queries within queries */
    unsigned limit;   /* ms; 0: none */
    int64_t deadline; /* ns of the monotonic clock; 0: none */
    atomic_int is_interrupted;
    int is_guarded;         /* see store_reader_guard */
    int was_ended;          /* see store_reader_was_ended */
    int is_damage;          /* the last failure was of one block or trace, which may be left out */
    LIST(int64_t) left_out; /* blocks, and traces as negative numbers; see store_left_out */
    int borrowed; /* the connection is somebody else's, who also begins and ends transactions */
};

/*
 * Every query stands between these two, and so sees one state of the database. read_end gives
 * `result` back, or -1 when ending fails. They nest.
 */
int read_begin(struct store_reader *reader);
int read_end(struct store_reader *reader, int result);

/* Whether the time is over; then the sentence is set. For loops that do not run inside SQLite. */
int read_is_late(struct store_reader *reader);

/* Opens the file to be read, with these options of a URI. 0 or -1. */
int read_open(struct database *database, const char *location, const char *options);

/* The statement with that number, reset, with its first parameter bound; NULL: failed. */
sqlite3_stmt *read_statement(
    struct store_reader *reader, enum read_statement number, int64_t parameter);

/* A reader upon a connection that is somebody else's; reader_detach ends it. NULL: memory is short.
 */
struct store_reader *reader_attach(sqlite3 *handle);
void reader_detach(struct store_reader *reader);

/* dictionary.c: NULL texts never; a row that is not there is "" or all zero. The load functions: 0
 * or -1. */
const char *dictionary_name(struct store_reader *reader, uint32_t id);
const struct stored_operation *dictionary_operation(struct store_reader *reader, uint32_t id);
const struct stored_path *dictionary_path(struct store_reader *reader, uint32_t id);
int dictionary_load_operations(struct store_reader *reader); /* with their texts */
int dictionary_load_paths(struct store_reader *reader);
void dictionary_fini(struct dictionary *dictionary);

/* blocks.c: a block's columns, kept for the time of the query; lent until as many others were asked
 * for. NULL: failed. */
struct block *blocks_get(struct store_reader *reader, int64_t id);

/* The same with these columns decoded. */
int blocks_decode(
    struct store_reader *reader, int64_t id, struct block *block, enum block_column column);
int blocks_decode_all(struct store_reader *reader, int64_t id, struct block *block);
void blocks_drop(struct store_reader *reader);

/*
 * A query that comes upon a block or a trace (its id negative) which is damaged goes on without it,
 * and counts it: 1. 0: what failed was something else, or too much of it, and the query fails.
 */
int read_leaves_out(struct store_reader *reader, int64_t id);

/* Sets the sentence for a block that cannot be read. Returns -1. */
int blocks_damaged(struct store_reader *reader, int64_t id);

/* A trace and where it lies: in a row of a block, or running (block 0). */
struct located {
    struct trace trace;
    int64_t block;
    uint32_t row;
};

/* located.c: 1, 0 if there is none, -1. */
int locate_trace(struct store_reader *reader, uint64_t id, struct located *located);

/* A running trace from what open_trace has of it. 0 or -1. */
int locate_open(
    struct store_reader *reader, const void *data, size_t size, struct located *located);

/* Loads the block's records of all traces, by part, into reader->parts. 0 or -1. */
int located_parts(struct store_reader *reader, int64_t block);

/* The records that lie in the trace's own block. 0 or -1. */
int located_inner(
    struct store_reader *reader, const struct located *located, struct chunk_view *view);

/* Its chunks one after the other. */
struct chunks {
    struct store_reader *reader;
    struct located located;
    sqlite3_stmt *apart; /* NULL: all is in the trace's block */
    struct buffer parts[CHUNK_PARTS];
    uint32_t given;
};

int chunks_open(struct chunks *chunks, struct store_reader *reader, const struct located *located);
void chunks_close(struct chunks *chunks);

/* 1 with the next one, lent until the reader is used again; 0 at the end; -1. */
int chunks_next(struct chunks *chunks, struct chunk_view *view);

/* Its chunks in order; the call back may end it with a non-zero value. 0 or -1. */
int located_chunks(
    struct store_reader *reader, const struct located *located, chunk_sink *sink, void *context);

/* The row as it is shown; texts are lent for as long as the reader lives. */
void located_row(struct store_reader *reader, const struct located *located, struct trace_row *row);

#endif
