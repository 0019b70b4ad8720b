/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/query.h"

#include <stdlib.h>
#include <string.h>

const struct sort_key sort_keys[TRACE_SORTS] = {
    [SORT_START] = {COLUMN_START, ZONE_MIN_START, ZONE_MAX_START},
    [SORT_DURATION] = {COLUMN_DURATION, ZONE_MIN_DURATION, ZONE_MAX_DURATION},
    [SORT_CALLS] = {COLUMN_CALLS, ZONE_MIN_CALLS, ZONE_MAX_CALLS},
    [SORT_DEPTH] = {COLUMN_DEPTH, ZONE_MIN_DEPTH, ZONE_MAX_DEPTH},
    [SORT_FAILED] = {COLUMN_FAILED, ZONE_MIN_FAILED, ZONE_MAX_FAILED},
    [SORT_ID] = {COLUMN_ID, ZONE_FIRST_ID, ZONE_LAST_ID},
};

int64_t sort_key_of(const struct trace *trace, enum trace_sort sort)
{
    switch (sort) {
    case SORT_START:
        return trace->start;
    case SORT_DURATION:
        return time_between(trace->start, trace->end);
    case SORT_CALLS:
        return (int64_t)trace->calls;
    case SORT_DEPTH:
        return trace->depth;
    case SORT_FAILED:
        return (int64_t)trace->failed;
    case SORT_ID:
    case TRACE_SORTS:
        break;
    }
    return (int64_t)trace->id;
}

void query_init(struct trace_query *query)
{
    *query = (struct trace_query){.states = (1u << TRACE_STATES) - 1, .sort = SORT_START};
    for (int i = 0; i < TRACE_SORTS; i++) {
        query->low[i] = INT64_MIN;
        query->high[i] = INT64_MAX;
    }
}

void query_fini(struct trace_query *query)
{
    bits_fini(&query->roots);
    bits_fini(&query->classes);
    for (unsigned i = 0; i < query->conditions; i++) {
        bits_fini(&query->calls[i].callees);
        bits_fini(&query->calls[i].callers);
    }
    query->conditions = 0;
}

void query_narrow(struct trace_query *query, enum trace_sort sort, int64_t low, int64_t high)
{
    if (low > query->low[sort])
        query->low[sort] = low;
    if (high < query->high[sort])
        query->high[sort] = high;
    query->tests |= 1u << sort;
    query->nothing |= query->low[sort] > query->high[sort];
}

void query_only_states(struct trace_query *query, unsigned states)
{
    query->states &= states;
    query->tests |= 1u << TEST_STATE;
    query->nothing |= query->states == 0;
}

static int no_memory(struct store_reader *reader)
{
    return database_fail(&reader->database, "not enough memory for the query");
}

/* The id in `sql` for a text, 0 if there is none; or -1. */
static int find_id(struct store_reader *reader, const char *sql, const char *text, uint32_t *id)
{
    sqlite3_stmt *statement = database_prepare(&reader->database, sql);
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC);
    got = database_step(&reader->database, statement);
    *id = got > 0 ? (uint32_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return got < 0 ? -1 : 0;
}

int read_find_run(struct store_reader *reader, const char *name, uint32_t *id)
{
    return find_id(reader,
        "SELECT r.id FROM run r WHERE r.name = CASE WHEN ?1 = '' THEN 0 ELSE (SELECT id FROM name "
        "WHERE text = ?1) END",
        name, id);
}

int read_find_name(struct store_reader *reader, const char *text, uint32_t *id)
{
    return find_id(reader, "SELECT id FROM name WHERE text = ?", text, id);
}

static int compile_ranges(struct trace_query *query, const struct store_filter *filter)
{
    if (filter->since || filter->until)
        query_narrow(query, SORT_START, filter->since ? filter->since : INT64_MIN,
            filter->until ? filter->until : INT64_MAX);
    if (filter->min_duration || filter->max_duration)
        query_narrow(query, SORT_DURATION, filter->min_duration ? filter->min_duration : INT64_MIN,
            filter->max_duration ? filter->max_duration : INT64_MAX);
    if (filter->min_calls)
        query_narrow(query, SORT_CALLS,
            filter->min_calls > INT64_MAX ? INT64_MAX : (int64_t)filter->min_calls, INT64_MAX);
    if (filter->failed)
        query_narrow(query, SORT_FAILED, 1, INT64_MAX);
    if (filter->roots)
        query->tests |= 1u << TEST_PARENT;
    if (filter->state == STATE_NOT_COMPLETE)
        query_only_states(query, 1u << TRACE_INCOMPLETE | 1u << TRACE_DAMAGED);
    else if (filter->state != STATE_ANY)
        query_only_states(query, 1u << filter->state);
    return 0;
}

