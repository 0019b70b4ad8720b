/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored, and what went wrong on the way. */
#include "query/answer.h"
#include "query/table.h"

#include <stdlib.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

/* Below one another in the text. */
static const struct column columns[] = {
    {"version", "version", CELL_WORD, 1},
    {"schema", "schema", CELL_COUNT, 1},
    {"database", "database", CELL_NAME, 1},
    {"size_bytes", "size", CELL_BYTES, 1},
    {"first_at", "first", CELL_TIME, 1},
    {"last_at", "last", CELL_TIME, 1},
    {"runs", "runs", CELL_COUNT, 1},
    {"streams", "streams", CELL_COUNT, 1},
    {"open_streams", "open streams", CELL_COUNT, 1},
    {"records", "records", CELL_COUNT, 1},
    {"traces", "traces", CELL_COUNT, 1},
    {"running", "running", CELL_COUNT, 1},
    {"incomplete", "incomplete", CELL_COUNT, 1},
    {"damaged", "damaged", CELL_COUNT, 1},
    {"failed", "failed", CELL_COUNT, 1},
    {"calls", "calls", CELL_COUNT, 1},
    {"operations", "operations", CELL_COUNT, 1},
    {"components", "components", CELL_COUNT, 1},
    {"paths", "paths", CELL_COUNT, 1},
    {"classes", "classes", CELL_COUNT, 1},
    {NULL, NULL, CELL_NAME, 0},
};

static int on_counter(void *context, const char *name, uint64_t value)
{
    json_t **counters = context;

    answer_put(counters, name, answer_number(value));
    return *counters == NULL;
}

static json_t *row_of(const struct store_status *status, json_t *counters)
{
    json_t *row = json_object();

    answer_put_text(&row, "version", PACKAGE_VERSION);
    answer_put(&row, "schema", json_integer(status->schema));
    answer_put_text(&row, "database", status->location);
    answer_put(&row, "size_bytes", answer_number(status->bytes));
    answer_put(&row, "runs", answer_number(status->runs));
    answer_put(&row, "streams", answer_number(status->streams));
    answer_put(&row, "open_streams", answer_number(status->open_streams));
    answer_put(&row, "records", answer_number(status->records));
    answer_put(&row, "traces", answer_number(status->traces));
    answer_put(&row, "running", answer_number(status->states[TRACE_RUNNING]));
    answer_put(&row, "incomplete", answer_number(status->states[TRACE_INCOMPLETE]));
    answer_put(&row, "damaged", answer_number(status->states[TRACE_DAMAGED]));
    answer_put(&row, "failed", answer_number(status->failed));
    answer_put(&row, "calls", answer_number(status->calls));
    answer_put(&row, "operations", answer_number(status->operations));
    answer_put(&row, "components", answer_number(status->components));
    answer_put(&row, "paths", answer_number(status->paths));
    answer_put(&row, "classes", answer_number(status->classes));
    answer_put(&row, "first_at", answer_at(status->first));
    answer_put(&row, "last_at", answer_at(status->last));
    answer_put(&row, "counters", counters);
    return row;
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    struct store_status status = {0};
    json_t *counters = json_object(), *rows;

    if (store_status(reader, &status) < 0 || store_counters(reader, on_counter, &counters) < 0) {
        json_decref(counters);
        return answer_failed(request, reader);
    }
    rows = json_array();
    answer_add(&rows, row_of(&status, counters));
    return answer_rows(rows, 1, 0, NULL);
}

/* A line for each member of an object, the figure before the name. */
static void print_members(struct page *page, const char *heading, json_t *object)
{
    const char *key;
    json_t *value;

    if (json_object_size(object) == 0)
        return;
    putc('\n', page->out);
    table_heading(page, "%s", heading);
    json_object_foreach(object, key, value)
    {
        const struct column column = {key, "", json_is_integer(value) ? CELL_COUNT : CELL_RAW, 1};
        char *text = column_text(page->utf8, &column, object);

        if (text != NULL && !json_is_false(value) && !json_is_null(value))
            fprintf(page->out, "%15s  %s\n", text, key);
        free(text);
    }
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    const json_t *row = json_array_get(json_object_get(answer, "rows"), 0);

    (void)request;
    table_print_sheet(page, columns, row);
    if (page->fields != NULL)
        return;
    print_members(page, "counters", json_object_get(row, "counters"));
    print_members(page, "collector", json_object_get(row, "collector")); /* a server adds it */
}

const struct verb verb_status = {
    .name = "status",
    .doc = "what is stored, since when, how much, and what was lost or odd",
    .noun = "databases",
    .takes = PARAM_BIT(PARAM_FORMAT),
    .argument = -1,
    .formats = formats,
    .columns = columns,
    .rows = "version schema database size_bytes runs streams open_streams records traces running "
            "incomplete damaged failed calls operations components paths classes first_at last_at "
            "counters",
    .answer = answer,
    .print = print,
};
