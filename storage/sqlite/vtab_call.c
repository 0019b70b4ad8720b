/* SPDX-License-Identifier: Apache-2.0 */
/* Calls are read a chunk at a time; the rows of a chunk come in the order in which the calls began.
 */
#include "storage/sqlite/scan.h"
#include "storage/sqlite/vtab.h"

#include "analysis/walk.h"

#include <stdlib.h>

static const char declaration[] =
    "CREATE TABLE call(trace INTEGER, call INTEGER, parent INTEGER, operation TEXT, component TEXT,"
    " host TEXT, depth INTEGER, start_at INTEGER, duration_ns INTEGER, self_ns INTEGER,"
    " failed INTEGER, cause TEXT, open INTEGER, calls INTEGER, operation_id INTEGER,"
    " assumed INTEGER)";

enum table_column {
    TABLE_TRACE,
    TABLE_CALL,
    TABLE_PARENT,
    TABLE_OPERATION,
    TABLE_COMPONENT,
    TABLE_HOST,
    TABLE_DEPTH,
    TABLE_START,
    TABLE_DURATION,
    TABLE_SELF,
    TABLE_FAILED,
    TABLE_CAUSE,
    TABLE_OPEN,
    TABLE_CALLS,
    TABLE_OPERATION_ID,
    TABLE_ASSUMED
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct trace_query query;
    struct scan *traces;
    struct located trace;
    struct chunks chunks;
    struct walk *walk;       /* through `trace`; NULL: between traces */
    LIST(struct call) calls; /* of the chunk */
    size_t at;               /* the row: calls.items[at] */
    int no_memory, at_end;
    sqlite3_int64 number;
};

static int on_connect(sqlite3 *handle, void *reader, int count, const char *const *words,
    sqlite3_vtab **vtab, char **error)
{
    (void)count;
    (void)words;
    (void)error;
    return vtab_connect(handle, reader, declaration, vtab);
}

static int on_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    (void)vtab;
    info->idxNum = 0;
    info->estimatedCost = 1e9;
    info->estimatedRows = 100000000;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn != TABLE_TRACE ||
            info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        if (!info->aConstraint[i].usable)
            return SQLITE_CONSTRAINT; /* not in this order of tables: it would read everything for
                                         every row */
        info->aConstraintUsage[i].argvIndex = 1;
        info->idxNum = 1;
        info->estimatedCost = 1e4;
        info->estimatedRows = 1000;
        break;
    }
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
    struct cursor *new = sqlite3_malloc64(sizeof(*new));

    if (new == NULL)
        return SQLITE_NOMEM;
    *new = (struct cursor){.at_end = 1};
    *cursor = &new->base;
    read_begin(((struct vtab *)vtab)->reader);
    return SQLITE_OK;
}

static void leave_trace(struct cursor *cursor)
{
    walk_free(cursor->walk);
    cursor->walk = NULL;
    chunks_close(&cursor->chunks);
}

static int on_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;

    leave_trace(cursor);
    scan_close(cursor->traces);
    list_fini(&cursor->calls);
    query_fini(&cursor->query);
    read_end(((struct vtab *)base->pVtab)->reader, 0);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static void on_leave(void *context, struct call *call)
{
    struct cursor *cursor = context;
    struct call *place = list_add(&cursor->calls);

    if (place)
        *place = *call;
    else
        cursor->no_memory = 1;
}

static int by_position(const void *a, const void *b)
{
    const struct call *x = a, *y = b;

    return (x->position > y->position) - (x->position < y->position);
}

/* 1: at the next trace; 0: there is none; -1 */
static int enter_trace(struct cursor *cursor, struct store_reader *reader)
{
    const struct walker walker = {.on_leave = on_leave, .context = cursor};
    struct scan_place place;
    int got = scan_next(cursor->traces, &cursor->trace, &place);

    if (got <= 0)
        return got;
    if (chunks_open(&cursor->chunks, reader, &cursor->trace) < 0)
        return -1;
    cursor->walk = walk_new(&cursor->trace.trace, &walker);
    return cursor->walk ? 1 : database_fail(&reader->database, "not enough memory for the query");
}

/* Reads the next chunk's calls, or those that are open when there is none. 0 or -1. */
static int feed(struct cursor *cursor, struct store_reader *reader)
{
    struct chunk_view view;
    int got = chunks_next(&cursor->chunks, &view), result = 0;

    if (got < 0)
        return -1;
    result = got > 0 ? walk_feed(cursor->walk, &view) : walk_end(cursor->walk);
    reader->is_damage = result < 0;
    if (result < 0 || cursor->no_memory)
        return database_fail(&reader->database, "%s: trace %llu: %s", reader->database.location,
            (unsigned long long)cursor->trace.trace.id,
            result < 0 ? walk_error(cursor->walk) : "not enough memory for its calls");
    if (got == 0)
        leave_trace(cursor);
    return 0;
}

