/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregated call tree: every path once, with the statistics of its calls. A path weighs its
 * total time, or that of its callees if they have more (those of a call that goes on have ended,
 * itself has not): a caller never weighs less.
 */
#include "query/answer.h"
#include "query/table.h"

#include <inttypes.h>
#include <stdlib.h>

#include "analysis/list.h"
#include "record/map.h"

#define LIMIT 5000
#define LIMIT_MAX 200000
#define NOWHERE UINT32_MAX

static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

static const struct column columns[] = {
    {"total_ns", "total", CELL_DURATION, 1},
    {"self_ns", "self", CELL_DURATION, 3},
    {"calls", "calls", CELL_COUNT, 2},
    {"failed", "failed", CELL_COUNT, 0},
    {"min_ns", "min", CELL_DURATION, 0},
    {"mean_ns", "mean", CELL_DURATION, 0},
    {"p50_ns", "p50", CELL_DURATION, 0},
    {"p95_ns", "p95", CELL_DURATION, 4},
    {"p99_ns", "p99", CELL_DURATION, 0},
    {"max_ns", "max", CELL_DURATION, 0},
    {"path", "path", CELL_ID, 0},
    {"operation_id", "id", CELL_ID, 0},
    {"hidden_calls", "hidden", CELL_COUNT, 0},
    {NULL, NULL, CELL_NAME, 0},
};

struct node {
    uint32_t path, operation, parent, level; /* parent: where it lies among the nodes, or NOWHERE */
    struct call_stats stats;
    uint64_t weight, callees; /* callees: what its children weigh together */
    uint64_t hidden_calls, hidden_ns;
    json_t *children; /* of those that are kept, until it is handed to its parent */
    int kept;
};

struct growing {
    LIST(struct node) nodes; /* parents before children */
    struct map places;
    int failed;
};

static int on_path(void *context, const struct path_row *row)
{
    struct growing *growing = context;
    struct node *node = list_add(&growing->nodes);
    uint32_t parent = row->parent == 0 ? MAP_NONE : map_get(&growing->places, row->parent);

    if (node == NULL)
        return growing->failed = 1;
    *node = (struct node){.path = row->path, .operation = row->operation, .stats = row->stats};
    node->parent = parent == MAP_NONE ? NOWHERE : parent;
    node->level = parent == MAP_NONE ? 1 : growing->nodes.items[parent].level + 1;
    return growing->failed =
               map_put(&growing->places, row->path, (uint32_t)growing->nodes.count - 1) < 0;
}

static void weigh(struct growing *growing)
{
    struct node *nodes = growing->nodes.items;

    for (size_t i = growing->nodes.count; i-- > 0;) {
        nodes[i].weight =
            nodes[i].stats.total > nodes[i].callees ? nodes[i].stats.total : nodes[i].callees;
        if (nodes[i].parent != NOWHERE)
            nodes[nodes[i].parent].callees += nodes[i].weight;
    }
}

/* The heaviest first, of equal ones the parents first, and otherwise as they came. */
static int heavier(const void *a, const void *b)
{
    const struct node *one = *(const struct node *const *)a,
                      *other = *(const struct node *const *)b;

    if (one->weight != other->weight)
        return one->weight < other->weight ? 1 : -1;
    if (one->level != other->level)
        return one->level < other->level ? -1 : 1;
    return (one > other) - (one < other);
}

/* Those that are kept, in the order of `heavier`; how many into *count, and into *cut whether the
 * limit took some away. NULL when memory is short.
 */
static struct node **choose(
    struct growing *growing, uint64_t limit, uint64_t depth, uint64_t min, size_t *count, int *cut)
{
    struct node **order = calloc(growing->nodes.count + 1, sizeof(*order));

    *count = 0;
    if (order == NULL)
        return NULL;
    for (size_t i = 0; i < growing->nodes.count; i++) {
        struct node *node = &growing->nodes.items[i];

        if (node->level <= depth && node->weight >= min)
            order[(*count)++] = node;
    }
    qsort(order, *count, sizeof(*order), heavier);
    *cut = *count > limit;
    if (*cut)
        *count = (size_t)limit;
    for (size_t i = 0; i < *count; i++)
        order[i]->kept = 1;
    return order;
}

