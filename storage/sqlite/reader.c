/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/export.h"
#include "storage/sqlite/functions.h"
#include "storage/sqlite/location.h"
#include "storage/sqlite/reading.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/vtab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define STEPS_BETWEEN_LOOKS 4096 /* of SQLite's machine, at the clock */

static const char *const texts[READ_STATEMENTS] = {
    [READ_NAME] = "SELECT text FROM name WHERE id = ?",
    [READ_OPERATION] = "SELECT name, component, signature FROM operation WHERE id = ?",
    [READ_PATH] = "SELECT parent, operation, host, run, kind FROM path WHERE id = ?",
    [READ_RUN] = "SELECT name FROM run WHERE id = ?",
    [READ_BLOCK] = "SELECT columns FROM block_data WHERE block = ?",
    [READ_PARTS] = "SELECT structure, times, logged, extras FROM block_data WHERE block = ?",
    [READ_BLOCKS_OF_TRACE] = "SELECT id FROM block WHERE last_id >= ?1 AND first_id <= ?1",
    [READ_OPEN_TRACE] = "SELECT data FROM open_trace WHERE id = ?",
    /* A client may give an id again: what was started is younger than the one that has started it,
     * and older than the next one of that id. */
    [READ_PARENT] =
        "SELECT max(trace) FROM kin WHERE stream = ?1 AND trace_id = ?2 AND at_order IS NULL"
        " AND trace < ?3 HAVING max(trace) IS NOT NULL",
    [READ_CHILDREN] =
        "SELECT trace, at_order FROM kin WHERE stream = ?1 AND trace_id = ?2 AND trace > ?3"
        " AND at_order IS NOT NULL AND trace < coalesce((SELECT min(trace) FROM kin WHERE stream = ?1"
        " AND trace_id = ?2 AND trace > ?3 AND at_order IS NULL), 9223372036854775807)"
        " ORDER BY trace",
};

sqlite3_stmt *read_statement(
    struct store_reader *reader, enum read_statement number, int64_t parameter)
{
    sqlite3_stmt *statement = database_statement(&reader->database, number, texts[number]);

