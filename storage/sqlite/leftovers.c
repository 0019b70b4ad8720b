/* SPDX-License-Identifier: Apache-2.0 */
/* What a killed collector left: its open traces end as they stand, its streams are closed. */
#include "storage/sqlite/writer.h"

#include <stdlib.h>
#include <string.h>

#define FAULT "collector_killed" /* why the streams were given up */

/* Of open traces: nobody comes back to go on with them. */
#define ENDS_NOW                                                                                   \
    "owner NOT IN (SELECT id FROM stream WHERE closed_at IS NULL AND session IS NOT NULL)"

static int end_trace(struct store *store, struct batch_trace *row)
{
    struct trace *trace = &row->trace;

    memset(row->size, 0, sizeof(row->size)); /* all lies apart, whatever a damaged row says */
    trace->flaws |= FLAW_OPEN_CALLS;
    if (trace->kind == TRACE_OF_EVENTS && trace->metadata == METADATA_NONE)
        trace->flaws |= FLAW_NO_METADATA;
    trace->state = trace->flaws & ~FLAWS_INCOMPLETE ? TRACE_DAMAGED : TRACE_INCOMPLETE;
    for (unsigned bit = 0; bit < FLAWS; bit++)
        if ((trace->flaws >> bit & 1) &&
            write_counter(store, trace->stream, trace_flaw_name(bit), 1) < 0)
            return -1;
    return write_run_sums(store, row, 1);
}

/* Reads up to a block of open traces. Their number, or -1. A damaged one is lost, no more. */
static int read_open(struct store *store, sqlite3_stmt *statement)
{
    int got = 0, count = 0;

    while (count < BLOCK_TRACES_MAX && (got = database_step(&store->database, statement)) > 0) {
        if (write_read_open(store, sqlite3_column_int64(statement, 0),
                sqlite3_column_blob(statement, 1), (size_t)sqlite3_column_bytes(statement, 1),
                &store->rows[count]))
            count++;
        else if (write_counter(store, 0, "damaged_open_trace", 1) < 0)
            return -1;
    }
    return got < 0 ? -1 : count;
}

static int end_traces(struct store *store)
{
    const struct buffer none[CHUNK_PARTS] = {{0}};
    sqlite3_stmt *statement = database_prepare(
        &store->database, "SELECT id, data FROM open_trace WHERE " ENDS_NOW " ORDER BY id");
    int count = -1;

    if (statement == NULL)
        return -1;
    while ((count = read_open(store, statement)) > 0) {
        for (int i = 0; i < count; i++)
            if (end_trace(store, &store->rows[i]) < 0)
                goto failed;
        if (write_block(store, store->rows, (size_t)count, none) < 0)
            goto failed;
        if (count < BLOCK_TRACES_MAX)
            break;
    }
    sqlite3_finalize(statement);
    return count < 0 ? -1
                     : database_execute(&store->database, "DELETE FROM open_trace WHERE " ENDS_NOW);
failed:
    sqlite3_finalize(statement);
    return -1;
}

static int close_streams(struct store *store, struct model *model)
{
    size_t names = model->names.count;
    uint32_t fault;
    sqlite3_stmt *statement;
    int64_t open;
    int result;

    if (database_integer(&store->database,
            "SELECT count(*) FROM stream WHERE closed_at IS NULL AND session IS NULL", &open) < 0)
        return -1;
    if (open == 0)
        return 0;
    fault = model_name(model, FAULT, sizeof(FAULT) - 1);
    if (fault >= names) {
        statement = write_statement(store, WRITE_NAME);
        if (statement == NULL)
            return -1;
        sqlite3_bind_int64(statement, 1, fault);
        sqlite3_bind_text(statement, 2, FAULT, -1, SQLITE_STATIC);
        if (write_done(store, statement) < 0)
            return -1;
    }
    statement = database_prepare(&store->database,
        "UPDATE stream SET fault = ?, closed_at = max(opened_at,"
        " coalesce((SELECT value FROM property WHERE name = "
        "'committed_at'), 0)) WHERE closed_at IS NULL AND session IS NULL");
    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, fault);
    result = write_done(store, statement);
    sqlite3_finalize(statement);
    return result;
}

int write_leftovers(struct store *store, struct model *model)
{
    return end_traces(store) < 0 ? -1 : close_streams(store, model);
}
