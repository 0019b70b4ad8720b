/* SPDX-License-Identifier: Apache-2.0 */
/* The aggregated call tree: paths of several runs and hosts laid upon one another. */
#include "storage/sqlite/figures.h"

#include "record/map.h"

#include <stdlib.h>

#define FOLDED_NAME                                                                                \
    "(folded)" /* stands for "somewhere deep" above calls whose own path was one too many */

/* Equal paths together. */
struct node {
    uint32_t path;              /* the first of them */
    uint32_t parent, operation; /* parent: a node; 0: none */
    int folded, keep;
    struct tally tally;
};

struct tree {
    struct store_reader *reader;
    const struct path_query *query;
    uint32_t *node_of;       /* by path; 0: not in the tree */
    LIST(struct node) nodes; /* parents before children; 0 is unused */
    struct map by_key;
};

static int add_node(struct tree *tree, uint32_t id, const struct stored_path *path, uint32_t parent)
{
    uint64_t key =
        (uint64_t)parent << 32 | (path->kind == PATH_FOLDED ? UINT32_MAX : path->operation);
    uint32_t number = map_get(&tree->by_key, key);
    struct node *node;

    if (number == MAP_NONE) {
        number = (uint32_t)tree->nodes.count;
        node = list_add(&tree->nodes);
        if (node == NULL || map_put(&tree->by_key, key, number) < 0)
            return -1;
        *node = (struct node){.path = id,
            .parent = parent,
            .operation = path->operation,
            .folded = path->kind == PATH_FOLDED};
    }
    tree->node_of[id] = number;
    return 0;
}

/* A path belongs to the tree if its parent does, or if the tree begins with it. */
static int place_paths(struct tree *tree)
{
    const struct dictionary *dictionary = &tree->reader->dictionary;

    if (list_add(&tree->nodes) == NULL)
        return -1;
    tree->nodes.items[0] = (struct node){0};
    for (uint32_t id = 1; id <= dictionary->whole_paths; id++) {
        const struct stored_path *path = &dictionary->paths.items[id];
        uint32_t parent = tree->node_of[path->parent];
        int begins;

        if (path->kind == PATH_ENTRY)
            continue;
        begins = tree->query->by_operation
                     ? path->kind == PATH_CALL && path_query_has(tree->query, path->operation)
                     : dictionary->paths.items[path->parent].kind == PATH_ENTRY;
        if ((parent != 0 || begins) && add_node(tree, id, path, parent) < 0)
            return -1;
    }
    return 0;
}

static int add_to_node(void *context, const struct figures *figures)
{
    struct tree *tree = context;
    uint32_t number = tree->node_of[figures->path];

    if (number == 0 ||
        !path_query_lies(tree->query, &tree->reader->dictionary.paths.items[figures->path]))
        return 0;
    return tally_add(&tree->nodes.items[number].tally, figures);
}

static int give_nodes(struct tree *tree, path_sink *sink, void *context)
{
    struct store_reader *reader = tree->reader;
    struct histogram_sum *room = malloc(sizeof(*room));
    struct node *nodes = tree->nodes.items;
    int result = 0;

    for (size_t i = tree->nodes.count - 1; i > 0; i--) {
        nodes[i].keep |= nodes[i].tally.calls > 0;
        nodes[nodes[i].parent].keep |= nodes[i].keep;
    }
    for (size_t i = 1; i < tree->nodes.count; i++) {
        struct path_row row = {.path = nodes[i].path,
            .parent = nodes[nodes[i].parent].path,
            .operation = nodes[i].operation};

        if (!nodes[i].keep)
            continue;
        if (room == NULL || tally_stats(&nodes[i].tally, room, &row.stats) < 0) {
            result = database_fail(&reader->database,
                "%s is damaged: a histogram, or memory is short", reader->database.location);
            break;
        }
        store_operation(reader, row.operation, &row.name, &row.component);
        if (nodes[i].folded)
            row.name = FOLDED_NAME;
        if (sink(context, &row))
            break;
    }
    free(room);
    return result;
}

static int grow(
    struct store_reader *reader, const struct path_query *query, path_sink *sink, void *context)
{
    struct tree tree = {.reader = reader,
        .query = query,
        .node_of = calloc((size_t)reader->dictionary.whole_paths + 1, sizeof(*tree.node_of))};
    int result = 0;

    if (tree.node_of == NULL ||
        (!query->nothing && reader->dictionary.whole_paths > 0 && place_paths(&tree) < 0))
        result = database_fail(&reader->database, "not enough memory for the query");
    if (result == 0 && tree.nodes.count > 1)
        result = figures_each(reader, query, 0, add_to_node, &tree);
    if (result == 0 && tree.nodes.count > 1)
        result = give_nodes(&tree, sink, context);
    for (size_t i = 0; i < tree.nodes.count; i++)
        tally_fini(&tree.nodes.items[i].tally);
    list_fini(&tree.nodes);
    map_fini(&tree.by_key);
    free(tree.node_of);
    return result;
}

int store_tree(
    struct store_reader *reader, const struct store_filter *filter, path_sink *sink, void *context)
{
    struct path_query query;
    int result;

    if (read_begin(reader) < 0)
        return -1;
    result = path_query_init(&query, reader, filter);
    if (result == 0)
        result = grow(reader, &query, sink, context);
    path_query_fini(&query);
    return read_end(reader, result);
}
