/* SPDX-License-Identifier: Apache-2.0 */
/* Records of no trace as rows, a key for each field. */
#include "query/records.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "record/layout.h"

#define AT "at" /* our own key, before the fields */

static json_t *real(double value)
{
    return isfinite(value) ? json_real(value)
                           : json_string(isnan(value) ? "NaN"
                                         : value > 0  ? "Infinity"
                                                      : "-Infinity");
}

static json_t *float_of(const unsigned char *at)
{
    uint32_t bits = bytes_get32(at);
    float value;
    char text[32];

    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value))
        return real((double)value);
    snprintf(text, sizeof(text), "%.9g", (double)value); /* 0.1f is 0.1, not 0.100000001 */
    for (int digits = 6; digits < 9; digits++) {
        char shorter[32];

        snprintf(shorter, sizeof(shorter), "%.*g", digits, (double)value);
        if (strtof(shorter, NULL) == value) {
            memcpy(text, shorter, sizeof(text));
            break;
        }
    }
    return json_real(strtod(text, NULL));
}

static json_t *double_of(const unsigned char *at)
{
    uint64_t bits = bytes_get64(at);
    double value;

    memcpy(&value, &bits, sizeof(value));
    return real(value);
}

static json_t *character_of(uint16_t unit)
{
    char text[3];
    size_t size = 0;

    if (unit < 0x80) {
        text[size++] = (char)unit;
    } else if (unit < 0x800) {
        text[size++] = (char)(0xC0 | unit >> 6);
        text[size++] = (char)(0x80 | (unit & 0x3F));
    } else {
        text[size++] = (char)(0xE0 | unit >> 12);
        text[size++] = (char)(0x80 | (unit >> 6 & 0x3F));
        text[size++] = (char)(0x80 | (unit & 0x3F));
    }
    return answer_text(text, size);
}

static json_t *element_of(
    const struct record *record, const struct record_field *field, const unsigned char *at)
{
    const struct registry_entry *entry;
    const char *literal;
    size_t length;

    switch (field_element(field->type)) {
    case FIELD_BOOL:
        return json_boolean(*at == 1);
    case FIELD_I8:
        return json_integer((int8_t)*at);
    case FIELD_CHAR:
        return character_of(bytes_get16(at));
    case FIELD_I16:
        return json_integer((int16_t)bytes_get16(at));
    case FIELD_I32:
        return json_integer((int32_t)bytes_get32(at));
    case FIELD_I64:
        return json_integer((json_int_t)bytes_get64(at));
    case FIELD_F32:
        return float_of(at);
    case FIELD_F64:
        return double_of(at);
    case FIELD_ENUM:
        literal = layout_literal(field->literals, bytes_get32(at), &length);
        return literal ? answer_text(literal, length) : json_integer((int32_t)bytes_get32(at));
    default:
        entry = registry_get(record->registry, (int32_t)bytes_get32(at));
        return entry ? answer_text(entry->text, entry->length) : json_null();
    }
}

json_t *records_value(const struct record *record, struct record_cursor *cursor)
{
    const struct record_field *field = &record->type->fields[cursor->field];
    json_t *array;

    if (!field_is_array(field->type))
        return element_of(record, field, cursor->at);
    array = json_array();
    while (cursor->at) {
        answer_add(&array, element_of(record, field, cursor->at));
        if (cursor->element + 1 == cursor->elements || !record_next_value(cursor))
            break;
    }
    return array;
}

/* A row, and by what it is sorted. */
struct found {
    int64_t time;
    json_t *row;
};

struct finding {
    struct recordings *recordings;
    json_t *empty; /* a row with all keys, null each */
    LIST(struct found) rows;
    uint64_t limit, left; /* left: that may still be taken of the type */
};

/* The key of a field: none is our own. */
static const char *key_of(struct request *request, const char *field)
{
    char *key;

    if (strcmp(field, AT) != 0)
        return field;
    key = arena_take(&request->arena, sizeof(AT) + 1);
    return key ? strcpy(key, AT "_") : NULL;
}