static json_t *row_of(struct store_reader *reader, struct node *node)
{
    const char *operation = "", *component = "";
    json_t *row = json_object();

    (void)store_operation(
        reader, node->operation, &operation, &component); /* none of this id: empty texts */
    answer_put(&row, "path", answer_id(node->path));
    answer_put_text(&row, "operation", operation);
    answer_put(&row, "operation_id", answer_id(node->operation));
    answer_put_text(&row, "component", component);
    answer_put_stats(&row, &node->stats);
    answer_put(&row, "hidden_calls", answer_number(node->hidden_calls));
    answer_put(&row, "hidden_ns", answer_number(node->hidden_ns));
    answer_put(&row, "children", node->children);
    node->children = NULL;
    return row;
}

/*
 * Children are handed to their parents, the last of the order first: a parent is before its
 * children in it. Thus each list grows from the lightest on, and is turned round when it is
 * complete.
 */
static void turn_round(json_t **array)
{
    json_t *turned = json_array();

    for (size_t i = json_array_size(*array); i-- > 0;)
        answer_add(&turned, json_incref(json_array_get(*array, i)));
    json_decref(*array);
    *array = turned;
}

static json_t *grow(struct growing *growing, struct store_reader *reader, struct node **order,
    size_t count, struct node *top)
{
    struct node *nodes = growing->nodes.items;
    size_t i;

    for (i = growing->nodes.count; i-- > 0;) {
        struct node *parent = nodes[i].parent == NOWHERE ? top : &nodes[nodes[i].parent];

        if (nodes[i].kept) {
            nodes[i].children = json_array();
            continue;
        }
        parent->hidden_calls += nodes[i].stats.calls + nodes[i].hidden_calls;
        parent->hidden_ns += nodes[i].weight;
    }
    top->children = json_array();
    for (i = count; i-- > 0;) {
        struct node *parent = order[i]->parent == NOWHERE ? top : &nodes[order[i]->parent];

        turn_round(&order[i]->children);
        answer_add(&parent->children, row_of(reader, order[i]));
    }
    turn_round(&top->children);
    return top->children;
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    struct store_filter filter = request_filter(request);
    struct growing growing = {.failed = 0};
    struct node top = {.path = 0}, **order = NULL;
    uint64_t min = (uint64_t)request_number(request, PARAM_MIN, 0);
    size_t count = 0;
    int cut = 0;
    json_t *answer = NULL;

    filter.min_duration = 0; /* `min` is about a path's total here */
    if (store_tree(reader, &filter, on_path, &growing) < 0)
        answer_failed(request, reader);
    else if (!growing.failed) {
        weigh(&growing);
        order = choose(&growing, request_limit(request),
            (uint64_t)request_number(request, PARAM_DEPTH, REQUEST_DEPTH), min, &count, &cut);
    }
    if (order != NULL) {
        int truncated = count < growing.nodes.count;

        answer = answer_rows(
            grow(&growing, reader, order, count, &top), growing.nodes.count, truncated, NULL);
        answer_put(&answer, "threshold_ns", answer_number(cut ? order[count - 1]->weight : min));
        answer_put(&answer, "hidden_calls", answer_number(top.hidden_calls));
        answer_put(&answer, "hidden_ns", answer_number(top.hidden_ns));
    }
    for (size_t i = 0; i < growing.nodes.count; i++)
        json_decref(growing.nodes.items[i].children); /* left only where memory was short */
    free(order);
    list_fini(&growing.nodes);
    map_fini(&growing.places);
    return answer;
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    table_print_tree(page, columns, answer);
}

const struct verb verb_tree = {
    .name = "tree",
    .doc = "the call tree of all traces together: calls and times of every path",
    .noun = "paths",
    .takes = PARAM_BIT(PARAM_RUN) | PARAM_BIT(PARAM_HOST) | PARAM_BIT(PARAM_SINCE) |
             PARAM_BIT(PARAM_UNTIL) | PARAM_BIT(PARAM_OP) | PARAM_BIT(PARAM_COMPONENT) |
             PARAM_BIT(PARAM_MIN) | PARAM_BIT(PARAM_DEPTH) | PARAM_BIT(PARAM_LIMIT) |
             PARAM_BIT(PARAM_FORMAT),
    .argument = PARAM_OP,
    .formats = formats,
    .columns = columns,
    .limit = LIMIT,
    .limit_max = LIMIT_MAX,
    .rows = "path operation operation_id component calls failed total_ns self_ns min_ns mean_ns "
            "p50_ns p95_ns p99_ns max_ns hidden_calls hidden_ns children",
    .answer = answer,
    .print = print,
};