static int on_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    struct store_reader *reader = ((struct vtab *)base->pVtab)->reader;

    cursor->number++;
    if (++cursor->at < cursor->calls.count)
        return SQLITE_OK;
    cursor->at = cursor->calls.count = 0;
    while (cursor->calls.count == 0) {
        int got = cursor->walk ? 1 : enter_trace(cursor, reader);

        if (got > 0 && feed(cursor, reader) < 0) {
            leave_trace(cursor);
            got = read_leaves_out(reader, -(int64_t)cursor->trace.trace.id) ? 1 : -1;
        }
        if (got < 0 || read_is_late(reader)) {
            cursor->at_end = 1;
            return vtab_failed(base->pVtab);
        }
        if (got == 0) {
            cursor->at_end = 1;
            return SQLITE_OK;
        }
    }
    qsort(cursor->calls.items, cursor->calls.count, sizeof(*cursor->calls.items), by_position);
    return SQLITE_OK;
}

static int on_filter(
    sqlite3_vtab_cursor *base, int plan, const char *text, int count, sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;

    (void)text;
    (void)count;
    leave_trace(cursor);
    scan_close(cursor->traces);
    query_init(&cursor->query);
    cursor->query.sort = SORT_ID;
    cursor->query.ascending = 1;
    if (plan == 1) {
        int64_t id = sqlite3_value_int64(values[0]);

        if (sqlite3_value_type(values[0]) == SQLITE_NULL)
            cursor->query.nothing = 1;
        query_narrow(&cursor->query, SORT_ID, id, id);
    }
    cursor->calls.count = cursor->at = 0;
    cursor->number = 0;
    cursor->at_end = 0;
    cursor->traces = scan_open(((struct vtab *)base->pVtab)->reader, &cursor->query, NULL, 0);
    return cursor->traces ? on_next(base) : vtab_failed(base->pVtab);
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->at_end;
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    struct cursor *cursor = (struct cursor *)base;
    struct store_reader *reader = ((struct vtab *)base->pVtab)->reader;
    const struct call *call = &cursor->calls.items[cursor->at];
    const char *name = "", *component = "";

    if (column == TABLE_OPERATION || column == TABLE_COMPONENT)
        store_operation(reader, call->operation, &name, &component);
    switch ((enum table_column)column) {
    case TABLE_TRACE:
        sqlite3_result_int64(context, (sqlite3_int64)cursor->trace.trace.id);
        break;
    case TABLE_CALL:
        sqlite3_result_int64(context, (sqlite3_int64)call->position);
        break;
    case TABLE_PARENT:
        if (call->parent != CALL_NO_PARENT)
            sqlite3_result_int64(context, (sqlite3_int64)call->parent);
        break;
    case TABLE_OPERATION:
        vtab_text(context, name);
        break;
    case TABLE_COMPONENT:
        vtab_text(context, component);
        break;
    case TABLE_HOST:
        vtab_text(context, dictionary_name(reader, call->host));
        break;
    case TABLE_DEPTH:
        sqlite3_result_int64(context, call->depth);
        break;
    case TABLE_START:
        sqlite3_result_int64(context, call->start);
        break;
    case TABLE_DURATION:
        sqlite3_result_int64(context, call->duration);
        break;
    case TABLE_SELF:
        sqlite3_result_int64(context, call->self);
        break;
    case TABLE_FAILED:
        sqlite3_result_int(context, call->failed);
        break;
    case TABLE_CAUSE:
        if (call->failed)
            vtab_text(context, dictionary_name(reader, call->cause));
        break;
    case TABLE_OPEN:
        sqlite3_result_int(context, call->open);
        break;
    case TABLE_CALLS:
        sqlite3_result_int64(context, (sqlite3_int64)call->calls);
        break;
    case TABLE_OPERATION_ID:
        sqlite3_result_int64(context, call->operation);
        break;
    case TABLE_ASSUMED:
        sqlite3_result_int(context, call->assumed);
        break;
    }
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    *id = ((struct cursor *)base)->number;
    return SQLITE_OK;
}

const sqlite3_module vtab_call = {
    .iVersion = 1,
    .xConnect = on_connect,
    .xBestIndex = on_best_index,
    .xDisconnect = vtab_disconnect,
    .xOpen = on_open,
    .xClose = on_close,
    .xFilter = on_filter,
    .xNext = on_next,
    .xEof = on_eof,
    .xColumn = on_column,
    .xRowid = on_rowid,
};
