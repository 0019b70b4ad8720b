/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/records.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Fields that are known without an extra, a bit each; see events.c. */
#define PLAIN_EVENT 0x1Fu
#define PLAIN_FAILED (PLAIN_EVENT | 1u << EVENT_CAUSE)

#define TEXTS_KEPT (REGISTRY_ENTRIES_MAX / 2) /* more are asked anew */
#define TEXT_BYTES_KEPT (REGISTRY_BYTES_MAX / 2)

struct known_operation {
    uint32_t signature, class_signature;
    int known;
};

struct records {
    struct records_texts texts;
    records_sink *sink;
    void *context;
    struct registry strings; /* by name id */
    struct map types;        /* name id -> record_id, or RECORD_TYPES for none */
    LIST(const struct record_type *) known_types;
    LIST(struct known_operation) operations;
    LIST(uint32_t) open; /* operations of the open calls */
    struct buffer fields;
    struct records_losses losses;
    /* of the trace: */
    int64_t trace, unit;
    int64_t order; /* of the record before */
    int lossy;     /* a chunk is lost: calls may be open that are not known */
    char error[200];
};

/* What a chunk says beside its steps, at the record that is next. */
struct beside {
    struct reader logged, extras;
    int64_t lag;
    uint64_t number, extra_at; /* of the records: the next one, and the one with the next extra */
    int has_extra;
    enum chunk_extra extra;
};

/* The values that a record has without an extra. */
struct plain {
    int64_t time, trace;
    int32_t order;
    uint32_t strings[3]; /* signature, class signature, cause */
};

struct records *records_new(const struct records_texts *texts, records_sink *sink, void *context)
{
    struct records *records = calloc(1, sizeof(*records));

    if (records == NULL)
        return NULL;
    records->texts = *texts;
    records->sink = sink;
    records->context = context;
    registry_init(&records->strings);
    map_init(&records->types);
    return records;
}

void records_free(struct records *records)
{
    if (records == NULL)
        return;
    registry_fini(&records->strings);
    map_fini(&records->types);
    list_fini(&records->known_types);
    list_fini(&records->operations);
    list_fini(&records->open);
    buffer_fini(&records->fields);
    free(records);
}

const char *records_error(const struct records *records)
{
    return records->error;
}

void records_losses(const struct records *records, struct records_losses *losses)
{
    *losses = records->losses;
}

static int __attribute__((format(printf, 2, 3)))
fail(struct records *records, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(records->error, sizeof(records->error), format, arguments);
    va_end(arguments);
    return -1;
}

static int no_memory(struct records *records)
{
    return fail(records, "memory is short");
}

static int damaged(struct records *records)
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
    return registry_put(&records->strings, (int32_t)name, text, length) < 0 ? no_memory(records)
                                                                            : 0;
}

/* Texts can be any number: those of long ago are forgotten, between records. */
static void forget_texts(struct records *records)
{
    uint32_t redefined = records->strings.redefined;

    if (records->strings.count <= TEXTS_KEPT && records->strings.bytes <= TEXT_BYTES_KEPT)
        return;
    registry_fini(&records->strings);
    registry_init(&records->strings);
    records->strings.redefined = redefined + 1;
}

const struct record_type *records_type(struct records *records, uint32_t name)
{
    uint32_t place = map_get(&records->types, name);
    const struct registry_entry *entry;
    const struct record_type **type;

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
    return *type = record_type_find(entry->text, entry->length);
}

static int unknown_type(struct records *records, uint32_t name)
{
    const struct registry_entry *entry = registry_get(&records->strings, (int32_t)name);

    return fail(records, "the record type %.120s is not known: --records FILE teaches it",
        entry ? entry->text : "?");
}

static const struct known_operation *operation_of(struct records *records, uint32_t id)
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

/* A time in ns as the stream counts it. */
static int64_t in_units(const struct records *records, int64_t ns)
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

static int put(struct records *records, unsigned width, uint64_t bits)
{
    unsigned char *at = take(records, width);

    if (at == NULL)
        return no_memory(records);
    for (unsigned i = 0; i < width; i++)
        at[i] = (unsigned char)(bits >> 8 * (width - 1 - i));
    return 0;
}

static int put_name(struct records *records, uint32_t name)
{
    return learn(records, name) < 0 ? -1 : put(records, 4, name);
}

