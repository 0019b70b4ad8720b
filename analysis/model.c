/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/model.h"

#include "analysis/signature.h"

#include <stdlib.h>
#include <string.h>

#define FOLDED UINT32_MAX /* stands where a deployed operation's number does */
#define PAIR(high, low) ((uint64_t)(high) << 32 | (low))

static const char too_many[] = "(too many names)";

/* Element 0 of each dictionary is there from the start, so that ids begin at 1. */
int model_init(struct model *model)
{
    struct model_name *name;
    struct model_operation *operation;
    struct model_path *path;
    struct model_class *class;
    uint32_t *run;
    uint64_t *deployed;

    memset(model, 0, sizeof(*model));
    model->limits = (struct model_limits){.names = MODEL_NAMES_MAX,
        .name_bytes = MODEL_NAME_BYTES_MAX,
        .operations = MODEL_OPERATIONS,
        .paths = MODEL_PATHS_MAX,
        .classes = MODEL_CLASSES_MAX};
    name = list_add(&model->names);
    operation = list_add(&model->operations);
    path = list_add(&model->paths);
    class = list_add(&model->classes);
    run = list_add(&model->runs);
    deployed = list_add(&model->deployed);
    if (!name || !operation || !path || !class || !run || !deployed) {
        model_fini(model);
        return -1;
    }
    *name = (struct model_name){NULL, 0};
    *operation = (struct model_operation){0};
    *path = (struct model_path){0};
    *class = (struct model_class){0};
    *run = 0;
    *deployed = 0;
    return 0;
}

void model_fini(struct model *model)
{
    for (size_t i = 0; i < model->names.count; i++)
        free(model->names.items[i].text);
    list_fini(&model->names);
    list_fini(&model->operations);
    list_fini(&model->paths);
    list_fini(&model->classes);
    list_fini(&model->runs);
    list_fini(&model->deployed);
    map_fini(&model->name_ids);
    map_fini(&model->operation_ids);
    map_fini(&model->path_ids);
    map_fini(&model->class_ids);
    map_fini(&model->run_ids);
    map_fini(&model->deployed_ids);
}

static uint64_t hash(const char *text, size_t length)
{
    uint64_t h = 0xCBF29CE484222325u ^ map_secret; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * 0x100000001B3u;
    return h;
}

/* Says that memory is short. */
static uint32_t none(struct model *model)
{
    model->is_short = 1;
    return 0;
}

/* The name's id, or 0 with *key where it belongs: texts of equal hash take the keys behind. */
static uint32_t find_name(const struct model *model, const char *text, size_t length, uint64_t *key)
{
    for (*key = hash(text, length);; ++*key) {
        uint32_t id = map_get(&model->name_ids, *key);

        if (id == MAP_NONE)
            return 0;
        if (model->names.items[id].length == length &&
            memcmp(model->names.items[id].text, text, length) == 0)
            return id;
    }
}

static uint32_t add_name(struct model *model, const char *text, size_t length, uint64_t key)
{
    uint32_t id = (uint32_t)model->names.count;
    char *copy = malloc(length + 1);
    struct model_name *name;

    if (copy == NULL)
        return none(model);
    memcpy(copy, text, length);
    copy[length] = '\0';
    name = list_add(&model->names);
    if (name == NULL || map_put(&model->name_ids, key, id) < 0) {
        model->names.count -= name != NULL;
        free(copy);
        return none(model);
    }
    *name = (struct model_name){copy, (uint32_t)length};
    model->name_bytes += length;
    return id;
}

/* The name that stands in the place of refused ones. */
static uint32_t refused_name(struct model *model)
{
    uint64_t key;

    if (model->stand_in == 0)
        model->stand_in = find_name(model, too_many, sizeof(too_many) - 1, &key);
    if (model->stand_in == 0)
        model->stand_in = add_name(model, too_many, sizeof(too_many) - 1, key);
    return model->stand_in;
}

uint32_t model_name(struct model *model, const char *text, size_t length)
{
    uint64_t key;
    uint32_t id;

    if (length == 0)
        return 0;
    id = find_name(model, text, length, &key);
    if (id != 0)
        return id;
    if (model->names.count > model->limits.names ||
        model->name_bytes + length > model->limits.name_bytes) {
        model->refused_names++;
        return refused_name(model);
    }
    return add_name(model, text, length, key);
}

