/* SPDX-License-Identifier: Apache-2.0 */
#include "query/drawing.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "query/units.h"

struct walking {
    const json_t *nodes;
    struct drawing_node *drawn;
    size_t count;
    double most_calls;
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text == NULL ? "" : text;
}

static void read_node(struct drawing_node *node, const json_t *from, unsigned number)
{
    node->id = text_of(from, "id");
    node->name = text_of(from, "name");
    node->number = number;
    node->calls = json_integer_value(json_object_get(from, "calls"));
    node->failed = json_integer_value(json_object_get(from, "failed"));
    node->entry = strcmp(node->id, "entry") == 0;
    units_duration(json_integer_value(json_object_get(from, "self_ns")), 1, node->self);
}

static int by_id(const void *a, const void *b)
{
    const struct drawing_node *const *one = a, *const *other = b;

    return strcmp((*one)->id, (*other)->id);
}

/* Nodes with a parent, a group each; those of one parent may be far apart in the answer. */
static void walk_groups(const struct walking *walking, const struct drawing *drawing, FILE *out)
{
    json_t *groups = json_object(), *members;
    const char *name;
    unsigned number = 0;

    for (size_t i = 0; i < walking->count; i++) {
        const char *parent =
            json_string_value(json_object_get(json_array_get(walking->nodes, i), "parent"));

        if (parent == NULL) {
            drawing->node(out, &walking->drawn[i], 0);
            continue;
        }
        if (json_object_get(groups, parent) == NULL)
            json_object_set_new(groups, parent, json_array());
        json_array_append_new(json_object_get(groups, parent), json_integer((json_int_t)i));
    }
    json_object_foreach(groups, name, members)
    {
        const json_t *member;
        size_t i;

        drawing->open_group(out, number++, name);
        json_array_foreach(members, i, member)
            drawing->node(out, &walking->drawn[json_integer_value(member)], 1);
        drawing->close_group(out);
    }
    json_decref(groups);
}

static void walk_edge(const json_t *from, double most_calls, struct drawing_node **sorted,
    size_t count, const struct drawing *drawing, FILE *out)
{
    struct drawing_node source = {.id = text_of(from, "source")},
                        target = {.id = text_of(from, "target")};
    struct drawing_node *keys[] = {&source, &target}, **ends[2];
    struct drawing_edge edge = {.calls = json_integer_value(json_object_get(from, "calls")),
        .failed = json_integer_value(json_object_get(from, "failed"))};

    for (int i = 0; i < 2; i++) {
        ends[i] = bsearch(&keys[i], sorted, count, sizeof(*sorted), by_id);
        if (ends[i] == NULL)
            return; /* its node was left out */
    }
    edge.source = *ends[0];
    edge.target = *ends[1];
    edge.width = most_calls > 0 ? 1 + 4 * (double)edge.calls / most_calls : 1;
    units_duration(json_integer_value(json_object_get(from, "p50_ns")), 1, edge.p50);
    units_duration(json_integer_value(json_object_get(from, "p95_ns")), 1, edge.p95);
    drawing->edge(out, &edge);
}

void drawing_walk(const json_t *answer, const struct drawing *drawing, FILE *out)
{
    struct walking walking = {.nodes = json_object_get(answer, "nodes")};
    const json_t *edges = json_object_get(answer, "edges"), *edge;
    struct drawing_node **sorted;
    size_t i;

    walking.count = json_array_size(walking.nodes);
    walking.drawn = calloc(walking.count + 1, sizeof(*walking.drawn));
    sorted = calloc(walking.count + 1, sizeof(*sorted));
    drawing->begin(out);
    if (walking.drawn != NULL && sorted != NULL) {
        for (i = 0; i < walking.count; i++) {
            read_node(&walking.drawn[i], json_array_get(walking.nodes, i), (unsigned)i);
            sorted[i] = &walking.drawn[i];
        }
        qsort(sorted, walking.count, sizeof(*sorted), by_id);
        json_array_foreach(edges, i, edge) if ((double)json_integer_value(json_object_get(
                                                   edge, "calls")) > walking.most_calls)
            walking.most_calls = (double)json_integer_value(json_object_get(edge, "calls"));
        walk_groups(&walking, drawing, out);
        json_array_foreach(edges, i, edge)
            walk_edge(edge, walking.most_calls, sorted, walking.count, drawing, out);
    }
    drawing->end(out);
    free(walking.drawn);
    free(sorted);
}

