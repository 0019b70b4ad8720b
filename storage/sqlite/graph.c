/* SPDX-License-Identifier: Apache-2.0 */
/* The dependency graph: a path's calls are its operation's, and an edge's from its parent's
 * operation to its own. */
#include "storage/sqlite/figures.h"

#include "record/map.h"

#include <stdio.h>
#include <stdlib.h>

#define ENTRY                                                                                      \
    0 /* key of the node that calls root calls; of others: 1 + the id of operation, component or   \
         host */

struct element {
    uint32_t source, target; /* keys; of a node: both its own */
    int shown;               /* a node: to be given */
    struct tally tally;
};

struct graph {
    struct store_reader *reader;
    const struct path_query *query;
    enum graph_level level;
    LIST(struct element) nodes, edges;
    struct map node_places, edge_places;
};

static uint32_t key_of(const struct graph *graph, const struct stored_path *path)
{
    const struct dictionary *dictionary = &graph->reader->dictionary;

    if (path->kind == PATH_ENTRY)
        return ENTRY;
    switch (graph->level) {
    case LEVEL_COMPONENT:
        return 1 + (path->operation > 0 && path->operation <= dictionary->whole_operations
                           ? dictionary->operations.items[path->operation].component
                           : 0);
    case LEVEL_CONTAINER:
        return 1 + path->host;
    case LEVEL_OPERATION:
    case GRAPH_LEVELS:
        break;
    }
    return 1 + path->operation;
}

/* The place of an element, made if it is new; -1: memory is short. */
static int64_t node_place(struct graph *graph, uint32_t key)
{
    uint32_t place = map_get(&graph->node_places, key);
    struct element *node;

    if (place != MAP_NONE)
        return place;
    place = (uint32_t)graph->nodes.count;
    node = list_add(&graph->nodes);
    if (node == NULL || map_put(&graph->node_places, key, place) < 0)
        return -1;
    *node = (struct element){.source = key, .target = key};
    return place;
}

static int64_t edge_place(struct graph *graph, uint32_t source, uint32_t target)
{
    uint64_t key = (uint64_t)source << 32 | target;
    uint32_t place = map_get(&graph->edge_places, key);
    struct element *edge;

    if (place != MAP_NONE)
        return place;
    place = (uint32_t)graph->edges.count;
    edge = list_add(&graph->edges);
    if (edge == NULL || map_put(&graph->edge_places, key, place) < 0)
        return -1;
    *edge = (struct element){.source = source, .target = target};
    return place;
}

static int add_call(void *context, const struct figures *figures)
{
    struct graph *graph = context;
    const struct dictionary *dictionary = &graph->reader->dictionary;
    const struct stored_path *path = &dictionary->paths.items[figures->path];
    const struct stored_path *parent = &dictionary->paths.items[path->parent];
    int64_t node, edge;

    if (path->kind != PATH_CALL || !path_query_lies(graph->query, path))
        return 0;
    node = node_place(graph, key_of(graph, path));
    if (node < 0 || tally_add(&graph->nodes.items[node].tally, figures) < 0)
        return -1;
    /* Who called is not known of a call right below what stands for "somewhere deep". */
    if (parent->kind == PATH_FOLDED ||
        !(path_query_has(graph->query, path->operation) ||
            (parent->kind == PATH_CALL && path_query_has(graph->query, parent->operation))))
        return 0;
    if (node_place(graph, key_of(graph, parent)) < 0)
        return -1;
    edge = edge_place(graph, key_of(graph, parent), key_of(graph, path));
    return edge < 0 || tally_add(&graph->edges.items[edge].tally, figures) < 0 ? -1 : 0;
}

