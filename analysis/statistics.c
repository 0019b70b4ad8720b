/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/assembling.h"

#include <stdlib.h>

#define MINUTE_NS 60000000000
#define FIRST_BUCKETS 8

static int grow(struct arena *arena, struct histogram *histogram)
{
    uint32_t capacity = histogram->capacity ? histogram->capacity * 2 : FIRST_BUCKETS;
    struct histogram_slot *slots = arena_take(arena, capacity * sizeof(*slots));

    if (slots == NULL)
        return -1;
    histogram_rehash(histogram, slots, capacity);
    return 0;
}

/* A duration in a second bucket: what was counted so far lies in that of the minimum. */
static int spread(struct arena *arena, struct durations *durations)
{
    struct histogram *histogram = &durations->histogram;

    if (grow(arena, histogram) < 0)
        return -1;
    histogram_count(histogram, (uint64_t)durations->minimum);
    histogram->slots[histogram_bucket((uint64_t)durations->minimum) & (FIRST_BUCKETS - 1)].count =
        (uint32_t)durations->count;
    return 0;
}

static int count(struct arena *arena, struct durations *durations, int64_t duration)
{
    struct histogram *histogram = &durations->histogram;

    if (histogram->capacity > 0) {
        if (histogram->used * 2 >= histogram->capacity && grow(arena, histogram) < 0)
            return -1;
        histogram_count(histogram, (uint64_t)duration);
    } else if (durations->count == 0) {
        durations->minimum = durations->maximum = duration;
    } else if (histogram_bucket((uint64_t)duration) !=
               histogram_bucket((uint64_t)durations->minimum)) {
        if (spread(arena, durations) < 0)
            return -1;
        histogram_count(histogram, (uint64_t)duration);
    }
    if (duration < durations->minimum)
        durations->minimum = duration;
    if (duration > durations->maximum)
        durations->maximum = duration;
    durations->count++;
    durations->total += (uint64_t)duration;
    return 0;
}

static int64_t minute_of(struct assembler *a, int64_t time)
{
    if ((uint64_t)time - (uint64_t)a->minute_start >= MINUTE_NS) {
        a->minute = time / MINUTE_NS - (time % MINUTE_NS < 0);
        /* Unsigned: the minute of the earliest time that can be begins before it. */
        a->minute_start = (int64_t)((uint64_t)a->minute * MINUTE_NS);
    }
    return a->minute;
}

/* A call has ended: adds it to what the batch has of (path, minute). */
int stat_call(
    struct assembler *a, uint32_t path, int64_t end, int64_t duration, int64_t self, int failed)
{
    struct model_path *of = &a->model.paths.items[path];
    struct batch_path_stat *stat = NULL;
    int64_t minute = minute_of(a, end);

    if (of->stat_batch == a->batch->number)
        stat = &a->batch->path_stats.items[of->stat];
    if (stat == NULL || stat->minute != minute) {
        stat = list_add(&a->batch->path_stats);
        if (stat == NULL)
            return -1;
        *stat = (struct batch_path_stat){.path = path, .minute = minute};
        of->stat = (uint32_t)a->batch->path_stats.count - 1;
        of->stat_batch = a->batch->number;
    }
    stat->durations.failed += failed != 0;
    stat->durations.self += (uint64_t)self;
    a->figures.calls++;
    a->figures.failed_calls += failed != 0;
    return count(&a->batch->arena, &stat->durations, duration);
}

/* A trace of the class has ended. */
int stat_class(struct assembler *a, uint32_t class, const struct trace *trace)
{
    struct model_class *of = &a->model.classes.items[class];
    int64_t duration = time_between(trace->start, trace->end);
    struct batch_class_stat *stat;

    if (of->stat_batch != a->batch->number) {
        stat = list_add(&a->batch->class_stats);
        if (stat == NULL)
            return -1;
        *stat = (struct batch_class_stat){.class = class,
            .first = trace->id,
            .first_start = trace->start,
            .latest_start = INT64_MIN};
        of->stat = (uint32_t)a->batch->class_stats.count - 1;
        of->stat_batch = a->batch->number;
    }
    stat = &a->batch->class_stats.items[of->stat];
    if (stat->durations.count == 0 || duration > stat->durations.maximum)
        stat->slowest = trace->id;
    if (trace->start < stat->first_start) {
        stat->first_start = trace->start;
        stat->first = trace->id;
    }
    if (trace->start >= stat->latest_start) {
        stat->latest_start = trace->start;
        stat->latest = trace->id;
    }
    stat->durations.failed += trace->failed > 0;
    return count(&a->batch->arena, &stat->durations, duration);
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Sorts the trace's paths and leaves each there once; returns how many there are. */
size_t stat_paths(struct open_trace *trace)
{
    uint32_t *paths = trace->paths.items;
    size_t kept = 0;

    if (trace->paths.count > trace->paths_sorted) {
        qsort(paths, trace->paths.count, sizeof(*paths), ascending);
        for (size_t i = 0; i < trace->paths.count; i++)
            if (i == 0 || paths[i] != paths[i - 1])
                paths[kept++] = paths[i];
        trace->paths.count = trace->paths_sorted = kept;
    }
    return trace->paths.count;
}

int stat_touch_slow(struct assembler *a, struct open_trace *trace, uint32_t path)
{
    uint32_t *place;

    a->model.paths.items[path].seen_by = (uint32_t)trace->row.id;
    /* Where traces take turns, a path is noted again at each turn: tidied up before the list
     * doubles. */
    if (trace->paths.count >= 1024 && trace->paths.count >= 2 * trace->paths_sorted)
        stat_paths(trace);
    place = list_add(&trace->paths);
    if (place == NULL)
        return -1;
    *place = path;
    return 0;
}
