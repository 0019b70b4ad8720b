/* SPDX-License-Identifier: Apache-2.0 */
/* SQL from outside: one statement that only reads, in bounded time and memory. The connection
 * cannot write; the authorizer says so in good time. */
#include "storage/sqlite/budget.h"
#include "storage/sqlite/functions.h"
#include "storage/sqlite/reading.h"
#include "storage/sqlite/vtab.h"

#include <stdlib.h>
#include <string.h>

/* Pragmas that only tell. */
static const char *const pragmas[] = {"table_info", "table_xinfo", "table_list", "index_list",
    "index_info", "function_list", "user_version"};

/* With these a character can be repeated 2^31 times, which nothing interrupts. */
static int is_refused(const struct store_reader *reader, const char *function)
{
    return function && (strcmp(function, "load_extension") == 0 ||
                           (reader->is_guarded && strcmp(function, "format") == 0));
}

/* Where it is guarded: of printf what our own views need (see schema.c). */
static void on_printf(sqlite3_context *context, int count, sqlite3_value **values)
{
    const unsigned char *format = count == 2 ? sqlite3_value_text(values[0]) : NULL;
    char text[24];

    if (format == NULL || strcmp((const char *)format, "%016x") != 0) {
        sqlite3_result_error(context,
            "printf is for kieker-query --database FILE alone: here it knows '%016x' only", -1);
        return;
    }
    sqlite3_snprintf(sizeof(text), text, "%016llx", sqlite3_value_int64(values[1]));
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static int on_authorize(
    void *context, int action, const char *a, const char *b, const char *c, const char *d)
{
    (void)c;
    (void)d;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_FUNCTION:
        return is_refused(context, b) ? SQLITE_DENY : SQLITE_OK;
    case SQLITE_PRAGMA:
        for (size_t i = 0; i < sizeof(pragmas) / sizeof(pragmas[0]); i++)
            if (strcmp(a, pragmas[i]) == 0 && (b == NULL || strcmp(a, "user_version") != 0))
                return SQLITE_OK;
        return SQLITE_DENY;
    default:
        return SQLITE_DENY;
    }
}

/* What one query of somebody else may cost. */
#define MEMORY_MAX (32 << 20)  /* SQLite's */
#define ANSWER_MAX (16u << 20) /* of all values, with VALUE_COST each */
#define VALUE_COST 64u
#define VALUE_MAX                                                                                  \
    (256 << 10) /* functions that search one value in another take time in the product */

static const struct {
    int limit, most;
} limits[] = {
    {SQLITE_LIMIT_ATTACHED, 0},
    {SQLITE_LIMIT_SQL_LENGTH, 256 << 10},
    {SQLITE_LIMIT_EXPR_DEPTH, 200},
    {SQLITE_LIMIT_COMPOUND_SELECT, 100},
    {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200},
    {SQLITE_LIMIT_WORKER_THREADS, 0},
};

#define STEPS_BETWEEN_LOOKS 4096 /* of SQLite's machine, at the clock */

static int on_progress(void *context)
{
    return read_is_late(context);
}

/* The reader's sentence is what the connection for SQL says. */
static int pass_on(struct store_reader *reader, int failed)
{
    return failed < 0 ? database_fail(&reader->database, "%s", reader->outside.error) : 0;
}

static int set_up(struct store_reader *reader)
{
    sqlite3 *handle = reader->outside.handle;

    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
        sqlite3_limit(handle, limits[i].limit, limits[i].most);
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, reader->is_guarded ? VALUE_MAX : 64 << 20);
    /* What the file's own views and triggers say is not believed either. */
    sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    if (database_execute(&reader->outside,
            "PRAGMA query_only = ON; PRAGMA cache_size = -2048; PRAGMA temp_store = MEMORY") < 0)
        return -1;
    if (reader->is_guarded && sqlite3_create_function(handle, "printf", -1,
                                  SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, NULL,
                                  on_printf, NULL, NULL) != SQLITE_OK)
        return database_failed(&reader->outside);
    if (functions_register(handle) != SQLITE_OK || vtab_lend(reader, handle) != SQLITE_OK)
        return database_failed(&reader->outside);
    /* Connects them once and for all: under the authorizer SQLite could not. */
    if (database_execute(&reader->outside, "SELECT 1 FROM trace, call, path_unpacked WHERE 0") < 0)
        return -1;
    sqlite3_exec(handle, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
    sqlite3_progress_handler(handle, STEPS_BETWEEN_LOOKS, on_progress, reader);
    sqlite3_set_authorizer(handle, on_authorize, reader);
    return 0;
}

