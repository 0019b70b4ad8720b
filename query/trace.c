/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One trace's calls. A trace may have millions, so an answer has the longest of them, as many as
 * asked for at most: a first walk counts durations and so finds the threshold, a second one keeps
 * the calls above it and sums up the others in their callers. Memory is in proportion to the calls
 * kept and the calls open, never to the trace.
 *
 * A call weighs its duration, or that of its longest callee if that is longer (clocks do step
 * back): so a caller never weighs less than its callees, and what is kept is a tree.
 */
#include "query/answer.h"
#include "query/cut.h"
#include "query/kin.h"
#include "query/table.h"
#include "query/traces.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 5000
#define LIMIT_MAX 200000
#define NO_CALL UINT64_MAX

static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

static const struct column columns[] = {
    {"start_at", "start", CELL_TIME, 0},
    {"duration_ns", "duration", CELL_DURATION, 1},
    {"self_ns", "self", CELL_DURATION, 2},
    {"calls", "calls", CELL_COUNT, 0},
    {"call", "call", CELL_ID, 0},
    {"host", "host", CELL_NAME, 0},
    {"operation_id", "id", CELL_ID, 0},
    {"hidden_calls", "hidden", CELL_COUNT, 0},
    {NULL, NULL, CELL_NAME, 0},
};

/* Of the trace, above its calls. */
static const struct column facts[] = {
    {"id", "trace ", CELL_ID, 1},
    {"duration_ns", "", CELL_DURATION, 2},
    {"start_at", "", CELL_TIME, 5},
    {"run", "run ", CELL_NAME, 7},
    {"host", "host ", CELL_NAME, 8},
    {"thread", "thread ", CELL_ID, 10},
    {"calls", "calls ", CELL_COUNT, 4},
    {"depth", "depth ", CELL_COUNT, 9},
    {"failed", "failed ", CELL_COUNT, 6},
    {"state", "", CELL_WORD, 3},
    {NULL, NULL, CELL_NAME, 0},
};

/* A call that is kept. */
struct node {
    struct call call;
    uint64_t hidden_calls, hidden_ns;
    struct node *first, *next;
};

/* What is known of a call while it is open. */
struct frame {
    struct frame *parent; /* of a free one: the next free one */
    struct node *first, **last;
    uint64_t weight, hidden_calls, hidden_ns;
    uint32_t level; /* 1 for the calls that the answer begins with */
};

struct look {
    struct request *request;
    struct store_reader *reader;
    struct trace trace;
    uint64_t wanted; /* position of the one call whose subtree is asked for, or NO_CALL */
    uint32_t depth;
    enum { COUNT_WEIGHTS, COUNT_LEVELS, KEEP } step;
    struct cut cut;
    struct frame top, *free;
    struct arena frames;
    uint64_t total, kept;
    int done, short_of_memory;
};

static void frame_begin(struct frame *frame, struct frame *parent, uint32_t level)
{
    memset(frame, 0, sizeof(*frame));
    frame->parent = parent;
    frame->last = &frame->first;
    frame->level = level;
}

static void on_enter(void *context, struct call *call)
{
    struct look *look = context;
    struct frame *parent = call->caller_user, *frame = look->free;

    call->user = NULL;
    if (call->position == look->wanted ||
        (look->wanted == NO_CALL && call->parent == CALL_NO_PARENT))
        parent = &look->top;
    if (parent == NULL)
        return;
    if (frame != NULL)
        look->free = frame->parent;
    else
        frame = arena_take(&look->frames, sizeof(*frame));
    if (frame == NULL) {
        look->short_of_memory = 1;
        return;
    }
    frame_begin(frame, parent, parent->level + 1);
    call->user = frame;
}

static void keep(struct look *look, const struct call *call, const struct frame *frame)
{
    struct node *node = arena_take(&look->request->arena, sizeof(*node));

    if (node == NULL) {
        look->short_of_memory = 1;
        return;
    }
    look->kept++;
    node->call = *call;
    node->first = frame->first;
    node->hidden_calls = frame->hidden_calls;
    node->hidden_ns = frame->hidden_ns;
    *frame->parent->last = node;
    frame->parent->last = &node->next;
}

