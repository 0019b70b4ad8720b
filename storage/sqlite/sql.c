/* SPDX-License-Identifier: Apache-2.0 */
/* SQL from outside: one statement that only reads. The connection cannot write; the authorizer says
 * so in good time. */
#include "storage/sqlite/reading.h"

#include <stdlib.h>
#include <string.h>

/* Pragmas that only tell. */
static const char *const pragmas[] = {"table_info", "table_xinfo", "table_list", "index_list",
    "index_info", "function_list", "user_version"};

static int on_authorize(
    void *context, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)context;
    (void)c;
    (void)d;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return b && strcmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
        for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
            if (strcmp(a, pragmas[i]) == 0 && (b == NULL || strcmp(a, "user_version") != 0))
                return SQLITE_OK;
        return SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

static int refuse(struct store_reader *reader)
{
    if (sqlite3_errcode(reader->database.handle) == SQLITE_AUTH)
        return database_fail(&reader->database, "only SELECT is allowed (and PRAGMA table_info and "
                                                "its like): the database is read, not written");
    if (sqlite3_errcode(reader->database.handle) == SQLITE_ERROR)
        return database_fail(&reader->database, "%s", sqlite3_errmsg(reader->database.handle));
    return database_failed(&reader->database);
}

/* Whether nothing but space, comments and semicolons is left. */
static int is_empty(struct store_reader *reader, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int empty;

    while (*sql == ';' || *sql == ' ' || *sql == '\n' || *sql == '\t' || *sql == '\r')
        sql++;
    if (*sql == '\0')
        return 1;
    empty = sqlite3_prepare_v2(reader->database.handle, sql, -1, &statement, NULL) == SQLITE_OK &&
            statement == NULL;
    sqlite3_finalize(statement);
    return empty;
}

static int prepare(struct store_reader *reader, const char *sql, sqlite3_stmt **statement)
{
    const char *rest;

    if (sqlite3_prepare_v2(reader->database.handle, sql, -1, statement, &rest) != SQLITE_OK)
        return refuse(reader);
    if (*statement == NULL)
        return database_fail(&reader->database, "there is no statement: write SELECT ...");
    if (!sqlite3_stmt_readonly(*statement))
        return database_fail(
            &reader->database, "only SELECT is allowed: the database is read, not written");
    if (!is_empty(reader, rest))
        return database_fail(&reader->database,
            "one statement at a time: leave out what follows the first semicolon");
    return 0;
}

static struct sql_value value_of(sqlite3_stmt *statement, int column)
{
    struct sql_value value = {.type = SQL_NULL};

    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        value.type = SQL_INTEGER;
        value.integer = sqlite3_column_int64(statement, column);
        break;
    case SQLITE_FLOAT:
        value.type = SQL_REAL;
        value.real = sqlite3_column_double(statement, column);
        break;
    case SQLITE_TEXT:
        value.type = SQL_TEXT;
        value.text = (const char *)sqlite3_column_text(statement, column);
        value.size = (size_t)sqlite3_column_bytes(statement, column);
        break;
    case SQLITE_BLOB:
        value.type = SQL_BLOB;
        value.text = sqlite3_column_blob(statement, column);
        value.size = (size_t)sqlite3_column_bytes(statement, column);
        break;
    default:
        break;
    }
    if ((value.type == SQL_TEXT || value.type == SQL_BLOB) && value.text == NULL)
        value.text = "";
    return value;
}

static int give_rows(
    struct store_reader *reader, sqlite3_stmt *statement, const struct sql_sink *sink)
{
    unsigned count = (unsigned)sqlite3_column_count(statement);
    const char **names = calloc(count + 1, sizeof(*names));
    struct sql_value *values = calloc(count + 1, sizeof(*values));
    int got = SQLITE_DONE, ended = names == NULL || values == NULL ? -1 : 0;

    for (unsigned i = 0; ended == 0 && i < count; i++)
        names[i] = sqlite3_column_name(statement, (int)i);
    if (ended == 0)
        ended = sink->columns(sink->context, count, names) != 0;
    while (ended == 0 && (got = sqlite3_step(statement)) == SQLITE_ROW) {
        for (unsigned i = 0; i < count; i++)
            values[i] = value_of(statement, (int)i);
        ended = sink->row(sink->context, count, values) != 0;
    }
    free(names);
    free(values);
    if (ended < 0)
        return database_fail(&reader->database, "not enough memory for the query");
    return got == SQLITE_ROW || got == SQLITE_DONE ? 0 : refuse(reader);
}

int store_sql(struct store_reader *reader, const char *sql, const struct sql_sink *sink)
{
    sqlite3_stmt *statement = NULL;
    int result;

    if (read_begin(reader) < 0)
        return -1;
    sqlite3_set_authorizer(reader->database.handle, on_authorize, NULL);
    result = prepare(reader, sql, &statement);
    if (result == 0)
        result = give_rows(reader, statement, sink);
    sqlite3_finalize(statement);
    sqlite3_set_authorizer(reader->database.handle, NULL, NULL);
    return read_end(reader, result);
}
