/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/spans.h"

#include "record/build.h"

#include <stdlib.h>
#include <string.h>

#define NO_SESSION "<no-session-id>"
#define NONE UINT32_MAX

struct kept {
    struct span span;
    uint32_t first, next; /* of its callees, by their begins; of its caller's */
    int given;
    char *texts; /* of the span, one behind the other */
};

/* What a span takes besides its texts, and a trace besides its spans: about. */
#define SPAN_BYTES (2 * sizeof(struct kept))
#define TRACE_BYTES 1024

struct spans_trace {
    unsigned char id[SPAN_TRACE_SIZE];
    uint64_t key; /* under which it is found */
    LIST(struct kept) spans;
    struct map ids; /* a span's id -> its place among them */
    int64_t touched;
    int has_root;
    size_t bytes;
    struct spans_trace *older, *newer;
};

struct spans {
    struct assembler *assembler;
    struct stream *stream;
    struct build build;
    struct map places;                 /* a trace id's hash -> its place */
    LIST(struct spans_trace *) traces; /* by place; NULL: free */
    LIST(uint32_t) free_places;
    struct spans_trace *oldest, *newest;
    size_t bytes;
};

static uint64_t number_of(const unsigned char *id)
{
    return bytes_get64(id);
}

struct spans *spans_new(struct assembler *assembler)
{
    struct spans *spans = calloc(1, sizeof(*spans));

    if (spans == NULL)
        return NULL;
    spans->assembler = assembler;
    build_init(&spans->build);
    return spans;
}

static void unlink_trace(struct spans *spans, struct spans_trace *trace)
{
    *(trace->newer ? &trace->newer->older : &spans->newest) = trace->older;
    *(trace->older ? &trace->older->newer : &spans->oldest) = trace->newer;
}

static void link_newest(struct spans *spans, struct spans_trace *trace)
{
    trace->newer = NULL;
    trace->older = spans->newest;
    *(spans->newest ? &spans->newest->newer : &spans->oldest) = trace;
    spans->newest = trace;
}

static void give_back(struct spans *spans, uint32_t place)
{
    uint32_t *back = list_add(&spans->free_places);

    spans->traces.items[place] = NULL;
    if (back)
        *back = place; /* else it stays unused */
}

static void trace_free(struct spans *spans, struct spans_trace *trace)
{
    uint32_t place = map_get(&spans->places, trace->key);

    if (place != MAP_NONE && spans->traces.items[place] == trace) {
        map_remove(&spans->places, trace->key);
        give_back(spans, place);
    }
    unlink_trace(spans, trace);
    spans->bytes -= trace->bytes;
    for (size_t i = 0; i < trace->spans.count; i++)
        free(trace->spans.items[i].texts);
    list_fini(&trace->spans);
    map_fini(&trace->ids);
    free(trace);
}

void spans_free(struct spans *spans)
{
    if (spans == NULL)
        return;
    while (spans->oldest)
        trace_free(spans, spans->oldest);
    list_fini(&spans->traces);
    list_fini(&spans->free_places);
    map_fini(&spans->places);
    build_fini(&spans->build);
    free(spans);
}

static struct spans_trace *open_trace(struct spans *spans, const unsigned char *id, uint64_t key)
{
    struct spans_trace *trace = calloc(1, sizeof(*trace));
    struct spans_trace **place = NULL;
    uint32_t at = (uint32_t)spans->traces.count;

    if (spans->free_places.count > 0) {
        at = spans->free_places.items[--spans->free_places.count];
        place = &spans->traces.items[at];
    } else {
        place = list_add(&spans->traces);
    }
    if (trace == NULL || place == NULL || map_put(&spans->places, key, at) < 0) {
        if (place)
            give_back(spans, at);
        free(trace);
        return NULL;
    }
    memcpy(trace->id, id, SPAN_TRACE_SIZE);
    trace->key = key;
    *place = trace;
    trace->bytes = TRACE_BYTES;
    spans->bytes += TRACE_BYTES;
    link_newest(spans, trace);
    return trace;
}

