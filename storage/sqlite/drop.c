/* SPDX-License-Identifier: Apache-2.0 */
/* A block goes, and what it added to sums of its classes and runs with it. */
#include "storage/sqlite/retain.h"
#include "storage/sqlite/writer.h"

#include "analysis/histogram.h"

#include <stdlib.h>

#define CHUNKS_A_PIECE 64
#define BYTES_A_PIECE (4 << 20)

/* What is known of the block without its columns. */
struct dropped {
    int64_t first, last; /* ids of traces */
    int64_t traces, calls, failed, incomplete, run;
};

static int read_zone(struct store *store, int64_t block, struct dropped *dropped)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_DROP_ZONE);
    int64_t *const values[] = {&dropped->first, &dropped->last, &dropped->traces, &dropped->calls,
        &dropped->failed, &dropped->incomplete, &dropped->run};
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, block);
    got = database_step(&store->database, statement);
    if (got <= 0)
        return -1;
    for (int i = 0; i < 7; i++)
        *values[i] = sqlite3_column_int64(statement, i);
    sqlite3_reset(statement);
    return 0;
}

/* The block's traces into store->rows: their number; 0 if it is damaged; -1. */
static int read_rows(struct store *store, int64_t id)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_READ_DATA);
    struct block block = {0};
    int got, count = 0;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    got = database_step(&store->database, statement);
    if (got <= 0)
        return got;
    if (block_read(&block, sqlite3_column_blob(statement, 0),
            (size_t)sqlite3_column_bytes(statement, 0)) == 0 &&
        block.count <= BLOCK_TRACES_MAX && block_decode_all(&block, &store->packer) == 0)
        for (; (uint32_t)count < block.count; count++)
            block_get(&block, (uint32_t)count, &store->rows[count]);
    block_fini(&block);
    sqlite3_reset(statement);
    return count;
}

static int write_values(
    struct store *store, enum write_statement number, int count, const int64_t *values)
{
    sqlite3_stmt *statement = write_statement(store, number);

    if (statement == NULL)
        return -1;
    for (int i = 0; i < count; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    return write_done(store, statement);
}

/* Their chunks, of which there may be any number, go later: nobody finds them any more. */
static int retire_chunks(struct store *store, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int64_t id = (int64_t)store->rows[i].trace.id;

        if (store->rows[i].trace.chunks == 0)
            continue;
        if (write_values(store, WRITE_RETIRE_TRACE, 1, &id) < 0)
            return -1;
        store->retain.has_chunks = 1;
    }
    return 0;
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = ((const struct batch_trace *)a)->trace.id,
             y = ((const struct batch_trace *)b)->trace.id;

    return (x > y) - (x < y);
}

static int retire_kin(struct store *store, size_t count)
{
    qsort(store->rows, count, sizeof(*store->rows), by_id);
    return write_no_kin(store, store->rows, count);
}

static int64_t duration_of(const struct batch_trace *row)
{
    return time_between(row->trace.start, row->trace.end);
}

static int by_class(const void *a, const void *b)
{
    const struct batch_trace *x = a, *y = b;
    int64_t of_x = duration_of(x), of_y = duration_of(y);

    if (x->trace.class != y->trace.class)
        return x->trace.class < y->trace.class ? -1 : 1;
    return (of_x > of_y) - (of_x < of_y);
}

/* The durations, which ascend, as a coded histogram. */
static int encode(const struct batch_trace *rows, size_t count, struct buffer *out)
{
    uint32_t before = 0;

    out->size = 0;
    for (size_t i = 0, same; i < count; i += same) {
        uint32_t bucket = histogram_bucket((uint64_t)duration_of(&rows[i]));

        for (same = 1; i + same < count &&
                       histogram_bucket((uint64_t)duration_of(&rows[i + same])) == bucket;)
            same++;
        if (buffer_reserve(out, 2 * VARINT_MAX) < 0)
            return -1;
        buffer_put(out, bucket - before);
        buffer_put(out, same);
        before = bucket;
    }
    return 0;
}

/* Which of the class's example traces are among the rows: the bits 1 slowest, 2 first, 4 latest. */
static int lost_examples(struct store *store, const struct batch_trace *rows, size_t count)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_CLASS_EXAMPLES);
    int got, lost = 0;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, rows->trace.class);
    got = database_step(&store->database, statement);
    if (got <= 0)
        return got;
    for (size_t i = 0; i < count; i++)
        for (int column = 0; column < 3; column++)
            lost |= (sqlite3_column_int64(statement, column) == (int64_t)rows[i].trace.id)
                    << column;
    sqlite3_reset(statement);
    return lost;
}

/* Rows of one class. */
static int lessen_class(struct store *store, const struct batch_trace *rows, size_t count)
{
    int64_t failed = 0, total = 0;
    sqlite3_stmt *statement;
    int lost = lost_examples(store, rows, count);

    if (lost < 0 || encode(rows, count, &store->coded) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        failed += rows[i].trace.failed > 0;
        total = (int64_t)((uint64_t)total + (uint64_t)duration_of(&rows[i]));
    }
    statement = write_statement(store, WRITE_CLASS_LESS);
    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, rows->trace.class);
    sqlite3_bind_int64(statement, 2, (int64_t)count);
    sqlite3_bind_int64(statement, 3, failed);
    sqlite3_bind_int64(statement, 4, total);
    sqlite3_bind_blob64(statement, 5, store->coded.bytes, store->coded.size, SQLITE_STATIC);
    for (int bit = 0; bit < 3; bit++)
        sqlite3_bind_int64(statement, 6 + bit, lost >> bit & 1);
    return write_done(store, statement) < 0
               ? -1
               : write_values(store, WRITE_CLASS_GONE, 1, (int64_t[]){rows->trace.class});
}

