/* SPDX-License-Identifier: Apache-2.0 */
#include "query/kin.h"

#include <inttypes.h>
#include <stdlib.h>

#include "query/table.h"
#include "query/traces.h"

#define CHILDREN_MAX 200
#define PLACES_WITHIN 5000000 /* of a trace's records: beyond, places are not looked for */

struct place {
    uint64_t trace; /* that was started there */
    int32_t order;
    int is_known;
    uint64_t call;
    uint32_t operation;
};

struct places {
    struct place *items[CHILDREN_MAX]; /* by order */
    size_t count, next;
    struct walk *walk;
    int failed;
};

static const struct column columns[] = {
    {"id", "trace", CELL_ID, 1},
    {"start_at", "start", CELL_TIME, 4},
    {"duration_ns", "duration", CELL_DURATION, 2},
    {"calls", "calls", CELL_COUNT, 5},
    {"failed", "failed", CELL_COUNT, 6},
    {"state", "state", CELL_WORD, 7},
    {"thread", "thread", CELL_ID, 8},
    {"root", "root call", CELL_CALL, 3},
    {"call", "started by call", CELL_ID, 9},
    {NULL, NULL, CELL_NAME, 0},
};

static int by_order(const void *a, const void *b)
{
    const struct place *x = *(struct place *const *)a, *y = *(struct place *const *)b;

    return (x->order > y->order) - (x->order < y->order);
}

/* A record that is no begin and no end of a call: what was started there? */
static void on_other(void *context, uint64_t record, const struct call *innermost)
{
    struct places *places = context;

    for (; places->next < places->count; places->next++) {
        struct place *place = places->items[places->next];

        if (place->order >= 0 && (uint64_t)place->order > record)
            break;
        if (place->order < 0 || (uint64_t)place->order != record || innermost == NULL)
            continue;
        place->is_known = 1;
        place->call = innermost->position;
        place->operation = innermost->operation;
    }
}

static int on_chunk(void *context, const struct chunk_view *chunk)
{
    struct places *places = context;

    places->failed = walk_feed(places->walk, chunk) < 0;
    return places->failed || places->next == places->count;
}

/* Finds the calls of a trace in which others were started. An order index is a record's number
 * where none is left out or there twice. */
static void find_places(
    struct store_reader *reader, const struct trace *trace, struct place *found, size_t count)
{
    struct places places = {.count = count};
    const struct walker walker = {.context = &places};

    if (count == 0 || trace->flaws & (FLAW_ORDER_GAP | FLAW_ORDER_REPEATED) ||
        trace->events > PLACES_WITHIN)
        return;
    for (size_t i = 0; i < count; i++)
        places.items[i] = &found[i];
    qsort(places.items, count, sizeof(*places.items), by_order);
    places.walk = walk_new(trace, &walker);
    if (places.walk == NULL)
        return;
    walk_on_other(places.walk, on_other);
    store_chunks(reader, trace->id, on_chunk, &places);
    walk_free(places.walk);
}

static void put_place(json_t **object, struct store_reader *reader, const struct place *place)
{
    const char *operation = NULL, *component = NULL;

    if (place->is_known)
        store_operation(reader, place->operation, &operation, &component);
    answer_put(object, "order", place->order < 0 ? json_null() : json_integer(place->order));
    answer_put(object, "call", place->is_known ? answer_id(place->call) : json_null());
    answer_put_text(object, "in_operation", operation);
    answer_put_text(object, "in_component", component);
}

json_t *kin_parent(struct store_reader *reader, const struct trace *trace)
{
    struct place place = {.order = trace->parent_order};
    struct trace_row row;
    uint64_t id;
    char text[24];
    json_t *object;
    int got;

    if (!trace_has_parent(trace))
        return json_null();
    got = store_parent(reader, trace, &id);
    if (got > 0)
        got = store_trace(reader, id, &row);
    if (got > 0)
        find_places(reader, &row.trace, &place, 1);
    snprintf(text, sizeof(text), "%" PRId64, trace->parent_kieker_id);
    object = json_object();
    answer_put(&object, "id", got > 0 ? answer_id(id) : json_null());
    answer_put_text(&object, "trace_id", text);
    put_place(&object, reader, &place);
    return object;
}

struct finding {
    struct place places[CHILDREN_MAX];
    size_t count;
    uint64_t total;
};

static int on_child(void *context, uint64_t id, int32_t order)
{
    struct finding *finding = context;

    if (finding->total++ < CHILDREN_MAX)
        finding->places[finding->count++] = (struct place){.trace = id, .order = order};
    return 0;
}

json_t *kin_children(struct store_reader *reader, const struct trace *trace, uint64_t *total)
{
    struct finding finding = {.count = 0};
    json_t *rows = json_array();

    if (store_children(reader, trace, on_child, &finding) < 0) {
        json_decref(rows);
        return NULL;
    }
    find_places(reader, trace, finding.places, finding.count);
    for (size_t i = 0; i < finding.count; i++) {
        struct trace_row row;
        json_t *object;

        if (store_trace(reader, finding.places[i].trace, &row) <= 0)
            continue;
        object = traces_row(&row);
        put_place(&object, reader, &finding.places[i]);
        answer_add(&rows, object);
    }
    *total = finding.total;
    return rows;
}

void kin_print_parent(struct page *page, const json_t *parent)
{
    static const struct column stored[] = {
        {"id", "started by trace ", CELL_ID, 1},
        {"call", "call ", CELL_ID, 2},
        {"in_component", "in ", CELL_NAME, 3},
        {"in_operation", "", CELL_NAME, 4},
        {NULL, NULL, CELL_NAME, 0},
    };
    static const struct column gone[] = {
        {"trace_id", "started by the client's trace ", CELL_ID, 1},
        {NULL, NULL, CELL_NAME, 0},
    };

    if (json_is_object(parent))
        table_print_facts(
            page, json_is_null(json_object_get(parent, "id")) ? gone : stored, parent);
}

void kin_print_children(struct page *page, const json_t *answer)
{
    const json_t *children = json_object_get(answer, "children");
    json_int_t total = json_integer_value(json_object_get(answer, "children_total"));

    if (json_array_size(children) == 0)
        return;
    if ((json_int_t)json_array_size(children) < total)
        table_heading(page, "started from here, %zu of %" JSON_INTEGER_FORMAT,
            json_array_size(children), total);
    else
        table_heading(page, "started from here");
    table_print(page, columns, children);
}
