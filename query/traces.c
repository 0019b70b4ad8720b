/* SPDX-License-Identifier: Apache-2.0 */
/* Which traces there are: the slowest, the latest, those that match. */
#include "query/table.h"
#include "query/traces.h"

#include <inttypes.h>
#include <stdio.h>

#define LIMIT 20
#define LIMIT_MAX 1000

/* In the order of enum trace_sort behind the first, which is the default. */
static const char *const sorts[] = {"start", "duration", "calls", "depth", "failed", "id", NULL};
static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

static const struct column columns[] = {
    {"id", "id", CELL_ID, 1},
    {"start_at", "start", CELL_TIME, 4},
    {"duration_ns", "duration", CELL_DURATION, 2},
    {"calls", "calls", CELL_COUNT, 5},
    {"depth", "depth", CELL_COUNT, 9},
    {"failed", "failed", CELL_COUNT, 6},
    {"state", "state", CELL_WORD, 7},
    {"run", "run", CELL_NAME, 10},
    {"host", "host", CELL_NAME, 11},
    {"root", "root call", CELL_CALL, 3},
    {"thread", "thread", CELL_ID, 0},
    {"component", "component", CELL_NAME, 0},
    {"class", "class", CELL_ID, 0},
    {"trace_id", "trace id", CELL_ID, 0},
    {"session", "session", CELL_NAME, 0},
    {"stream", "stream", CELL_ID, 0},
    {NULL, NULL, CELL_NAME, 0},
};

static json_t *signed_id(int64_t id)
{
    char text[24];

    return json_stringn_nocheck(text, (size_t)snprintf(text, sizeof(text), "%" PRId64, id));
}

json_t *traces_row(const struct trace_row *row)
{
    const struct trace *trace = &row->trace;
    json_t *object = json_object();

    answer_put(&object, "id", answer_id(trace->id));
    answer_put_text(&object, "run", row->run);
    answer_put_text(&object, "host", row->host);
    answer_put(&object, "thread", signed_id(trace->thread));
    answer_put_text(&object, "root", row->root);
    answer_put_text(&object, "component", row->component);
    answer_put(&object, "start_at", answer_at(trace->start));
    answer_put(&object, "duration_ns", json_integer(time_between(trace->start, trace->end)));
    answer_put(&object, "calls", answer_number(trace->calls));
    answer_put(&object, "depth", answer_number(trace->depth));
    answer_put(&object, "failed", answer_number(trace->failed));
    answer_put_text(&object, "state", trace_state_name((enum trace_state)trace->state));
    answer_put(&object, "class", trace->class == 0 ? json_null() : answer_id(trace->class));
    answer_put(&object, "trace_id", signed_id(trace->kieker_id));
    answer_put_text(&object, "session", row->session);
    answer_put(&object, "stream", answer_id(trace->stream));
    return object;
}

static int on_row(void *context, const struct trace_row *row)
{
    answer_add(context, traces_row(row));
    return *(json_t **)context == NULL;
}

/* The order that is asked for, in words that may contradict one another. -1 when they do. */
static int choose_order(struct request *request, struct trace_page *page)
{
    int slowest = request_has(request, PARAM_SLOWEST), latest = request_has(request, PARAM_LATEST);

    if (slowest + latest + request_has(request, PARAM_SORT) > 1) {
        request_refuse(
            request, 400, "slowest, latest and sort each say an order: give one of them");
        return -1;
    }
    if ((slowest || latest) && request_has(request, PARAM_LIMIT) &&
        *request_text(request, slowest ? PARAM_SLOWEST : PARAM_LATEST) != '\0') {
        request_refuse(request, 400, "%s and limit both say how many: give one of them",
            slowest ? "slowest" : "latest");
        return -1;
    }
    page->sort =
        slowest ? SORT_DURATION : (enum trace_sort)request_number(request, PARAM_SORT, SORT_START);
    page->ascending = request_number(request, PARAM_ORDER, 0) == 1;
    page->limit = (uint64_t)request_number(
        request, slowest ? PARAM_SLOWEST : PARAM_LATEST, (int64_t)request_limit(request));
    if (request_has(request, PARAM_LIMIT))
        page->limit = request_limit(request);
    if (page->limit > LIMIT_MAX) {
        request_refuse(request, 400, "%s may be up to %d: ask for further rows with next",
            slowest ? "slowest" : "latest", LIMIT_MAX);
        return -1;
    }
    return 0;
}

