/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/zone.h"

#include <stdlib.h>
#include <string.h>

const char zone_columns[] =
#define VALUE(name, column) ", " #column
    ZONE_COLUMNS(VALUE)
#undef VALUE
        ", classes, roots";

#define SET_SLOTS (2 * BLOCK_TRACES_MAX)

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* What is seen for the first time; `slots` holds numbers + 1, at most half of them used. */
static int set_add(uint32_t *slots, uint32_t number)
{
    uint32_t i = number * 0x9E3779B1u >> 19;

    _Static_assert(SET_SLOTS == 1 << (32 - 19), "the hash above gives a slot");
    for (; slots[i] != 0; i = (i + 1) % SET_SLOTS)
        if (slots[i] == number + 1)
            return 0;
    slots[i] = number + 1;
    return 1;
}

#define OF_CLASS(row) ((row)->trace.class)
#define OF_ROOT(row) ((row)->trace.root)

#define DISTINCT(of, rows, count, set, set_count)                                                  \
    do {                                                                                           \
        uint32_t slots[SET_SLOTS] = {0};                                                           \
                                                                                                   \
        for (size_t n = 0; n < (count); n++)                                                       \
            if ((n == 0 || of(&(rows)[n]) != of(&(rows)[n - 1])) &&                                \
                set_add(slots, of(&(rows)[n])))                                                    \
                (set)[(set_count)++] = of(&(rows)[n]);                                             \
        qsort((set), (set_count), sizeof(*(set)), ascending);                                      \
    } while (0)

static void widen(int64_t *minimum, int64_t *maximum, int64_t value)
{
    if (value < *minimum)
        *minimum = value;
    if (value > *maximum)
        *maximum = value;
}

/* Rows of a damaged file, which are merged like others, may add up to any number. */
static void increase(int64_t *sum, uint64_t more)
{
    *sum = (int64_t)((uint64_t)*sum + more);
}

static void add(int64_t *values, const struct batch_trace *row)
{
    const struct trace *trace = &row->trace;
    int64_t duration = time_between(trace->start, trace->end), none = INT64_MAX;

    values[ZONE_COMPLETE] += trace->state == TRACE_COMPLETE;
    values[ZONE_INCOMPLETE] += trace->state == TRACE_INCOMPLETE;
    values[ZONE_DAMAGED] += trace->state == TRACE_DAMAGED;
    values[ZONE_FAILED] += trace->failed > 0;
    increase(&values[ZONE_CALLS], trace->calls);
    increase(&values[ZONE_EVENTS], trace->events);
    for (int i = 0; i < CHUNK_PARTS; i++)
        increase(&values[ZONE_BYTES], row->size[i]);
    widen(&values[ZONE_FIRST_ID], &values[ZONE_LAST_ID], (int64_t)trace->id);
    widen(&values[ZONE_MIN_START], &values[ZONE_MAX_START], trace->start);
    widen(&none, &values[ZONE_MAX_END], trace->end);
    widen(&values[ZONE_MIN_DURATION], &values[ZONE_MAX_DURATION], duration);
    widen(&values[ZONE_MIN_CALLS], &values[ZONE_MAX_CALLS], (int64_t)trace->calls);
    widen(&values[ZONE_MIN_DEPTH], &values[ZONE_MAX_DEPTH], trace->depth);
    widen(&values[ZONE_MIN_FAILED], &values[ZONE_MAX_FAILED], (int64_t)trace->failed);
    if (values[ZONE_RUN] != trace->run)
        values[ZONE_RUN] = 0;
    if (values[ZONE_HOST] != trace->host)
        values[ZONE_HOST] = 0;
}

static const enum zone_value minima[] = {ZONE_FIRST_ID, ZONE_MIN_START, ZONE_MIN_DURATION,
    ZONE_MIN_CALLS, ZONE_MIN_DEPTH, ZONE_MIN_FAILED};
static const enum zone_value maxima[] = {ZONE_LAST_ID, ZONE_MAX_START, ZONE_MAX_END,
    ZONE_MAX_DURATION, ZONE_MAX_CALLS, ZONE_MAX_DEPTH, ZONE_MAX_FAILED};

void zone_of(struct zone *zone, const struct batch_trace *rows, size_t count)
{
    int64_t *values = zone->values;

    memset(values, 0, sizeof(zone->values));
    for (size_t i = 0; i < sizeof(minima) / sizeof(minima[0]); i++)
        values[minima[i]] = INT64_MAX;
    for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++)
        values[maxima[i]] = INT64_MIN;
    values[ZONE_TRACES] = (int64_t)count;
    values[ZONE_RUN] = rows[0].trace.run;
    values[ZONE_HOST] = rows[0].trace.host;
    for (size_t i = 0; i < count; i++)
        add(values, &rows[i]);
    zone->class_count = zone->root_count = 0;
    DISTINCT(OF_CLASS, rows, count, zone->classes, zone->class_count);
    DISTINCT(OF_ROOT, rows, count, zone->roots, zone->root_count);
}

int zone_encode_set(const uint32_t *numbers, size_t count, struct buffer *out)
{
    uint32_t before = 0;

    if (buffer_reserve(out, count * 5) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        buffer_put(out, numbers[i] - before);
        before = numbers[i];
    }
    return 0;
}

int zone_bind(const struct zone *zone, sqlite3_stmt *statement, int first, struct buffer *coded)
{
    size_t classes;

    coded->size = 0;
    if (buffer_reserve(coded, 1) < 0 ||
        zone_encode_set(zone->classes, zone->class_count, coded) < 0)
        return -1;
    classes = coded->size;
    if (zone_encode_set(zone->roots, zone->root_count, coded) < 0)
        return -1;
    for (int i = 0; i < ZONE_VALUES; i++)
        sqlite3_bind_int64(statement, first + i, zone->values[i]);
    sqlite3_bind_blob64(statement, first + ZONE_VALUES, coded->bytes, classes, SQLITE_STATIC);
    sqlite3_bind_blob64(statement, first + ZONE_VALUES + 1, coded->bytes + classes,
        coded->size - classes, SQLITE_STATIC);
    return 0;
}
