/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A database in which single values are not what they should be: the input says which value of
 * which table becomes what bytes, text, number or NULL. Then all verbs are asked, and the database
 * is opened as the collector does. What must hold: an answer, or a sentence.
 */
#include "tests/fuzz/input.h"
#include "tests/fuzz/small_store.h"

#include "query/verb.h"

#include <sqlite3.h>
#include <unistd.h>

static sqlite3 *whole; /* as it was made */
static char path[256];

/* Columns that hold something, of ordinary tables. */
static struct place {
    char table[32], column[32];
    int rows;
} places[256];
static unsigned place_count;

static void find_columns(const char *table)
{
    char sql[128];
    sqlite3_stmt *statement, *count;

    snprintf(sql, sizeof(sql), "SELECT count(*) FROM \"%s\"", table);
    must(sqlite3_prepare_v2(whole, sql, -1, &count, NULL) == SQLITE_OK);
    must(sqlite3_step(count) == SQLITE_ROW);
    snprintf(sql, sizeof(sql), "PRAGMA table_info(\"%s\")", table);
    must(sqlite3_prepare_v2(whole, sql, -1, &statement, NULL) == SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW && place_count < 256) {
        struct place *place = &places[place_count++];

        snprintf(place->table, sizeof(place->table), "%s", table);
        snprintf(place->column, sizeof(place->column), "%s",
            (const char *)sqlite3_column_text(statement, 1));
        place->rows = sqlite3_column_int(count, 0);
    }
    sqlite3_finalize(statement);
    sqlite3_finalize(count);
}

static void remove_copy(void)
{
    char name[272];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), "%s%s", path, i == 0 ? "" : i == 1 ? "-wal" : "-shm");
        unlink(name);
    }
}

static void begin(void)
{
    sqlite3_stmt *statement;

    must(sqlite3_open_v2(small_store(), &whole, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
    must(sqlite3_prepare_v2(whole,
             "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'", -1,
             &statement, NULL) == SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW)
        find_columns((const char *)sqlite3_column_text(statement, 0));
    sqlite3_finalize(statement);
    must(place_count > 50);
    snprintf(path, sizeof(path), "%.240s-copy", small_store());
    atexit(remove_copy);
}

/* A copy of the database to be damaged. */
static sqlite3 *copy(void)
{
    sqlite3_backup *backup;
    sqlite3 *handle;

    remove_copy();
    must(sqlite3_open(path, &handle) == SQLITE_OK);
    must(sqlite3_exec(handle, "PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY", NULL, NULL,
             NULL) == SQLITE_OK);
    backup = sqlite3_backup_init(handle, "main", whole, "main");
    must(backup != NULL && sqlite3_backup_step(backup, -1) == SQLITE_DONE);
    must(sqlite3_backup_finish(backup) == SQLITE_OK);
    return handle;
}

/* One value becomes another; where SQLite itself refuses, it stays. */
static void damage(sqlite3 *handle, struct input *input)
{
    const struct place *place = &places[input_byte(input) % place_count];
    unsigned how = input_byte(input), row = input_byte(input);
    size_t size = input_byte(input);
    sqlite3_stmt *statement;
    char sql[256];

    snprintf(sql, sizeof(sql),
        "UPDATE OR IGNORE \"%.31s\" SET \"%.31s\" = ?1 WHERE %.31s = (SELECT %.31s FROM \"%.31s\" LIMIT 1 OFFSET %d)",
        place->table, place->column, strcmp(place->table, "property") ? "rowid" : "name",
        strcmp(place->table, "property") ? "rowid" : "name", place->table,
        place->rows ? (int)row % place->rows : 0);
    if (sqlite3_prepare_v2(handle, sql, -1, &statement, NULL) != SQLITE_OK)
        return; /* a column that is worked out from others */
    if (size > input_left(input))
        size = input_left(input);
    if (how % 8 < 4)
        sqlite3_bind_blob64(statement, 1, input->at, size, SQLITE_STATIC);
    else if (how % 8 < 5)
        sqlite3_bind_text64(
            statement, 1, (const char *)input->at, size, SQLITE_STATIC, SQLITE_UTF8);
    else if (how % 8 < 7)
        sqlite3_bind_int64(statement, 1,
            (int64_t)input_number(
                &(struct input){input->at, input->end}, size < 8 ? (unsigned)size : 8));
    input->at += size;
    sqlite3_step(statement);
    sqlite3_finalize(statement);
}

static void ask(struct store_reader *reader, const char *verb, const char *name, const char *value)
{
    struct request request;
    struct reply reply;

    request_init(&request, verb_find(verb), SMALL_STORE_NOW);
    if (name)
        must(request_set(&request, name, value) == 0);
    request_reply(&request, reader, &reply);
    must(reply.bytes != NULL && reply.size > 0);
    must(reply.status == 200 || request.error[0] != '\0');
    free(reply.bytes);
    request_fini(&request);
}

static void ask_all(void)
{
    char error[512] = "", id[24];
    int missing;
    struct store_reader *reader = store_read(path, error, sizeof(error), &missing);

    must(reader != NULL || error[0] != '\0');
    if (reader == NULL)
        return;
    store_reader_limit(reader, 2000);
    ask(reader, "status", NULL, NULL);
    ask(reader, "runs", NULL, NULL);
    ask(reader, "traces", "sort", "duration");
    ask(reader, "traces", "op", "*.get_book");
    ask(reader, "operations", NULL, NULL);
    ask(reader, "operations", "since", "@1700000001");
    ask(reader, "graph", "level", "component");
    ask(reader, "tree", NULL, NULL);
    ask(reader, "latency", NULL, NULL);
    for (int i = 1; i <= SMALL_STORE_TRACES; i += 8) {
        snprintf(id, sizeof(id), "%d", i);
        ask(reader, "trace", "id", id);
    }
    ask(reader, "sql", "query", "SELECT count(*), sum(depth), max(operation) FROM call");
    store_reader_close(reader);
}

/* As a collector begins, and tidies up. */
static void open_to_write(void)
{
    struct assembler_start start;
    struct model model;
    char error[512] = "";
    struct store *store;

    must(model_init(&model) == 0);
    store = store_open(path, DURABLE_COMMIT, &model, &start, error, sizeof(error));
    must(store != NULL || error[0] != '\0');
    if (store) {
        for (int i = 0; i < 20 && store_tidy(store) > 0; i++)
            ;
        store_close(store);
    }
    model_fini(&model);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    sqlite3 *handle;

    if (whole == NULL)
        begin();
    handle = copy();
    while (input_left(&input) > 0)
        damage(handle, &input);
    sqlite3_close(handle);
    if (size > 0 && bytes[size - 1] & 1)
        open_to_write();
    ask_all();
    return 0;
}
