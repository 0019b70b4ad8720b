/* SPDX-License-Identifier: Apache-2.0 */
/* Records of no trace: which types there are, their values, and their numbers over time. */
#include "query/records.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "query/learn.h"
#include "query/table.h"
#include "record/layout.h"
#include "storage/export.h"

static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

static const struct column type_columns[] = {
    {"type", "type", CELL_NAME, 1},
    {"records", "records", CELL_COUNT, 2},
    {"first_at", "first", CELL_TIME, 3},
    {"last_at", "last", CELL_TIME, 4},
    {NULL, NULL, CELL_NAME, 0},
};

static const struct column series_columns[] = {
    {"at", "from", CELL_TIME, 1},
    {"field", "field", CELL_NAME, 2},
    {"by", "of", CELL_NAME, 3},
    {"records", "records", CELL_COUNT, 6},
    {"min", "min", CELL_RAW, 5},
    {"mean", "mean", CELL_RAW, 2},
    {"max", "max", CELL_RAW, 4},
    {NULL, NULL, CELL_NAME, 0},
};

int records_is_number(const struct record_field *field)
{
    return !field_is_array(field->type) && field->type != FIELD_STR && field->type != FIELD_CHAR &&
           field->type != FIELD_ENUM && field->type != FIELD_BOOL;
}

static int ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);

    return length >= tail && strcasecmp(text + length - tail, end) == 0;
}

int records_is_name(const struct record_field *field)
{
    return field->type == FIELD_ENUM ||
           (field->type == FIELD_STR &&
               (ends_with(field->name, "name") || ends_with(field->name, "host") ||
                   (ends_with(field->name, "id") && !ends_with(field->name, "sessionid"))));
}

const struct record_field *records_field(const struct recordings *recordings, const char *name)
{
    for (size_t i = 0; i < recordings->types.count; i++) {
        const struct record_type *type = recordings->types.items[i].type;

        for (unsigned j = 0; j < type->field_count; j++)
            if (strcmp(type->fields[j].name, name) == 0)
                return &type->fields[j];
    }
    return NULL;
}

static int on_type(void *context, const struct record_type_row *row)
{
    struct recordings *recordings = context;
    struct request *request = recordings->request;
    const char *wanted = request_text(request, PARAM_TYPE), *text;
    struct recorded found = {.row = *row};
    size_t length;
    char *name;

    if (store_export_name(recordings->reader, row->type, &text, &length) < 0)
        text = "?", length = 1;
    length = layout_class(text, length);
    name = arena_copy(&request->arena, text, length + 1);
    if (name == NULL)
        return recordings->failed = 1;
    name[length] = '\0';
    found.name = name;
    if (wanted && strcmp(name, wanted) != 0) {
        size_t tail = strlen(wanted);

        if (!ends_with(name, wanted) || length == tail || name[length - tail - 1] != '.')
            return 0;
    }
    found.type = records_type(recordings->decoder, row->type);
    {
        struct recorded *place = list_add(&recordings->types);

        if (place == NULL)
            return recordings->failed = 1;
        *place = found;
    }
    return 0;
}

static int on_decoded(void *context, const struct record *record)
{
    struct recordings *recordings = context;

    return recordings->sink(recordings->context, record);
}

/* A record on its way to who asked for it. */
struct passing {
    struct recordings *recordings;
    const struct batch_record *stored;
    int (*on_record)(void *context, const struct batch_record *stored, const struct record *record);
    void *context;
    int ended;
};

static int pass(void *context, const struct record *record)
{
    struct passing *passing = context;

    passing->ended = passing->on_record(passing->context, passing->stored, record);
    return 0;
}

static int on_stored(void *context, const struct batch_record *record)
{
    struct passing *passing = context;

    passing->stored = record;
    passing->recordings->sink = pass;
    passing->recordings->context = passing;
    records_other(passing->recordings->decoder, record, 1); /* one that is damaged is left out */
    return passing->ended;
}

int records_each(struct recordings *recordings, const struct recorded *type, int newest,
    int (*on_record)(void *context, const struct batch_record *stored, const struct record *record),
    void *context)
{
    struct passing passing = {recordings, NULL, on_record, context, 0};

    if (store_records(recordings->reader, &recordings->filter, type->row.type, newest, on_stored,
            &passing) == 0)
        return 0;
    answer_failed(recordings->request, recordings->reader);
    return -1;
}

static json_t *field_row(const struct record_field *field)
{
    json_t *row = json_object();
    char word[32];

    snprintf(word, sizeof(word), "%s%s", layout_word(field->type),
        field_is_array(field->type) ? "[]" : "");
    answer_put_text(&row, "name", field->name);
    answer_put_text(&row, "type", word);
    answer_put(&row, "number", json_boolean(records_is_number(field)));
    answer_put(&row, "splits", json_boolean(records_is_name(field)));
    return row;
}