static uint32_t add_operation(struct model *model, const struct model_operation *operation)
{
    uint32_t id = (uint32_t)model->operations.count;
    struct model_operation *place = list_add(&model->operations);

    if (place == NULL || map_put(&model->operation_ids,
                             PAIR(operation->signature, operation->class_signature), id) < 0) {
        model->operations.count -= place != NULL;
        return none(model);
    }
    *place = *operation;
    return id;
}

static struct signature parse(const struct model *model, const struct model_operation *operation)
{
    struct model_name signature = model->names.items[operation->signature],
                      class = model->names.items[operation->class_signature];
    struct signature parsed;

    signature_parse(signature.text ? signature.text : "", signature.length,
        class.text ? class.text : "", class.length, &parsed);
    return parsed;
}

uint32_t model_operation(struct model *model, uint32_t signature, uint32_t class_signature)
{
    struct model_operation operation = {.signature = signature, .class_signature = class_signature};
    uint32_t id = map_get(&model->operation_ids, PAIR(signature, class_signature));
    struct signature parsed;

    if (id != MAP_NONE)
        return id;
    if (model->operations.count > model->limits.operations) {
        model->refused_names++;
        operation.signature = refused_name(model);
        operation.class_signature = 0;
        id = map_get(&model->operation_ids, PAIR(operation.signature, 0));
        if (id != MAP_NONE)
            return id;
    }
    parsed = parse(model, &operation);
    operation.name = model_name(model, parsed.operation, parsed.operation_length);
    operation.component = model_name(model, parsed.component, parsed.component_length);
    return add_operation(model, &operation);
}

static uint32_t add_run(struct model *model, uint32_t name)
{
    uint32_t id = (uint32_t)model->runs.count, *place;

    place = list_add(&model->runs);
    if (place == NULL || map_put(&model->run_ids, name, id) < 0) {
        model->runs.count -= place != NULL;
        return none(model);
    }
    *place = name;
    return id;
}

uint32_t model_run(struct model *model, uint32_t name)
{
    uint32_t id = map_get(&model->run_ids, name);

    if (id != MAP_NONE)
        return id;
    if (model->runs.count <= MODEL_RUNS_MAX)
        return add_run(model, name);
    model->refused_names++;
    return 1; /* the first that there was */
}

static uint32_t find_or_add_deployed(struct model *model, uint32_t operation, uint32_t host)
{
    uint32_t id = map_get(&model->deployed_ids, PAIR(operation, host));
    uint64_t *place;

    if (id != MAP_NONE)
        return id;
    id = (uint32_t)model->deployed.count;
    place = list_add(&model->deployed);
    if (place == NULL || map_put(&model->deployed_ids, PAIR(operation, host), id) < 0) {
        model->deployed.count -= place != NULL;
        return none(model);
    }
    *place = PAIR(operation, host);
    return id;
}

uint32_t model_deployed(struct model *model, uint32_t operation, uint32_t host)
{
    if (model->deployed.count > 2 * model->limits.operations && host != 0 &&
        map_get(&model->deployed_ids, PAIR(operation, host)) == MAP_NONE) {
        model->refused_names++;
        host = 0;
    }
    return find_or_add_deployed(model, operation, host);
}

/* What a path is found by, below its parent. */
static uint32_t path_key(const struct model_path *path)
{
    if (path->kind == PATH_ENTRY)
        return path->run;
    return path->kind == PATH_FOLDED ? FOLDED : path->deployed;
}

static uint32_t add_path(struct model *model, const struct model_path *path)
{
    uint32_t id = (uint32_t)model->paths.count;
    struct model_path *place = list_add(&model->paths);

    if (place == NULL || map_put(&model->path_ids, PAIR(path->parent, path_key(path)), id) < 0) {
        model->paths.count -= place != NULL;
        return none(model);
    }
    *place = *path;
    return id;
}

uint32_t model_entry(struct model *model, uint32_t run)
{
    uint32_t id = map_get(&model->path_ids, PAIR(0, run));

    return id != MAP_NONE ? id
                          : add_path(model, &(struct model_path){.run = run, .kind = PATH_ENTRY});
}