static void put_count(FILE *out, json_int_t count)
{
    char text[UNITS_SIZE];

    units_count(count, text);
    fputs(text, out);
}

/* dot: Kieker's manner (a box a component, an ellipse an operation, the entry apart), with figures
 * on the edges. */

static void dot_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putc('\\', out);
        putc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

static void dot_begin(FILE *out)
{
    fputs("digraph G {\n"
          "  rankdir=LR;\n"
          "  node [fontname=\"Helvetica\", fontsize=11];\n"
          "  edge [fontname=\"Helvetica\", fontsize=9];\n",
        out);
}

static void dot_open_group(FILE *out, unsigned number, const char *name)
{
    fprintf(out, "  subgraph cluster_%u {\n    label=\"", number);
    dot_text(out, name);
    fputs("\";\n    style=filled; fillcolor=white;\n", out);
}

static void dot_node(FILE *out, const struct drawing_node *node, int grouped)
{
    fprintf(out, "%s  n%u [label=\"", grouped ? "  " : "", node->number);
    if (node->entry) {
        fputs("'Entry'\", shape=none];\n", out);
        return;
    }
    dot_text(out, node->name);
    fputs("\\n", out);
    put_count(out, node->calls);
    fprintf(out, " call%s, self %s\", shape=%s%s];\n", node->calls == 1 ? "" : "s", node->self,
        grouped ? "oval" : "box", node->failed > 0 ? ", color=red" : "");
}

static void dot_close_group(FILE *out)
{
    fputs("  }\n", out);
}

static void dot_edge(FILE *out, const struct drawing_edge *edge)
{
    fprintf(out, "  n%u -> n%u [label=\"", edge->source->number, edge->target->number);
    put_count(out, edge->calls);
    if (edge->failed > 0) {
        fputs(" (! ", out);
        put_count(out, edge->failed);
        fputs(" failed)", out);
    }
    fprintf(out, "\\np50 %s, p95 %s\", penwidth=%.1f%s];\n", edge->p50, edge->p95, edge->width,
        edge->failed > 0 ? ", color=red" : "");
}

static void dot_end(FILE *out)
{
    fputs("}\n", out);
}

const struct drawing drawing_dot = {
    dot_begin, dot_open_group, dot_node, dot_close_group, dot_edge, dot_end};

/* Mermaid: in its quoted texts quotes and brackets are written as entities. */

static void mermaid_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("\"<>#&`|[]{}", *text) != NULL)
            fprintf(out, "#%d;", *text);
        else
            putc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

static void mermaid_begin(FILE *out)
{
    fputs("flowchart LR\n", out);
}

static void mermaid_open_group(FILE *out, unsigned number, const char *name)
{
    fprintf(out, "  subgraph g%u[\"", number);
    mermaid_text(out, name);
    fputs("\"]\n", out);
}

static void mermaid_node(FILE *out, const struct drawing_node *node, int grouped)
{
    fprintf(out, "%s  n%u%s", grouped ? "  " : "", node->number, node->entry ? "([\"" : "[\"");
    mermaid_text(out, node->name);
    if (!node->entry) {
        fputs("<br>", out);
        put_count(out, node->calls);
        fprintf(out, " call%s, self %s", node->calls == 1 ? "" : "s", node->self);
    }
    fputs(node->entry ? "\"])\n" : "\"]\n", out);
}

static void mermaid_close_group(FILE *out)
{
    fputs("  end\n", out);
}

static void mermaid_edge(FILE *out, const struct drawing_edge *edge)
{
    fprintf(out, "  n%u -->|\"", edge->source->number);
    put_count(out, edge->calls);
    if (edge->failed > 0) {
        fputs(", ! ", out);
        put_count(out, edge->failed);
        fputs(" failed", out);
    }
    fprintf(out, "<br>p95 %s\"| n%u\n", edge->p95, edge->target->number);
}

static void mermaid_end(FILE *out)
{
    (void)out;
}

const struct drawing drawing_mermaid = {mermaid_begin, mermaid_open_group, mermaid_node,
    mermaid_close_group, mermaid_edge, mermaid_end};
