/* SPDX-License-Identifier: Apache-2.0 */
/* What may wait: merging small blocks, adding up minutes that are over, giving free pages back. A
 * piece at a time. */
#include "storage/sqlite/writer.h"

#include "storage/sqlite/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define MERGE_MAX 512        /* blocks looked at in one piece */
#define MINUTES_LATE 2       /* a minute is added to the totals when one so much later has begun */
#define ROWS_A_PIECE 2000    /* of path_minute */
#define FREE_PAGES_KEPT 2048 /* more are given back, when they are also a quarter of all */
#define PAGES_A_PIECE 512
#define COMMITS_BETWEEN 64 /* looks for free pages */

int block_level(size_t traces, uint64_t bytes)
{
    int level = 0;

    if (traces >= BLOCK_TRACES_MAX / 2 || bytes >= BLOCK_BYTES_MAX / 2)
        return BLOCK_SETTLED;
    for (; traces >= BLOCK_FANOUT; traces /= BLOCK_FANOUT)
        level++;
    return level;
}

/* Blocks that are to become one. */
struct merge {
    int64_t ids[MERGE_MAX];
    size_t count;
    int level;
};

/* The oldest blocks of a level, if there are enough; so many as fit into one. */
static int find_merge(struct store *store, struct merge *merge)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_MERGE_LIST);
    int64_t traces = 0, bytes = 0;
    size_t there = 0;
    int got;

    merge->count = 0;
    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, merge->level);
    sqlite3_bind_int64(statement, 2, MERGE_MAX);
    while ((got = database_step(&store->database, statement)) > 0) {
        there++;
        traces += sqlite3_column_int64(statement, 1);
        bytes += sqlite3_column_int64(statement, 2);
        if (merge->count + 1 == there &&
            (there == 1 || (traces <= BLOCK_TRACES_MAX && bytes <= BLOCK_BYTES_MAX)))
            merge->ids[merge->count++] = sqlite3_column_int64(statement, 0);
    }
    if (there < BLOCK_FANOUT)
        merge->count = 0;
    return got;
}

static void shift(struct batch_trace *row, const uint64_t behind[CHUNK_PARTS])
{
    for (int i = 0; i < CHUNK_PARTS; i++)
        row->offset[i] = behind[i];
}

/* Reads a block's rows and appends its records. The number of rows, 0 if the block is damaged, -1.
 */
static int append_block(struct store *store, int64_t id, struct batch_trace *rows, size_t most,
    struct buffer parts[CHUNK_PARTS])
{
    sqlite3_stmt *statement = write_statement(store, WRITE_READ_DATA);
    struct block block = {0};
    uint64_t at[CHUNK_PARTS];
    int got, count = 0;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    got = database_step(&store->database, statement);
    if (got <= 0)
        return got;
    if (block_read(&block, sqlite3_column_blob(statement, 0),
            (size_t)sqlite3_column_bytes(statement, 0)) < 0 ||
        block_decode_all(&block, &store->packer) < 0 || block.count > most)
        goto done;
    for (int i = 0; i < CHUNK_PARTS; i++) {
        const unsigned char *bytes = sqlite3_column_blob(statement, 1 + i);
        struct reader in = {
            bytes, bytes ? bytes + sqlite3_column_bytes(statement, 1 + i) : NULL, 0};
        struct piece piece;

        at[i] = parts[i].size;
        if (bytes &&
            (pack_next(&in, &piece) < 0 || pack_get(&store->packer, &piece, &parts[i]) < 0))
            goto done;
    }
    for (uint32_t i = 0; i < block.count; i++) {
        block_get(&block, i, &rows[i]);
        shift(&rows[i], at);
        for (int part = 0; part < CHUNK_PARTS; part++) {
            at[part] += rows[i].size[part];
            if (at[part] > parts[part].size)
                goto done;
        }
    }
    count = (int)block.count;
done:
    block_fini(&block);
    sqlite3_reset(statement);
    return count;
}

static int write_id(struct store *store, enum write_statement number, int64_t id)
{
    sqlite3_stmt *statement = write_statement(store, number);

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    return write_done(store, statement);
}

static int settle(struct store *store, int64_t id)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_SETTLE);

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, BLOCK_SETTLED);
    sqlite3_bind_int64(statement, 2, id);
    return write_done(store, statement);
}

