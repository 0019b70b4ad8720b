/* SPDX-License-Identifier: Apache-2.0 */
/* Who calls whom, how often and how long: the dependency graph of operations, components or
 * containers. */
#include "query/answer.h"
#include "query/drawing.h"
#include "query/table.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/list.h"

#define LIMIT 5000
#define LIMIT_MAX 200000

static const char *const formats[] = {"json", "ndjson", "csv", "text", "dot", "mermaid", NULL};
static const char *const level_names[GRAPH_LEVELS] = {"operation", "component", "container"};

/* Of the edges, whose ends' names are put beside their ids for the text. */
static const struct column columns[] = {
    {"calls", "calls", CELL_COUNT, 3},
    {"failed", "failed", CELL_COUNT, 7},
    {"total_ns", "total", CELL_DURATION, 4},
    {"p50_ns", "p50", CELL_DURATION, 6},
    {"p95_ns", "p95", CELL_DURATION, 5},
    {"p99_ns", "p99", CELL_DURATION, 8},
    {"source_name", "caller", CELL_NAME, 1},
    {"target_name", "callee", CELL_NAME, 2},
    {"source", "caller id", CELL_NAME, 0},
    {"target", "callee id", CELL_NAME, 0},
    {NULL, NULL, CELL_NAME, 0},
};

struct node {
    const char *id, *name, *parent;
    struct call_stats stats;
};

struct edge {
    const char *source, *target;
    struct call_stats stats;
};

struct gathering {
    struct request *request;
    LIST(struct node) nodes;
    LIST(struct edge) edges;
    int failed;
};

static const char *keep(struct gathering *gathering, const char *text)
{
    const char *copy = arena_copy(&gathering->request->arena, text, strlen(text) + 1);

    gathering->failed |= copy == NULL;
    return copy;
}

static int on_node(void *context, const struct graph_node *given)
{
    struct gathering *gathering = context;
    struct node *node = list_add(&gathering->nodes);

    if (node == NULL)
        return gathering->failed = 1;
    node->id = keep(gathering, given->id);
    node->name = keep(gathering, given->name);
    node->parent = given->parent == NULL ? NULL : keep(gathering, given->parent);
    node->stats = given->stats;
    return gathering->failed;
}

static int on_edge(void *context, const struct graph_edge *given)
{
    struct gathering *gathering = context;
    struct edge *edge = list_add(&gathering->edges);

    if (edge == NULL)
        return gathering->failed = 1;
    edge->source = keep(gathering, given->source);
    edge->target = keep(gathering, given->target);
    edge->stats = given->stats;
    return gathering->failed;
}

/* Those that took longest, of equal ones in the order of their ends: the same graph is written the
 * same way. */
static int heavier(const void *a, const void *b)
{
    const struct edge *one = a, *other = b;
    int order = strcmp(one->source, other->source);

    if (one->stats.total != other->stats.total)
        return one->stats.total < other->stats.total ? 1 : -1;
    return order != 0 ? order : strcmp(one->target, other->target);
}

