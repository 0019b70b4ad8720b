/* SPDX-License-Identifier: Apache-2.0 */
#include "query/param.h"
#include "query/verb.h"

#include <string.h>

/* A verb is a file and a line in each of these two lists. */
extern const struct verb verb_status, verb_runs, verb_traces, verb_trace, verb_operations,
    verb_graph, verb_tree, verb_latency, verb_records, verb_export, verb_import, verb_sql;
extern const struct verb verb_probes;

const struct verb *const verbs[] = {
    &verb_status,
    &verb_runs,
    &verb_traces,
    &verb_trace,
    &verb_operations,
    &verb_graph,
    &verb_tree,
    &verb_latency,
    &verb_records,
    &verb_export,
    &verb_import,
    &verb_sql,
    &verb_probes,
    NULL,
};

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; verbs[i] != NULL; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

const struct verb *verb_nearest(const char *name)
{
    const struct verb *nearest = NULL;
    unsigned best = UINT32_MAX;

    for (size_t i = 0; verbs[i] != NULL; i++) {
        unsigned distance = param_distance(name, verbs[i]->name);
        size_t length = strlen(name);

        if (length >= 2 && strncmp(name, verbs[i]->name, length) == 0)
            distance = 1; /* "op", "lat": what it begins with is meant */
        if (distance < best) {
            best = distance;
            nearest = verbs[i];
        }
    }
    return nearest != NULL && param_is_near(name, best) ? nearest : NULL;
}
