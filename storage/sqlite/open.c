/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/functions.h"
#include "storage/sqlite/location.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_GROWTH (64 << 10) /* bytes that the file grows by, see database_take_room */

/*
 * The log is copied into the file when it has grown to 16 MiB. Deleted content is not overwritten
 * with zeros: nothing is deleted here but what was merged.
 */
static const char settings[] =
    "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA secure_delete = OFF; PRAGMA temp_store = MEMORY;"
    "PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4096;"
    "PRAGMA journal_size_limit = 67108864";

static int set_up(struct store *store, enum store_durability durability)
{
    struct database *database = &store->database;
    int version, growth = FILE_GROWTH;

    sqlite3_busy_timeout(database->handle, 5000);
    if (schema_check(database, &version) < 0 || database_execute(database, settings) < 0 ||
        database_execute(database, "PRAGMA journal_mode = WAL") < 0 ||
        database_execute(database, durability == DURABLE_POWER ? "PRAGMA synchronous = FULL"
                                                               : "PRAGMA synchronous = NORMAL") < 0)
        return -1;
    sqlite3_file_control(database->handle, "main", SQLITE_FCNTL_CHUNK_SIZE, &growth);
    if (functions_register(database->handle) != SQLITE_OK)
        return database_failed(database);
    return schema_upgrade(database);
}

static int load_names(struct store *store, struct model *model)
{
    sqlite3_stmt *statement =
        database_prepare(&store->database, "SELECT id, text FROM name ORDER BY id");
    int got;

    if (statement == NULL)
        return -1;
    while ((got = database_step(&store->database, statement)) > 0)
        if (model_load_name(model, (uint32_t)sqlite3_column_int64(statement, 0),
                (const char *)sqlite3_column_text(statement, 1),
                (size_t)sqlite3_column_bytes(statement, 1)) < 0) {
            got = database_fail(&store->database, "%s is damaged, its table of names: %s",
                store->database.location, DATABASE_SALVAGE);
            break;
        }
    sqlite3_finalize(statement);
    return got;
}

/* Loads a row of a dictionary whose columns are numbers. */
typedef int load_row(struct model *model, sqlite3_stmt *statement);

static uint32_t number(sqlite3_stmt *statement, int column)
{
    return (uint32_t)sqlite3_column_int64(statement, column);
}

static int load_operation(struct model *model, sqlite3_stmt *row)
{
    return model_load_operation(model, number(row, 0),
        &(struct model_operation){number(row, 1), number(row, 2), number(row, 3), number(row, 4)});
}

static int load_path(struct model *model, sqlite3_stmt *row)
{
    return model_load_path(model, number(row, 0),
        &(struct model_path){.parent = number(row, 1),
            .operation = number(row, 2),
            .host = number(row, 3),
            .run = number(row, 4),
            .kind = number(row, 5),
            .depth = number(row, 6)});
}

static int load_class(struct model *model, sqlite3_stmt *row)
{
    return model_load_class(model, number(row, 0), (uint64_t)sqlite3_column_int64(row, 1));
}

static int load_run(struct model *model, sqlite3_stmt *row)
{
    return model_load_run(model, number(row, 0), number(row, 1));
}

static const struct {
    const char *sql;
    load_row *load;
} dictionaries[] = {
    {"SELECT id, name, component, signature, class_signature FROM operation ORDER BY id",
        load_operation},
    {"SELECT id, parent, operation, host, run, kind, depth FROM path ORDER BY id", load_path},
    {"SELECT id, hash FROM class ORDER BY id", load_class},
    {"SELECT id, name FROM run ORDER BY id", load_run},
};

static int load_dictionary(
    struct store *store, struct model *model, const char *sql, load_row *load)
{
    sqlite3_stmt *statement = database_prepare(&store->database, sql);
    int got;

    if (statement == NULL)
        return -1;
    while ((got = database_step(&store->database, statement)) > 0)
        if (load(model, statement) < 0) {
            got = database_fail(&store->database,
                model->is_short ? "not enough memory for %s: %s"
                                : "%s is damaged: a row of %s does not fit the others; %s",
                store->database.location, sql, DATABASE_SALVAGE);
            break;
        }
    sqlite3_finalize(statement);
    return got;
}

static int load_start(struct store *store, struct assembler_start *start)
{
    struct database *database = &store->database;
    int64_t last_trace, last_stream, last_batch;

    if (database_integer(
            database, "SELECT value FROM property WHERE name = 'last_trace'", &last_trace) < 0 ||
        database_integer(database, "SELECT max(id) FROM stream", &last_stream) < 0 ||
        database_integer(
            database, "SELECT value FROM property WHERE name = 'last_batch'", &last_batch) < 0 ||
        database_integer(database, "SELECT value FROM property WHERE name = 'total_through'",
            &store->total_through) < 0)
        return -1;
    *start =
        (struct assembler_start){(uint64_t)last_trace, (uint32_t)last_stream, (uint32_t)last_batch};
    store->last_trace = (uint64_t)last_trace;
    return 0;
}

static int end_leftovers(struct store *store, void *context)
{
    return write_leftovers(store, context);
}

static int load(struct store *store, struct model *model, struct assembler_start *start)
{
    if (load_names(store, model) < 0)
        return -1;
    for (size_t i = 0; i < sizeof(dictionaries) / sizeof(dictionaries[0]); i++)
        if (load_dictionary(store, model, dictionaries[i].sql, dictionaries[i].load) < 0)
            return -1;
    return write_all(store, end_leftovers, model) < 0 ? -1 : load_start(store, start);
}

static struct store *store_new(void)
{
    struct store *store = calloc(1, sizeof(*store));

    if (store == NULL)
        return NULL;
    store->lock = -1;
    store->reserve.fd = -1;
    retain_init(&store->retain);
    store->rows = malloc(BLOCK_TRACES_MAX * sizeof(*store->rows));
    store->zone = malloc(sizeof(*store->zone));
    if (store->rows && store->zone)
        return store;
    store_close(store);
    return NULL;
}

struct store *store_open(const char *location, enum store_durability durability,
    struct model *model, struct assembler_start *start, char *error, size_t error_size)
{
    struct store *store = store_new();

    if (store == NULL) {
        snprintf(error, error_size, "not enough memory to open %s", location);
        return NULL;
    }
    if (location_prepare(location, error, error_size) < 0 ||
        (store->lock = location_lock(location, error, error_size)) < 0) {
        store_close(store);
        return NULL;
    }
    reserve_open(&store->reserve, location); /* opening may take room, too */
    if (database_open(
            &store->database, location, NULL, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) < 0 ||
        set_up(store, durability) < 0 || load(store, model, start) < 0) {
        snprintf(error, error_size, "%s", store->database.error);
        store_close(store);
        return NULL;
    }
    reserve_hold_easily(&store->reserve);
    return store;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    database_close(&store->database);
    reserve_close(&store->reserve);
    if (store->lock >= 0)
        close(store->lock);
    packer_fini(&store->packer);
    block_scratch_fini(&store->scratch);
    buffer_fini(&store->coded);
    buffer_fini(&store->packed);
    for (int i = 0; i < CHUNK_PARTS; i++)
        buffer_fini(&store->parts[i]);
    free(store->rows);
    free(store->zone);
    free(store);
}
