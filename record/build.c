/* SPDX-License-Identifier: Apache-2.0 */
#include "record/build.h"

#include <stdlib.h>

#define STRINGS_KEPT (REGISTRY_ENTRIES_MAX / 2) /* more are begun anew */
#define STRING_BYTES_KEPT (REGISTRY_BYTES_MAX / 2)

void build_init(struct build *build)
{
    memset(build, 0, sizeof(*build));
    registry_init(&build->strings);
    map_init(&build->ids);
    build->record.registry = &build->strings;
}

void build_fini(struct build *build)
{
    registry_fini(&build->strings);
    map_fini(&build->ids);
    free(build->fields);
}

static uint64_t hash(const char *text, size_t length)
{
    uint64_t sum = 0xCBF29CE484222325u ^ map_secret;

    for (size_t i = 0; i < length; i++)
        sum = (sum ^ (unsigned char)text[i]) * 0x100000001B3u;
    return map_mix(sum);
}

/* Strings can be any number: those of long ago are forgotten. */
static void forget_strings(struct build *build)
{
    registry_empty(&build->strings);
    map_fini(&build->ids);
}

/* The id of a string. -1: memory is short, or it is too long. */
static int32_t id_of(struct build *build, const char *text, size_t length)
{
    uint64_t key = hash(text, length);
    uint32_t id;

    for (; (id = map_get(&build->ids, key)) != MAP_NONE; key++) {
        const struct registry_entry *entry = &build->strings.entries[id];

        if (entry->length == length && memcmp(entry->text, text, length) == 0)
            return (int32_t)id;
    }
    id = build->strings.count;
    return registry_put(&build->strings, (int32_t)id, text, length) < 0 ||
                   map_put(&build->ids, key, id) < 0
               ? -1
               : (int32_t)id;
}

void build_begin(struct build *build, const struct record_type *type, int64_t logged)
{
    if (build->strings.count > STRINGS_KEPT || build->strings.bytes > STRING_BYTES_KEPT)
        forget_strings(build);
    build->record.type = type;
    build->record.logged = logged;
    build->used = 0;
    build->field = 0;
    build->elements = 0;
}

enum record_field_type build_next(const struct build *build)
{
    const struct record_type *type = build->record.type;
    enum record_field_type field;

    if (build->field >= type->field_count)
        return FIELD_TYPES;
    field = type->fields[build->field].type;
    return build->elements > 0 ? field_element(field) : field;
}

/* Room for a value. */
static unsigned char *reserve(struct build *build)
{
    if (build->used + 8 > build->capacity) {
        size_t capacity = build->capacity * 2 + 64;
        unsigned char *larger = realloc(build->fields, capacity);

        if (larger == NULL)
            return NULL;
        build->fields = larger;
        build->capacity = capacity;
    }
    return build->fields + build->used;
}

/* A value has been written. */
static int go_on(struct build *build, unsigned width)
{
    build->used += width;
    if (build->elements == 0 || --build->elements == 0)
        build->field++;
    return 0;
}

int build_length(struct build *build, uint32_t elements)
{
    enum record_field_type type = build_next(build);
    unsigned char *at = reserve(build);

    if (type == FIELD_TYPES || !field_is_array(type) || at == NULL)
        return -1;
    bytes_put32(at, elements);
    build->used += 4;
    build->elements = elements;
    build->field += elements == 0;
    return 0;
}

int build_integer(struct build *build, int64_t value)
{
    static const struct {
        int64_t least, most;
    } bounds[FIELD_TYPES] = {[FIELD_BOOL] = {0, 1},
        [FIELD_I8] = {INT8_MIN, INT8_MAX},
        [FIELD_CHAR] = {0, UINT16_MAX},
        [FIELD_I16] = {INT16_MIN, INT16_MAX},
        [FIELD_I32] = {INT32_MIN, INT32_MAX},
        [FIELD_I64] = {INT64_MIN, INT64_MAX},
        [FIELD_ENUM] = {INT32_MIN, INT32_MAX}};
    enum record_field_type type = build_next(build);
    unsigned char *at = reserve(build);
    unsigned width;

    if (type == FIELD_F32 || type == FIELD_F64)
        return build_real(build, (double)value);
    if (type >= FIELD_TYPES || type == FIELD_STR || at == NULL || value < bounds[type].least ||
        value > bounds[type].most)
        return -1;
    width = field_width(type);
    for (unsigned i = 0; i < width; i++)
        at[i] = (unsigned char)((uint64_t)value >> 8 * (width - 1 - i));
    return go_on(build, width);
}

int build_real(struct build *build, double value)
{
    enum record_field_type type = build_next(build);
    unsigned char *at = reserve(build);
    float single = (float)value;
    uint64_t bits;
    uint32_t half;

    if ((type != FIELD_F32 && type != FIELD_F64) || at == NULL)
        return -1;
    memcpy(&bits, &value, sizeof(bits));
    memcpy(&half, &single, sizeof(half));
    if (type == FIELD_F32)
        bytes_put32(at, half);
    else
        bytes_put64(at, bits);
    return go_on(build, field_width(type));
}

int build_text(struct build *build, const char *text, size_t length)
{
    unsigned char *at = reserve(build);
    int32_t id = build_next(build) == FIELD_STR && at ? id_of(build, text, length) : -1;

    if (id < 0)
        return -1;
    bytes_put32(at, (uint32_t)id);
    return go_on(build, 4);
}

const struct record *build_end(struct build *build)
{
    if (build_next(build) != FIELD_TYPES)
        return NULL;
    build->record.fields = build->fields;
    build->record.size = (uint32_t)build->used;
    return &build->record;
}
