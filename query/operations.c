/* SPDX-License-Identifier: Apache-2.0 */
/* What each operation took, all its calls taken together. */
#define _GNU_SOURCE /* qsort_r */

#include "query/answer.h"
#include "query/table.h"

#include <stdlib.h>
#include <string.h>

#include "analysis/list.h"

static const char *const sorts[] = {"self", "total", "calls", "failed", "min", "mean", "p50", "p95",
    "p99", "max", "operation", "component", "id", NULL};
enum {
    BY_SELF,
    BY_TOTAL,
    BY_CALLS,
    BY_FAILED,
    BY_MIN,
    BY_MEAN,
    BY_P50,
    BY_P95,
    BY_P99,
    BY_MAX,
    BY_OPERATION,
    BY_COMPONENT,
    BY_ID
};
static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

static const struct column columns[] = {
    {"id", "id", CELL_ID, 0},
    {"total_ns", "total", CELL_DURATION, 3},
    {"self_ns", "self", CELL_DURATION, 2},
    {"calls", "calls", CELL_COUNT, 4},
    {"failed", "failed", CELL_COUNT, 9},
    {"min_ns", "min", CELL_DURATION, 0},
    {"mean_ns", "mean", CELL_DURATION, 7},
    {"p50_ns", "p50", CELL_DURATION, 6},
    {"p95_ns", "p95", CELL_DURATION, 5},
    {"p99_ns", "p99", CELL_DURATION, 8},
    {"max_ns", "max", CELL_DURATION, 10},
    {"operation", "operation", CELL_CALL, 1},
    {"component", "component", CELL_NAME, 0},
    {NULL, NULL, CELL_NAME, 0},
};

/* Only what is needed for sorting: there may be MODEL_OPERATIONS_MAX of them, and the answer has a
 * few. */
struct item {
    uint32_t id;
    const char *operation, *component; /* the request's */
    struct call_stats stats;
};

struct gathering {
    struct request *request;
    const struct store_filter *filter;
    int texts;  /* whether sorting needs the texts */
    int failed; /* memory was short */
    LIST(struct item) items;
};

static const char *keep(struct request *request, const char *text)
{
    return arena_copy(&request->arena, text, strlen(text) + 1);
}

static int on_operation(void *context, const struct operation_row *row)
{
    struct gathering *gathering = context;
    struct item *item;

    if (row->stats.calls < gathering->filter->min_calls ||
        (gathering->filter->failed && row->stats.failed == 0))
        return 0;
    item = list_add(&gathering->items);
    if (item == NULL)
        return gathering->failed = 1;
    item->id = row->id;
    item->stats = row->stats;
    item->operation = gathering->texts ? keep(gathering->request, row->operation) : "";
    item->component = gathering->texts ? keep(gathering->request, row->component) : "";
    return gathering->failed = item->operation == NULL || item->component == NULL;
}

static int64_t key(const struct item *item, int by)
{
    const struct call_stats *stats = &item->stats;

    switch (by) {
    case BY_SELF:
        return (int64_t)stats->self;
    case BY_TOTAL:
        return (int64_t)stats->total;
    case BY_CALLS:
        return (int64_t)stats->calls;
    case BY_FAILED:
        return (int64_t)stats->failed;
    case BY_MIN:
        return stats->minimum;
    case BY_MEAN:
        return stats->calls == 0 ? 0 : (int64_t)(stats->total / stats->calls);
    case BY_P50:
        return stats->p50;
    case BY_P95:
        return stats->p95;
    case BY_P99:
        return stats->p99;
    case BY_MAX:
        return stats->maximum;
    default:
        return item->id;
    }
}

struct sorting {
    int by, ascending;
};

/* Equal ones by id, so that windows fit together. */
static int compare(const void *a, const void *b, void *context)
{
    const struct sorting *sorting = context;
    const struct item *one = a, *other = b;
    int64_t x = key(one, sorting->by), y = key(other, sorting->by);
    int order = (x > y) - (x < y);

    if (sorting->by == BY_OPERATION)
        order = strcmp(one->operation, other->operation);
    if (sorting->by == BY_COMPONENT)
        order = strcmp(one->component, other->component);
    if (order != 0)
        return sorting->ascending ? order : -order;
    return (one->id > other->id) - (one->id < other->id);
}

static json_t *row_of(struct store_reader *reader, const struct item *item)
{
    const char *operation = "", *component = "";
    json_t *row = json_object();

    (void)store_operation(
        reader, item->id, &operation, &component); /* none of this id: empty texts */
    answer_put(&row, "id", answer_id(item->id));
    answer_put_text(&row, "operation", operation);
    answer_put_text(&row, "component", component);
    answer_put_stats(&row, &item->stats);
    return row;
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    struct store_filter filter = request_filter(request);
    int by = (int)request_number(request, PARAM_SORT, BY_SELF),
        text = by == BY_OPERATION || by == BY_COMPONENT;
    /* Names are read from A on, figures from the largest on, unless something else is said. */
    struct sorting sorting = {by, request_number(request, PARAM_ORDER, text) == 1};
    struct gathering gathering = {.request = request, .filter = &filter, .texts = text};
    size_t from = (size_t)request_number(request, PARAM_OFFSET, 0), count;
    json_t *rows;

    if (store_operations(reader, &filter, on_operation, &gathering) < 0 || gathering.failed) {
        list_fini(&gathering.items);
        return gathering.failed ? NULL : answer_failed(request, reader);
    }
    rows = json_array();
    count = gathering.items.count;
    if (count > 0)
        qsort_r(gathering.items.items, count, sizeof(struct item), compare, &sorting);
    if (from > count)
        from = count;
    if (count - from > request_limit(request))
        count = from + (size_t)request_limit(request);
    for (size_t i = from; i < count; i++)
        answer_add(&rows, row_of(reader, &gathering.items.items[i]));
    rows = answer_rows(rows, gathering.items.count, count < gathering.items.count, NULL);
    list_fini(&gathering.items);
    return rows;
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    table_print(page, columns, json_object_get(answer, "rows"));
}

const struct verb verb_operations = {
    .name = "operations",
    .doc = "calls, total and self time and percentiles of every operation",
    .noun = "operations",
    .takes = PARAM_BIT(PARAM_RUN) | PARAM_BIT(PARAM_HOST) | PARAM_BIT(PARAM_SINCE) |
             PARAM_BIT(PARAM_UNTIL) | PARAM_BIT(PARAM_OP) | PARAM_BIT(PARAM_COMPONENT) |
             PARAM_BIT(PARAM_MIN_CALLS) | PARAM_BIT(PARAM_FAILED) | PARAM_BIT(PARAM_SORT) |
             PARAM_BIT(PARAM_ORDER) | PARAM_BIT(PARAM_LIMIT) | PARAM_BIT(PARAM_OFFSET) |
             PARAM_BIT(PARAM_FORMAT),
    .argument = PARAM_OP,
    .sorts = sorts,
    .formats = formats,
    .columns = columns,
    .limit = 50,
    .limit_max = 100000,
    .rows = "id operation component calls failed total_ns self_ns min_ns mean_ns p50_ns p95_ns "
            "p99_ns max_ns",
    .answer = answer,
    .print = print,
};
