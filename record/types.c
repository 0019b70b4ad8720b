/* SPDX-License-Identifier: Apache-2.0 */
#include "record/types.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#define RECORD(id, role, name, fields)                                                             \
    static const struct record_field fields_##id[] = {fields{NULL, 0}};
#define FIELD(name, type) {#name, FIELD_##type},
#include "record/types.def"

#define RECORD(id, role, name, fields)                                                             \
    _Static_assert(sizeof(fields_##id) / sizeof(fields_##id[0]) <= RECORD_FIELDS_MAX + 1,          \
        "raise RECORD_FIELDS_MAX for " name);
#include "record/types.def"

static struct record_type types[RECORD_TYPES] = {
#define RECORD(id, role, name, fields)                                                             \
    {name, ROLE_##role, fields_##id, sizeof(fields_##id) / sizeof(fields_##id[0]) - 1, 0, 0, {0}},
#include "record/types.def"
};

static const struct {
    const char *name;
    enum record_id id;
} aliases[] = {
#define ALIAS(id, name) {name, RECORD_##id},
#include "record/types.def"
};

static const unsigned widths[] = {[FIELD_BOOL] = 1,
    [FIELD_I32] = 4,
    [FIELD_I64] = 8,
    [FIELD_F64] = 8,
    [FIELD_STR] = 4,
    [FIELD_STRS] = 4};

static void measure(struct record_type *type)
{
    for (unsigned i = 0; i < type->field_count; i++) {
        type->offset[i] = (uint16_t)type->size;
        type->size += widths[type->fields[i].type];
        type->arrays |= type->fields[i].type == FIELD_STRS;
    }
}

static void measure_all(void)
{
    for (int i = 0; i < RECORD_TYPES; i++)
        measure(&types[i]);
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
    return (enum record_id)(type - types);
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
    return NULL;
}
