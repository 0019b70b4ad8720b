/* SPDX-License-Identifier: Apache-2.0 */
/* A query's tests, on a block's zone map and on a trace. */
#include "storage/sqlite/query.h"

enum verdict { NONE, SOME, ALL };

static enum verdict of_range(
    const struct trace_query *query, const struct zone_row *zone, enum trace_sort sort)
{
    int64_t minimum = zone->values[sort_keys[sort].minimum],
            maximum = zone->values[sort_keys[sort].maximum];

    if (maximum < query->low[sort] || minimum > query->high[sort])
        return NONE;
    return minimum >= query->low[sort] && maximum <= query->high[sort] ? ALL : SOME;
}

static enum verdict of_share(int64_t share, int64_t all)
{
    return share == 0 ? NONE : share == all ? ALL : SOME;
}

static int64_t with_states(const struct trace_query *query, const struct zone_row *zone)
{
    return (query->states >> TRACE_COMPLETE & 1) * zone->values[ZONE_COMPLETE] +
           (query->states >> TRACE_INCOMPLETE & 1) * zone->values[ZONE_INCOMPLETE] +
           (query->states >> TRACE_DAMAGED & 1) * zone->values[ZONE_DAMAGED];
}

static enum verdict of_uniform(int64_t uniform, uint32_t wanted)
{
    return uniform == 0 ? SOME : uniform == wanted ? ALL : NONE;
}

/* How many of a coded set are wanted. Damage: some. */
static enum verdict of_set(
    struct reader set, const struct bits *wanted, uint32_t one, int zero_is_some)
{
    uint64_t number = 0;
    int64_t all = 0, share = 0;

    while (set.at < set.end) {
        number += reader_varint(&set);
        if (set.bad || number > UINT32_MAX || (number == 0 && zero_is_some))
            return SOME;
        all++;
        share += wanted ? bits_has(wanted, (uint32_t)number) : number == one;
    }
    return of_share(share, all);
}

static enum verdict of_test(const struct trace_query *query, const struct zone_row *zone, int test)
{
    switch (test) {
    case TEST_STATE:
        return of_share(with_states(query, zone), zone->values[ZONE_TRACES]);
    case TEST_RUN:
        return of_uniform(zone->values[ZONE_RUN], query->run);
    case TEST_HOST:
        return of_uniform(zone->values[ZONE_HOST], query->host);
    case TEST_CLASS:
        return of_set(zone->classes, NULL, query->class, 0);
    case TEST_ROOT:
        return of_set(zone->roots, &query->roots, 0, 0);
    case TEST_PARENT:
        return SOME;
    case TEST_CALLS:
        return of_set(zone->classes, &query->classes, 0, 1);
    default:
        return of_range(query, zone, (enum trace_sort)test);
    }
}

int query_try_zone(const struct trace_query *query, const struct zone_row *zone)
{
    int tests = 0;

    for (int test = 0; test < TESTS; test++) {
        enum verdict verdict;

        if (!(query->tests >> test & 1))
            continue;
        verdict = of_test(query, zone, test);
        if (verdict == NONE)
            return -1;
        tests |= (verdict == SOME) << test;
    }
    return tests;
}

int query_try_trace(const struct trace_query *query, unsigned tests, const struct trace *trace)
{
    for (int sort = 0; sort < TRACE_SORTS; sort++)
        if (tests >> sort & 1) {
            int64_t key = sort_key_of(trace, (enum trace_sort)sort);

            if (key < query->low[sort] || key > query->high[sort])
                return 0;
        }
    if ((tests >> TEST_STATE & 1) && !(query->states >> trace->state & 1))
        return 0;
    if ((tests >> TEST_RUN & 1) && trace->run != query->run)
        return 0;
    if ((tests >> TEST_HOST & 1) && trace->host != query->host)
        return 0;
    if ((tests >> TEST_CLASS & 1) && trace->class != query->class)
        return 0;
    if ((tests >> TEST_PARENT & 1) && trace_has_parent(trace))
        return 0;
    return !(tests >> TEST_ROOT & 1) || bits_has(&query->roots, trace->root);
}