/* The trace of that id, opened if need be. Different ids of one hash take neighbours. */
static struct spans_trace *trace_of(struct spans *spans, const unsigned char *id)
{
    uint64_t key = map_mix(number_of(id) * map_secret ^ map_mix(number_of(id + 8)));
    uint32_t place;

    for (; (place = map_get(&spans->places, key)) != MAP_NONE; key++)
        if (memcmp(spans->traces.items[place]->id, id, SPAN_TRACE_SIZE) == 0)
            return spans->traces.items[place];
    return open_trace(spans, id, key);
}

/* Copies a text and moves to behind it. */
static const char *keep(char **at, const char *text)
{
    char *copy = *at;

    if (text == NULL)
        return NULL;
    *at = stpcpy(copy, text) + 1;
    return copy;
}

/* What the span's texts take. */
static size_t size_of(const struct span *span)
{
    return strlen(span->operation) + strlen(span->component) + strlen(span->host) +
           (span->cause ? strlen(span->cause) + 1 : 0) + 3;
}

int spans_add(struct spans *spans, const struct span *span, int64_t now)
{
    struct spans_trace *trace = trace_of(spans, span->trace);
    struct kept *kept;
    char *texts, *at;
    size_t bytes;

    if (trace == NULL)
        return -1;
    unlink_trace(spans, trace);
    link_newest(spans, trace);
    trace->touched = now;
    /* Exporters send again what they have got no answer to. */
    if (map_get(&trace->ids, number_of(span->id)) != MAP_NONE) {
        assembler_count(spans->assembler, NULL, "spans_repeated", 1);
        return 0;
    }
    bytes = size_of(span);
    texts = at = malloc(bytes);
    kept = texts ? list_add(&trace->spans) : NULL;
    if (kept == NULL ||
        map_put(&trace->ids, number_of(span->id), (uint32_t)trace->spans.count - 1) < 0) {
        trace->spans.count -= kept != NULL;
        free(texts);
        return -1;
    }
    *kept = (struct kept){.span = *span, .first = NONE, .next = NONE, .texts = texts};
    kept->span.operation = keep(&at, span->operation);
    kept->span.component = keep(&at, span->component);
    kept->span.host = keep(&at, span->host);
    kept->span.cause = keep(&at, span->cause);
    trace->has_root |= !span->has_parent;
    trace->bytes += SPAN_BYTES + bytes;
    spans->bytes += SPAN_BYTES + bytes;
    return 0;
}

static int by_start(const void *a, const void *b)
{
    const struct span *left = &((const struct kept *)a)->span,
                      *right = &((const struct kept *)b)->span;

    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    /* The longer one first: it may be the caller. */
    if (left->end != right->end)
        return left->end > right->end ? -1 : 1;
    return memcmp(left->id, right->id, SPAN_ID_SIZE);
}

/* Chains each span's callees. Afterwards spans without a caller have `given` 0, others -1. */
static int join(struct spans_trace *trace)
{
    struct kept *items = trace->spans.items;
    size_t count = trace->spans.count;
    int result = 0;

    qsort(items, count, sizeof(*items), by_start);
    for (size_t i = 0; i < count && result == 0; i++)
        result = map_put(&trace->ids, number_of(items[i].span.id), (uint32_t)i);
    for (size_t i = count; i-- > 0 && result == 0;) {
        uint32_t caller = items[i].span.has_parent
                              ? map_get(&trace->ids, number_of(items[i].span.parent))
                              : MAP_NONE;

        items[i].given = caller != MAP_NONE && caller != i ? -1 : 0;
        if (items[i].given == 0)
            continue;
        items[i].next = items[caller].first;
        items[caller].first = (uint32_t)i;
    }
    return result;
}

static int text(struct build *build, const char *value)
{
    return build_text(build, value, strlen(value));
}

static int feed(struct spans *spans, int64_t now)
{
    const struct record *record = build_end(&spans->build);

    return record ? assembler_feed(spans->assembler, spans->stream, record, now) : -1;
}

static int announce(struct spans *spans, int64_t id, const struct span *root)
{
    struct build *build = &spans->build;

    build_begin(build, record_type(RECORD_TRACE_METADATA), RECORD_NOT_LOGGED);
    return build_integer(build, id) < 0 || build_integer(build, 0) < 0 ||
                   text(build, NO_SESSION) < 0 || text(build, root->host) < 0 ||
                   build_integer(build, id) < 0 || build_integer(build, -1) < 0
               ? -1
               : feed(spans, root->start);
}

