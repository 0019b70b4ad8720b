/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dictionaries of what is stored, each from the thing to a number that stays for the life of a
 * store: names (any string), operations, paths, trace classes, runs. Numbers count up from 1; name
 * 0 is the empty string.
 *
 * A path is a node of the aggregated call tree: the operations from the root down to a call. Paths
 * are bounded in number and in depth; what goes beyond is folded: counted under a path of just
 * caller and callee, below the run's "folded" path. Not thread-safe: it belongs to the assembler's
 * thread.
 */
#ifndef KIEKER_ANALYSIS_MODEL_H
#define KIEKER_ANALYSIS_MODEL_H

#include "analysis/list.h"
#include "record/map.h"

/* Bounds unless model.limits says otherwise. What a store has is loaded whatever they are. */
#define MODEL_NAMES_MAX (1u << 19)
#define MODEL_NAME_BYTES_MAX (32u << 20)
#define MODEL_OPERATIONS (1u << 17)
#define MODEL_OPERATIONS_MAX (1u << 18) /* whatever the limits say */
#define MODEL_PATHS_MAX (1u << 17)
#define MODEL_PATH_DEPTH_MAX 1024
#define MODEL_CLASSES_MAX (1u << 16)
#define MODEL_RUNS_MAX (1u << 12)

struct model_limits {
    size_t names, name_bytes;
    size_t operations; /* and twice as many (operation, host) */
    size_t paths;      /* and half as many for what is folded */
    size_t classes;
};

struct model_operation {
    uint32_t name, component; /* names: the operation's own, and its class's or module's */
    uint32_t signature, class_signature; /* names: the two strings as the client sent them */
};

enum path_kind {
    PATH_CALL,  /* calls of `operation` below `parent` */
    PATH_ENTRY, /* what calls the root calls of a run: one a run, operation 0, parent 0 */
    PATH_FOLDED /* below an entry: stands for "somewhere deep" above folded paths, operation 0 */
};

struct model_path {
    uint32_t parent, operation, host, run;
    uint32_t kind, depth; /* depth: calls from the root on; below a folded path MODEL_PATH_DEPTH_MAX
                             and more */
    /* the assembler's own, not stored: */
    uint32_t deployed, last_child; /* deployed: (operation, host) as one number */
    uint32_t seen_by;              /* the open trace that touched it last */
    uint32_t stat, stat_batch;     /* its statistics in the batch of that number */
};

struct model_class {
    uint64_t hash;
    uint32_t stat, stat_batch; /* the assembler's own */
};

struct model_name {
    char *text;
    uint32_t length;
};

struct model {
    LIST(struct model_name) names;           /* by id */
    LIST(struct model_operation) operations; /* by id; 0 is unused, as in all below */
    LIST(struct model_path) paths;
    LIST(struct model_class) classes;
    LIST(uint32_t) runs;     /* names */
    LIST(uint64_t) deployed; /* operation << 32 | host */
    struct map name_ids, operation_ids, path_ids, class_ids, run_ids, deployed_ids;
    size_t name_bytes;
    struct model_limits limits;
    uint64_t folded_calls, refused_names, refused_classes; /* what the bounds kept out */
    int is_short;      /* memory was: something is missing, and nothing more may be stored */
    uint32_t stand_in; /* the name of those that were refused; 0: none was */
};

/* 0, or -1 when memory is short. */
int model_init(struct model *model);
void model_fini(struct model *model);

/*
 * Loading what a store has: in ascending order of ids without gaps from 1 (names: from 1 too, 0 is
 * there already). 0; -1 if the id is not the next one or memory is short.
 */
int model_load_name(struct model *model, uint32_t id, const char *text, size_t length);
int model_load_operation(struct model *model, uint32_t id, const struct model_operation *operation);
int model_load_path(struct model *model, uint32_t id, const struct model_path *path);
int model_load_class(struct model *model, uint32_t id, uint64_t hash);
int model_load_run(struct model *model, uint32_t id, uint32_t name);

/* The id of a thing, made if it is new; 0 when memory is short. A bound reached gives the id of a
 * stand-in (and is counted). */
uint32_t model_name(struct model *model, const char *text, size_t length);
uint32_t model_operation(struct model *model, uint32_t signature, uint32_t class_signature);
uint32_t model_run(struct model *model, uint32_t name);
uint32_t model_entry(struct model *model, uint32_t run);
uint32_t model_deployed(struct model *model, uint32_t operation, uint32_t host);
uint32_t model_path_child_slow(struct model *model, uint32_t parent, uint32_t deployed);

/* 0 also when there are as many classes as there may be: the trace then has none. */
uint32_t model_class(struct model *model, uint64_t hash, int *is_new);

/* The path of a call of `deployed` by a call on `parent`. */
static inline uint32_t model_path_child(struct model *model, uint32_t parent, uint32_t deployed)
{
    uint32_t child = model->paths.items[parent].last_child;

    if (child != 0 && model->paths.items[child].deployed == deployed &&
        model->paths.items[child].parent == parent)
        return child;
    return model_path_child_slow(model, parent, deployed);
}

#endif
