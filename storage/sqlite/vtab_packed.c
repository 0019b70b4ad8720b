/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual table `path_unpacked`: what path_packed holds, as rows. */
#include "storage/sqlite/packed_scan.h"
#include "storage/sqlite/vtab.h"

static const char declaration[] =
    "CREATE TABLE path_unpacked(minute INTEGER, path INTEGER, calls INTEGER, failed INTEGER,"
    " total_ns INTEGER, self_ns INTEGER, min_ns INTEGER, max_ns INTEGER, histogram BLOB)";

struct cursor {
    sqlite3_vtab_cursor base;
    struct packed_scan scan;
    int64_t number;
    int at_end;
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
    info->estimatedRows = 100000;
    info->estimatedCost = 100000;
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

static int on_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;

    packed_scan_close(&cursor->scan);
    read_end(((struct vtab *)base->pVtab)->reader, 0);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

static int on_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    int got = packed_scan_next(&cursor->scan);

    cursor->at_end = got <= 0;
    cursor->number++;
    return got < 0 ? vtab_failed(base->pVtab) : SQLITE_OK;
}

static int on_filter(
    sqlite3_vtab_cursor *base, int number, const char *plan, int count, sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;
    struct store_reader *reader = ((struct vtab *)base->pVtab)->reader;

    (void)number;
    (void)plan;
    (void)count;
    (void)values;
    packed_scan_close(&cursor->scan);
    cursor->number = 0;
    if (packed_scan_open(&cursor->scan, &reader->database, INT64_MIN, INT64_MAX) < 0)
        return vtab_failed(base->pVtab);
    return on_next(base);
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->at_end;
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    const struct figures *row = &((struct cursor *)base)->scan.rows.row;
    const int64_t values[] = {row->minute, row->path, (int64_t)row->calls, (int64_t)row->failed,
        (int64_t)row->total, (int64_t)row->self, row->minimum, row->maximum};

    if ((size_t)column < sizeof(values) / sizeof(values[0]))
        sqlite3_result_int64(context, values[column]);
    else
        sqlite3_result_blob64(context, row->histogram, row->histogram_size, SQLITE_TRANSIENT);
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    *id = ((struct cursor *)base)->number;
    return SQLITE_OK;
}

const sqlite3_module vtab_packed = {
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
