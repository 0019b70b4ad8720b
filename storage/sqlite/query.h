/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A filter made ready to be tried on many traces: texts have become sets of ids. And on blocks:
 * what a zone map says decides for all traces of most blocks at once.
 */
#ifndef KIEKER_STORAGE_SQLITE_QUERY_H
#define KIEKER_STORAGE_SQLITE_QUERY_H

#include "storage/sqlite/reading.h"
#include "storage/sqlite/zone.h"

/* A set of small numbers. */
struct bits {
    uint64_t *words;
    size_t count; /* of words */
};

static inline int bits_has(const struct bits *bits, uint32_t number)
{
    return number / 64 < bits->count && (bits->words[number / 64] >> (number % 64) & 1);
}

/* 0, or -1 when memory is short. */
int bits_init(struct bits *bits, uint32_t numbers);

static inline void bits_set(struct bits *bits, uint32_t number)
{
    bits->words[number / 64] |= (uint64_t)1 << (number % 64);
}

void bits_fini(struct bits *bits);

/* Whether text matches a glob of * and ?. */
int glob_matches(const char *glob, const char *text);

/* Whether the operation's name matches the glob, or its component and name with a dot between. */
int operation_matches(struct store_reader *reader, uint32_t operation, const char *glob);

/* A kind of call that a trace must have: of one of the callees by one of the callers. */
struct call_condition {
    struct bits callees; /* operations */
    int by_caller;       /* else any caller will do */
    struct bits callers; /* operations */
    int by_entry;        /* root calls will do */
};

#define CALL_CONDITIONS 2

/* What is tried, the cheap things first. A bit each. */
enum query_test {
    /* 0 to TRACE_SORTS - 1: the range of that sort's key */
    TEST_STATE = TRACE_SORTS,
    TEST_RUN,
    TEST_HOST,
    TEST_CLASS,
    TEST_ROOT,
    TEST_PARENT, /* it has none */
    TEST_CALLS,
    TESTS
};

struct trace_query {
    unsigned tests; /* bits of enum query_test that are asked for at all */
    int nothing;    /* nothing can match */
    int64_t low[TRACE_SORTS], high[TRACE_SORTS]; /* of the sort keys, ends included */
    unsigned states;                             /* bits of enum trace_state */
    uint32_t run, host, class;
    struct bits roots; /* paths */
    unsigned conditions;
    struct call_condition calls[CALL_CONDITIONS]; /* all must be met */
    struct bits classes;                          /* that meet them */
    enum trace_sort sort;
    int ascending;
};

/* Which column of a block has a sort's key, and where its extremes are in the zone map. */
extern const struct sort_key {
    enum block_column column;
    enum zone_value minimum, maximum;
} sort_keys[TRACE_SORTS];

int64_t sort_key_of(const struct trace *trace, enum trace_sort sort);

/* All traces, latest first. */
void query_init(struct trace_query *query);

/* Takes a filter. 0 or -1 (the reader's sentence). query_fini in any case. */
int query_compile(
    struct trace_query *query, struct store_reader *reader, const struct store_filter *filter);
void query_fini(struct trace_query *query);

/* contents.c: which classes meet the query's conditions on calls. 0 or -1. */
int query_compile_classes(struct trace_query *query, struct store_reader *reader);

/* The id of a run by its name, of a name by its text; 0 if there is none. 0 or -1. */
int read_find_run(struct store_reader *reader, const char *name, uint32_t *id);
int read_find_name(struct store_reader *reader, const char *text, uint32_t *id);

/* Narrows the range of a sort's key. */
void query_narrow(struct trace_query *query, enum trace_sort sort, int64_t low, int64_t high);
void query_only_states(struct trace_query *query, unsigned states);

/* A block as its row in the table says; the sets are coded and lent. */
struct zone_row {
    int64_t id, values[ZONE_VALUES];
    struct reader classes, roots;
};

/* Whether none (-1) or all (0) of the block's traces pass; else the bits of the tests that must be
 * tried on each. */
int query_try_zone(const struct trace_query *query, const struct zone_row *zone);

/* Tries the tests in `tests` but TEST_CALLS on a trace. 1 or 0. */
int query_try_trace(const struct trace_query *query, unsigned tests, const struct trace *trace);

/* TEST_CALLS, by class or, if it has none, by its chunks. 1, 0 or -1. */
int query_try_calls(
    const struct trace_query *query, struct store_reader *reader, const struct located *located);

/* How many traces match. 0 or -1. */
int query_count(const struct trace_query *query, struct store_reader *reader, uint64_t *total);

#endif
