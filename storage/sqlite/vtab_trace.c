/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/scan.h"
#include "storage/sqlite/vtab.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The columns, in order: name, SQL type, the sort whose key it is (or none), whether an equal value
 * can be looked for. */
#define NO_SORT TRACE_SORTS
#define TRACE_TABLE(COLUMN)                                                                        \
    COLUMN(ID, "id INTEGER", SORT_ID, 0)                                                           \
    COLUMN(RUN, "run TEXT", NO_SORT, 1)                                                            \
    COLUMN(HOST, "host TEXT", NO_SORT, 1)                                                          \
    COLUMN(THREAD, "thread INTEGER", NO_SORT, 0)                                                   \
    COLUMN(ROOT, "root TEXT", NO_SORT, 0)                                                          \
    COLUMN(COMPONENT, "component TEXT", NO_SORT, 0)                                                \
    COLUMN(START, "start_at INTEGER", SORT_START, 0)                                               \
    COLUMN(END, "end_at INTEGER", NO_SORT, 0)                                                      \
    COLUMN(DURATION, "duration_ns INTEGER", SORT_DURATION, 0)                                      \
    COLUMN(CALLS, "calls INTEGER", SORT_CALLS, 0)                                                  \
    COLUMN(DEPTH, "depth INTEGER", SORT_DEPTH, 0)                                                  \
    COLUMN(FAILED, "failed INTEGER", SORT_FAILED, 0)                                               \
    COLUMN(STATE, "state TEXT", NO_SORT, 1)                                                        \
    COLUMN(CLASS, "class INTEGER", NO_SORT, 1)                                                     \
    COLUMN(TRACE_ID, "trace_id INTEGER", NO_SORT, 0)                                               \
    COLUMN(SESSION, "session TEXT", NO_SORT, 0)                                                    \
    COLUMN(STREAM, "stream INTEGER", NO_SORT, 0)                                                   \
    COLUMN(PARENT_TRACE_ID, "parent_trace_id INTEGER", NO_SORT, 0)                                 \
    COLUMN(PARENT_ORDER, "parent_order INTEGER", NO_SORT, 0)                                       \
    COLUMN(APPLICATION, "application TEXT", NO_SORT, 0)                                            \
    COLUMN(EVENTS, "events INTEGER", NO_SORT, 0)                                                   \
    COLUMN(FLAWS, "flaws TEXT", NO_SORT, 0)                                                        \
    COLUMN(ROOT_PATH, "root_path INTEGER", NO_SORT, 0)                                             \
    COLUMN(ROOT_OPERATION, "root_operation INTEGER", NO_SORT, 0)

enum table_column {
#define COLUMN(name, declaration, sort, equal) TABLE_##name,
    TRACE_TABLE(COLUMN)
#undef COLUMN
        TABLE_COLUMNS
};

static const struct {
    const char *declaration;
    enum trace_sort sort;
    int equal;
} table[TABLE_COLUMNS] = {
#define COLUMN(name, declaration, sort, equal) {declaration, sort, equal},
    TRACE_TABLE(COLUMN)
#undef COLUMN
};

struct cursor {
    sqlite3_vtab_cursor base;
    struct trace_query query;
    struct scan *scan;
    struct located located;
    struct trace_row row;
    int has_row; /* `row` is of this trace */
    int at_end;
};

static int on_connect(sqlite3 *handle, void *reader, int count, const char *const *words,
    sqlite3_vtab **vtab, char **error)
{
    char declaration[2048] = "CREATE TABLE trace(";

    (void)count;
    (void)words;
    (void)error;
    for (int i = 0; i < TABLE_COLUMNS; i++)
        strcat(strcat(declaration, i ? ", " : ""), table[i].declaration);
    return vtab_connect(handle, reader, strcat(declaration, ")"), vtab);
}

/* Constraints go to on_filter as pairs of characters, column and kind, in the order of the
 * arguments. */
#define COLUMN_LETTER(column) ((char)('A' + (column)))

static char kind_letter(unsigned char operator)
{
    switch (operator) {
    case SQLITE_INDEX_CONSTRAINT_EQ:
        return '=';
    case SQLITE_INDEX_CONSTRAINT_GT:
    case SQLITE_INDEX_CONSTRAINT_GE:
        return '>';
    case SQLITE_INDEX_CONSTRAINT_LT:
    case SQLITE_INDEX_CONSTRAINT_LE:
        return '<';
    default:
        return 0;
    }
}

/* Whether the rows can come in the order that is asked for: one sort key, the id perhaps behind it.
 */
