/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of records over time: a step of so many seconds, its least, mean and greatest. */
#include "query/records.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 120         /* of a series, at most, unless a width is given */
#define STEPS_MAX 5000    /* also then */
#define CELLS_MAX 1000000 /* of all series */
#define GROUPS_MAX 64     /* by which series are told apart; the rest are one */
#define OTHERS "(others)"
#define SECOND INT64_C(1000000000)

struct cell {
    uint64_t records;
    double sum, minimum, maximum;
};

/* What series are told apart by: the values of some fields. */
struct group {
    char *name;
    struct cell *cells; /* by field and step */
};

struct series {
    struct recordings *recordings;
    const char *fields[RECORD_FIELDS_MAX]; /* that are summed up */
    unsigned field_count;
    const char *by[RECORD_FIELDS_MAX];
    unsigned by_count;
    int64_t width, first; /* of a step, and where the first one begins, in widths */
    size_t steps;
    LIST(struct group) groups;
    int failed, full; /* memory is short; there would be too many cells */
};

static int64_t floor_of(int64_t time, int64_t width)
{
    return time / width - (time % width < 0);
}

/* The least of the usual widths with which there are not more than STEPS. */
static int64_t usual_width(int64_t first, int64_t last)
{
    static const int64_t seconds[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200,
        21600, 43200, 86400, 7 * 86400, 30 * 86400};
    uint64_t range = (uint64_t)last - (uint64_t)first;

    for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++)
        if (range / ((uint64_t)seconds[i] * SECOND) < STEPS)
            return seconds[i] * SECOND;
    return (int64_t)((range / STEPS / (365 * 86400 * (uint64_t)SECOND) + 1) * 365 * 86400 * SECOND);
}

static int choose_steps(struct series *series)
{
    struct recordings *recordings = series->recordings;
    struct request *request = recordings->request;
    int64_t first = INT64_MAX, last = INT64_MIN;
    uint64_t steps;

    for (size_t i = 0; i < recordings->types.count; i++) {
        const struct record_type_row *row = &recordings->types.items[i].row;

        first = row->first < first ? row->first : first;
        last = row->last > last ? row->last : last;
    }
    series->width = request_number(request, PARAM_BUCKET, usual_width(first, last));
    if (series->width <= 0)
        series->width = 1;
    series->first = floor_of(first, series->width);
    steps = (uint64_t)floor_of(last, series->width) - (uint64_t)series->first + 1;
    if (steps > STEPS_MAX) {
        request_refuse(request, 400,
            "that would be %" PRIu64 " steps: give a wider bucket, or a shorter time with since "
            "and until (%d steps can be)",
            steps, STEPS_MAX);
        return -1;
    }
    series->steps = (size_t)steps;
    return 0;
}

static int add(const char *names[RECORD_FIELDS_MAX], unsigned *count, const char *name)
{
    for (unsigned i = 0; i < *count; i++)
        if (strcmp(names[i], name) == 0)
            return 0;
    if (*count == RECORD_FIELDS_MAX)
        return -1;
    names[(*count)++] = name;
    return 0;
}

/* All fields of some kind, of whichever layout. */
static void add_all(const struct recordings *recordings,
    int (*is_kind)(const struct record_field *field), const char *names[RECORD_FIELDS_MAX],
    unsigned *count)
{
    for (size_t i = 0; i < recordings->types.count; i++) {
        const struct record_type *type = recordings->types.items[i].type;

        for (unsigned j = 0; j < type->field_count; j++)
            if ((int)j != type->timestamp && is_kind(&type->fields[j]))
                add(names, count, type->fields[j].name);
    }
}

/* The fields that a list names. */
static int add_named(struct recordings *recordings, const char *list, int numbers,
    const char *names[RECORD_FIELDS_MAX], unsigned *count)
{
    struct request *request = recordings->request;
    char *rest = arena_copy(&request->arena, list, strlen(list) + 1), *name;

    if (rest == NULL)
        return -1;
    while ((name = strsep(&rest, ","))) {
        const struct record_field *field = records_field(recordings, name);

        if (field == NULL)
            request_refuse(
                request, 400, "%s has no field %s", recordings->types.items[0].name, name);
        else if (numbers && !records_is_number(field))
            request_refuse(request, 400, "the field %s holds no numbers, one in each record", name);
        else if (!numbers && field_is_array(field->type))
            request_refuse(request, 400, "the field %s is an array: series cannot go by it", name);
        else
            add(names, count, field->name);
        if (request->status != 0)
            return -1;
    }
    return 0;
}

static int choose_fields(struct series *series)
{
    struct recordings *recordings = series->recordings;
    const char *fields = request_text(recordings->request, PARAM_SERIES),
               *by = request_text(recordings->request, PARAM_BY);

    if (strcmp(fields, "all") == 0)
        add_all(recordings, records_is_number, series->fields, &series->field_count);
    else if (add_named(recordings, fields, 1, series->fields, &series->field_count) < 0)
        return -1;
    if (by == NULL)
        add_all(recordings, records_is_name, series->by, &series->by_count);
    else if (strcmp(by, "none") != 0 &&
             add_named(recordings, by, 0, series->by, &series->by_count) < 0)
        return -1;
    return 0;
}

static double number_of(enum record_field_type type, const unsigned char *at)
{
    uint32_t bits32;
    uint64_t bits64;
    float single;
    double value;

    switch (type) {
    case FIELD_I8:
        return (int8_t)*at;
    case FIELD_I16:
        return (int16_t)bytes_get16(at);
    case FIELD_I32:
        return (int32_t)bytes_get32(at);
    case FIELD_I64:
        return (double)(int64_t)bytes_get64(at);
    case FIELD_F32:
        bits32 = bytes_get32(at);
        memcpy(&single, &bits32, sizeof(single));
        return (double)single;
    default:
        bits64 = bytes_get64(at);
        memcpy(&value, &bits64, sizeof(value));
        return value;
    }
}