static void on_leave(void *context, struct call *call)
{
    struct look *look = context;
    struct frame *frame = call->user, *parent;
    uint64_t duration = call->duration > 0 ? (uint64_t)call->duration : 0;

    if (frame == NULL)
        return;
    parent = frame->parent;
    if (frame->weight < duration)
        frame->weight = duration;
    if (parent->weight < frame->weight)
        parent->weight = frame->weight;
    if (look->step == COUNT_WEIGHTS && frame->level <= look->depth)
        cut_count(&look->cut, frame->weight);
    else if (look->step == COUNT_LEVELS && frame->level <= look->depth)
        cut_count_level(&look->cut, frame->weight, frame->level);
    if (look->step == KEEP) {
        look->total++;
        if (frame->level <= look->depth && cut_keeps(&look->cut, frame->weight, frame->level)) {
            keep(look, call, frame);
        } else {
            parent->hidden_calls += call->calls;
            parent->hidden_ns += duration;
        }
    }
    if (call->position == look->wanted)
        look->done = 1;
    frame->parent = look->free;
    look->free = frame;
}

struct feeding {
    struct look *look;
    struct walk *walk;
    int failed;
};

static int on_chunk(void *context, const struct chunk_view *chunk)
{
    struct feeding *feeding = context;

    feeding->failed = walk_feed(feeding->walk, chunk) < 0;
    return feeding->failed || feeding->look->done || feeding->look->short_of_memory;
}

/* Walks through the whole trace once, doing what `step` says. 0, or -1 with the reason in the
 * request. */
static int walk_through(struct look *look)
{
    struct walker walker = {on_enter, on_leave, look};
    struct feeding feeding = {look, walk_new(&look->trace, &walker), 0};
    int result = -1;

    if (feeding.walk == NULL)
        return -1;
    look->done = 0;
    frame_begin(&look->top, NULL, 0);
    if (store_chunks(look->reader, look->trace.id, on_chunk, &feeding) < 0)
        answer_failed(look->request, look->reader);
    else if (feeding.failed || (!look->done && walk_end(feeding.walk) < 0))
        request_refuse(look->request, 500, "Trace %" PRIu64 " is damaged in the database: %s",
            look->trace.id, walk_error(feeding.walk));
    else if (!look->short_of_memory)
        result = 0;
    walk_free(feeding.walk);
    return result;
}

/* Up to three walks: the second only if many calls weigh the same, see cut.h. */
static int look_through(struct look *look)
{
    uint64_t limit = request_limit(look->request),
             min = (uint64_t)request_number(look->request, PARAM_MIN, 0);

    if (look->trace.events <= limit) {
        cut_all(&look->cut, min); /* every call has a record: no need to count */
    } else {
        look->step = COUNT_WEIGHTS;
        if (walk_through(look) < 0)
            return -1;
        if (cut_choose(&look->cut, limit, min)) {
            look->step = COUNT_LEVELS;
            if (walk_through(look) < 0)
                return -1;
            cut_choose_level(&look->cut);
        }
    }
    look->step = KEEP;
    return walk_through(look);
}

static json_t *node_of(struct look *look, const struct node *node)
{
    const char *operation = "", *component = "";
    const struct call *call = &node->call;
    json_t *object = json_object(), *children = json_array();

    (void)store_operation(
        look->reader, call->operation, &operation, &component); /* none of this id: empty texts */
    answer_put(&object, "call", answer_id(call->position));
    answer_put_text(&object, "operation", operation);
    answer_put(&object, "operation_id", answer_id(call->operation));
    answer_put_text(&object, "component", component);
    answer_put_text(&object, "host", store_name(look->reader, call->host));
    answer_put(&object, "start_at", answer_at(call->start));
    answer_put(&object, "duration_ns", json_integer(call->duration));
    answer_put(&object, "self_ns", json_integer(call->self));
    answer_put(&object, "failed", json_boolean(call->failed));
    answer_put_text(
        &object, "cause", call->cause == 0 ? NULL : store_name(look->reader, call->cause));
    answer_put(&object, "open", json_boolean(call->open));
    answer_put(&object, "assumed", json_boolean(call->assumed));
    answer_put(&object, "calls", answer_number(call->calls));
    answer_put(&object, "hidden_calls", answer_number(node->hidden_calls));
    answer_put(&object, "hidden_ns", answer_number(node->hidden_ns));
    for (const struct node *child = node->first; child != NULL; child = child->next)
        answer_add(&children, node_of(look, child)); /* as deep as REQUEST_DEPTH_MAX */
    answer_put(&object, "children", children);
    return object;
}

