/* SPDX-License-Identifier: Apache-2.0 */
/* Graphs as text that other programs draw: one walk over an answer's nodes and edges, a printer a
 * language. */
#ifndef KIEKER_QUERY_DRAWING_H
#define KIEKER_QUERY_DRAWING_H

#include <jansson.h>
#include <stdio.h>

#include "query/units.h"

struct drawing_node {
    const char *id, *name;
    unsigned number; /* in the order of the walk, from 0: an identifier that any language takes */
    json_int_t calls, failed;
    char self[UNITS_SIZE]; /* as people read it */
    int entry;
};

struct drawing_edge {
    const struct drawing_node *source, *target;
    json_int_t calls, failed;
    char p50[UNITS_SIZE], p95[UNITS_SIZE];
    double width; /* of the line, from 1 to 5 by calls */
};

/* What a language says for each; a group (the operations of a component) is opened before its nodes
 * and closed behind them. */
struct drawing {
    void (*begin)(FILE *out);
    void (*open_group)(FILE *out, unsigned number, const char *name);
    void (*node)(FILE *out, const struct drawing_node *node, int grouped);
    void (*close_group)(FILE *out);
    void (*edge)(FILE *out, const struct drawing_edge *edge);
    void (*end)(FILE *out);
};

extern const struct drawing drawing_dot, drawing_mermaid;

void drawing_walk(const json_t *answer, const struct drawing *drawing, FILE *out);

#endif
