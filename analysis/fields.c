/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/assembling.h"

#include "analysis/signature.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * What a timestamp counts, judged by its size: since 1970, 10^17 is passed in ns in 1973, in us in
 * 5138. Kieker's clients send ns but for the C pack, which sends us.
 */
static int64_t unit_of(int64_t timestamp)
{
    if (timestamp > 100000000000000000)
        return 1;
    if (timestamp > 100000000000000)
        return 1000;
    if (timestamp > 100000000000)
        return 1000000;
    return timestamp > 1000000000 ? 1000000000 : 1; /* small numbers are made-up ns, as in tests */
}

/* A timestamp of the stream in ns. */
int64_t stream_time(struct stream *stream, int64_t timestamp)
{
    int64_t ns;

    if (stream->row.unit == 0 && timestamp > 0) {
        stream->row.unit = unit_of(timestamp);
        stream->changed = 1;
    }
    if (stream->row.unit <= 1)
        return timestamp;
    return __builtin_mul_overflow(timestamp, stream->row.unit, &ns) ? timestamp : ns;
}

/* The name of an announced string, which remembers it: one text may be long, and in every record.
 */
static uint32_t name_of_entry(struct model *model, struct registry_entry *entry)
{
    if (entry->name == 0)
        entry->name = model_name(model, entry->text, entry->length);
    else if (entry->name == model->stand_in)
        model->refused_names++;
    return entry->name;
}

/* The name of a string that a record refers to; of one that was not announced, a name that says so:
 * it may get its text later, so from then on equal ids need not mean the same. */
static uint32_t name_of(struct stream *stream, struct registry *registry, int32_t id)
{
    struct registry_entry *entry = registry_get(registry, id);
    char unknown[16];

    if (entry)
        return name_of_entry(&stream->assembler->model, entry);
    assembler_count(stream->assembler, stream, "unknown_string", 1);
    if (registry->redefined == 0)
        registry->redefined = 1;
    snprintf(unknown, sizeof(unknown), "<?%" PRId32 ">", id);
    return model_name(&stream->assembler->model, unknown, strlen(unknown));
}

uint32_t field_name(struct stream *stream, const struct record *record, unsigned field)
{
    return name_of(stream, record->registry, record_i32(record, field));
}

int field_find(const struct record_type *type, const char *name)
{
    for (unsigned i = 0; i < type->field_count; i++)
        if (strcmp(type->fields[i].name, name) == 0)
            return (int)i;
    return -1;
}

/*
 * The name that a type is stored under. A user's type is noted when it is used for the first time,
 * so that whoever opens the store next knows its layout.
 */
uint32_t type_stored(struct assembler *a, const struct record_type *type)
{
    uint32_t name = map_get(&a->user_types, (uint64_t)(uintptr_t)type);
    char note[sizeof(ASSEMBLER_LAYOUT) + 512];

    if (name != MAP_NONE)
        return name;
    name = model_name(&a->model, type->stored, strlen(type->stored));
    if (type->stored == type->name || strcmp(a->model.names.items[name].text, type->stored) != 0 ||
        map_put(&a->user_types, (uint64_t)(uintptr_t)type, name) < 0)
        return name;
    snprintf(note, sizeof(note), ASSEMBLER_LAYOUT "%.511s", type->name);
    assembler_note(a, note, name);
    return name;
}

static uint64_t code_value(struct stream *stream, const struct record *record,
    enum record_field_type type, const unsigned char *at)
{
    switch (field_element(type)) {
    case FIELD_BOOL:
        return *at;
    case FIELD_I8:
        return zigzag((int8_t)*at);
    case FIELD_CHAR:
        return bytes_get16(at);
    case FIELD_I16:
        return zigzag((int16_t)bytes_get16(at));
    case FIELD_I32:
    case FIELD_ENUM:
        return zigzag((int32_t)bytes_get32(at));
    case FIELD_I64:
        return zigzag((int64_t)bytes_get64(at));
    case FIELD_F32:
        return bytes_get32(at);
    case FIELD_F64:
        return bytes_get64(at);
    default:
        break;
    }
    return name_of(stream, record->registry, (int32_t)bytes_get32(at));
}

/* Codes the fields as EXTRA_FIELDS has them, without those whose bit is in `skip`. */
int fields_code(
    struct stream *stream, const struct record *record, uint64_t skip, struct buffer *out)
{
    struct record_cursor cursor = {.record = record};
    const struct record_type *type = record->type;
    unsigned fields = 0;