static struct group *find_group(struct series *series, const char *name)
{
    struct group *group;

    for (size_t i = 0; i < series->groups.count; i++)
        if (strcmp(series->groups.items[i].name, name) == 0)
            return &series->groups.items[i];
    if (series->groups.count >= GROUPS_MAX - 1 && strcmp(name, OTHERS) != 0)
        return find_group(series, OTHERS);
    if ((series->groups.count + 1) * series->field_count * series->steps > CELLS_MAX) {
        series->full = 1;
        return NULL;
    }
    group = list_add(&series->groups);
    if (group == NULL)
        return NULL;
    *group = (struct group){
        strdup(name), calloc(series->field_count * series->steps + 1, sizeof(*group->cells))};
    return group->name && group->cells ? group : NULL;
}

static int index_of(const char *const *names, unsigned count, const char *name)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return (int)i;
    return -1;
}

static void put_name(char *name, size_t size, json_t *value)
{
    size_t used = strlen(name);
    char *text = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    const char *shown = text ? text : json_string_value(value);

    if (shown && *shown)
        snprintf(name + used, size - used, "%s%s", used ? " " : "", shown);
    free(text);
    json_decref(value);
}

static void count(struct cell *cell, double value)
{
    if (!isfinite(value))
        return;
    cell->minimum = cell->records == 0 || value < cell->minimum ? value : cell->minimum;
    cell->maximum = cell->records == 0 || value > cell->maximum ? value : cell->maximum;
    cell->sum += value;
    cell->records++;
}

static int on_record(void *context, const struct batch_record *stored, const struct record *record)
{
    struct series *series = context;
    struct record_cursor cursor = {.record = record};
    double values[RECORD_FIELDS_MAX];
    uint64_t has = 0;
    char name[512] = "";
    struct group *group;
    int64_t step = floor_of(stored->time, series->width) - series->first;

    if (step < 0 || (uint64_t)step >= series->steps) /* it came while we look */
        return 0;
    while (record_next_value(&cursor)) {
        const struct record_field *field = &record->type->fields[cursor.field];
        int place = records_is_number(field)
                        ? index_of(series->fields, series->field_count, field->name)
                        : -1;

        if (place >= 0) {
            values[place] = number_of(field->type, cursor.at);
            has |= UINT64_C(1) << place;
        }
        if (!field_is_array(field->type) &&
            index_of(series->by, series->by_count, field->name) >= 0)
            put_name(name, sizeof(name), records_value(record, &cursor));
    }
    group = find_group(series, name);
    if (group == NULL)
        return series->failed = 1;
    for (unsigned i = 0; i < series->field_count; i++)
        if (has >> i & 1)
            count(&group->cells[i * series->steps + (size_t)step], values[i]);
    return 0;
}

static json_t *number(double value)
{
    return value == rint(value) && fabs(value) < 9007199254740992.0
               ? json_integer((json_int_t)value)
               : json_real(value);
}

static json_t *rows_of(const struct series *series, uint64_t *total, uint64_t limit)
{
    json_t *rows = json_array();

    for (unsigned field = 0; field < series->field_count; field++)
        for (size_t g = 0; g < series->groups.count; g++)
            for (size_t step = 0; step < series->steps; step++) {
                const struct group *group = &series->groups.items[g];
                const struct cell *cell = &group->cells[field * series->steps + step];
                json_t *row;

                if (cell->records == 0 || (*total)++ >= limit)
                    continue;
                row = json_object();
                answer_put(&row, "at", answer_at((series->first + (int64_t)step) * series->width));
                answer_put_text(&row, "field", series->fields[field]);
                answer_put(&row, "by", answer_text(group->name, strlen(group->name)));
                answer_put(&row, "records", answer_number(cell->records));
                answer_put(&row, "min", number(cell->minimum));
                answer_put(&row, "mean", number(cell->sum / (double)cell->records));
                answer_put(&row, "max", number(cell->maximum));
                answer_add(&rows, row);
            }
    return rows;
}

static int gather(struct series *series)
{
    struct recordings *recordings = series->recordings;
    struct request *request = recordings->request;

    if (choose_fields(series) < 0 || choose_steps(series) < 0)
        return -1;
    for (size_t i = 0; i < recordings->types.count && !series->failed; i++)
        if (records_each(recordings, &recordings->types.items[i], 0, on_record, series) < 0)
            return -1;
    if (series->full)
        request_refuse(request, 400,
            "that would be more than %d numbers: give a wider bucket, fewer fields, or by none",
            CELLS_MAX);
    return series->failed ? -1 : 0;
}

json_t *records_series(struct recordings *recordings)
{
    struct series series = {.recordings = recordings};
    struct request *request = recordings->request;
    uint64_t total = 0,
             limit = request_has(request, PARAM_LIMIT) ? request_limit(request) : CELLS_MAX;
    json_t *answer = NULL;

    if (gather(&series) == 0) {
        json_t *rows = rows_of(&series, &total, limit);

        answer = answer_rows(rows, total, total > limit, NULL);
        answer_put(&answer, "bucket_ns", json_integer(series.width));
    }
    for (size_t i = 0; i < series.groups.count; i++) {
        free(series.groups.items[i].name);
        free(series.groups.items[i].cells);
    }
    list_fini(&series.groups);
    return answer;
}
