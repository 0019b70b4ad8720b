/* SPDX-License-Identifier: Apache-2.0 */
/* Finished traces into blocks. */
#include "storage/sqlite/writer.h"

#include <stdlib.h>
#include <string.h>

/* How many of the traces from `at` on make a block: at most `most`, and no more bytes than a block
 * should have. */
static size_t take(const struct batch *batch, size_t at, size_t most)
{
    uint64_t bytes = 0;

    for (size_t n = 0; n < most; n++) {
        for (int i = 0; i < CHUNK_PARTS; i++)
            bytes += batch->finished.items[at + n].size[i];
        if (bytes > BLOCK_BYTES_MAX && n > 0)
            return n;
    }
    return most;
}

static int end_open(struct store *store, const struct batch_trace *row)
{
    sqlite3_stmt *statement;

    if (!row->was_open)
        return 0;
    statement = write_statement(store, WRITE_END_TRACE);
    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, (int64_t)row->trace.id);
    return write_done(store, statement);
}

int write_finished(struct store *store, const struct batch *batch)
{
    size_t count = batch->finished.count,
           blocks = (count + BLOCK_TRACES_MAX - 1) / BLOCK_TRACES_MAX;
    size_t share = blocks ? (count + blocks - 1) / blocks : 0, at = 0;

    while (at < count) {
        size_t n = take(batch, at, count - at < share ? count - at : share);

        for (size_t i = 0; i < n; i++) {
            const struct batch_trace *row = &batch->finished.items[at + i];

            store->rows[i] = *row;
            if (end_open(store, row) < 0)
                return -1;
        }
        if (write_block(store, store->rows, n, batch->parts) < 0)
            return -1;
        at += n;
    }
    return write_run_sums(store, batch->finished.items, count);
}

/* The traces' records one behind the other, in the order of the rows. */
static int collect_part(const struct batch_trace *rows, size_t count, int part,
    const struct buffer *from, struct buffer *to)
{
    to->size = 0;
    for (size_t i = 0; i < count; i++)
        if (rows[i].size[part] > 0 &&
            buffer_append(to, from->bytes + rows[i].offset[part], rows[i].size[part]) < 0)
            return -1;
    return 0;
}

static int write_data(struct store *store, sqlite3_int64 id, const struct batch_trace *rows,
    size_t count, const struct buffer parts[CHUNK_PARTS])
{
    sqlite3_stmt *statement = write_statement(store, WRITE_BLOCK_DATA);

    store->coded.size = 0;
    if (statement == NULL ||
        block_encode(&store->scratch, &store->packer, rows, count, &store->coded) < 0)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_blob64(statement, 2, store->coded.bytes, store->coded.size, SQLITE_STATIC);
    for (int i = 0; i < CHUNK_PARTS; i++) {
        struct buffer *room = &store->parts[i];

        store->packed.size = 0;
        if (collect_part(rows, count, i, &parts[i], room) < 0)
            return -1;
        sqlite3_bind_null(statement, 3 + i);
        if (room->size == 0)
            continue;
        if (pack_put(&store->packer, room->bytes, room->size, &store->packed) < 0)
            return -1;
        if (sqlite3_bind_blob64(statement, 3 + i, store->packed.bytes, store->packed.size,
                SQLITE_TRANSIENT) != SQLITE_OK)
            return database_failed(&store->database);
    }
    return write_done(store, statement);
}

int write_block(struct store *store, const struct batch_trace *rows, size_t count,
    const struct buffer parts[CHUNK_PARTS])
{
    sqlite3_stmt *statement = write_statement(store, WRITE_BLOCK);

    if (statement == NULL)
        return -1;
    zone_of(store->zone, rows, count);
    sqlite3_bind_int64(statement, 1, block_level(count, (uint64_t)store->zone->values[ZONE_BYTES]));
    if (zone_bind(store->zone, statement, 2, &store->coded) < 0 || write_done(store, statement) < 0)
        return -1;
    return write_data(store, sqlite3_last_insert_rowid(store->database.handle), rows, count, parts);
}

/* What finished traces add to their run. */
struct run_sum {
    uint32_t run;
    int64_t traces, calls, failed, incomplete, first, last;
};

static int write_run_sum(struct store *store, const struct run_sum *sum)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_RUN_SUM);
    const int64_t values[] = {
        sum->run, sum->traces, sum->calls, sum->failed, sum->incomplete, sum->first, sum->last};

    if (statement == NULL)
        return -1;
    for (int i = 0; i < 7; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    return write_done(store, statement);
}

static void add_to_run(struct run_sum *sum, const struct trace *trace)
{
    if (sum->traces == 0) {
        *sum = (struct run_sum){.run = trace->run, .first = trace->start, .last = trace->end};
    } else {
        sum->first = trace->start < sum->first ? trace->start : sum->first;
        sum->last = trace->end > sum->last ? trace->end : sum->last;
    }
    sum->traces++;
    sum->calls += (int64_t)trace->calls;
    sum->failed += trace->failed > 0;
    sum->incomplete += trace->state != TRACE_COMPLETE;
}

/* Stretches of equal runs: a batch has few. */
int write_run_sums(struct store *store, const struct batch_trace *traces, size_t count)
{
    struct run_sum sum = {0};

    for (size_t i = 0; i < count; i++) {
        if (sum.traces > 0 && sum.run != traces[i].trace.run) {
            if (write_run_sum(store, &sum) < 0)
                return -1;
            sum.traces = 0;
        }
        add_to_run(&sum, &traces[i].trace);
    }
    return sum.traces > 0 ? write_run_sum(store, &sum) : 0;
}