    for (unsigned i = 0; i < type->field_count; i++)
        fields += !(skip >> i & 1);
    if (buffer_reserve(out, VARINT_MAX) < 0)
        return -1;
    buffer_put(out, fields);
    while (record_next_value(&cursor)) {
        enum record_field_type field = type->fields[cursor.field].type;

        if (skip >> cursor.field & 1)
            continue;
        if (buffer_reserve(out, 2 * VARINT_MAX) < 0)
            return -1;
        if (field_is_array(field) && cursor.element == 0)
            buffer_put(out, cursor.elements);
        if (cursor.at)
            buffer_put(out, code_value(stream, record, field, cursor.at));
    }
    return 0;
}

/* Ids are given anew: nothing holds that was made of the old ones. */
static void forget(struct stream *stream, struct registry *registry)
{
    for (uint32_t i = 0; i < registry->count; i++)
        registry->entries[i].symbol = REGISTRY_NO_SYMBOL;
    stream->resolved.count = 0;
    map_fini(&stream->pairs);
    stream->emptied = registry->emptied;
}

/* Whether an id has got a new text since. Only what is asked for again is looked at: a client may
 * redefine one string as often as it likes. */
static int is_stale(const struct resolved *known, const struct registry *registry,
    const struct registry_entry *entry)
{
    const struct registry_entry *class = registry_get(registry, known->class_id);

    return entry->since > known->made || (class && class->since > known->made);
}

/* Where the stream keeps what (signature, class) mean: at the signature's entry, else in the map of
 * pairs. */
static struct resolved *find_resolved(struct stream *stream, const struct registry_entry *entry,
    int32_t signature_id, int32_t class_id)
{
    struct resolved *known;
    uint32_t place;

    if (entry->symbol == REGISTRY_NO_SYMBOL)
        return NULL;
    known = &stream->resolved.items[entry->symbol];
    if (known->class_id == class_id)
        return known;
    place = map_get(&stream->pairs, (uint64_t)(uint32_t)signature_id << 32 | (uint32_t)class_id);
    return place == MAP_NONE ? NULL : &stream->resolved.items[place];
}

static struct resolved *add_resolved(
    struct stream *stream, struct registry_entry *entry, int32_t signature_id, int32_t class_id)
{
    struct resolved *place = list_add(&stream->resolved);
    uint32_t at = (uint32_t)stream->resolved.count - 1;

    if (place == NULL)
        return NULL;
    if (entry->symbol == REGISTRY_NO_SYMBOL)
        entry->symbol = at;
    else if (map_put(&stream->pairs, (uint64_t)(uint32_t)signature_id << 32 | (uint32_t)class_id,
                 at) < 0) {
        stream->resolved.count--;
        return NULL;
    }
    return place;
}

/*
 * An operation execution names no class: it is the one in its signature, as in events of the same
 * operation.
 */
static uint32_t operation_of(
    struct stream *stream, const struct record *record, unsigned signature, unsigned class)
{
    struct model *model = &stream->assembler->model;
    uint32_t name = field_name(stream, record, signature);
    uint32_t class_name = class == signature ? 0 : field_name(stream, record, class);

    if (class == signature && name != 0) {
        struct model_name own = model->names.items[name];
        struct signature parsed;

        signature_parse(own.text, own.length, "", 0, &parsed);
        class_name = model_name(model, parsed.component, parsed.component_length);
    }
    return model_operation(model, name, class_name);
}

/*
 * The operation that the two string fields of a record name (`class` = `signature`: there is but
 * the one), on `host`. The registry's entries remember the answer.
 */
int resolve(struct stream *stream, const struct record *record, unsigned signature, unsigned class,
    uint32_t host, struct resolved *resolved)
{
    int32_t signature_id = record_i32(record, signature), class_id = record_i32(record, class);
    struct model *model = &stream->assembler->model;
    struct registry_entry *entry;
    struct resolved *known;
    int whole = class == signature, taken, fresh;

    if (record->registry->emptied != stream->emptied)
        forget(stream, record->registry);
    entry = registry_get(record->registry, signature_id);
    known = entry ? find_resolved(stream, entry, signature_id, class_id) : NULL;
    /* An event whose two strings are one and the same is something else: it is not remembered. */
    taken = known && known->whole != whole;
    if (taken)
        known = NULL;
    fresh =
        known && (record->registry->redefined == 0 || !is_stale(known, record->registry, entry));
    if (fresh && known->host == host) {
        *resolved = *known;
        return 0;
    }
    *resolved = (struct resolved){
        .class_id = class_id, .whole = whole, .host = host, .made = record->registry->redefined};
    resolved->operation = fresh ? known->operation : operation_of(stream, record, signature, class);
    if (resolved->operation == 0 ||
        (resolved->deployed = model_deployed(model, resolved->operation, host)) == 0)
        return -1;
    if (known == NULL && !taken && entry && registry_get(record->registry, class_id) &&
        (known = add_resolved(stream, entry, signature_id, class_id)) == NULL)
        return -1;
    if (known)
        *known = *resolved;
    return 0;
}