static json_t *type_row(const struct recorded *recorded)
{
    const struct record_type *type = recorded->type;
    json_t *row = json_object(), *fields = json_array();

    answer_put_text(&row, "type", recorded->name);
    answer_put(&row, "records", answer_number(recorded->row.records));
    answer_put(&row, "first_at", answer_at(recorded->row.first));
    answer_put(&row, "last_at", answer_at(recorded->row.last));
    for (unsigned i = 0; type && i < type->field_count; i++)
        if ((int)i != type->timestamp)
            answer_add(&fields, field_row(&type->fields[i]));
    answer_put(&row, "fields", fields);
    return row;
}

static json_t *types_answer(const struct recordings *recordings)
{
    uint64_t limit = request_limit(recordings->request);
    json_t *rows = json_array();

    for (size_t i = 0; i < recordings->types.count && i < limit; i++)
        answer_add(&rows, type_row(&recordings->types.items[i]));
    return answer_rows(rows, recordings->types.count, recordings->types.count > limit, NULL);
}

/* What is asked for is one class, in however many layouts. */
static int check_type(const struct recordings *recordings)
{
    struct request *request = recordings->request;
    const char *wanted = request_text(request, PARAM_TYPE);

    if (recordings->types.count == 0) {
        request_refuse(request, 404,
            "there are no records of a type %s (of no trace, in that time): kieker-query records "
            "lists those that there are",
            wanted);
        return -1;
    }
    for (size_t i = 1; i < recordings->types.count; i++)
        if (strcmp(recordings->types.items[i].name, recordings->types.items[0].name) != 0) {
            request_refuse(request, 400, "%s may be %s or %s: say which", wanted,
                recordings->types.items[0].name, recordings->types.items[i].name);
            return -1;
        }
    for (size_t i = 0; i < recordings->types.count; i++)
        if (recordings->types.items[i].type == NULL) {
            request_refuse(request, 400,
                "the fields of %s are not known: its records came in by an older version; "
                "--records FILE.irl teaches them",
                recordings->types.items[i].name);
            return -1;
        }
    return 0;
}

static json_t *answer_of(struct recordings *recordings)
{
    struct request *request = recordings->request;

    if (store_record_types(recordings->reader, &recordings->filter, on_type, recordings) < 0)
        return answer_failed(request, recordings->reader);
    if (recordings->failed)
        return NULL;
    if (!request_has(request, PARAM_TYPE))
        return types_answer(recordings);
    if (check_type(recordings) < 0)
        return NULL;
    return request_has(request, PARAM_SERIES) ? records_series(recordings)
                                              : records_values(recordings);
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    const struct records_texts texts = {store_export_name, store_export_operation, reader};
    struct recordings recordings = {
        .request = request, .reader = reader, .filter = request_filter(request)};
    json_t *answer = NULL;

    if (!request_has(request, PARAM_TYPE) &&
        (request_has(request, PARAM_SERIES) || request_has(request, PARAM_BY)))
        return request_refuse(request, 400, "series are of one type: records TYPE --series FIELD");
    if (learn_records(request) < 0)
        return NULL;
    recordings.decoder = records_new(&texts, on_decoded, &recordings);
    if (recordings.decoder)
        answer = answer_of(&recordings);
    records_free(recordings.decoder);
    list_fini(&recordings.types);
    return answer;
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    const json_t *rows = json_object_get(answer, "rows");

    if (!request_has(request, PARAM_TYPE))
        table_print(page, type_columns, rows);
    else if (request_has(request, PARAM_SERIES))
        table_print(page, series_columns, rows);
    else
        table_print_any(page, rows);
}

const struct verb verb_records = {
    .name = "records",
    .doc =
        "records of no trace (CPU, memory, JVM, your own): their types, their values, or (series) "
        "their numbers over time",
    .noun = "records",
    .takes = PARAM_BIT(PARAM_TYPE) | PARAM_BIT(PARAM_FIELD) | PARAM_BIT(PARAM_SERIES) |
             PARAM_BIT(PARAM_BUCKET) | PARAM_BIT(PARAM_BY) | PARAM_BIT(PARAM_RUN) |
             PARAM_BIT(PARAM_SINCE) | PARAM_BIT(PARAM_UNTIL) | PARAM_BIT(PARAM_LIMIT) |
             PARAM_BIT(PARAM_RECORDS) | PARAM_BIT(PARAM_FORMAT),
    .here = PARAM_BIT(PARAM_RECORDS),
    .argument = PARAM_TYPE,
    .formats = formats,
    .limit = 100,
    .limit_max = 100000,
    .rows = "type records first_at last_at fields; of a type: at and its fields; of series: at "
            "field by records min mean max",
    .answer = answer,
    .print = print,
};