/* A value as fields_code has written it. */
static int put_coded(struct records *records, enum record_field_type element, struct reader *in)
{
    uint64_t value = reader_varint(in);

    if (in->bad)
        return damaged(records);
    switch (element) {
    case FIELD_STR:
        return value > INT32_MAX ? damaged(records) : put_name(records, (uint32_t)value);
    case FIELD_BOOL:
    case FIELD_CHAR:
    case FIELD_F32:
    case FIELD_F64:
        return put(records, field_width(element), value);
    default:
        return put(records, field_width(element), (uint64_t)unzigzag(value));
    }
}

static int put_coded_field(struct records *records, enum record_field_type type, struct reader *in)
{
    uint64_t elements;

    if (!field_is_array(type))
        return put_coded(records, type, in);
    elements = reader_varint(in);
    if (in->bad || elements > (uint64_t)(in->end - in->at)) /* each has a byte at least */
        return damaged(records);
    if (put(records, 4, elements) < 0)
        return -1;
    for (uint64_t i = 0; i < elements; i++)
        if (put_coded(records, field_element(type), in) < 0)
            return -1;
    return 0;
}

/* What a field of a trace's record is whose value is known beside the coded ones. */
enum meaning { CODED, TIME, TRACE, ORDER, SIGNATURE, CLASS, CAUSE };

static int put_known(struct records *records, enum meaning meaning, const struct plain *plain)
{
    switch (meaning) {
    case TIME:
        return put(records, 8, (uint64_t)in_units(records, plain->time));
    case TRACE:
        return put(records, 8, (uint64_t)plain->trace);
    case ORDER:
        return put(records, 4, (uint32_t)plain->order);
    default:
        return put_name(records, plain->strings[meaning - SIGNATURE]);
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
    return field <= EVENT_CAUSE && (known >> field & 1) ? (enum meaning)(TIME + field) : CODED;
}

/* Puts a record together from known values and coded ones; `in` NULL: there are none of these. */
static int build(struct records *records, const struct record_type *type, unsigned known,
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
            return damaged(records);
        if (put_coded_field(records, type->fields[i].type, in) < 0)
            return -1;
    }
    return coded == said ? 0 : damaged(records);
}

/* 0, or 1 when the sink wants no more. */
static int give(struct records *records, const struct record_type *type, int64_t logged)
{
    struct record record = {.type = type,
        .fields = records->fields.bytes,
        .size = (uint32_t)records->fields.size,
        .logged = logged == RECORD_NOT_LOGGED ? logged : in_units(records, logged),
        .registry = &records->strings};
    int ended = records->sink(records->context, &record) != 0;

    forget_texts(records);
    return ended;
}

static int give_metadata(struct records *records, const struct trace *trace)
{
    int application = trace->metadata == METADATA_APPLICATION;

    records->fields.size = 0;
    if (put(records, 8, (uint64_t)trace->kieker_id) < 0 ||
        put(records, 8, (uint64_t)trace->thread) < 0 || put_name(records, trace->session) < 0 ||
        put_name(records, trace->host) < 0 ||
        put(records, 8, (uint64_t)trace->parent_kieker_id) < 0 ||
        put(records, 4, (uint32_t)trace->parent_order) < 0 ||
        (application && put_name(records, trace->application) < 0))
        return -1;
    return give(records,
        record_type(application ? RECORD_APPLICATION_TRACE_METADATA : RECORD_TRACE_METADATA),
        trace->metadata_logged);
}

int records_begin(struct records *records, const struct trace *trace, int64_t unit)
{
    records->trace = trace->kieker_id;
    records->unit = unit;
    records->order = -1;
    records->lossy = 0;
    records->open.count = 0;
    return trace->metadata == METADATA_NONE ? 0 : give_metadata(records, trace);
}

void records_lose(struct records *records, uint64_t events)
{
    records->order += (int64_t)events;
    records->open.count = 0;
    records->lossy = 1;
    records->losses.records += events;
}

static void next_extra(struct beside *beside)
{
    uint64_t head;

    beside->has_extra = beside->extras.at < beside->extras.end;
    if (!beside->has_extra)
        return;
    head = reader_varint(&beside->extras);
    beside->extra_at += head >> 2;
    beside->extra = (enum chunk_extra)(head & 3);
}

