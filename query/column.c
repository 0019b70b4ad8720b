/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* asprintf */

#include "query/column.h"

#include "query/text.h"
#include "query/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIME_WITHOUT_SECONDS 16 /* "2026-03-01 12:00" */

char *column_name(const struct column *column, char *name, size_t size)
{
    size_t length;

    snprintf(name, size, "%s", column->key);
    length = strlen(name);
    if (length > 3 &&
        (strcmp(name + length - 3, "_ns") == 0 || strcmp(name + length - 3, "_at") == 0))
        name[length - 3] = '\0';
    return name;
}

static const struct column *find_column(
    const struct column *columns, const char *name, size_t length)
{
    for (const struct column *column = columns; column->key != NULL; column++) {
        char own[64];

        column_name(column, own, sizeof(own));
        if (strlen(own) == length && memcmp(own, name, length) == 0)
            return column;
        if (strlen(column->key) == length && memcmp(column->key, name, length) == 0)
            return column;
    }
    return NULL;
}

static int choose_usual(
    const struct column *columns, int all, const struct column *chosen[COLUMNS_MAX])
{
    int count = 0;

    for (const struct column *column = columns; column->key != NULL && count < COLUMNS_MAX;
         column++)
        if (column->rank != 0 || all)
            chosen[count++] = column;
    return count;
}

static int refuse_field(
    const struct column *columns, const char *field, int length, char *error, size_t size)
{
    size_t used =
        (size_t)snprintf(error, size, "There is no column \"%.*s\"; there are", length, field);

    for (const struct column *column = columns; column->key != NULL && used < size; column++) {
        char name[64];

        used += (size_t)snprintf(
            error + used, size - used, " %s", column_name(column, name, sizeof(name)));
    }
    if (used < size)
        snprintf(error + used, size - used, ", and all, none");
    return -1;
}

int column_choose(const struct column *columns, const char *fields,
    const struct column *chosen[COLUMNS_MAX], char *error, size_t error_size)
{
    int count = 0;

    if (fields == NULL || strcmp(fields, "all") == 0)
        return choose_usual(columns, fields != NULL, chosen);
    if (strcmp(fields, "none") == 0)
        return 0;
    if (*fields == '+') {
        count = choose_usual(columns, 0, chosen);
        fields++;
    }
    while (*fields != '\0') {
        int length = (int)strcspn(fields, ",");
        const struct column *column = find_column(columns, fields, (size_t)length);
        int known = 0;

        if (column == NULL)
            return refuse_field(columns, fields, length, error, error_size);
        for (int i = 0; i < count; i++)
            known |= chosen[i] == column;
        if (!known && count < COLUMNS_MAX)
            chosen[count++] = column;
        fields +=
            length + (fields[length] == ',') + (fields[length] == ',' && fields[length + 1] == '+');
    }
    return count;
}

int column_has_failed(const json_t *row)
{
    const json_t *failed = json_object_get(row, "failed");

    return json_is_true(failed) || json_integer_value(failed) > 0;
}

static char *clean_raw(int utf8, const json_t *value)
{
    char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT),
         *clean = text == NULL ? NULL : text_clean(text, utf8);

    free(text);
    return clean;
}

char *column_text(int utf8, const struct column *column, const json_t *row)
{
    const json_t *value = json_object_get(row, column->key);
    const char *text = json_string_value(value), *component;
    char figure[UNITS_SIZE], *joined, *clean;
    int64_t number = text != NULL ? strtoll(text, NULL, 10) : json_integer_value(value);

    if (value == NULL || json_is_null(value))
        return strdup("-");
    switch (column->cell) {
    case CELL_CALL:
        component = json_string_value(json_object_get(row, "component"));
        if (text == NULL || component == NULL || *component == '\0' ||
            asprintf(&joined, "%s.%s", component, text) < 0)
            break;
        clean = text_clean(joined, utf8);
        free(joined);
        return clean;
    case CELL_COUNT:
        units_count(number, figure);
        return strdup(figure);
    case CELL_DURATION:
        units_duration(number, utf8, figure);
        return strdup(figure);
    case CELL_BYTES:
        units_bytes(number, figure);
        return strdup(figure);
    case CELL_TIME:
    case CELL_MINUTE:
        units_time(number, figure);
        if (column->cell == CELL_MINUTE && strlen(figure) > TIME_WITHOUT_SECONDS)
            figure[TIME_WITHOUT_SECONDS] = '\0';
        return strdup(figure);
    default:
        break;
    }
    return text != NULL ? text_clean(text, utf8) : clean_raw(utf8, value);
}
