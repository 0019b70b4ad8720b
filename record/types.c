/* SPDX-License-Identifier: Apache-2.0 */
#include "record/types.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RECORD(id, role, name, fields)                                                             \
    static const struct record_field fields_##id[] = {fields{NULL, 0, NULL}};
#define FIELD(name, type) {#name, FIELD_##type, NULL},
#include "record/types.def"

#define RECORD(id, role, name, fields)                                                             \
    _Static_assert(sizeof(fields_##id) / sizeof(fields_##id[0]) <= RECORD_FIELDS_MAX + 1,          \
        "raise RECORD_FIELDS_MAX for " name);
#include "record/types.def"

static struct record_type types[RECORD_TYPES] = {
#define RECORD(id, role, name, fields)                                                             \
    {name, NULL, ROLE_OF(ROLE_##role), FORM_OF(ROLE_##role), fields_##id,                          \
        sizeof(fields_##id) / sizeof(fields_##id[0]) - 1, 0, 0, 0, {0}},
#include "record/types.def"
};

static const struct {
    const char *name;
    enum record_id id;
} aliases[] = {
#define ALIAS(id, name) {name, RECORD_##id},
#include "record/types.def"
};

static struct {
    const struct record_type *types[RECORD_ADDED_MAX];
    size_t count;
} added;

unsigned field_width(enum record_field_type element)
{
    static const unsigned char widths[FIELD_TYPES] = {[FIELD_BOOL] = 1,
        [FIELD_I8] = 1,
        [FIELD_CHAR] = 2,
        [FIELD_I16] = 2,
        [FIELD_I32] = 4,
        [FIELD_I64] = 8,
        [FIELD_F32] = 4,
        [FIELD_F64] = 8,
        [FIELD_STR] = 4,
        [FIELD_ENUM] = 4};

    return widths[element];
}

int record_type_field(
    const struct record_type *type, const char *name, enum record_field_type field)
{
    for (unsigned i = 0; i < type->field_count && !field_is_array(type->fields[i].type); i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return type->fields[i].type == field ? (int)i : -1;
    return -1;
}

void record_type_measure(struct record_type *type)
{
    type->size = 0;
    type->arrays = 0;
    if (type->stored == NULL)
        type->stored = type->name;
    for (unsigned i = 0; i < type->field_count; i++) {
        enum record_field_type field = type->fields[i].type;

        type->offset[i] = (uint16_t)type->size;
        type->size += field_is_array(field) ? 4 : field_width(field);
        type->arrays |= field_is_array(field);
    }
    type->timestamp = record_type_field(type, "timestamp", FIELD_I64);
}

static void measure_all(void)
{
    for (int i = 0; i < RECORD_TYPES; i++)
        record_type_measure(&types[i]);
}

static const struct record_type *measured(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, measure_all);
    return types;
}

const struct record_type *record_type(enum record_id id)
{
    assert((unsigned)id < RECORD_TYPES);
    return &measured()[id];
}

enum record_id record_type_id(const struct record_type *type)
{
    return type >= types && type < types + RECORD_TYPES ? (enum record_id)(type - types)
                                                        : RECORD_TYPES;
}

static int same(const char *known, const char *name, size_t length)
{
    return strlen(known) == length && memcmp(known, name, length) == 0;
}

const struct record_type *record_type_find(const char *name, size_t length)
{
    for (int i = 0; i < RECORD_TYPES; i++)
        if (same(types[i].name, name, length))
            return record_type((enum record_id)i);
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (same(aliases[i].name, name, length))
            return record_type(aliases[i].id);
    for (size_t i = 0; i < added.count; i++)
        if (same(added.types[i]->name, name, length))
            return added.types[i];
    return NULL;
}

static int have_same_fields(const struct record_type *a, const struct record_type *b)
{
    if (a->field_count != b->field_count)
        return 0;
    for (unsigned i = 0; i < a->field_count; i++)
        if (a->fields[i].type != b->fields[i].type ||
            strcmp(a->fields[i].name, b->fields[i].name) != 0)
            return 0;
    return 1;
}

int record_type_add(const struct record_type *type)
{
    const struct record_type *known = record_type_find(type->name, strlen(type->name));
    struct record_type *copy;

    if (known)
        return have_same_fields(known, type) ? 0 : -1;
    if (added.count == RECORD_ADDED_MAX || type->field_count > RECORD_FIELDS_MAX ||
        (copy = malloc(sizeof(*copy))) == NULL)
        return -1;
    *copy = *type;
    record_type_measure(copy);
    added.types[added.count++] = copy;
    return 0;
}