static json_t *answer(struct request *request, struct store_reader *reader)
{
    struct store_filter filter = request_filter(request);
    struct trace_page page = {.after = request_text(request, PARAM_NEXT),
        .offset = (uint64_t)request_number(request, PARAM_OFFSET, 0)};
    json_t *rows;

    _Static_assert(SORT_START == 0 && SORT_DURATION == 1 && SORT_CALLS == 2 && SORT_DEPTH == 3 &&
                       SORT_FAILED == 4 && SORT_ID == 5 &&
                       TRACE_SORTS == sizeof(sorts) / sizeof(sorts[0]) - 1,
        "sorts[] is in the order of enum trace_sort");
    if ((filter.caller == NULL) != (filter.callee == NULL))
        return request_refuse(request, 400, "caller and callee belong together: give both");
    if ((filter.caller_component == NULL) != (filter.callee_component == NULL))
        return request_refuse(
            request, 400, "caller-component and callee-component belong together: give both");
    if (choose_order(request, &page) < 0)
        return NULL;
    rows = json_array();
    if (store_traces(reader, &filter, &page, on_row, &rows) < 0) {
        json_decref(rows);
        return page.bad_token ? request_refuse(request, 400, "%s", store_reader_error(reader))
                              : answer_failed(request, reader);
    }
    return answer_rows(
        rows, page.total, page.next[0] != '\0', page.next[0] != '\0' ? page.next : NULL);
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    table_print(page, columns, json_object_get(answer, "rows"));
}

const struct verb verb_traces = {
    .name = "traces",
    .doc = "the latest traces, the slowest, the failed, or those that match",
    .noun = "traces",
    .takes = PARAM_BIT(PARAM_RUN) | PARAM_BIT(PARAM_HOST) | PARAM_BIT(PARAM_SINCE) |
             PARAM_BIT(PARAM_UNTIL) | PARAM_BIT(PARAM_OP) | PARAM_BIT(PARAM_ROOT) |
             PARAM_BIT(PARAM_COMPONENT) | PARAM_BIT(PARAM_MIN) | PARAM_BIT(PARAM_MAX) |
             PARAM_BIT(PARAM_MIN_CALLS) | PARAM_BIT(PARAM_FAILED) | PARAM_BIT(PARAM_STATE) |
             PARAM_BIT(PARAM_INCOMPLETE) | PARAM_BIT(PARAM_ROOTS) | PARAM_BIT(PARAM_CLASS) |
             PARAM_BIT(PARAM_CALLER) | PARAM_BIT(PARAM_CALLEE) | PARAM_BIT(PARAM_CALLER_COMPONENT) |
             PARAM_BIT(PARAM_CALLEE_COMPONENT) | PARAM_BIT(PARAM_SLOWEST) |
             PARAM_BIT(PARAM_LATEST) | PARAM_BIT(PARAM_SORT) | PARAM_BIT(PARAM_ORDER) |
             PARAM_BIT(PARAM_LIMIT) | PARAM_BIT(PARAM_OFFSET) | PARAM_BIT(PARAM_NEXT) |
             PARAM_BIT(PARAM_FORMAT),
    .argument = -1,
    .sorts = sorts,
    .formats = formats,
    .columns = columns,
    .limit = LIMIT,
    .limit_max = LIMIT_MAX,
    .rows = "id run host thread root component start_at duration_ns calls depth failed state "
            "class trace_id session stream",
    .answer = answer,
    .print = print,
};
