/* SPDX-License-Identifier: Apache-2.0 */
/* Which trace has started which: see the table `kin` in schema.c. */
#include "storage/sqlite/reading.h"
#include "storage/sqlite/writer.h"

#include <stdlib.h>

int write_kin(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->kin.count; i++) {
        const struct batch_kin *kin = &batch->kin.items[i];
        sqlite3_stmt *statement = write_statement(store, WRITE_KIN);

        if (statement == NULL)
            return -1;
        sqlite3_bind_int64(statement, 1, kin->stream);
        sqlite3_bind_int64(statement, 2, kin->kieker_id);
        sqlite3_bind_int64(statement, 3, (int64_t)kin->trace);
        if (kin->is_parent)
            sqlite3_bind_null(statement, 4);
        else
            sqlite3_bind_int64(statement, 4, kin->order);
        if (write_done(store, statement) < 0)
            return -1;
    }
    return 0;
}

/* ---- letting go */

static int is_among(const struct batch_trace *rows, size_t count, uint64_t id)
{
    size_t from = 0, to = count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;

        if (rows[middle].trace.id == id)
            return 1;
        *(rows[middle].trace.id < id ? &from : &to) =
            rows[middle].trace.id < id ? middle + 1 : middle;
    }
    return 0;
}

int write_no_kin(struct store *store, const struct batch_trace *rows, size_t count)
{
    sqlite3_stmt *between = write_statement(store, WRITE_KIN_BETWEEN), *gone;
    LIST(int64_t) found = {0};
    int got = between ? 0 : -1;

    if (between && count > 0) {
        sqlite3_bind_int64(between, 1, (int64_t)rows[0].trace.id);
        sqlite3_bind_int64(between, 2, (int64_t)rows[count - 1].trace.id);
        while ((got = database_step(&store->database, between)) > 0) {
            int64_t id = sqlite3_column_int64(between, 0),
                    *place = is_among(rows, count, (uint64_t)id) ? list_add(&found) : &id;

            if (place == NULL)
                break;
            *place = id;
        }
        sqlite3_reset(between);
    }
    for (size_t i = 0; got == 0 && i < found.count; i++) {
        gone = write_statement(store, WRITE_KIN_GONE);
        if (gone == NULL)
            got = -1;
        else
            sqlite3_bind_int64(gone, 1, found.items[i]);
        if (got == 0)
            got = write_done(store, gone);
    }
    list_fini(&found);
    return got == 0 ? 0 : -1;
}

/* ---- asking */

int store_parent(struct store_reader *reader, const struct trace *child, uint64_t *id)
{
    sqlite3_stmt *statement;
    int got;

    if (!trace_has_parent(child))
        return 0;
    statement = read_statement(reader, READ_PARENT, child->stream);
    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 2, child->parent_kieker_id);
    sqlite3_bind_int64(statement, 3, (int64_t)child->id);
    got = database_step(&reader->database, statement);
    if (got > 0)
        *id = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return got;
}

int store_children(
    struct store_reader *reader, const struct trace *parent, child_sink *sink, void *context)
{
    sqlite3_stmt *statement = read_statement(reader, READ_CHILDREN, parent->stream);
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 2, parent->kieker_id);
    sqlite3_bind_int64(statement, 3, (int64_t)parent->id);
    while ((got = database_step(&reader->database, statement)) > 0)
        if (sink(context, (uint64_t)sqlite3_column_int64(statement, 0),
                sqlite3_column_int(statement, 1)))
            break;
    sqlite3_reset(statement);
    return got < 0 ? -1 : 0;
}