static void beside_begin(struct beside *beside, const struct chunk_view *chunk)
{
    const unsigned char *logged = chunk->parts[CHUNK_LOGGED].bytes,
                        *extras = chunk->parts[CHUNK_EXTRAS].bytes;

    *beside = (struct beside){.logged = {logged, logged + chunk->parts[CHUNK_LOGGED].size, 0},
        .extras = {extras, extras + chunk->parts[CHUNK_EXTRAS].size, 0}};
    next_extra(beside);
}

/* Whether the record under way has an extra of that kind. */
static int has_extra(const struct beside *beside, enum chunk_extra kind)
{
    return beside->has_extra && beside->extra_at == beside->number && beside->extra == kind;
}

/* The logging timestamp of the record under way, in ns. */
static int64_t take_logged(struct beside *beside, int64_t time)
{
    uint64_t value;

    if (beside->logged.at == beside->logged.end)
        return RECORD_NOT_LOGGED;
    value = reader_varint(&beside->logged);
    if (value == 0 || beside->logged.bad)
        return RECORD_NOT_LOGGED;
    beside->lag = (int64_t)((uint64_t)beside->lag + (uint64_t)unzigzag(value - 1));
    return (int64_t)((uint64_t)time + (uint64_t)beside->lag);
}

static void take_order(struct records *records, struct beside *beside)
{
    records->order++;
    if (!has_extra(beside, EXTRA_ORDER))
        return;
    records->order += unzigzag(reader_varint(&beside->extras));
    next_extra(beside);
}

/* The type that an extra names, with more fields behind it; else the plain one. */
static int give_call(struct records *records, struct beside *beside, enum record_id id,
    unsigned known, const struct plain *plain, int64_t logged)
{
    const struct record_type *type = record_type(id);
    int typed = has_extra(beside, EXTRA_TYPE);

    if (typed) {
        uint32_t name = (uint32_t)reader_varint(&beside->extras);

        type = records_type(records, name);
        if (type == NULL)
            return unknown_type(records, name);
    }
    if (type->role != record_type(id)->role) /* its first fields would not be a call's */
        return damaged(records);
    if (build(records, type, known, plain, typed ? &beside->extras : NULL) < 0)
        return -1;
    if (typed)
        next_extra(beside);
    return give(records, type, logged);
}

static int begin_call(struct records *records, struct beside *beside, const struct step *step,
    struct plain *plain, int64_t logged)
{
    const struct known_operation *operation = operation_of(records, (uint32_t)step->argument);
    uint32_t *open = operation ? list_add(&records->open) : NULL;

    if (open == NULL)
        return operation ? no_memory(records) : damaged(records);
    *open = (uint32_t)step->argument;
    plain->strings[0] = operation->signature;
    plain->strings[1] = operation->class_signature;
    return give_call(records, beside, RECORD_BEFORE_OPERATION, PLAIN_EVENT, plain, logged);
}

/* The end of a call that is not known: what an extra says is passed over with it. */
static int pass_end(struct records *records, struct beside *beside)
{
    const struct plain nothing = {0};

    records->losses.records++;
    if (has_extra(beside, EXTRA_TYPE)) {
        uint32_t name = (uint32_t)reader_varint(&beside->extras);
        const struct record_type *type = records_type(records, name);
        unsigned known = type && type->role == ROLE_FAILED ? PLAIN_FAILED : PLAIN_EVENT;

        if (type == NULL)
            return unknown_type(records, name);
        if (build(records, type, known, &nothing, &beside->extras) < 0)
            return -1;
        next_extra(beside);
    }
    return 0;
}

static int end_call(struct records *records, struct beside *beside, const struct step *step,
    struct plain *plain, int64_t logged)
{
    const struct known_operation *operation;
    int failed = step->kind == STEP_FAILED;

    if (records->open.count == 0)
        return records->lossy ? pass_end(records, beside) : damaged(records);
    operation = operation_of(records, records->open.items[--records->open.count]);
    if (operation == NULL || step->argument > INT32_MAX)
        return damaged(records);
    plain->strings[0] = operation->signature;
    plain->strings[1] = operation->class_signature;
    plain->strings[2] = (uint32_t)step->argument;
    return give_call(records, beside,
        failed ? RECORD_AFTER_OPERATION_FAILED : RECORD_AFTER_OPERATION,
        failed ? PLAIN_FAILED : PLAIN_EVENT, plain, logged);
}