/* The begin or the end of a call. */
static int event(struct spans *spans, enum record_id type, int64_t at, int64_t id, int32_t *order,
    const struct span *span)
{
    struct build *build = &spans->build;

    build_begin(build, record_type(type), RECORD_NOT_LOGGED);
    return build_integer(build, at) < 0 || build_integer(build, id) < 0 ||
                   build_integer(build, (*order)++) < 0 || text(build, span->operation) < 0 ||
                   text(build, span->component) < 0 ||
                   (type == RECORD_AFTER_OPERATION_FAILED && text(build, span->cause) < 0)
               ? -1
               : feed(spans, at);
}

static int end(struct spans *spans, int64_t id, int32_t *order, const struct span *span)
{
    return event(spans, span->cause ? RECORD_AFTER_OPERATION_FAILED : RECORD_AFTER_OPERATION,
        span->end, id, order, span);
}

/* A root call and all below it, as one trace. */
static int give_root(struct spans *spans, struct spans_trace *trace, uint32_t root)
{
    struct kept *items = trace->spans.items;
    int64_t id = (int64_t)number_of(trace->id + 8);
    LIST(uint32_t) open = {0};
    int32_t order = 0;
    int result = announce(spans, id, &items[root].span);
    uint32_t next = root;

    while (result == 0 && (next != NONE || open.count > 0)) {
        if (next != NONE && items[next].given == 1) {
            next = items[next].next; /* spans that call one another in a ring */
        } else if (next != NONE) {
            uint32_t *place = list_add(&open);

            items[next].given = 1;
            if (place == NULL)
                result = -1;
            else
                *place = next;
            if (result == 0)
                result = event(spans, RECORD_BEFORE_OPERATION, items[next].span.start, id, &order,
                    &items[next].span);
            next = items[next].first;
        } else {
            uint32_t ended = open.items[--open.count];

            result = end(spans, id, &order, &items[ended].span);
            next = ended == root ? NONE : items[ended].next;
        }
    }
    list_fini(&open);
    return result;
}

static int give_trace(struct spans *spans, struct spans_trace *trace)
{
    int result;

    /* Memory was short when its first span came. */
    if (trace->spans.count == 0) {
        trace_free(spans, trace);
        return 0;
    }
    result = join(trace);
    if (spans->stream == NULL)
        spans->stream =
            assembler_open_stream(spans->assembler, "otlp", trace->spans.items[0].span.start);
    if (spans->stream == NULL)
        result = -1;
    /* First those without a caller; then what is left, which calls itself. */
    for (int rings = 0; rings < 2; rings++)
        for (size_t i = 0; i < trace->spans.count && result == 0; i++)
            if (trace->spans.items[i].given == 0 || (rings && trace->spans.items[i].given < 0))
                result = give_root(spans, trace, (uint32_t)i);
    trace_free(spans, trace);
    return result;
}

static int64_t due(const struct spans_trace *trace)
{
    return trace->touched + (trace->has_root ? SPANS_REST_NS : SPANS_ROOTLESS_NS);
}

int spans_give(struct spans *spans, int64_t now, int all)
{
    struct spans_trace *trace, *newer;
    int given = 0, result = 0;

    for (trace = spans->oldest; trace && result == 0; trace = newer) {
        newer = trace->newer;
        if (!all && spans->bytes <= SPANS_BYTES_MAX) {
            if (trace->touched + SPANS_REST_NS > now)
                break;
            if (due(trace) > now)
                continue;
        }
        result = give_trace(spans, trace);
        given++;
    }
    return result < 0 ? -1 : given;
}

int64_t spans_due(const struct spans *spans)
{
    int64_t first = INT64_MAX;

    for (const struct spans_trace *trace = spans->oldest; trace; trace = trace->newer) {
        if (trace->touched + SPANS_REST_NS >= first)
            break;
        if (due(trace) < first)
            first = due(trace);
    }
    return first;
}

size_t spans_bytes(const struct spans *spans)
{
    return spans->bytes;
}