static int order_of(const sqlite3_index_info *info, enum trace_sort *sort, int *ascending)
{
    if (info->nOrderBy < 1 || info->nOrderBy > 2 || info->aOrderBy[0].iColumn < 0)
        return 0;
    *sort = table[info->aOrderBy[0].iColumn].sort;
    *ascending = !info->aOrderBy[0].desc;
    return *sort != NO_SORT &&
           (info->nOrderBy == 1 || (info->aOrderBy[1].iColumn == TABLE_ID &&
                                       info->aOrderBy[1].desc == info->aOrderBy[0].desc));
}

static int on_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
    enum trace_sort sort = SORT_ID;
    char *plan = sqlite3_malloc(2 * info->nConstraint + 1);
    int ascending = 1, arguments = 0;
    double rows = 1e6;

    (void)vtab;
    if (plan == NULL)
        return SQLITE_NOMEM;
    for (int i = 0; i < info->nConstraint; i++) {
        int column = info->aConstraint[i].iColumn;
        char kind = kind_letter(info->aConstraint[i].op);

        if (!info->aConstraint[i].usable || column < 0 || kind == 0 ||
            (table[column].sort == NO_SORT && !(table[column].equal && kind == '=')))
            continue;
        plan[2 * arguments] = COLUMN_LETTER(column);
        plan[2 * arguments + 1] = kind;
        info->aConstraintUsage[i].argvIndex = ++arguments;
        rows /= kind != '=' ? 4 : column == TABLE_ID ? 1e6 : 20;
    }
    plan[2 * arguments] = '\0';
    info->orderByConsumed = order_of(info, &sort, &ascending);
    if (!info->orderByConsumed)
        sort = SORT_ID;
    info->idxNum = (int)sort * 2 + (info->orderByConsumed ? ascending : 1);
    info->idxStr = plan;
    info->needToFreeIdxStr = 1;
    info->estimatedRows = rows < 1 ? 1 : (sqlite3_int64)rows;
    info->estimatedCost = 100 + rows * 2;
    return SQLITE_OK;
}

static int on_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
    struct cursor *new = sqlite3_malloc64(sizeof(*new));

    if (new == NULL)
        return SQLITE_NOMEM;
    *new = (struct cursor){.at_end = 1};
    query_init(&new->query);
    *cursor = &new->base;
    read_begin(((struct vtab *)vtab)->reader);
    return SQLITE_OK;
}

static int on_close(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;

    scan_close(cursor->scan);
    query_fini(&cursor->query);
    read_end(((struct vtab *)base->pVtab)->reader, 0);
    sqlite3_free(cursor);
    return SQLITE_OK;
}

/* SQLite looks at each row again: here the range must only not be too narrow. */
static void narrow(struct trace_query *query, enum trace_sort sort, char kind, sqlite3_value *value)
{
    int64_t low, high;
    double real;

    switch (sqlite3_value_type(value)) {
    case SQLITE_INTEGER:
        low = high = sqlite3_value_int64(value);
        break;
    case SQLITE_FLOAT:
        real = sqlite3_value_double(value);
        if (!(real > -9e18 && real < 9e18))
            return;
        low = (int64_t)floor(real);
        high = (int64_t)ceil(real);
        break;
    case SQLITE_NULL:
        query->nothing = 1;
        return;
    default:
        return;
    }
    query_narrow(query, sort, kind == '<' ? INT64_MIN : low, kind == '>' ? INT64_MAX : high);
}

/* An equal text or class. 0 or -1. */
static int only(
    struct trace_query *query, struct store_reader *reader, int column, sqlite3_value *value)
{
    const int is_text = sqlite3_value_type(value) == SQLITE_TEXT;
    const char *text = is_text ? (const char *)sqlite3_value_text(value) : NULL;
    int state;

    if (column == TABLE_CLASS && sqlite3_value_type(value) == SQLITE_INTEGER) {
        int64_t class = sqlite3_value_int64(value);

        query->nothing |= class <= 0 || class > UINT32_MAX;
        query->class = (uint32_t) class;
        query->tests |= 1u << TEST_CLASS;
    }
    if (text == NULL)
        return 0;
    if (column == TABLE_STATE) {
        state = trace_state_find(text);
        query_only_states(query, state < 0 ? 0 : 1u << state);
    } else if (column == TABLE_RUN) {
        query->tests |= 1u << TEST_RUN;
        if (read_find_run(reader, text, &query->run) < 0)
            return -1;
        query->nothing |= query->run == 0;
    } else if (column == TABLE_HOST && *text) {
        query->tests |= 1u << TEST_HOST;
        if (read_find_name(reader, text, &query->host) < 0)
            return -1;
        query->nothing |= query->host == 0;
    }
    return 0;
}

