/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct store_filter store_filter_all = {.state = STATE_ANY};

static const char sort_letters[TRACE_SORTS + 1] = "sdcefi"; /* in tokens, by enum trace_sort */

static void put_token(
    const struct trace_page *page, const struct scan_place *place, char *token, size_t size)
{
    snprintf(token, size, "%c%c%" PRId64 ".%" PRIu64, sort_letters[page->sort],
        page->ascending ? 'a' : 'd', place->key, place->id);
}

static int read_token(
    struct store_reader *reader, struct trace_page *page, struct scan_place *place)
{
    const char *token = page->after;
    int end = 0;

    if (strlen(token) > 4 && token[0] == sort_letters[page->sort] &&
        token[1] == (page->ascending ? 'a' : 'd') &&
        sscanf(token + 2, "%20" SCNd64 ".%20" SCNu64 "%n", &place->key, &place->id, &end) == 2 &&
        token[2 + end] == '\0')
        return 0;
    page->bad_token = 1;
    return database_fail(&reader->database,
        "next=%.40s belongs to no page of this query: leave it out to begin at the first page",
        token);
}

/* The page itself; the token when there is more. */
static int give_rows(struct store_reader *reader, struct scan *scan, struct trace_page *page,
    trace_sink *sink, void *context)
{
    struct scan_place place, last = {0};
    struct located located;
    struct trace_row row;
    int got = 0;

    if (scan_skip(scan, page->offset) < 0)
        return -1;
    for (uint64_t given = 0; given < page->limit; given++) {
        got = scan_next(scan, &located, &last);
        if (got <= 0)
            return got;
        located_row(reader, &located, &row);
        if (sink(context, &row))
            return 0;
    }
    if (page->limit > 0) {
        got = scan_next(scan, &located, &place);
        if (got > 0)
            put_token(page, &last, page->next, sizeof(page->next));
    }
    return got < 0 ? -1 : 0;
}

static int answer(struct store_reader *reader, const struct trace_query *query,
    struct trace_page *page, trace_sink *sink, void *context)
{
    struct scan_place behind;
    struct scan *scan;
    int result;

    if ((page->after && read_token(reader, page, &behind) < 0) ||
        query_count(query, reader, &page->total) < 0)
        return -1;
    scan = scan_open(reader, query, page->after ? &behind : NULL, page->offset + page->limit + 1);
    if (scan == NULL)
        return -1;
    result = give_rows(reader, scan, page, sink, context);
    scan_close(scan);
    return result;
}

int store_traces(struct store_reader *reader, const struct store_filter *filter,
    struct trace_page *page, trace_sink *sink, void *context)
{
    struct trace_query query;
    int result;

    page->total = 0;
    page->next[0] = '\0';
    if (page->after && *page->after == '\0')
        page->after = NULL;
    if (read_begin(reader) < 0)
        return -1;
    query_init(&query);
    query.sort = page->sort;
    query.ascending = page->ascending;
    result = query_compile(&query, reader, filter);
    if (result == 0)
        result = answer(reader, &query, page, sink, context);
    query_fini(&query);
    return read_end(reader, result);
}
