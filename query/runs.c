/* SPDX-License-Identifier: Apache-2.0 */
/* Which runs (labelled recordings) there are. */
#include "query/answer.h"
#include "query/table.h"

static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

static const struct column columns[] = {
    {"name", "run", CELL_NAME, 1},
    {"first_at", "first", CELL_TIME, 3},
    {"last_at", "last", CELL_TIME, 4},
    {"streams", "streams", CELL_COUNT, 8},
    {"records", "records", CELL_COUNT, 6},
    {"traces", "traces", CELL_COUNT, 2},
    {"calls", "calls", CELL_COUNT, 5},
    {"failed", "failed", CELL_COUNT, 7},
    {"incomplete", "incomplete", CELL_COUNT, 9},
    {NULL, NULL, CELL_NAME, 0},
};

static int on_run(void *context, const struct run_row *run)
{
    json_t **rows = context, *row = json_object();

    answer_put_text(&row, "name", run->name);
    answer_put(&row, "first_at", answer_at(run->first));
    answer_put(&row, "last_at", answer_at(run->last));
    answer_put(&row, "streams", answer_number(run->streams));
    answer_put(&row, "records", answer_number(run->records));
    answer_put(&row, "traces", answer_number(run->traces));
    answer_put(&row, "calls", answer_number(run->calls));
    answer_put(&row, "failed", answer_number(run->failed));
    answer_put(&row, "incomplete", answer_number(run->incomplete));
    answer_add(rows, row);
    return *rows == NULL;
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    json_t *rows = json_array();

    if (store_runs(reader, on_run, &rows) < 0) {
        json_decref(rows);
        return answer_failed(request, reader);
    }
    return answer_rows(rows, json_array_size(rows), 0, NULL);
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    table_print(page, columns, json_object_get(answer, "rows"));
}

const struct verb verb_runs = {
    .name = "runs",
    .doc = "the labelled recordings, and what is in each",
    .noun = "runs",
    .takes = PARAM_BIT(PARAM_FORMAT),
    .argument = -1,
    .formats = formats,
    .columns = columns,
    .rows = "name first_at last_at streams records traces calls failed incomplete",
    .answer = answer,
    .print = print,
};