    if (statement)
        sqlite3_bind_int64(statement, 1, parameter);
    return statement;
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int on_progress(void *context)
{
    struct store_reader *reader = context;

    if (!atomic_load_explicit(&reader->is_interrupted, memory_order_relaxed) &&
        (reader->deadline == 0 || now() <= reader->deadline))
        return 0;
    return reader->was_ended = 1;
}

int read_is_late(struct store_reader *reader)
{
    if (!on_progress(reader))
        return 0;
    if (atomic_load_explicit(&reader->is_interrupted, memory_order_relaxed))
        database_fail(&reader->database, "the query was interrupted: the program stops");
    else
        database_fail(&reader->database,
            "the query took longer than the %u ms allowed: narrow it down, for example with --since or "
            "--limit",
            reader->limit);
    return 1;
}

int read_begin(struct store_reader *reader)
{
    if (reader->nesting++ > 0)
        return 0;
    reader->is_damage = reader->was_ended = 0;
    if (reader->borrowed)
        return 0;
    reader->deadline = reader->limit ? now() + reader->limit * INT64_C(1000000) : 0;
    if (database_execute(&reader->database, "BEGIN") == 0)
        return 0;
    reader->nesting--;
    return -1;
}

int read_end(struct store_reader *reader, int result)
{
    if (--reader->nesting > 0)
        return result;
    blocks_drop(reader);
    reader->deadline = 0;
    if (!reader->borrowed)
        sqlite3_exec(reader->database.handle, "COMMIT", NULL, NULL, NULL);
    return result;
}

/* As a URI for SQLite: what is special in one is written as %XX. NULL: memory is short. */
static char *uri_of(const char *location, const char *options)
{
    char *uri = malloc(3 * strlen(location) + strlen(options) + 8), *at = uri;

    if (uri == NULL)
        return NULL;
    at += sprintf(at, "file:");
    for (; *location; location++)
        at += sprintf(at, strchr("%?#", *location) ? "%%%02X" : "%c", (unsigned char)*location);
    sprintf(at, "?%s", options);
    return uri;
}

int read_open(struct database *database, const char *location, const char *options)
{
    char *uri = uri_of(location, options);
    int result;

    if (uri == NULL)
        return database_fail(database, "not enough memory to open %s", location);
    result = database_open(database, location, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    free(uri);
    if (result == 0)
        sqlite3_busy_timeout(database->handle, 5000);
    return result;
}

/*
 * Opens with the options and looks at the schema: 1, 0 it is empty, -1. To salvage, an older one
 * will do, and a file that is shorter than it says.
 */
static int try_open(
    struct store_reader *reader, const char *location, const char *options, int salvage)
{
    int version, result = read_open(&reader->database, location, options);

    reader->opened_how = options;
    if (result == 0 && salvage)
        sqlite3_db_config(reader->database.handle, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, (int *)NULL);
    if (result == 0)
        result = schema_check(&reader->database, &version);
    if (result == 1 && version < schema_version() && !salvage)
        result = database_fail(&reader->database,
            "%s was written by an older Kieker (schema %d): start kieker-collector on it once, "
            "that brings it up to date",
            location, version);
    return result;
}

/*
 * A log that is not empty must be read too. Without one the file alone is the whole database, and
 * where SQLite may not make the files that it shares with a writer (a read-only disk) it can be
 * told that there is none.
 */
static int has_log(const char *location)
{
    char *full = realpath(location, NULL), path[4096]; /* it lies beside the file, not the link */
    struct stat status;

    snprintf(path, sizeof(path), "%s-wal", full ? full : location);
    free(full);
    return stat(path, &status) == 0 && status.st_size > 0;
}

static int open_any(struct store_reader *reader, const char *location)
{
    int result = try_open(reader, location, "mode=ro", 0), code;

    if (result >= 0)
        return result;
    code = sqlite3_errcode(reader->database.handle) & 0xFF;
    if ((code == SQLITE_CANTOPEN || code == SQLITE_READONLY) && !has_log(location)) {
        database_close(&reader->database);
        result = try_open(reader, location, "mode=ro&immutable=1", 0);
    }
    return result;
}

/* Without its log, if it cannot be read with that: then *without_log is set. */
static int open_damaged(struct store_reader *reader, const char *location, int *without_log)
{
    int result = try_open(reader, location, "mode=ro", 1), code;

    code = sqlite3_errcode(reader->database.handle) & 0xFF;
    if (result < 0 && code != SQLITE_OK && code != SQLITE_BUSY && code != SQLITE_NOMEM) {
        database_close(&reader->database);
        result = try_open(reader, location, "mode=ro&immutable=1", 1);
        *without_log = result > 0 && has_log(location);
        if (result < 0 && (sqlite3_errcode(reader->database.handle) & 0xFF) == SQLITE_CORRUPT)
            database_fail(&reader->database,
                "%s is damaged where it says what is in it: `sqlite3 FILE .recover` may save some",
                location);
    }
    return result;
}

static int set_up(struct store_reader *reader)
{
    sqlite3 *handle = reader->database.handle;

    if (database_execute(&reader->database,
            "PRAGMA query_only = ON; PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY") < 0)
        return -1;
    sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, 64 << 20);
    sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
    /* The file may be anybody's: its views and triggers get no more than they need. */
    sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_progress_handler(handle, STEPS_BETWEEN_LOOKS, on_progress, reader);
    if (functions_register(handle) != SQLITE_OK || vtab_register(reader, NULL) != SQLITE_OK)
        return database_failed(&reader->database);
    /* Connects them once and for all: under the authorizer of SQL from outside SQLite could not. */
    return database_execute(&reader->database, "SELECT 1 FROM trace, call, path_unpacked WHERE 0");
}

static struct store_reader *open_reader(
    const char *location, int salvage, char *error, size_t error_size, int *missing)
{
    struct store_reader *reader = calloc(1, sizeof(*reader));
    struct stat status;
    int got, without_log = 0;

    *missing = stat(location, &status) < 0;
    if (*missing || reader == NULL) {
        snprintf(error, error_size,
            reader ? "there is no database %s yet: start kieker-collector, or choose another file "
                     "with --database"
                   : "not enough memory to open %s",
            location);
        free(reader);
        return NULL;
    }
    if (location_look(location, error, error_size) < 0) {
        free(reader);
        return NULL;
    }
    got = salvage ? open_damaged(reader, location, &without_log) : open_any(reader, location);
    if (got == 0) {
        *missing = 1;
        database_fail(
            &reader->database, "the database %s is empty: start kieker-collector on it", location);
    }
    if (got <= 0 || set_up(reader) < 0) {
        snprintf(error, error_size, "%s", reader->database.error);
        store_reader_close(reader);
        return NULL;
    }
    if (salvage)
        snprintf(error, error_size,
            without_log ? "what is in its log, %s-wal, is left out: it cannot be read" : "%s",
            without_log ? location : "");
    return reader;
}

struct store_reader *store_read(const char *location, char *error, size_t error_size, int *missing)
{
    return open_reader(location, 0, error, error_size, missing);
}

struct store_reader *store_salvage(
    const char *location, char *error, size_t error_size, int *missing)
{
    return open_reader(location, 1, error, error_size, missing);
}

static void free_memory(struct store_reader *reader)
{
    blocks_drop(reader);
    dictionary_fini(&reader->dictionary);
    packer_fini(&reader->packer);
    list_fini(&reader->left_out);
    for (int i = 0; i < CHUNK_PARTS; i++)
        buffer_fini(&reader->parts.bytes[i]);
    free(reader);
}

void store_reader_close(struct store_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->outside.handle)
        database_close(&reader->outside);
    database_close(&reader->database);
    free_memory(reader);
}

struct store_reader *reader_attach(sqlite3 *handle)
{
    struct store_reader *reader = calloc(1, sizeof(*reader));
    const char *file = sqlite3_db_filename(handle, "main");

    if (reader == NULL)
        return NULL;
    reader->borrowed = 1;
    reader->database.handle = handle;
    reader->database.location = strdup(file && *file ? file : "the database");
    if (reader->database.location)
        return reader;
    free(reader);
    return NULL;
}

void reader_detach(struct store_reader *reader)
{
    database_forget(&reader->database);
    free(reader->database.location);
    free_memory(reader);
}

const char *store_reader_error(const struct store_reader *reader)
{
    return reader->database.error;
}

void store_reader_limit(struct store_reader *reader, unsigned milliseconds)
{
    reader->limit = milliseconds;
}

void store_reader_guard(struct store_reader *reader)
{
    reader->is_guarded = 1;
}

int store_reader_was_ended(const struct store_reader *reader)
{
    return reader->was_ended;
}

void store_reader_interrupt(struct store_reader *reader)
{
    atomic_store(&reader->is_interrupted, 1);
}
