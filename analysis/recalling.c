/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/recalling.h"

#include "record/layout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXTS_KEPT (REGISTRY_ENTRIES_MAX / 2) /* more are asked anew */
#define TEXT_BYTES_KEPT (REGISTRY_BYTES_MAX / 2)

static int __attribute__((format(printf, 2, 3)))
fail(struct records *records, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(records->error, sizeof(records->error), format, arguments);
    va_end(arguments);
    return -1;
}

int recall_no_memory(struct records *records)
{
    return fail(records, "memory is short");
}

int recall_damaged(struct records *records)
{
    return fail(records, "the stored records are damaged");
}

/* Sees to it that the registry has the text of a name. */
static int learn(struct records *records, uint32_t name)
{
    char lost[40];
    const char *text;
    size_t length;

    if (registry_get(&records->strings, (int32_t)name) != NULL)
        return 0;
    if (records->texts.name(records->texts.context, name, &text, &length) < 0) {
        snprintf(lost, sizeof(lost), "<lost text %" PRIu32 ">", name);
        text = lost;
        length = strlen(lost);
        records->losses.texts++;
    }
    return registry_put(&records->strings, (int32_t)name, text, length) < 0
               ? recall_no_memory(records)
               : 0;
}

/* Texts can be any number: those of long ago are forgotten, between records. */
static void forget_texts(struct records *records)
{
    if (records->strings.count > TEXTS_KEPT || records->strings.bytes > TEXT_BYTES_KEPT)
        registry_empty(&records->strings);
}

const struct record_type *records_type(struct records *records, uint32_t name)
{
    uint32_t place = map_get(&records->types, name);
    const struct registry_entry *entry;
    const struct record_type **type;
    struct record_type *read;

    if (place != MAP_NONE)
        return records->known_types.items[place];
    if (learn(records, name) < 0)
        return NULL;
    entry = registry_get(&records->strings, (int32_t)name);
    type = list_add(&records->known_types);
    if (type == NULL ||
        map_put(&records->types, name, (uint32_t)records->known_types.count - 1) < 0) {
        records->known_types.count -= type != NULL;
        return NULL;
    }
    *type = record_type_find(entry->text, entry->length);
    if (*type == NULL && (read = layout_read(entry->text, entry->length)) != NULL) {
        struct record_type **ours = list_add(&records->layouts);

        if (ours == NULL)
            layout_free(read);
        else
            *type = *ours = read;
    }
    return *type;
}

int recall_unknown_type(struct records *records, uint32_t name)
{
    const struct registry_entry *entry = registry_get(&records->strings, (int32_t)name);

    return fail(records, "the record type %.120s is not known: --records FILE teaches it",
        entry ? entry->text : "?");
}

const struct known_operation *recall_operation_of(struct records *records, uint32_t id)
{
    struct known_operation *place;

    if (id > MODEL_OPERATIONS_MAX)
        return NULL;
    while (records->operations.count <= id) {
        place = list_add(&records->operations);
        if (place == NULL)
            return NULL;
        *place = (struct known_operation){0};
    }
    place = &records->operations.items[id];
    if (!place->known) {
        if (records->texts.operation(
                records->texts.context, id, &place->signature, &place->class_signature) < 0) {
            place->signature = place->class_signature = 0;
            records->losses.texts++;
        }
        place->known = 1;
    }
    return place;
}

int64_t recall_in_units(const struct records *records, int64_t ns)
{
    return records->unit > 1 && ns % records->unit == 0 ? ns / records->unit : ns;
}

/* Room for a value, which is counted. */
static unsigned char *take(struct records *records, size_t size)
{
    struct buffer *fields = &records->fields;

    if (buffer_reserve(fields, size) < 0)
        return NULL;
    fields->size += size;
    return fields->bytes + fields->size - size;
}

int recall_put(struct records *records, unsigned width, uint64_t bits)
{
    unsigned char *at = take(records, width);

    if (at == NULL)
        return recall_no_memory(records);
    for (unsigned i = 0; i < width; i++)
        at[i] = (unsigned char)(bits >> 8 * (width - 1 - i));
    return 0;
}