static int busier(const void *a, const void *b)
{
    const struct node *one = a, *other = b;

    if (one->stats.total != other->stats.total)
        return one->stats.total < other->stats.total ? 1 : -1;
    return strcmp(one->id, other->id);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *node_of(const struct node *node, const char *level)
{
    json_t *object = json_object();

    answer_put_text(&object, "id", node->id);
    answer_put_text(&object, "name", node->name);
    answer_put_text(&object, "level", level);
    answer_put_text(&object, "parent", node->parent);
    answer_put_stats(&object, &node->stats);
    return object;
}

static json_t *edge_of(const struct edge *edge)
{
    json_t *object = json_object();

    answer_put_text(&object, "source", edge->source);
    answer_put_text(&object, "target", edge->target);
    answer_put_stats(&object, &edge->stats);
    return object;
}

/* The nodes, but when edges are left out only those that an edge leads to or from. */
static json_t *nodes_of(struct gathering *gathering, size_t edges, const char *level)
{
    const char **ends = calloc(edges * 2 + 1, sizeof(*ends));
    json_t *nodes = ends == NULL ? NULL : json_array();
    int all = edges == gathering->edges.count;

    for (size_t i = 0; ends != NULL && i < edges; i++) {
        ends[i * 2] = gathering->edges.items[i].source;
        ends[i * 2 + 1] = gathering->edges.items[i].target;
    }
    if (ends != NULL && !all)
        qsort(ends, edges * 2, sizeof(*ends), by_text);
    for (size_t i = 0; i < gathering->nodes.count; i++) {
        const struct node *node = &gathering->nodes.items[i];

        if (all ||
            (ends != NULL && bsearch(&node->id, ends, edges * 2, sizeof(*ends), by_text) != NULL))
            answer_add(&nodes, node_of(node, level));
    }
    free(ends);
    return nodes;
}

static json_t *graph_of(struct gathering *gathering, uint64_t limit, const char *level)
{
    size_t count = gathering->edges.count < limit ? gathering->edges.count : (size_t)limit;
    json_t *answer = json_object(), *edges = json_array();

    if (gathering->edges.count > 0)
        qsort(gathering->edges.items, gathering->edges.count, sizeof(struct edge), heavier);
    if (gathering->nodes.count > 0)
        qsort(gathering->nodes.items, gathering->nodes.count, sizeof(struct node), busier);
    for (size_t i = 0; i < count; i++)
        answer_add(&edges, edge_of(&gathering->edges.items[i]));
    answer_put(&answer, "nodes", nodes_of(gathering, count, level));
    answer_put(&answer, "edges", edges);
    answer_put(&answer, "total", answer_number(gathering->edges.count));
    answer_put(&answer, "truncated", json_boolean(count < gathering->edges.count));
    answer_put(&answer, "next", json_null());
    return answer;
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    struct store_filter filter = request_filter(request);
    enum graph_level level =
        (enum graph_level)request_number(request, PARAM_LEVEL, LEVEL_COMPONENT);
    struct gathering gathering = {.request = request};
    struct graph_sink sink = {on_node, on_edge, &gathering};
    json_t *answer = NULL;

    if (store_graph(reader, &filter, level, &sink) < 0)
        answer_failed(request, reader);
    else if (!gathering.failed)
        answer = graph_of(&gathering, request_limit(request), level_names[level]);
    list_fini(&gathering.nodes);
    list_fini(&gathering.edges);
    return answer;
}

/* The edges with their ends' names. */
static json_t *named_edges(const json_t *answer)
{
    json_t *names = json_object(), *edges = json_array(), *each;
    size_t i;

    json_array_foreach(json_object_get(answer, "nodes"), i, each)
    {
        const char *parent = json_string_value(json_object_get(each, "parent"));
        const char *name = json_string_value(json_object_get(each, "name"));

        json_object_set_new(names, json_string_value(json_object_get(each, "id")),
            parent == NULL || *parent == '\0' ? json_string(name)
                                              : json_sprintf("%s.%s", parent, name));
    }
    json_array_foreach(json_object_get(answer, "edges"), i, each)
    {
        json_t *edge = json_copy(each);

        json_object_set(edge, "source_name",
            json_object_get(names, json_string_value(json_object_get(each, "source"))));
        json_object_set(edge, "target_name",
            json_object_get(names, json_string_value(json_object_get(each, "target"))));
        json_array_append_new(edges, edge);
    }
    json_decref(names);
    return edges;
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    const char *format = request_text(request, PARAM_FORMAT);
    json_t *edges;

    if (format != NULL && strcmp(format, "dot") == 0) {
        drawing_walk(answer, &drawing_dot, page->out);
        return;
    }
    if (format != NULL && strcmp(format, "mermaid") == 0) {
        drawing_walk(answer, &drawing_mermaid, page->out);
        return;
    }
    edges = named_edges(answer);
    table_print(page, columns, edges);
    json_decref(edges);
}

const struct verb verb_graph = {
    .name = "graph",
    .doc = "which component (or operation, or host) calls which, how often and how long",
    .noun = "edges",
    .takes = PARAM_BIT(PARAM_LEVEL) | PARAM_BIT(PARAM_RUN) | PARAM_BIT(PARAM_HOST) |
             PARAM_BIT(PARAM_SINCE) | PARAM_BIT(PARAM_UNTIL) | PARAM_BIT(PARAM_OP) |
             PARAM_BIT(PARAM_COMPONENT) | PARAM_BIT(PARAM_LIMIT) | PARAM_BIT(PARAM_FORMAT),
    .argument = -1,
    .formats = formats,
    .columns = columns,
    .limit = LIMIT,
    .limit_max = LIMIT_MAX,
    .rows = "source target calls failed total_ns self_ns min_ns mean_ns p50_ns p95_ns p99_ns "
            "max_ns",
    .answer = answer,
    .print = print,
};