/* 0 also when there are `most` paths already, or `depth` calls above. */
static uint32_t find_or_add_call(
    struct model *model, uint32_t parent, uint32_t deployed, size_t most, uint32_t depth)
{
    const struct model_path *above = &model->paths.items[parent];
    uint32_t id = map_get(&model->path_ids, PAIR(parent, deployed));

    if (id != MAP_NONE)
        return id;
    if (model->paths.count >= most || above->depth >= depth)
        return 0;
    return add_path(model, &(struct model_path){.parent = parent,
                               .operation = (uint32_t)(model->deployed.items[deployed] >> 32),
                               .host = (uint32_t)model->deployed.items[deployed],
                               .run = above->run,
                               .depth = above->depth + 1,
                               .deployed = deployed});
}

/* A call that gets no path of its own: counted by caller and callee, or if that is too much, by
 * callee, or as one. */
static uint32_t fold(struct model *model, uint32_t parent, uint32_t deployed)
{
    const size_t most = model->limits.paths + model->limits.paths / 2;
    struct model_path above = model->paths.items[parent];
    uint32_t entry = model_entry(model, above.run), root, caller = 0, id;

    model->folded_calls++;
    root = map_get(&model->path_ids, PAIR(entry, FOLDED));
    if (root == MAP_NONE)
        root = add_path(model, &(struct model_path){.parent = entry,
                                   .run = above.run,
                                   .kind = PATH_FOLDED,
                                   .depth = MODEL_PATH_DEPTH_MAX});
    if (above.kind == PATH_CALL)
        caller = find_or_add_call(model, root, above.deployed, most, UINT32_MAX);
    id = find_or_add_call(model, caller ? caller : root, deployed, most, UINT32_MAX);
    return id ? id : root;
}

uint32_t model_path_child_slow(struct model *model, uint32_t parent, uint32_t deployed)
{
    uint32_t id =
        find_or_add_call(model, parent, deployed, model->limits.paths, MODEL_PATH_DEPTH_MAX);

    if (id == 0)
        return fold(model, parent, deployed);
    model->paths.items[parent].last_child = id;
    return id;
}

static uint32_t add_class(struct model *model, uint64_t shape)
{
    uint32_t id = (uint32_t)model->classes.count;
    struct model_class *place = list_add(&model->classes);

    if (place == NULL || map_put(&model->class_ids, shape, id) < 0) {
        model->classes.count -= place != NULL;
        return none(model);
    }
    *place = (struct model_class){.hash = shape};
    return id;
}

uint32_t model_class(struct model *model, uint64_t shape, int *is_new)
{
    uint32_t id = map_get(&model->class_ids, shape);

    *is_new = 0;
    if (id != MAP_NONE)
        return id;
    if (model->classes.count > model->limits.classes) {
        model->refused_classes++;
        return 0;
    }
    id = add_class(model, shape);
    *is_new = id != 0;
    return id;
}

int model_load_name(struct model *model, uint32_t id, const char *text, size_t length)
{
    uint64_t key;

    return id == model->names.count && find_name(model, text, length, &key) == 0 &&
                   add_name(model, text, length, key) == id
               ? 0
               : -1;
}

int model_load_operation(struct model *model, uint32_t id, const struct model_operation *operation)
{
    return id == model->operations.count && add_operation(model, operation) == id ? 0 : -1;
}

int model_load_path(struct model *model, uint32_t id, const struct model_path *path)
{
    struct model_path loaded = {.parent = path->parent,
        .operation = path->operation,
        .host = path->host,
        .run = path->run,
        .kind = path->kind,
        .depth = path->depth};

    if (id != model->paths.count || path->parent >= id ||
        path->operation >= model->operations.count)
        return -1;
    if (path->kind == PATH_CALL &&
        (loaded.deployed = find_or_add_deployed(model, path->operation, path->host)) == 0)
        return -1;
    return add_path(model, &loaded) == id ? 0 : -1;
}

int model_load_class(struct model *model, uint32_t id, uint64_t shape)
{
    return id == model->classes.count && map_get(&model->class_ids, shape) == MAP_NONE &&
                   add_class(model, shape) == id
               ? 0
               : -1;
}

int model_load_run(struct model *model, uint32_t id, uint32_t name)
{
    return id == model->runs.count && map_get(&model->run_ids, name) == MAP_NONE &&
                   add_run(model, name) == id
               ? 0
               : -1;
}