static int is_among(const char *list, const char *name)
{
    size_t length;

    for (; *list; list += length + (list[length] == ',')) {
        length = strcspn(list, ",");
        if (strlen(name) == length && strncmp(list, name, length) == 0)
            return 1;
    }
    return 0;
}

static int is_shown(const struct request *request, const struct record_type *type, unsigned field)
{
    const char *chosen = request_text(request, PARAM_FIELD);

    if (chosen)
        return is_among(chosen, type->fields[field].name);
    return (int)field != type->timestamp; /* that is AT */
}

/* What was chosen is there. */
static int check_chosen(const struct recordings *recordings)
{
    struct request *request = recordings->request;
    const char *chosen = request_text(request, PARAM_FIELD);
    char *rest = chosen ? arena_copy(&request->arena, chosen, strlen(chosen) + 1) : NULL, *name;

    while ((name = strsep(&rest, ",")) && request->status == 0)
        if (records_field(recordings, name) == NULL)
            request_refuse(
                request, 400, "%s has no field %s", recordings->types.items[0].name, name);
    return request->status == 0 ? 0 : -1;
}

static int on_record(void *context, const struct batch_record *stored, const struct record *record)
{
    struct finding *finding = context;
    struct record_cursor cursor = {.record = record};
    struct found *found = finding->left > 0 ? list_add(&finding->rows) : NULL;

    if (found == NULL)
        return 1;
    finding->left--;
    *found = (struct found){stored->time, json_copy(finding->empty)};
    answer_put(&found->row, AT, answer_at(stored->time));
    while (record_next_value(&cursor)) {
        const char *name = record->type->fields[cursor.field].name;
        json_t *value = records_value(record, &cursor);

        if (is_shown(finding->recordings->request, record->type, cursor.field))
            answer_put(&found->row, key_of(finding->recordings->request, name), value);
        else
            json_decref(value);
    }
    return 0;
}

/* Every row has every key, whatever the layout it came with: AT, then the fields as they come. */
static json_t *empty_row(struct recordings *recordings)
{
    json_t *row = json_object();

    answer_put(&row, AT, json_null());
    for (size_t i = 0; i < recordings->types.count; i++) {
        const struct record_type *type = recordings->types.items[i].type;

        for (unsigned j = 0; type && j < type->field_count; j++)
            if (is_shown(recordings->request, type, j))
                answer_put(&row, key_of(recordings->request, type->fields[j].name), json_null());
    }
    return row;
}

static int by_time(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    return (x->time < y->time) - (x->time > y->time);
}

json_t *records_values(struct recordings *recordings)
{
    struct finding finding = {.recordings = recordings,
        .empty = empty_row(recordings),
        .limit = request_limit(recordings->request)};
    json_t *rows = json_array();
    uint64_t total = 0;
    int failed = finding.empty == NULL || check_chosen(recordings) < 0;

    for (size_t i = 0; !failed && i < recordings->types.count; i++) {
        const struct recorded *type = &recordings->types.items[i];

        finding.left = finding.limit;
        total += type->row.records;
        failed = type->type && records_each(recordings, type, 1, on_record, &finding) < 0;
    }
    if (finding.rows.count > 0 && recordings->types.count > 1)
        qsort(finding.rows.items, finding.rows.count, sizeof(*finding.rows.items), by_time);
    for (size_t i = 0; i < finding.rows.count; i++) {
        if (i < finding.limit)
            answer_add(&rows, finding.rows.items[i].row);
        else
            json_decref(finding.rows.items[i].row);
    }
    json_decref(finding.empty);
    list_fini(&finding.rows);
    if (failed) {
        json_decref(rows);
        return NULL;
    }
    return answer_rows(rows, total, total > finding.limit, NULL);
}