/* A block that cannot be read stays as it is: whoever reads it is told. */
static int merge_blocks(struct store *store, void *context)
{
    const struct merge *merge = context;
    struct buffer parts[CHUNK_PARTS] = {{0}};
    size_t rows = 0;
    int result = -1;

    for (size_t i = 0; i < merge->count; i++) {
        int got =
            append_block(store, merge->ids[i], store->rows + rows, BLOCK_TRACES_MAX - rows, parts);

        if (got < 0)
            goto done;
        if (got == 0 || merge->count == 1) {
            if (settle(store, merge->ids[i]) < 0)
                goto done;
            continue;
        }
        rows += (size_t)got;
        if (write_id(store, WRITE_DELETE_BLOCK, merge->ids[i]) < 0 ||
            write_id(store, WRITE_DELETE_DATA, merge->ids[i]) < 0)
            goto done;
    }
    result = rows > 0 && merge->count > 1 ? write_block(store, store->rows, rows, parts) : 0;
done:
    for (int i = 0; i < CHUNK_PARTS; i++)
        buffer_fini(&parts[i]);
    return result;
}

/* 1: did a piece. */
static int tidy_blocks(struct store *store)
{
    struct merge merge;

    for (merge.level = 0; merge.level < BLOCK_SETTLED; merge.level++) {
        if (find_merge(store, &merge) < 0)
            return -1;
        if (merge.count > 0)
            return write_all(store, merge_blocks, &merge) < 0 ? -1 : 1;
    }
    return 0;
}

struct due {
    int64_t behind, before; /* ids of path_minute */
};

/* Adds rows to the totals; `behind` is then the last of them. */
static int add_minutes(struct store *store, void *context)
{
    sqlite3_stmt *due = write_statement(store, WRITE_DUE_MINUTES), *total;
    struct due *range = context;
    int got;

    if (due == NULL)
        return -1;
    sqlite3_bind_int64(due, 1, range->behind);
    sqlite3_bind_int64(due, 2, range->before);
    sqlite3_bind_int64(due, 3, ROWS_A_PIECE);
    while ((got = database_step(&store->database, due)) > 0) {
        total = write_statement(store, WRITE_TOTAL);
        if (total == NULL)
            return -1;
        for (int i = 0; i < 8; i++)
            sqlite3_bind_value(total, i + 1, sqlite3_column_value(due, i));
        if (write_done(store, total) < 0)
            return -1;
        range->behind = sqlite3_column_int64(due, 8);
    }
    return got < 0 ? -1 : write_property(store, "total_through", range->behind);
}

static int tidy_minutes(struct store *store)
{
    struct due range = {.behind = store->total_through};
    int64_t minute, next;
    char sql[128];

    if (database_integer(&store->database,
            "SELECT max(coalesce((SELECT max(id) >> 24 FROM path_minute), 0),"
            " coalesce((SELECT max(minute) FROM path_packed), 0))",
            &minute) < 0)
        return -1;
    range.before = schema_minute_id(minute - MINUTES_LATE + 1, 0);
    snprintf(sql, sizeof(sql), "SELECT min(id) FROM path_minute WHERE id > %" PRId64, range.behind);
    if (range.before <= range.behind || database_integer(&store->database, sql, &next) < 0)
        return range.before <= range.behind ? 0 : -1;
    if (next == 0 || next >= range.before)
        return 0;
    if (write_all(store, add_minutes, &range) < 0)
        return -1;
    store->total_through = range.behind;
    return 1;
}

/* Merging leaves free pages, which the next blocks take; when they are many, the disk gets them
 * back. */
static int tidy_pages(struct store *store)
{
    int64_t unused, pages;
    char sql[64];

    if (++store->commits % COMMITS_BETWEEN != 0)
        return 0;
    if (database_integer(&store->database, "PRAGMA freelist_count", &unused) < 0 ||
        database_integer(&store->database, "PRAGMA page_count", &pages) < 0)
        return -1;
    if (unused < FREE_PAGES_KEPT || unused < pages / 4)
        return 0;
    store->commits = COMMITS_BETWEEN - 1;
    sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", PAGES_A_PIECE);
    return database_execute(&store->database, sql) < 0 ? -1 : 1;
}

int store_tidy(struct store *store)
{
    int did = tidy_blocks(store);

    if (did == 0 && write_all(store, write_due, &did) < 0)
        return -1;
    if (did == 0)
        did = tidy_minutes(store);
    return did == 0 ? tidy_pages(store) : did;
}