static void put_kin(struct look *look, json_t **answer)
{
    json_t *children, *parent = kin_parent(look->reader, &look->trace);
    uint64_t total = 0;

    children = kin_children(look->reader, &look->trace, &total);
    answer_put(answer, "parent", parent);
    answer_put(answer, "children", children);
    answer_put(answer, "children_total", answer_number(total));
}

static json_t *whole(struct look *look, json_t *row)
{
    json_t *rows = json_array(), *answer;

    for (const struct node *node = look->top.first; node != NULL; node = node->next)
        answer_add(&rows, node_of(look, node));
    answer = answer_rows(rows, look->total, look->kept < look->total, NULL);
    answer_put(&answer, "trace", row);
    put_kin(look, &answer);
    answer_put(&answer, "threshold_ns", answer_number(look->cut.threshold));
    answer_put(&answer, "hidden_calls", answer_number(look->top.hidden_calls));
    answer_put(&answer, "hidden_ns", answer_number(look->top.hidden_ns));
    return answer;
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    struct trace_row row;
    struct look *look;
    uint64_t id = (uint64_t)request_number(request, PARAM_ID, 0);
    json_t *trace, *answer = NULL;
    int found = store_trace(reader, id, &row);

    if (found < 0)
        return answer_failed(request, reader);
    if (found == 0)
        return request_refuse(
            request, 404, "There is no trace %" PRIu64 ". `traces` lists those there are", id);
    trace = traces_row(&row);
    look = arena_take(&request->arena, sizeof(*look));
    if (look == NULL) {
        json_decref(trace);
        return NULL;
    }
    look->request = request;
    look->reader = reader;
    look->trace = row.trace;
    look->depth = (uint32_t)request_number(request, PARAM_DEPTH, REQUEST_DEPTH);
    look->wanted = request_has(request, PARAM_CALL)
                       ? (uint64_t)request_number(request, PARAM_CALL, 0)
                       : NO_CALL;
    if (look_through(look) < 0)
        json_decref(trace);
    else if (look->wanted != NO_CALL && !look->done) {
        json_decref(trace);
        request_refuse(request, 404,
            "Trace %" PRIu64 " has no call %" PRIu64 ": its calls are 0 to %" PRIu64, id,
            look->wanted, row.trace.calls == 0 ? 0 : row.trace.calls - 1);
    } else
        answer = whole(look, trace);
    cut_fini(&look->cut);
    arena_fini(&look->frames);
    return answer;
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    if (page->header) {
        table_print_facts(page, facts, json_object_get(answer, "trace"));
        kin_print_parent(page, json_object_get(answer, "parent"));
    }
    table_print_tree(page, columns, answer);
    if (page->header)
        kin_print_children(page, answer);
}

const struct verb verb_trace = {
    .name = "trace",
    .doc = "one trace's calls, as a tree with their times",
    .noun = "calls",
    .takes = PARAM_BIT(PARAM_ID) | PARAM_BIT(PARAM_CALL) | PARAM_BIT(PARAM_DEPTH) |
             PARAM_BIT(PARAM_MIN) | PARAM_BIT(PARAM_LIMIT) | PARAM_BIT(PARAM_FORMAT),
    .needs = PARAM_BIT(PARAM_ID),
    .argument = PARAM_ID,
    .many = 1,
    .formats = formats,
    .columns = columns,
    .limit = LIMIT,
    .limit_max = LIMIT_MAX,
    .rows = "call operation operation_id component host start_at duration_ns self_ns failed cause "
            "open assumed calls hidden_calls hidden_ns children",
    .answer = answer,
    .print = print,
};