/* Which nodes to give: when operations are asked for these, and the ends of edges; else all. */
static void show_nodes(struct graph *graph)
{
    for (size_t i = 0; i < graph->nodes.count; i++) {
        struct element *node = &graph->nodes.items[i];

        node->shown = !graph->query->by_operation ||
                      (graph->level == LEVEL_OPERATION && node->source != ENTRY &&
                          path_query_has(graph->query, node->source - 1));
    }
    for (size_t i = 0; i < graph->edges.count; i++) {
        graph->nodes.items[map_get(&graph->node_places, graph->edges.items[i].source)].shown = 1;
        graph->nodes.items[map_get(&graph->node_places, graph->edges.items[i].target)].shown = 1;
    }
}

static const char *id_text(const struct graph *graph, uint32_t key, char *number, size_t size)
{
    if (key == ENTRY)
        return "entry";
    if (graph->level != LEVEL_OPERATION)
        return dictionary_name(graph->reader, key - 1);
    snprintf(number, size, "%u", key - 1);
    return number;
}

static int give_node(const struct graph *graph, const struct element *element,
    struct histogram_sum *room, const struct graph_sink *sink)
{
    const char *name, *component;
    char number[16];
    struct graph_node node = {.id = id_text(graph, element->source, number, sizeof(number))};

    node.name = element->source == ENTRY ? "Entry" : node.id;
    if (graph->level == LEVEL_OPERATION && element->source != ENTRY) {
        store_operation(graph->reader, element->source - 1, &name, &component);
        node.name = name;
        node.parent = component;
    }
    if (tally_stats(&element->tally, room, &node.stats) < 0)
        return -1;
    return sink->node(sink->context, &node) != 0;
}

static int give_edge(const struct graph *graph, const struct element *element,
    struct histogram_sum *room, const struct graph_sink *sink)
{
    char source[16], target[16];
    struct graph_edge edge = {.source = id_text(graph, element->source, source, sizeof(source)),
        .target = id_text(graph, element->target, target, sizeof(target))};

    if (tally_stats(&element->tally, room, &edge.stats) < 0)
        return -1;
    return sink->edge(sink->context, &edge) != 0;
}

static int give(const struct graph *graph, const struct graph_sink *sink)
{
    struct histogram_sum *room = malloc(sizeof(*room));
    uint32_t entry = map_get(&graph->node_places, ENTRY);
    int ended = room ? 0 : -1;

    if (ended == 0 && entry != MAP_NONE)
        ended = give_node(graph, &graph->nodes.items[entry], room, sink);
    for (size_t i = 0; ended == 0 && i < graph->nodes.count; i++)
        if (i != entry && graph->nodes.items[i].shown)
            ended = give_node(graph, &graph->nodes.items[i], room, sink);
    for (size_t i = 0; ended == 0 && i < graph->edges.count; i++)
        ended = give_edge(graph, &graph->edges.items[i], room, sink);
    free(room);
    if (ended < 0)
        return database_fail(&graph->reader->database,
            "%s is damaged: a histogram, or memory is short", graph->reader->database.location);
    return 0;
}

static void graph_fini(struct graph *graph)
{
    for (size_t i = 0; i < graph->nodes.count; i++)
        tally_fini(&graph->nodes.items[i].tally);
    for (size_t i = 0; i < graph->edges.count; i++)
        tally_fini(&graph->edges.items[i].tally);
    list_fini(&graph->nodes);
    list_fini(&graph->edges);
    map_fini(&graph->node_places);
    map_fini(&graph->edge_places);
}

int store_graph(struct store_reader *reader, const struct store_filter *filter,
    enum graph_level level, const struct graph_sink *sink)
{
    struct path_query query;
    struct graph graph = {.reader = reader, .query = &query, .level = level};
    int result;

    if (read_begin(reader) < 0)
        return -1;
    result = path_query_init(&query, reader, filter);
    if (result == 0)
        result = figures_each(reader, &query, 0, add_call, &graph);
    if (result == 0) {
        show_nodes(&graph);
        result = give(&graph, sink);
    }
    graph_fini(&graph);
    path_query_fini(&query);
    return read_end(reader, result);
}
