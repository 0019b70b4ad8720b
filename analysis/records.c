/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/recalling.h"

#include "record/layout.h"

#include <stdlib.h>

/* Fields that are known without an extra, a bit each; see events.c. */
#define PLAIN_EVENT 0x1Fu
#define PLAIN_FAILED (PLAIN_EVENT | 1u << EVENT_CAUSE)
#define PLAIN_CALL (PLAIN_EVENT | 1u << CALL_CALLEE_OPERATION | 1u << CALL_CALLEE_CLASS)

/* What a chunk says beside its steps, at the record that is next. */
struct beside {
    struct reader logged, extras;
    int64_t lag;
    uint64_t number, extra_at; /* of the records: the next one, and the one with the next extra */
    int has_extra;
    enum chunk_extra extra;
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
    for (size_t i = 0; i < records->layouts.count; i++)
        layout_free(records->layouts.items[i]);
    list_fini(&records->layouts);
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

/* Behind those that are known: fields that a user's type adds, from number `from` on. */
static int put_added(
    struct records *records, const struct record_type *type, unsigned from, struct reader *in)
{
    uint64_t said = reader_varint(in);

    if (in->bad || said != type->field_count - from)
        return recall_damaged(records);
    for (unsigned i = from; i < type->field_count; i++)
        if (recall_put_coded_field(records, type->fields[i].type, in) < 0)
            return -1;
    return 0;
}

/* The type that an extra names, which must have that role; NULL after the sentence is set. */
static const struct record_type *take_type(
    struct records *records, struct reader *in, enum record_role role)
{
    uint64_t name = reader_varint(in);
    const struct record_type *type =
        name > INT32_MAX ? NULL : records_type(records, (uint32_t)name);

    if (type && type->role == role)
        return type;
    if (type || in->bad || name > INT32_MAX)
        recall_damaged(records);
    else
        recall_unknown_type(records, (uint32_t)name);
    return NULL;
}

/* `own`: what a user's type adds, or NULL. */
static int give_metadata(struct records *records, const struct trace *trace, struct reader *own)
{
    int application = (trace->metadata & ~METADATA_REMOTE) == METADATA_APPLICATION;
    int remote = trace->metadata & METADATA_REMOTE;
    const struct record_type *type =
        own ? take_type(records, own, ROLE_TRACE_METADATA)
            : record_type(application ? RECORD_APPLICATION_TRACE_METADATA : RECORD_TRACE_METADATA);

    if (type == NULL)
        return -1;

    records->fields.size = 0;
    if (recall_put(records, 8, (uint64_t)trace->kieker_id) < 0 ||
        recall_put(records, 8, (uint64_t)trace->thread) < 0 ||
        recall_put_name(records, trace->session) < 0 || recall_put_name(records, trace->host) < 0 ||
        recall_put(records, 8, (uint64_t)(remote ? trace->kieker_id : trace->parent_kieker_id)) <
            0 ||
        recall_put(records, 4, (uint32_t)(remote ? -1 : trace->parent_order)) < 0 ||
        (application && recall_put_name(records, trace->application) < 0) ||
        (own && put_added(records, type, META_PARENT_ORDER + 1, own) < 0))
        return -1;
    return recall_give(records, type, trace->metadata_logged);
}

int records_begin(struct records *records, const struct trace *trace, int64_t unit)
{
    records->trace = trace->kieker_id;
    records->row = *trace;
    records->unit = unit;
    records->order = -1;
    records->lossy = 0;
    records->open.count = 0;
    if (trace->metadata == METADATA_NONE || (trace->metadata & ~METADATA_REMOTE) == METADATA_OWN)
        return 0;
    return give_metadata(records, trace, NULL);
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

/* Metadata of a user's type, which lies before the record under way. 0, 1 or -1 as records_feed. */
static int take_metadata(struct records *records, struct beside *beside)
{
    int result;

    if (!has_extra(beside, EXTRA_METADATA))
        return 0;
    result = give_metadata(records, &records->row, &beside->extras);
    if (result >= 0)
        next_extra(beside);
    return result;
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
            return recall_unknown_type(records, name);
    }
    if (type->role != record_type(id)->role) /* its first fields would not be a call's */
        return recall_damaged(records);
    if (type->form == FORM_DATABASE)
        known = 0;
    if (recall_build(records, type, known, plain, typed ? &beside->extras : NULL) < 0)
        return -1;
    if (typed)
        next_extra(beside);
    return recall_give(records, type, logged);
}

/* What a Call event says of its caller and its callee; the callee is open from now on. */
static int call(struct records *records, struct beside *beside, const struct step *step,
    struct plain *plain, int64_t logged)
{
    const struct known_operation *known;
    uint32_t *open = list_add(&records->open);

    if (open == NULL)
        return recall_no_memory(records);
    *open = (uint32_t)step->argument;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t operation = i ? step->argument : step->more >> 1;

