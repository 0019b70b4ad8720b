/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/database.h"

#include "storage/sqlite/budget.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int database_fail(struct database *database, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(database->error, sizeof(database->error), format, arguments);
    va_end(arguments);
    return -1;
}

/* What SQLite's primary results mean for whoever runs the program. */
static const struct {
    int result;
    const char *sentence; /* %s: the file */
} sentences[] = {
    {SQLITE_FULL, "no space is left on the disk of %s: free some, nothing is lost until then"},
    {SQLITE_READONLY, "%s may not be written: see its permissions and those of its directory"},
    {SQLITE_PERM, "%s may not be opened: see its permissions"},
    {SQLITE_CANTOPEN, "%s cannot be opened: see that its directory exists and may be used"},
    {SQLITE_BUSY, "%s is locked by another program: try again when that has ended"},
    {SQLITE_NOTADB, "%s is not a database, or its beginning is damaged: choose another file with "
                    "--database"},
    {SQLITE_CORRUPT, "%s is damaged: " DATABASE_SALVAGE},
    {SQLITE_NOMEM, "not enough memory for %s"},
    {SQLITE_INTERRUPT, "the query on %s took longer than allowed: narrow it down, for example with "
                       "--since or --limit"},
};

static int fail_with(struct database *database, int result, int error, const char *message)
{
    const char *location = database->location;

    database->full = result == SQLITE_FULL || error == ENOSPC || error == EDQUOT;
    if (database->full)
        result = SQLITE_FULL;
    database->is_short = result == SQLITE_NOMEM ||
                         (result == SQLITE_IOERR &&
                             sqlite3_extended_errcode(database->handle) == SQLITE_IOERR_NOMEM);
    if (database->is_short)
        result = SQLITE_NOMEM;
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
        if (sentences[i].result == result) {
            char sentence[sizeof(database->error)];

            sqlite3_snprintf(sizeof(sentence), sentence, sentences[i].sentence, location);
            return database_fail(database, "%s", sentence);
        }
    return database_fail(database, "%s: %s", location, message);
}

int database_failed(struct database *database)
{
    int result = sqlite3_errcode(database->handle);
    int error = result == SQLITE_IOERR ? sqlite3_system_errno(database->handle) : 0;

    return fail_with(database, result, error, sqlite3_errmsg(database->handle));
}

int database_take_room(struct database *database)
{
    int64_t pages, page;
    sqlite3_int64 bytes;

    if (database_integer(database, "PRAGMA page_count", &pages) < 0 ||
        database_integer(database, "PRAGMA page_size", &page) < 0)
        return -1;
    bytes = pages * page;
    errno = 0;
    if (sqlite3_file_control(database->handle, "main", SQLITE_FCNTL_SIZE_HINT, &bytes) == SQLITE_OK)
        return 0;
    return fail_with(database, SQLITE_IOERR, errno, strerror(errno));
}

/* SQLite's count of its memory takes a lock of the whole process at each allocation, and nobody
 * asks for it. */
static void configure(void)
{
    budget_install();
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

int database_open(struct database *database, const char *location, const char *uri, int flags)
{
    static pthread_once_t configured = PTHREAD_ONCE_INIT;
    int result;

    pthread_once(&configured, configure);
    *database = (struct database){.location = strdup(location)};
    if (database->location == NULL)
        return database_fail(database, "not enough memory to open %s", location);
    result = sqlite3_open_v2(uri ? uri : location, &database->handle,
        flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (database->handle == NULL)
        return database_fail(database, "not enough memory to open %s", location);
    sqlite3_extended_result_codes(database->handle, 0);
    return result == SQLITE_OK ? 0 : database_failed(database);
}

void database_forget(struct database *database)
{
    for (unsigned i = 0; i < DATABASE_STATEMENTS; i++) {
        sqlite3_finalize(database->statements[i]);
        database->statements[i] = NULL;
    }
}

void database_close(struct database *database)
{
    database_forget(database);
    sqlite3_close(database->handle);
    free(database->location);
    database->handle = NULL;
    database->location = NULL;
}

sqlite3_stmt *database_statement(struct database *database, unsigned number, const char *sql)
{
    sqlite3_stmt **statement = &database->statements[number];

    if (*statement == NULL && sqlite3_prepare_v3(database->handle, sql, -1,
                                  SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK) {
        database_failed(database);
        return NULL;
    }
    sqlite3_reset(*statement);
    return *statement;
}

sqlite3_stmt *database_prepare(struct database *database, const char *sql)
{
    sqlite3_stmt *statement;

    if (sqlite3_prepare_v2(database->handle, sql, -1, &statement, NULL) == SQLITE_OK)
        return statement;
    database_failed(database);
    return NULL;
}

int database_step(struct database *database, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);

    if (result == SQLITE_ROW)
        return 1;
    if (result != SQLITE_DONE)
        database_failed(database);
    sqlite3_reset(statement);
    return result == SQLITE_DONE ? 0 : -1;
}

int database_execute(struct database *database, const char *sql)
{
    return sqlite3_exec(database->handle, sql, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : database_failed(database);
}

int database_integer(struct database *database, const char *sql, int64_t *value)
{
    sqlite3_stmt *statement = database_prepare(database, sql);
    int got;

    if (statement == NULL)
        return -1;
    got = database_step(database, statement);
    *value = got > 0 ? sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return got < 0 ? -1 : 0;
}
