/* SPDX-License-Identifier: Apache-2.0 */
/* What the writer's files share. Not for others to include. */
#ifndef KIEKER_STORAGE_SQLITE_WRITER_H
#define KIEKER_STORAGE_SQLITE_WRITER_H

#include "storage/sqlite/database.h"
#include "storage/sqlite/reserve.h"
#include "storage/sqlite/retain.h"
#include "storage/sqlite/zone.h"
#include "storage/store.h"

enum write_statement {
    WRITE_NAME,
    WRITE_OPERATION,
    WRITE_PATH,
    WRITE_RUN,
    WRITE_RUN_SUM,
    WRITE_CLASS,
    WRITE_CLASS_SUM,
    WRITE_STREAM,
    WRITE_RECORD,
    WRITE_KIN,
    WRITE_KIN_BETWEEN,
    WRITE_KIN_GONE,
    WRITE_KIN_GONE_RANGE,
    WRITE_COUNTER,
    WRITE_CHUNK,
    WRITE_OPEN_TRACE,
    WRITE_END_TRACE,
    WRITE_BLOCK,
    WRITE_BLOCK_DATA,
    WRITE_MINUTE,
    WRITE_TOTAL,
    WRITE_PROPERTY,
    WRITE_MERGE_LIST,
    WRITE_READ_DATA,
    WRITE_SETTLE,
    WRITE_DELETE_BLOCK,
    WRITE_DELETE_DATA,
    WRITE_DUE_MINUTES,
    WRITE_PACKED,
    WRITE_PACKED_COUNT,
    WRITE_PACKED_PIECES,
    WRITE_PACKED_GONE,
    WRITE_PACKED_ASIDE,
    WRITE_PACKED_DUE,
    WRITE_PACKED_OLD,
    WRITE_OLDEST_BLOCK,
    WRITE_DROP_ZONE,
    WRITE_RETIRE_TRACE,
    WRITE_RETIRE_RANGE,
    WRITE_NEXT_RETIRED,
    WRITE_RETIRED_GONE,
    WRITE_CHUNKS_OF,
    WRITE_DELETE_CHUNK,
    WRITE_CLASS_EXAMPLES,
    WRITE_CLASS_LESS,
    WRITE_CLASS_GONE,
    WRITE_RUN_LESS,
    WRITE_OLD_MINUTES,
    WRITE_DELETE_MINUTES,
    WRITE_TOTAL_LESS,
    WRITE_TOTAL_GONE,
    WRITE_DELETE_RECORDS,
    WRITE_OLD_STREAMS,
    WRITE_COUNTERS_FOLD,
    WRITE_COUNTERS_GONE,
    WRITE_STREAM_GONE,
    WRITE_STATEMENTS
};

struct store {
    struct database database;
    int lock; /* of the lock file */
    struct packer packer;
    struct block_scratch scratch;
    struct batch_trace *rows; /* BLOCK_TRACES_MAX */
    struct zone *zone;
    struct buffer coded, parts[CHUNK_PARTS], packed; /* room */
    int64_t total_through;                           /* see schema.c */
    uint64_t last_trace;
    unsigned commits; /* since the last look for free pages */
    struct retain retain;
    struct reserve reserve;
};

/* The statement with this number; its text is in statements.c. NULL: failed. */
sqlite3_stmt *write_statement(struct store *store, enum write_statement number);

/* Steps a statement that gives no row. 0 or -1. */
int write_done(struct store *store, sqlite3_stmt *statement);

int write_property(struct store *store, const char *name, int64_t value);

/*
 * Writes rows (1 to BLOCK_TRACES_MAX) as one block; parts[i] is where the rows' offsets point into.
 * BASE: set by the caller.
 */
int write_block(struct store *store, const struct batch_trace *rows, size_t count,
    const struct buffer parts[CHUNK_PARTS]);

/* The batch's finished traces, as blocks; they are open no longer. */
int write_finished(struct store *store, const struct batch *batch);

/*
 * Blocks of few traces are merged, BLOCK_FANOUT or more of the same level into one of a higher
 * level; large ones are settled: they stay as they are.
 */
#define BLOCK_FANOUT 8
#define BLOCK_SETTLED 9
int block_level(size_t traces, uint64_t bytes);

/* packed_write.c: the batch's statistics of paths, as rows or packed. */
int write_path_stats(struct store *store, const struct batch *batch);

/* Makes rows of a piece of packed statistics whose minute is over. *(int *)did: there was one. */
int write_due(struct store *store, void *did);

/* kin.c: the batch's kin; those of the rows, in the order of their ids, go. */
int write_kin(struct store *store, const struct batch *batch);
int write_no_kin(struct store *store, const struct batch_trace *rows, size_t count);

/* Adds finished traces to the sums of their runs. */
int write_run_sums(struct store *store, const struct batch_trace *traces, size_t count);
int write_counter(struct store *store, uint32_t stream, const char *name, uint64_t more);

/* What a killed collector left open comes to its end, but for sessions. In a transaction of the
 * caller's. */
int write_leftovers(struct store *store, struct model *model);

/* The row of an open trace. 1; 0: it is damaged. */
int write_read_open(
    struct store *store, sqlite3_int64 id, const void *bytes, size_t size, struct batch_trace *row);

/* Runs `work` in a transaction: all of it or nothing. */
int write_all(struct store *store, int (*work)(struct store *store, void *context), void *context);

#endif