        known = operation > UINT32_MAX ? NULL : recall_operation_of(records, (uint32_t)operation);
        if (known == NULL)
            return recall_damaged(records);
        plain->strings[2 * i] = known->signature;
        plain->strings[2 * i + 1] = known->class_signature;
    }
    return give_call(records, beside, RECORD_CALL_OPERATION, PLAIN_CALL, plain, logged);
}

static int begin_call(struct records *records, struct beside *beside, const struct step *step,
    struct plain *plain, int64_t logged)
{
    const struct known_operation *operation =
        recall_operation_of(records, (uint32_t)step->argument);
    int called = step->kind == STEP_BEGIN && (step->more & BEGIN_CALLED) && records->open.count > 0;
    uint32_t *open = operation == NULL ? NULL
                     : called          ? &records->open.items[records->open.count - 1]
                                       : list_add(&records->open);

    if (open == NULL)
        return operation ? recall_no_memory(records) : recall_damaged(records);
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
            return recall_unknown_type(records, name);
        if (type && type->form == FORM_DATABASE)
            known = 0;
        if (recall_build(records, type, known, &nothing, &beside->extras) < 0)
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
        return records->lossy ? pass_end(records, beside) : recall_damaged(records);
    operation = recall_operation_of(records, records->open.items[--records->open.count]);
    if (operation == NULL || step->argument > INT32_MAX)
        return recall_damaged(records);
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
           role == ROLE_FAILED || role == ROLE_CALL || role == ROLE_REMOTE;
}

static int give_other(struct records *records, struct beside *beside, const struct step *step,
    const struct plain *plain, int64_t logged)
{
    const struct record_type *type;

    if (step->argument > INT32_MAX || !has_extra(beside, EXTRA_FIELDS))
        return recall_damaged(records);
    type = records_type(records, (uint32_t)step->argument);
    if (type == NULL)
        return recall_unknown_type(records, (uint32_t)step->argument);
    if (!is_of_trace(type->role))
        return recall_damaged(records);
    if (recall_build(records, type, 0, plain, &beside->extras) < 0)
        return -1;
    next_extra(beside);
    return recall_give(records, type, logged);
}

static int give_execution(struct records *records, struct beside *beside,
    const struct execution *execution, int64_t logged)
{
    const struct known_operation *operation = recall_operation_of(records, execution->operation);
    const struct record_type *type = record_type(RECORD_OPERATION_EXECUTION);
    int typed = has_extra(beside, EXTRA_TYPE);

    records->fields.size = 0;
    if (operation == NULL)
        return recall_damaged(records);
    if (typed && (type = take_type(records, &beside->extras, ROLE_EXECUTION)) == NULL)
        return -1;
    if (recall_put_name(records, operation->signature) < 0 ||
        recall_put_name(records, execution->session) < 0 ||
        recall_put(records, 8, (uint64_t)records->trace) < 0 ||
        recall_put(records, 8, (uint64_t)recall_in_units(records, execution->tin)) < 0 ||
        recall_put(records, 8, (uint64_t)recall_in_units(records, execution->tout)) < 0 ||
        recall_put_name(records, execution->host) < 0 ||
        recall_put(records, 4, (uint32_t)execution->eoi) < 0 ||
        recall_put(records, 4, (uint32_t)execution->ess) < 0 ||
        (typed && put_added(records, type, EXEC_ESS + 1, &beside->extras) < 0))
        return -1;
    if (typed)
        next_extra(beside);
    return recall_give(records, type, logged);
}

/* Calls end without a record. */
static int close_calls(struct records *records, uint64_t count)
{
    if (count > records->open.count && !records->lossy)
        return recall_damaged(records);
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
    result = take_metadata(records, beside);
    if (result != 0)
        return result;
    logged = take_logged(beside, step->time);
    if (step->kind == STEP_EXECUTION) {
        result = give_execution(records, beside, &step->execution, logged);
    } else {
        take_order(records, beside);
        plain.order = (int32_t)records->order;
        result = step->kind == STEP_OTHER  ? give_other(records, beside, step, &plain, logged)
                 : step->kind == STEP_CALL ? call(records, beside, step, &plain, logged)
                 : step->kind == STEP_BEFORE || step->kind == STEP_BEGIN
                     ? begin_call(records, beside, step, &plain, logged)
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
        result = got < 0 ? recall_damaged(records) : take_step(records, &beside, &step);
        if (result >= 0 && (beside.extras.bad || beside.logged.bad))
            result = recall_damaged(records);
    }
    if (result == 0) /* it came behind the last record */
        result = take_metadata(records, &beside);
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
        return recall_unknown_type(records, record->type);
    if (in.bad || said != type->field_count)
        return recall_damaged(records);
    for (unsigned i = 0; i < type->field_count; i++)
        if (recall_put_coded_field(records, type->fields[i].type, &in) < 0)
            return -1;
    records->losses.records--;
    return recall_give(records, type, record->logged);
}