/* Whether such records are in traces, and not apart. */
static int is_of_trace(enum record_role role)
{
    return role == ROLE_TRACE_EVENT || role == ROLE_BEFORE || role == ROLE_AFTER ||
           role == ROLE_FAILED;
}

static int give_other(struct records *records, struct beside *beside, const struct step *step,
    const struct plain *plain, int64_t logged)
{
    const struct record_type *type;

    if (step->argument > INT32_MAX || !has_extra(beside, EXTRA_FIELDS))
        return damaged(records);
    type = records_type(records, (uint32_t)step->argument);
    if (type == NULL)
        return unknown_type(records, (uint32_t)step->argument);
    if (!is_of_trace(type->role))
        return damaged(records);
    if (build(records, type, 0, plain, &beside->extras) < 0)
        return -1;
    next_extra(beside);
    return give(records, type, logged);
}

static int give_execution(
    struct records *records, const struct execution *execution, int64_t logged)
{
    const struct known_operation *operation = operation_of(records, execution->operation);

    records->fields.size = 0;
    if (operation == NULL)
        return damaged(records);
    if (put_name(records, operation->signature) < 0 || put_name(records, execution->session) < 0 ||
        put(records, 8, (uint64_t)records->trace) < 0 ||
        put(records, 8, (uint64_t)in_units(records, execution->tin)) < 0 ||
        put(records, 8, (uint64_t)in_units(records, execution->tout)) < 0 ||
        put_name(records, execution->host) < 0 || put(records, 4, (uint32_t)execution->eoi) < 0 ||
        put(records, 4, (uint32_t)execution->ess) < 0)
        return -1;
    return give(records, record_type(RECORD_OPERATION_EXECUTION), logged);
}

/* Calls end without a record. */
static int close_calls(struct records *records, uint64_t count)
{
    if (count > records->open.count && !records->lossy)
        return damaged(records);
    records->open.count -= count < records->open.count ? (size_t)count : records->open.count;
    return 0;
}

static int take_step(struct records *records, struct beside *beside, const struct step *step)
{
    struct plain plain = {.time = step->time, .trace = records->trace};
    int64_t logged;
    int result;

    if (step->kind == STEP_CLOSE)
        return close_calls(records, step->argument);
    logged = take_logged(beside, step->time);
    if (step->kind == STEP_EXECUTION) {
        result = give_execution(records, &step->execution, logged);
    } else {
        take_order(records, beside);
        plain.order = (int32_t)records->order;
        result = step->kind == STEP_OTHER    ? give_other(records, beside, step, &plain, logged)
                 : step->kind == STEP_BEFORE ? begin_call(records, beside, step, &plain, logged)
                                             : end_call(records, beside, step, &plain, logged);
    }
    beside->number += result >= 0;
    return result;
}

int records_feed(struct records *records, const struct chunk_view *chunk)
{
    struct chunk_reader reader;
    struct beside beside;
    struct step step;
    int64_t order = records->order; /* of the last one given */
    int got, result = 0;

    chunk_read(&reader, chunk);
    beside_begin(&beside, chunk);
    while (result == 0 && (got = chunk_next(&reader, &step)) != 0) {
        order = records->order;
        result = got < 0 ? damaged(records) : take_step(records, &beside, &step);
        if (result >= 0 && (beside.extras.bad || beside.logged.bad))
            result = damaged(records);
    }
    if (result < 0) {
        records->order = order;
        records_lose(records, chunk->events > beside.number ? chunk->events - beside.number : 0);
    }
    return result;
}

int records_other(struct records *records, const struct batch_record *record, int64_t unit)
{
    const struct record_type *type = records_type(records, record->type);
    struct reader in = {record->fields, record->fields + record->size, 0};
    uint64_t said = reader_varint(&in);

    records->unit = unit;
    records->fields.size = 0;
    records->losses.records++; /* unless it is given */
    if (type == NULL)
        return unknown_type(records, record->type);
    if (in.bad || said != type->field_count)
        return damaged(records);
    for (unsigned i = 0; i < type->field_count; i++)
        if (put_coded_field(records, type->fields[i].type, &in) < 0)
            return -1;
    records->losses.records--;
    return give(records, type, record->logged);
}
