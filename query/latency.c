/* SPDX-License-Identifier: Apache-2.0 */
/* How long calls took, minute by minute. */
#include "query/answer.h"
#include "query/table.h"

static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

static const struct column columns[] = {
    {"at", "minute", CELL_MINUTE, 1},
    {"calls", "calls", CELL_COUNT, 3},
    {"failed", "failed", CELL_COUNT, 7},
    {"min_ns", "min", CELL_DURATION, 8},
    {"mean_ns", "mean", CELL_DURATION, 6},
    {"p50_ns", "p50", CELL_DURATION, 2},
    {"p95_ns", "p95", CELL_DURATION, 4},
    {"p99_ns", "p99", CELL_DURATION, 5},
    {"max_ns", "max", CELL_DURATION, 9},
    {"total_ns", "total", CELL_DURATION, 0},
    {"self_ns", "self", CELL_DURATION, 0},
    {NULL, NULL, CELL_NAME, 0},
};

struct gathering {
    json_t *rows;
    uint64_t total, limit;
};

static int on_minute(void *context, const struct latency_row *row)
{
    struct gathering *gathering = context;
    json_t *object;

    /* The latest minutes are what is asked for: make room by dropping the earliest. */
    if (gathering->total++ >= gathering->limit)
        json_array_remove(gathering->rows, 0);
    object = json_object();
    answer_put(&object, "at", answer_at(row->at));
    answer_put_stats(&object, &row->stats);
    answer_add(&gathering->rows, object);
    return gathering->rows == NULL;
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    struct store_filter filter = request_filter(request);
    struct gathering gathering = {json_array(), 0, request_limit(request)};

    if (store_latency(reader, &filter, on_minute, &gathering) < 0) {
        json_decref(gathering.rows);
        return answer_failed(request, reader);
    }
    return answer_rows(gathering.rows, gathering.total, gathering.total > gathering.limit, NULL);
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    table_print(page, columns, json_object_get(answer, "rows"));
}

const struct verb verb_latency = {
    .name = "latency",
    .doc = "percentiles minute by minute, of whole traces or of an operation",
    .noun = "minutes",
    .takes = PARAM_BIT(PARAM_RUN) | PARAM_BIT(PARAM_HOST) | PARAM_BIT(PARAM_SINCE) |
             PARAM_BIT(PARAM_UNTIL) | PARAM_BIT(PARAM_OP) | PARAM_BIT(PARAM_COMPONENT) |
             PARAM_BIT(PARAM_LIMIT) | PARAM_BIT(PARAM_FORMAT),
    .argument = PARAM_OP,
    .formats = formats,
    .columns = columns,
    .limit = 1440, /* a day */
    .limit_max = 100000,
    .rows = "at calls failed total_ns self_ns min_ns mean_ns p50_ns p95_ns p99_ns max_ns",
    .answer = answer,
    .print = print,
};
