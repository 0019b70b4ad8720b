/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/scan.h"

#include "storage/sqlite/queue.h"

#include <stdio.h>
#include <stdlib.h>

#define KEPT_MOST (1u << 18) /* traces that wait, when nobody says how many will be asked for */
#define KEPT_LEAST 4096

/*
 * Keys and ids wait so turned (by ~, for a descending order) that the least comes first. Of a
 * running trace `block` is 0 and `row` a place in scan.running.
 */
struct scan {
    struct store_reader *reader;
    const struct trace_query *query;
    int64_t turn; /* 0 or ~0: what keys and ids are combined with */
    int has_behind;
    struct waiting behind, last; /* last: given */
    struct queue queue;
    LIST(struct located) running;
    sqlite3_stmt *blocks; /* in order of the best that they promise; NULL: there is none left */
    struct zone_row next; /* the next one of them */
    int64_t next_key, next_id;
    uint16_t rows[BLOCK_TRACES_MAX];
};

static int no_memory(struct scan *scan)
{
    return database_fail(&scan->reader->database, "not enough memory for the query");
}

static int add(struct scan *scan, struct waiting new)
{
    if (scan->has_behind && !waiting_is_before(&scan->behind, &new))
        return 0;
    return queue_add(&scan->queue, new) < 0 ? no_memory(scan) : 0;
}

static int add_running_again(struct scan *scan, uint32_t row)
{
    const struct trace *trace = &scan->running.items[row].trace;

    return add(scan, (struct waiting){sort_key_of(trace, scan->query->sort) ^ scan->turn,
                         (int64_t)trace->id ^ scan->turn, 0, row});
}

static int add_running(void *context, const struct located *located)
{
    struct scan *scan = context;
    struct located *place = list_add(&scan->running);

    if (place == NULL)
        return no_memory(scan);
    *place = *located;
    return add_running_again(scan, (uint32_t)scan->running.count - 1);
}

/* To the next block that may have a match. 0 or -1. */
static int step_blocks(struct scan *scan)
{
    const struct sort_key *key = &sort_keys[scan->query->sort];
    int got;

    while ((got = database_step(&scan->reader->database, scan->blocks)) > 0) {
        zone_row_read(scan->blocks, &scan->next);
        if (query_try_zone(scan->query, &scan->next) < 0)
            continue;
        scan->next_key = scan->next.values[scan->turn ? key->maximum : key->minimum] ^ scan->turn;
        scan->next_id = scan->next.values[scan->turn ? ZONE_LAST_ID : ZONE_FIRST_ID] ^ scan->turn;
        return 0;
    }
    sqlite3_finalize(scan->blocks);
    scan->blocks = NULL;
    return got;
}

/* The blocks, the best first; those that lie altogether out of the sort key's range are passed over
 * by the index. */
static int open_blocks(struct scan *scan)
{
    static const struct {
        const char *minimum, *maximum;
    } names[TRACE_SORTS] = {[SORT_START] = {"min_start", "max_start"},
        [SORT_DURATION] = {"min_duration", "max_duration"},
        [SORT_CALLS] = {"min_calls", "max_calls"},
        [SORT_DEPTH] = {"min_depth", "max_depth"},
        [SORT_FAILED] = {"min_failed", "max_failed"},
        [SORT_ID] = {"first_id", "last_id"}};
    const enum trace_sort sort = scan->query->sort;
    int64_t low = scan->query->low[sort], high = scan->query->high[sort];
    char sql[1024];

    sqlite3_finalize(scan->blocks);
    scan->blocks = NULL;
    if ((scan->query->states & ~(1u << TRACE_RUNNING)) == 0)
        return 0;
    if (scan->has_behind && scan->turn && (scan->behind.key ^ scan->turn) < high)
        high = scan->behind.key ^ scan->turn;
    if (scan->has_behind && !scan->turn && scan->behind.key > low)
        low = scan->behind.key;
    snprintf(sql, sizeof(sql), "SELECT id%s FROM block WHERE %s >= ?1 AND %s <= ?2 ORDER BY %s%s",
        zone_columns, names[sort].maximum, names[sort].minimum,
        scan->turn ? names[sort].maximum : names[sort].minimum,
        scan->turn ? " DESC, last_id DESC" : ", first_id");
    scan->blocks = database_prepare(&scan->reader->database, sql);
    if (scan->blocks == NULL)
        return -1;
    sqlite3_bind_int64(scan->blocks, 1, low);
    sqlite3_bind_int64(scan->blocks, 2, high);
    return step_blocks(scan);
}