static int on_next(sqlite3_vtab_cursor *base)
{
    struct cursor *cursor = (struct cursor *)base;
    struct scan_place place;
    int got = scan_next(cursor->scan, &cursor->located, &place);

    cursor->at_end = got <= 0;
    cursor->has_row = 0;
    return got < 0 ? vtab_failed(base->pVtab) : SQLITE_OK;
}

static int on_filter(
    sqlite3_vtab_cursor *base, int order, const char *plan, int count, sqlite3_value **values)
{
    struct cursor *cursor = (struct cursor *)base;
    struct store_reader *reader = ((struct vtab *)base->pVtab)->reader;

    scan_close(cursor->scan);
    cursor->scan = NULL;
    query_fini(&cursor->query);
    query_init(&cursor->query);
    cursor->query.sort = (enum trace_sort)(order / 2);
    cursor->query.ascending = order % 2;
    for (int i = 0; i < count; i++) {
        int column = plan[2 * i] - 'A';

        if (table[column].sort != NO_SORT)
            narrow(&cursor->query, table[column].sort, plan[2 * i + 1], values[i]);
        else if (only(&cursor->query, reader, column, values[i]) < 0)
            return vtab_failed(base->pVtab);
    }
    cursor->scan = scan_open(reader, &cursor->query, NULL, 0);
    return cursor->scan ? on_next(base) : vtab_failed(base->pVtab);
}

static int on_eof(sqlite3_vtab_cursor *base)
{
    return ((struct cursor *)base)->at_end;
}

static void flaws_text(sqlite3_context *context, unsigned flaws)
{
    char text[512] = "";

    for (unsigned bit = 0; bit < FLAWS; bit++)
        if (flaws >> bit & 1)
            strcat(strcat(text, *text ? " " : ""), trace_flaw_name(bit));
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static void number(sqlite3_context *context, int64_t value, int is_known)
{
    if (is_known)
        sqlite3_result_int64(context, value);
}

static int on_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
    struct cursor *cursor = (struct cursor *)base;
    struct store_reader *reader = ((struct vtab *)base->pVtab)->reader;
    const struct trace *trace = &cursor->located.trace;

    if (!cursor->has_row) {
        located_row(reader, &cursor->located, &cursor->row);
        cursor->has_row = 1;
    }
    switch ((enum table_column)column) {
    case TABLE_RUN:
        vtab_text(context, cursor->row.run);
        break;
    case TABLE_HOST:
        vtab_text(context, cursor->row.host);
        break;
    case TABLE_THREAD:
        sqlite3_result_int64(context, trace->thread);
        break;
    case TABLE_ROOT:
        vtab_text(context, cursor->row.root);
        break;
    case TABLE_COMPONENT:
        vtab_text(context, cursor->row.component);
        break;
    case TABLE_END:
        sqlite3_result_int64(context, trace->end);
        break;
    case TABLE_STATE:
        vtab_text(context, trace_state_name((enum trace_state)trace->state));
        break;
    case TABLE_CLASS:
        number(context, trace->class, trace->class != 0);
        break;
    case TABLE_TRACE_ID:
        sqlite3_result_int64(context, trace->kieker_id);
        break;
    case TABLE_SESSION:
        vtab_text(context, cursor->row.session);
        break;
    case TABLE_STREAM:
        sqlite3_result_int64(context, trace->stream);
        break;
    case TABLE_PARENT_TRACE_ID:
        number(context, trace->parent_kieker_id, trace_has_parent(trace));
        break;
    case TABLE_PARENT_ORDER:
        number(context, trace->parent_order, trace_has_parent(trace) && trace->parent_order >= 0);
        break;
    case TABLE_APPLICATION:
        vtab_text(context, dictionary_name(reader, trace->application));
        break;
    case TABLE_EVENTS:
        sqlite3_result_int64(context, (int64_t)trace->events);
        break;
    case TABLE_FLAWS:
        flaws_text(context, trace->flaws);
        break;
    case TABLE_ROOT_PATH:
        number(context, trace->root, trace->root != 0);
        break;
    case TABLE_ROOT_OPERATION:
        number(context, cursor->row.root_operation, cursor->row.root_operation != 0);
        break;
    case TABLE_ID:
    case TABLE_START:
    case TABLE_DURATION:
    case TABLE_CALLS:
    case TABLE_DEPTH:
    case TABLE_FAILED:
        sqlite3_result_int64(context, sort_key_of(trace, table[column].sort));
        break;
    case TABLE_COLUMNS:
        break;
    }
    return SQLITE_OK;
}

static int on_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
    *id = (sqlite3_int64)((struct cursor *)base)->located.trace.id;
    return SQLITE_OK;
}

const sqlite3_module vtab_trace = {
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