static int lessen_classes(struct store *store, size_t count)
{
    struct batch_trace *rows = store->rows;

    qsort(rows, count, sizeof(*rows), by_class);
    for (size_t i = 0, same; i < count; i += same) {
        for (same = 1; i + same < count && rows[i + same].trace.class == rows[i].trace.class;)
            same++;
        if (rows[i].trace.class != 0 && lessen_class(store, rows + i, same) < 0)
            return -1;
    }
    return 0;
}

static int by_run(const void *a, const void *b)
{
    uint32_t x = ((const struct batch_trace *)a)->trace.run,
             y = ((const struct batch_trace *)b)->trace.run;

    return (x > y) - (x < y);
}

static int lessen_runs(struct store *store, size_t count)
{
    struct batch_trace *rows = store->rows;

    qsort(rows, count, sizeof(*rows), by_run);
    for (size_t i = 0; i < count;) {
        int64_t sum[5] = {rows[i].trace.run};

        for (; i < count && rows[i].trace.run == sum[0]; i++) {
            sum[1]++;
            sum[2] += (int64_t)rows[i].trace.calls;
            sum[3] += rows[i].trace.failed > 0;
            sum[4] += rows[i].trace.state != TRACE_COMPLETE;
        }
        if (write_values(store, WRITE_RUN_LESS, 5, sum) < 0)
            return -1;
    }
    return 0;
}

/*
 * Of a damaged block only its zone map is known: its run, unless there are several, and between
 * which ids its traces were. Chunks that no other block may have are theirs. Sums of classes stay.
 */
static int drop_damaged(struct store *store, const struct dropped *dropped)
{
    const int64_t sum[] = {
        dropped->run, dropped->traces, dropped->calls, dropped->failed, dropped->incomplete};

    const int64_t range[] = {dropped->first, dropped->last};

    if (write_values(store, WRITE_RETIRE_RANGE, 2, range) < 0 ||
        write_values(store, WRITE_KIN_GONE_RANGE, 2, range) < 0)
        return -1;
    store->retain.has_chunks = 1;
    if (dropped->run && write_values(store, WRITE_RUN_LESS, 5, sum) < 0)
        return -1;
    return write_counter(store, 0, "retired_unreadable", (uint64_t)dropped->traces);
}

int write_drop(struct store *store, void *context)
{
    struct drop *drop = context;
    struct dropped dropped;
    int count;

    if (read_zone(store, drop->block, &dropped) < 0 ||
        (count = read_rows(store, drop->block)) < 0 ||
        write_values(store, WRITE_DELETE_BLOCK, 1, &drop->block) < 0 ||
        write_values(store, WRITE_DELETE_DATA, 1, &drop->block) < 0)
        return -1;
    if (count == 0) {
        if (drop_damaged(store, &dropped) < 0)
            return -1;
    } else if (retire_chunks(store, (size_t)count) < 0 || retire_kin(store, (size_t)count) < 0 ||
               lessen_classes(store, (size_t)count) < 0 || lessen_runs(store, (size_t)count) < 0) {
        return -1;
    }
    drop->traces = (uint64_t)dropped.traces;
    return write_counter(
        store, 0, drop->by_size ? "retired_for_size" : "retired_for_age", drop->traces);
}

/* ---- chunks */

static int64_t next_retired(struct store *store)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_NEXT_RETIRED);
    int64_t trace = 0;
    int got = statement ? database_step(&store->database, statement) : -1;

    if (got > 0) {
        trace = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return got < 0 ? -1 : trace;
}

static int write_no_chunks(struct store *store, void *context)
{
    const int64_t *trace = context;
    sqlite3_stmt *statement = write_statement(store, WRITE_CHUNKS_OF);
    int64_t ids[CHUNKS_A_PIECE], bytes = 0;
    int got = 0, count = 0;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, *trace);
    while (count < CHUNKS_A_PIECE && bytes < BYTES_A_PIECE &&
           (got = database_step(&store->database, statement)) > 0) {
        ids[count++] = sqlite3_column_int64(statement, 0);
        bytes += sqlite3_column_int64(statement, 1);
    }
    sqlite3_reset(statement);
    if (got < 0)
        return -1;
    for (int i = 0; i < count; i++)
        if (write_values(store, WRITE_DELETE_CHUNK, 1, &ids[i]) < 0)
            return -1;
    return got == 0 ? write_values(store, WRITE_RETIRED_GONE, 1, trace) : 0;
}

int drop_chunks(struct store *store)
{
    int64_t trace = next_retired(store);

    if (trace <= 0)
        return trace < 0 ? -1 : 0;
    return write_all(store, write_no_chunks, &trace) < 0 ? -1 : 1;
}