struct scan *scan_open(struct store_reader *reader, const struct trace_query *query,
    const struct scan_place *behind, uint64_t wanted)
{
    struct scan *scan = calloc(1, sizeof(*scan));

    if (scan == NULL) {
        database_fail(&reader->database, "not enough memory for the query");
        return NULL;
    }
    scan->reader = reader;
    scan->query = query;
    scan->queue.most = wanted == 0 || wanted > KEPT_MOST ? KEPT_MOST
                       : wanted < KEPT_LEAST             ? KEPT_LEAST
                                                         : (size_t)wanted;
    scan->turn = query->ascending ? 0 : ~(int64_t)0;
    scan->has_behind = behind != NULL;
    if (behind)
        scan->behind = (struct waiting){
            .key = behind->key ^ scan->turn, .id = (int64_t)behind->id ^ scan->turn};
    if (query->nothing)
        return scan;
    if (rows_running(reader, query, add_running, scan) == 0 && open_blocks(scan) == 0)
        return scan;
    scan_close(scan);
    return NULL;
}

void scan_close(struct scan *scan)
{
    if (scan == NULL)
        return;
    sqlite3_finalize(scan->blocks);
    queue_fini(&scan->queue);
    list_fini(&scan->running);
    free(scan);
}

/* All that matches in the next block joins those that wait. */
static int add_block(struct scan *scan)
{
    struct store_reader *reader = scan->reader;
    int64_t id = scan->next.id;
    enum block_column column = sort_keys[scan->query->sort].column;
    int tests = query_try_zone(scan->query, &scan->next), count;
    struct block *block = blocks_get(reader, id);

    if (block == NULL || blocks_decode(reader, id, block, column) < 0 ||
        blocks_decode(reader, id, block, COLUMN_ID) < 0 || read_is_late(reader))
        return -1;
    count = rows_select(reader, scan->query, id, block, (unsigned)tests, scan->rows);
    for (int i = 0; i < count; i++)
        if (add(scan, (struct waiting){block_value(block, column, scan->rows[i]) ^ scan->turn,
                          block_value(block, COLUMN_ID, scan->rows[i]) ^ scan->turn, id,
                          scan->rows[i]}) < 0)
            return -1;
    return count < 0 ? -1 : 0;
}

static int load_block(struct scan *scan)
{
    if (add_block(scan) < 0 && !read_leaves_out(scan->reader, scan->next.id))
        return -1;
    return step_blocks(scan);
}

/* Begins once more, behind the last that was given: those that the queue had to drop. */
static int begin_again(struct scan *scan)
{
    scan->queue.dropped = 0;
    scan->behind = scan->last;
    scan->has_behind = 1;
    for (uint32_t row = 0; row < scan->running.count; row++)
        if (add_running_again(scan, row) < 0)
            return -1;
    return read_is_late(scan->reader) ? -1 : open_blocks(scan);
}

/* Whether no block is left that may hold what comes before all that waits. */
static int is_first(const struct scan *scan)
{
    const struct waiting promise = {.key = scan->next_key, .id = scan->next_id};
    const struct queue *queue = &scan->queue;

    return scan->blocks == NULL ||
           (queue->heap.count > 0 && waiting_is_before(&queue->heap.items[0], &promise)) ||
           (queue->dropped && waiting_is_before(&queue->bound, &promise));
}

/* 1 and what comes next, 0, -1. */
static int take(struct scan *scan, struct waiting *taken)
{
    for (;;) {
        if (!is_first(scan)) {
            if (load_block(scan) < 0)
                return -1;
        } else if (scan->queue.heap.count > 0) {
            scan->last = *taken = queue_take(&scan->queue);
            return 1;
        } else if (scan->queue.dropped) {
            if (begin_again(scan) < 0)
                return -1;
        } else {
            return 0;
        }
    }
}

int scan_skip(struct scan *scan, uint64_t count)
{
    struct waiting taken;
    int got = 1;

    while (count-- > 0 && got > 0)
        got = take(scan, &taken);
    return got < 0 ? -1 : 0;
}

/* What has been taken. 1; 0: it lies in a block that is damaged further on; -1. */
static int give(
    struct scan *scan, struct waiting taken, struct located *located, struct scan_place *place)
{
    struct batch_trace row;
    struct block *block;

    *place = (struct scan_place){taken.key ^ scan->turn, (uint64_t)(taken.id ^ scan->turn)};
    if (taken.block == 0) {
        *located = scan->running.items[taken.row];
        return 1;
    }
    block = blocks_get(scan->reader, taken.block);
    if (block == NULL || blocks_decode_all(scan->reader, taken.block, block) < 0)
        return read_leaves_out(scan->reader, taken.block) ? 0 : -1;
    block_get(block, taken.row, &row);
    *located = (struct located){row.trace, taken.block, taken.row};
    return 1;
}

int scan_next(struct scan *scan, struct located *located, struct scan_place *place)
{
    struct waiting taken;
    int got;

    while ((got = take(scan, &taken)) > 0) {
        got = give(scan, taken, located, place);
        if (got != 0)
            break;
    }
    return got;
}
