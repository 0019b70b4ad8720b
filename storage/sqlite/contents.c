/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which calls a trace has. Its class knows the paths that occur in it; a trace without a class (it
 * is running, or there were too many classes) is looked into.
 */
#include "storage/sqlite/query.h"

#include "analysis/walk.h"

#include <stdlib.h>

/* Whether the path is of a call that the condition asks for. */
static int path_meets(
    const struct dictionary *dictionary, uint32_t id, const struct call_condition *condition)
{
    const struct stored_path *path = &dictionary->paths.items[id],
                             *parent = &dictionary->paths.items[path->parent];

    if (path->kind != PATH_CALL || !bits_has(&condition->callees, path->operation))
        return 0;
    if (!condition->by_caller)
        return 1;
    return parent->kind == PATH_ENTRY
               ? condition->by_entry
               : parent->kind == PATH_CALL && bits_has(&condition->callers, parent->operation);
}

/* The conditions that each path meets, as bits. */
static unsigned char *judge_paths(
    const struct trace_query *query, const struct dictionary *dictionary)
{
    unsigned char *met = calloc((size_t)dictionary->whole_paths + 1, 1);

    for (uint32_t id = 1; met && id <= dictionary->whole_paths; id++)
        for (unsigned i = 0; i < query->conditions; i++)
            met[id] |= (unsigned char)(path_meets(dictionary, id, &query->calls[i]) << i);
    return met;
}

static unsigned met_by(struct reader paths, const unsigned char *met, uint32_t whole_paths)
{
    uint64_t path = 0;
    unsigned all = 0;

    while (paths.at < paths.end) {
        path += reader_varint(&paths);
        if (path <= whole_paths)
            all |= met[path];
    }
    return all;
}

static int judge_classes(
    struct trace_query *query, struct store_reader *reader, const unsigned char *met)
{
    sqlite3_stmt *statement = database_prepare(&reader->database, "SELECT id, paths FROM class");
    unsigned wanted = (1u << query->conditions) - 1;
    int got;

    if (statement == NULL)
        return -1;
    while ((got = database_step(&reader->database, statement)) > 0) {
        const unsigned char *bytes = sqlite3_column_blob(statement, 1);
        struct reader paths = {bytes, bytes ? bytes + sqlite3_column_bytes(statement, 1) : NULL, 0};
        uint32_t id = (uint32_t)sqlite3_column_int64(statement, 0);

        if (id / 64 < query->classes.count &&
            met_by(paths, met, reader->dictionary.whole_paths) == wanted)
            bits_set(&query->classes, id);
    }
    sqlite3_finalize(statement);
    return got;
}

int query_compile_classes(struct trace_query *query, struct store_reader *reader)
{
    unsigned char *met;
    int64_t last;
    int result;

    if (dictionary_load_paths(reader) < 0 ||
        database_integer(&reader->database, "SELECT max(id) FROM class", &last) < 0)
        return -1;
    met = judge_paths(query, &reader->dictionary);
    if (met == NULL || last > 2 * (int64_t)MODEL_CLASSES_MAX ||
        bits_init(&query->classes, (uint32_t)last) < 0) {
        free(met);
        return database_fail(&reader->database, "not enough memory for the query");
    }
    result = judge_classes(query, reader, met);
    free(met);
    return result;
}

/* Looking into a trace. */
struct look {
    const struct trace_query *query;
    struct store_reader *reader;
    struct walk *walk;
    unsigned met;
    int failed;
};

#define MARK(number) ((void *)(uintptr_t)(number))

static void on_enter(void *context, struct call *call)
{
    struct look *look = context;
    uint32_t caller = (uint32_t)(uintptr_t)call->caller_user;

    call->user = MARK(call->operation);
    for (unsigned i = 0; i < look->query->conditions; i++) {
        const struct call_condition *condition = &look->query->calls[i];

        if (bits_has(&condition->callees, call->operation) &&
            (!condition->by_caller ||
                (call->depth == 0 ? condition->by_entry : bits_has(&condition->callers, caller))))
            look->met |= 1u << i;
    }
}

static int on_chunk(void *context, const struct chunk_view *chunk)
{
    struct look *look = context;

    look->failed = walk_feed(look->walk, chunk) < 0;
    return look->failed || look->met == (1u << look->query->conditions) - 1 ||
           read_is_late(look->reader);
}

static int look_into(
    const struct trace_query *query, struct store_reader *reader, const struct located *located)
{
    struct look look = {.query = query, .reader = reader};
    const struct walker walker = {.on_enter = on_enter, .context = &look};
    int result;

    look.walk = walk_new(&located->trace, &walker);
    if (look.walk == NULL)
        return database_fail(&reader->database, "not enough memory for the query");
    result = located_chunks(reader, located, on_chunk, &look);
    if (result == 0 && !look.failed && look.met != (1u << query->conditions) - 1)
        walk_end(look.walk);
    walk_free(look.walk);
    if (result < 0 && !read_leaves_out(reader, -(int64_t)located->trace.id))
        return -1;
    if (read_is_late(reader))
        return -1;
    return look.met ==
           (1u << query->conditions) - 1; /* a damaged trace: by what could be read of it */
}

int query_try_calls(
    const struct trace_query *query, struct store_reader *reader, const struct located *located)
{
    if (located->trace.class != 0)
        return bits_has(&query->classes, located->trace.class);
    return look_into(query, reader, located);
}