/*
 * A connection of its own: its limits would be in the way of the reader, which takes blocks out of
 * the database while the SQL runs.
 */
static int open_outside(struct store_reader *reader)
{
    int done;

    if (reader->outside.handle)
        return 0;
    done = read_open(&reader->outside, reader->database.location, reader->opened_how);
    if (done == 0)
        done = set_up(reader);
    pass_on(reader, done);
    if (done < 0)
        database_close(&reader->outside);
    return done;
}

static int refuse(struct store_reader *reader)
{
    sqlite3 *handle = reader->outside.handle;

    switch (sqlite3_errcode(handle)) {
    case SQLITE_AUTH:
        return database_fail(&reader->database, "only SELECT is allowed (and PRAGMA table_info and "
                                                "its like): the database is read, not written");
    case SQLITE_TOOBIG:
        return database_fail(&reader->database,
            "a text or blob of the query is larger than allowed (%d KiB)",
            sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, -1) >> 10);
    case SQLITE_INTERRUPT:
        if (read_is_late(reader))
            return -1;
        break;
    case SQLITE_ERROR:
        return database_fail(&reader->database, "%s", sqlite3_errmsg(handle));
    default:
        break;
    }
    return pass_on(reader, database_failed(&reader->outside));
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
    empty = sqlite3_prepare_v2(reader->outside.handle, sql, -1, &statement, NULL) == SQLITE_OK &&
            statement == NULL;
    sqlite3_finalize(statement);
    return empty;
}

static int prepare(struct store_reader *reader, const char *sql, sqlite3_stmt **statement)
{
    const char *rest;

    if (sqlite3_prepare_v2(reader->outside.handle, sql, -1, statement, &rest) != SQLITE_OK)
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
    size_t given = 0;

    for (unsigned i = 0; ended == 0 && i < count; i++)
        names[i] = sqlite3_column_name(statement, (int)i);
    if (ended == 0)
        ended = sink->columns(sink->context, count, names) != 0;
    while (ended == 0 && (got = sqlite3_step(statement)) == SQLITE_ROW) {
        for (unsigned i = 0; i < count; i++) {
            values[i] = value_of(statement, (int)i);
            given += VALUE_COST + values[i].size;
        }
        if (reader->is_guarded && given > ANSWER_MAX)
            break;
        ended = sink->row(sink->context, count, values) != 0;
    }
    free(names);
    free(values);
    if (ended < 0)
        return database_fail(&reader->database, "not enough memory for the query");
    if (reader->is_guarded && given > ANSWER_MAX)
        return database_fail(&reader->database,
            "the answer is larger than %u MiB: ask for fewer columns, or fewer rows (--limit)",
            ANSWER_MAX >> 20);
    return got == SQLITE_ROW || got == SQLITE_DONE ? 0 : refuse(reader);
}

/* With what it may cost; 0 or -1. */
static int run(struct store_reader *reader, const char *sql, const struct sql_sink *sink)
{
    sqlite3_stmt *statement = NULL;
    int result, exceeded = 0;

    if (reader->is_guarded)
        budget_begin(MEMORY_MAX);
    result = prepare(reader, sql, &statement);
    if (result == 0)
        result = give_rows(reader, statement, sink);
    sqlite3_finalize(statement);
    if (reader->is_guarded)
        exceeded = budget_end();
    if (result < 0 && exceeded)
        return database_fail(&reader->database,
            "the query needs more memory than the %d MiB allowed: narrow it down, or sort and group "
            "less",
            MEMORY_MAX >> 20);
    return result;
}

int store_sql(struct store_reader *reader, const char *sql, const struct sql_sink *sink)
{
    int result;

    if (read_begin(reader) < 0)
        return -1;
    result = open_outside(reader);
    if (result == 0)
        result = run(reader, sql, sink);
    return read_end(reader, result);
}