int recall_put_name(struct records *records, uint32_t name)
{
    return learn(records, name) < 0 ? -1 : recall_put(records, 4, name);
}

/* A value as fields_code has written it. */
static int put_coded(struct records *records, enum record_field_type element, struct reader *in)
{
    uint64_t value = reader_varint(in);

    if (in->bad)
        return recall_damaged(records);
    switch (element) {
    case FIELD_STR:
        return value > INT32_MAX ? recall_damaged(records)
                                 : recall_put_name(records, (uint32_t)value);
    case FIELD_BOOL:
    case FIELD_CHAR:
    case FIELD_F32:
    case FIELD_F64:
        return recall_put(records, field_width(element), value);
    default:
        return recall_put(records, field_width(element), (uint64_t)unzigzag(value));
    }
}

int recall_put_coded_field(struct records *records, enum record_field_type type, struct reader *in)
{
    uint64_t elements;

    if (!field_is_array(type))
        return put_coded(records, type, in);
    elements = reader_varint(in);
    if (in->bad || elements > (uint64_t)(in->end - in->at)) /* each has a byte at least */
        return recall_damaged(records);
    if (recall_put(records, 4, elements) < 0)
        return -1;
    for (uint64_t i = 0; i < elements; i++)
        if (put_coded(records, field_element(type), in) < 0)
            return -1;
    return 0;
}

/* What a field of a trace's record is whose value is known beside the coded ones. */
enum meaning { CODED, TIME, TRACE, ORDER, SIGNATURE, CLASS, CAUSE, CALLEE_CLASS };

static int put_known(struct records *records, enum meaning meaning, const struct plain *plain)
{
    switch (meaning) {
    case TIME:
        return recall_put(records, 8, (uint64_t)recall_in_units(records, plain->time));
    case TRACE:
        return recall_put(records, 8, (uint64_t)plain->trace);
    case ORDER:
        return recall_put(records, 4, (uint32_t)plain->order);
    default:
        return recall_put_name(records, plain->strings[meaning - SIGNATURE]);
    }
}

/* Of a record that is no call's, times, trace and order index are found by name. */
static enum meaning meaning_by_name(const char *name)
{
    return strcmp(name, "timestamp") == 0    ? TIME
           : strcmp(name, "traceId") == 0    ? TRACE
           : strcmp(name, "orderIndex") == 0 ? ORDER
                                             : CODED;
}

/* What the field means, given the bits of those known by their place (0: by name). */
static enum meaning meaning_of(const struct record_type *type, unsigned field, unsigned known)
{
    if (known == 0)
        return meaning_by_name(type->fields[field].name);
    return field <= CALL_CALLEE_CLASS && (known >> field & 1) ? (enum meaning)(TIME + field)
                                                              : CODED;
}

int recall_build(struct records *records, const struct record_type *type, unsigned known,
    const struct plain *plain, struct reader *in)
{
    uint64_t coded = 0, said = in ? reader_varint(in) : 0;

    records->fields.size = 0;
    for (unsigned i = 0; i < type->field_count; i++) {
        enum meaning meaning = meaning_of(type, i, known);

        if (meaning != CODED) {
            if (put_known(records, meaning, plain) < 0)
                return -1;
            continue;
        }
        if (++coded > said)
            return recall_damaged(records);
        if (recall_put_coded_field(records, type->fields[i].type, in) < 0)
            return -1;
    }
    return coded == said ? 0 : recall_damaged(records);
}

int recall_give(struct records *records, const struct record_type *type, int64_t logged)
{
    struct record record = {.type = type,
        .fields = records->fields.bytes,
        .size = (uint32_t)records->fields.size,
        .logged = logged == RECORD_NOT_LOGGED ? logged : recall_in_units(records, logged),
        .registry = &records->strings};
    int ended = records->sink(records->context, &record) != 0;

    forget_texts(records);
    return ended;
}
