/* SPDX-License-Identifier: Apache-2.0 */
/* SQL that only reads, over the tables and the virtual tables `trace` and `call`. */
#include "query/answer.h"
#include "query/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_OF_SQL_MAX 2000 /* SQLite's own default */

static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

struct gathering {
    struct request *request;
    uint64_t limit, count;
    unsigned columns;
    const char **names;
    json_t *rows;
};

static int is_taken(const char *const *names, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return 1;
    return 0;
}

/* A row is an object, so equal names of columns are told apart: n, n_2, n_3. And they are UTF-8,
 * whatever the query was. */
static const char *own_name(struct gathering *gathering, unsigned column, const char *given)
{
    json_t *text = answer_text(given, strlen(given));
    size_t size = json_string_length(text) + 16;
    char *name = text == NULL ? NULL : arena_take(&gathering->request->arena, size);

    if (name != NULL)
        snprintf(name, size, "%s", json_string_value(text));
    for (unsigned i = 2; name != NULL && is_taken(gathering->names, column, name); i++)
        snprintf(name, size, "%s_%u", json_string_value(text), i);
    json_decref(text);
    return name;
}

static int on_columns(void *context, unsigned count, const char *const *names)
{
    struct gathering *gathering = context;

    if (count > COLUMNS_OF_SQL_MAX)
        count = COLUMNS_OF_SQL_MAX;
    gathering->names =
        arena_take(&gathering->request->arena, (count + 1) * sizeof(*gathering->names));
    for (unsigned i = 0; gathering->names != NULL && i < count; i++) {
        gathering->names[i] = own_name(gathering, i, names[i]);
        if (gathering->names[i] == NULL)
            gathering->names = NULL;
    }
    gathering->columns = count;
    return gathering->names == NULL;
}

static json_t *hexadecimal(const char *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(size * 2 + 1);
    json_t *value;

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        text[i * 2] = digits[(unsigned char)bytes[i] >> 4];
        text[i * 2 + 1] = digits[(unsigned char)bytes[i] & 15];
    }
    value = json_stringn_nocheck(text, size * 2);
    free(text);
    return value;
}

static json_t *json_of(const struct sql_value *value)
{
    switch (value->type) {
    case SQL_INTEGER:
        return json_integer(value->integer);
    case SQL_REAL:
        return isfinite(value->real) ? json_real(value->real) : json_null();
    case SQL_TEXT:
        return answer_text(value->text, value->size);
    case SQL_BLOB:
        return hexadecimal(value->text, value->size);
    default:
        return json_null();
    }
}

static int on_row(void *context, unsigned count, const struct sql_value *values)
{
    struct gathering *gathering = context;
    json_t *row;

    if (gathering->count++ == gathering->limit)
        return 1; /* there is one more than asked for: enough to know */
    row = json_object();
    for (unsigned i = 0; i < count && i < gathering->columns; i++)
        answer_put(&row, gathering->names[i], json_of(&values[i]));
    answer_add(&gathering->rows, row);
    return gathering->rows == NULL;
}

/* `total` is the rows given: how many there would be is not known without running all of it. */
static json_t *answer(struct request *request, struct store_reader *reader)
{
    struct gathering gathering = {
        .request = request, .limit = request_limit(request), .rows = json_array()};
    struct sql_sink sink = {on_columns, on_row, &gathering};

    if (store_sql(reader, request_text(request, PARAM_QUERY), &sink) < 0) {
        json_decref(gathering.rows);
        return request_refuse(request, 400, "%s", store_reader_error(reader));
    }
    return answer_rows(
        gathering.rows, json_array_size(gathering.rows), gathering.count > gathering.limit, NULL);
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    table_print_any(page, json_object_get(answer, "rows"));
}

const struct verb verb_sql = {
    .name = "sql",
    .doc = "SQL that only reads; `trace` and `call` are tables too",
    .noun = "rows",
    .takes = PARAM_BIT(PARAM_QUERY) | PARAM_BIT(PARAM_LIMIT) | PARAM_BIT(PARAM_FORMAT),
    .needs = PARAM_BIT(PARAM_QUERY),
    .argument = PARAM_QUERY,
    .formats = formats,
    .limit = 1000,
    .limit_max = 1000000,
    .rows = "the columns of the query",
    .answer = answer,
    .print = print,
};