static int compile_places(
    struct trace_query *query, struct store_reader *reader, const struct store_filter *filter)
{
    if (filter->run) {
        if (read_find_run(reader, filter->run, &query->run) < 0)
            return -1;
        query->nothing |= query->run == 0;
        query->tests |= 1u << TEST_RUN;
    }
    if (filter->host) {
        if (read_find_name(reader, filter->host, &query->host) < 0)
            return -1;
        query->nothing |= query->host == 0;
        query->tests |= 1u << TEST_HOST;
    }
    if (filter->class) {
        query->class = filter->class;
        query->tests |= 1u << TEST_CLASS;
    }
    return 0;
}

/* The operations that match both globs, of those that are not NULL. */
static int matching_operations(
    struct store_reader *reader, const char *glob, const char *component, struct bits *bits)
{
    struct dictionary *dictionary = &reader->dictionary;

    if (dictionary_load_operations(reader) < 0)
        return -1;
    if (bits_init(bits, dictionary->whole_operations) < 0)
        return no_memory(reader);
    for (uint32_t id = 1; id <= dictionary->whole_operations; id++)
        if ((component == NULL ||
                glob_matches(component,
                    dictionary_name(reader, dictionary->operations.items[id].component))) &&
            (glob == NULL || operation_matches(reader, id, glob)))
            bits_set(bits, id);
    return 0;
}

/* The operations of one component, or the one whose id the text is. */
static int exact_operations(
    struct store_reader *reader, const char *id_text, const char *component, struct bits *bits)
{
    struct dictionary *dictionary = &reader->dictionary;
    unsigned long long wanted = id_text ? strtoull(id_text, NULL, 10) : 0;

    if (dictionary_load_operations(reader) < 0)
        return -1;
    if (bits_init(bits, dictionary->whole_operations) < 0)
        return no_memory(reader);
    for (uint32_t id = 1; id <= dictionary->whole_operations; id++)
        if ((id_text == NULL || id == wanted) &&
            (component == NULL ||
                strcmp(component,
                    dictionary_name(reader, dictionary->operations.items[id].component)) == 0))
            bits_set(bits, id);
    return 0;
}

static int compile_calls(
    struct trace_query *query, struct store_reader *reader, const struct store_filter *filter)
{
    struct call_condition *condition;

    if (filter->operation || filter->component) {
        condition = &query->calls[query->conditions++];
        if (matching_operations(reader, filter->operation, filter->component, &condition->callees) <
            0)
            return -1;
    }
    if (filter->caller || filter->callee || filter->caller_component || filter->callee_component) {
        condition = &query->calls[query->conditions++];
        condition->by_entry =
            (filter->caller && strcmp(filter->caller, "entry") == 0) ||
            (filter->caller_component && strcmp(filter->caller_component, "entry") == 0);
        condition->by_caller = filter->caller || filter->caller_component;
        if (exact_operations(
                reader, filter->callee, filter->callee_component, &condition->callees) < 0 ||
            (condition->by_entry ? bits_init(&condition->callers, 0)
                                 : exact_operations(reader, filter->caller,
                                       filter->caller_component, &condition->callers)) < 0)
            return -1;
    }
    if (query->conditions > 0)
        query->tests |= 1u << TEST_CALLS;
    return query->conditions > 0 ? query_compile_classes(query, reader) : 0;
}

static int compile_roots(struct trace_query *query, struct store_reader *reader, const char *root)
{
    struct dictionary *dictionary = &reader->dictionary;
    struct bits operations = {0};

    if (matching_operations(reader, root, NULL, &operations) < 0)
        return -1;
    if (dictionary_load_paths(reader) < 0 ||
        bits_init(&query->roots, dictionary->whole_paths) < 0) {
        bits_fini(&operations);
        return no_memory(reader);
    }
    for (uint32_t id = 1; id <= dictionary->whole_paths; id++)
        if (bits_has(&operations, dictionary->paths.items[id].operation))
            bits_set(&query->roots, id);
    bits_fini(&operations);
    query->tests |= 1u << TEST_ROOT;
    return 0;
}

int query_compile(
    struct trace_query *query, struct store_reader *reader, const struct store_filter *filter)
{
    if (compile_ranges(query, filter) < 0 || compile_places(query, reader, filter) < 0 ||
        (filter->root && compile_roots(query, reader, filter->root) < 0))
        return -1;
    return compile_calls(query, reader, filter);
}
