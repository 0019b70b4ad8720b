/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/reading.h"

#include <stdlib.h>
#include <string.h>

/* Ids that are larger than the model's bounds let them be are damage: no room is made for these. */
#define NAMES_MOST (2 * MODEL_NAMES_MAX)
#define OPERATIONS_MOST (2 * MODEL_OPERATIONS_MAX)
#define PATHS_MOST (8 * MODEL_PATHS_MAX) /* each run has one of its own */

/* Makes the list so long that it has the id; new elements are zero. NULL: memory is short, or no
 * such id can be. */
#define PLACE(list, most, id)                                                                      \
    (place(&(list)->items, &(list)->count, &(list)->capacity, sizeof(*(list)->items), most, id) <  \
                0                                                                                  \
            ? NULL                                                                                 \
            : &(list)->items[id])

static int place(
    void *items, size_t *count, size_t *capacity, size_t size, uint32_t most, uint32_t id)
{
    char *list;

    if (id < *count)
        return 0;
    if (id >= most)
        return -1;
    while (*capacity <= id)
        if (list_grow(items, capacity, size) < 0)
            return -1;
    memcpy(&list, items, sizeof(list));
    memset(list + *count * size, 0, (*capacity - *count) * size);
    *count = *capacity;
    return 0;
}

static char *copy_text(sqlite3_stmt *statement, int column)
{
    const void *text = sqlite3_column_text(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    char *copy = malloc(length + 1);

    if (copy == NULL)
        return NULL;
    if (text)
        memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

static void keep_name(
    struct dictionary *dictionary, uint32_t id, sqlite3_stmt *statement, int column)
{
    char **name = id ? PLACE(&dictionary->names, NAMES_MOST, id) : NULL;

    if (name && *name == NULL)
        *name = copy_text(statement, column);
}

const char *dictionary_name(struct store_reader *reader, uint32_t id)
{
    struct dictionary *dictionary = &reader->dictionary;
    sqlite3_stmt *statement;

    if (id == 0)
        return "";
    if (id < dictionary->names.count && dictionary->names.items[id])
        return dictionary->names.items[id];
    statement = read_statement(reader, READ_NAME, id);
    if (statement && database_step(&reader->database, statement) > 0) {
        keep_name(dictionary, id, statement, 0);
        sqlite3_reset(statement);
    }
    return id < dictionary->names.count && dictionary->names.items[id] ? dictionary->names.items[id]
                                                                       : "";
}

static uint32_t number(sqlite3_stmt *statement, int column)
{
    return (uint32_t)sqlite3_column_int64(statement, column);
}

const struct stored_operation *dictionary_operation(struct store_reader *reader, uint32_t id)
{
    static const struct stored_operation none;
    struct stored_operation *operation = PLACE(&reader->dictionary.operations, OPERATIONS_MOST, id);
    sqlite3_stmt *statement;

    if (operation == NULL || operation->loaded)
        return operation ? operation : &none;
    statement = read_statement(reader, READ_OPERATION, id);
    if (statement && database_step(&reader->database, statement) > 0) {
        *operation = (struct stored_operation){
            number(statement, 0), number(statement, 1), number(statement, 2), 1};
        sqlite3_reset(statement);
    }
    return operation;
}

static void keep_path(struct stored_path *path, sqlite3_stmt *statement)
{
    *path = (struct stored_path){.parent = number(statement, 0),
        .operation = number(statement, 1),
        .host = number(statement, 2),
        .run = number(statement, 3),
        .kind = (uint8_t)number(statement, 4),
        .loaded = 1};
}

const struct stored_path *dictionary_path(struct store_reader *reader, uint32_t id)
{
    static const struct stored_path none = {.kind = PATH_ENTRY};
    struct stored_path *path = PLACE(&reader->dictionary.paths, PATHS_MOST, id);
    sqlite3_stmt *statement;

    if (path == NULL || path->loaded)
        return path ? path : &none;
    statement = read_statement(reader, READ_PATH, id);
    if (statement && database_step(&reader->database, statement) > 0) {
        keep_path(path, statement);
        sqlite3_reset(statement);
    }
    return path;
}

/* Goes through rows of `sql` that are new since the last time; `keep` takes one. */
static int load_more(struct store_reader *reader, const char *sql, uint32_t *whole,
    int (*keep)(struct dictionary *dictionary, uint32_t id, sqlite3_stmt *statement))
{
    sqlite3_stmt *statement = database_prepare(&reader->database, sql);
    uint32_t last = *whole;
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, *whole);
    while ((got = database_step(&reader->database, statement)) > 0) {
        last = number(statement, 0);
        if (keep(&reader->dictionary, last, statement) < 0) {
            got = database_fail(&reader->database, "not enough memory for the dictionaries of %s",
                reader->database.location);
            break;
        }
    }
    sqlite3_finalize(statement);
    if (got == 0)
        *whole = last;
    return got;
}

static int keep_operation(struct dictionary *dictionary, uint32_t id, sqlite3_stmt *statement)
{
    struct stored_operation *operation = PLACE(&dictionary->operations, OPERATIONS_MOST, id);

    if (operation == NULL)
        return -1;
    *operation = (struct stored_operation){
        number(statement, 1), number(statement, 2), number(statement, 3), 1};
    keep_name(dictionary, operation->name, statement, 4);
    keep_name(dictionary, operation->component, statement, 5);
    return 0;
}

int dictionary_load_operations(struct store_reader *reader)
{
    return load_more(reader,
        "SELECT o.id, o.name, o.component, o.signature, n.text, c.text FROM operation o LEFT JOIN "
        "name n ON n.id = o.name"
        " LEFT JOIN name c ON c.id = o.component WHERE o.id > ? ORDER BY o.id",
        &reader->dictionary.whole_operations, keep_operation);
}

static int keep_new_path(struct dictionary *dictionary, uint32_t id, sqlite3_stmt *statement)
{
    struct stored_path *path = PLACE(&dictionary->paths, PATHS_MOST, id);

    if (path == NULL)
        return -1;
    *path = (struct stored_path){.parent = number(statement, 1),
        .operation = number(statement, 2),
        .host = number(statement, 3),
        .run = number(statement, 4),
        .kind = (uint8_t)number(statement, 5),
        .loaded = 1};
    return path->parent < id ? 0 : (path->parent = 0);
}

int dictionary_load_paths(struct store_reader *reader)
{
    return load_more(reader,
        "SELECT id, parent, operation, host, run, kind FROM path WHERE id > ? ORDER BY id",
        &reader->dictionary.whole_paths, keep_new_path);
}

void dictionary_fini(struct dictionary *dictionary)
{
    for (size_t i = 0; i < dictionary->names.count; i++)
        free(dictionary->names.items[i]);
    list_fini(&dictionary->names);
    list_fini(&dictionary->operations);
    list_fini(&dictionary->paths);
}

const char *store_name(struct store_reader *reader, uint32_t name)
{
    return dictionary_name(reader, name);
}

int store_operation(
    struct store_reader *reader, uint32_t id, const char **name, const char **component)
{
    const struct stored_operation *operation = dictionary_operation(reader, id);

    *name = dictionary_name(reader, operation->name);
    *component = dictionary_name(reader, operation->component);
    return operation->loaded ? 0 : -1;
}
