/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/functions.h"

#include "analysis/histogram.h"

#include <string.h>

/* A place in a coded histogram. */
struct place {
    struct reader in;
    uint64_t bucket, count;
    int there;
};

static void advance(struct place *place)
{
    place->there = place->in.at < place->in.end;
    if (!place->there)
        return;
    place->bucket += reader_varint(&place->in);
    place->count = reader_varint(&place->in);
    if (place->bucket >= HISTOGRAM_BUCKETS) {
        place->in.bad = 1;
        place->there = 0;
    }
}

static void begin(struct place *place, const void *bytes, size_t size)
{
    *place = (struct place){.in = {bytes, size ? (const unsigned char *)bytes + size : bytes, 0}};
    advance(place);
}

int histogram_merge(const void *a, size_t a_size, const void *b, size_t b_size, struct buffer *out)
{
    struct place x, y;
    uint64_t before = 0;

    /* Distances may become one byte longer where the other's buckets lie between, counts where they
     * add up. */
    if (buffer_reserve(out, 2 * (a_size + b_size) + 2 * VARINT_MAX) < 0)
        return -1;
    begin(&x, a, a_size);
    begin(&y, b, b_size);
    while (x.there || y.there) {
        int from_x = x.there && (!y.there || x.bucket <= y.bucket),
            from_y = y.there && (!x.there || y.bucket <= x.bucket);
        uint64_t bucket = from_x ? x.bucket : y.bucket;

        if (buffer_reserve(out, 2 * VARINT_MAX) < 0)
            return -1;
        buffer_put(out, bucket - before);
        buffer_put(out, (from_x ? x.count : 0) + (from_y ? y.count : 0));
        before = bucket;
        if (from_x)
            advance(&x);
        if (from_y)
            advance(&y);
    }
    return x.in.bad || y.in.bad ? -1 : 0;
}

static void result(sqlite3_context *context, struct buffer *out)
{
    sqlite3_result_blob64(
        context, out->size ? (const void *)out->bytes : "", out->size, SQLITE_TRANSIENT);
}

static void on_add(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct buffer out = {0};
    const void *a = sqlite3_value_blob(values[0]), *b = sqlite3_value_blob(values[1]);

    (void)count;
    if (histogram_merge(a, (size_t)sqlite3_value_bytes(values[0]), b,
            (size_t)sqlite3_value_bytes(values[1]), &out) < 0)
        sqlite3_result_error(context, "histogram_add: a histogram is damaged", -1);
    else
        result(context, &out);
    buffer_fini(&out);
}

struct sum {
    struct buffer coded;
    int bad;
};

static void on_sum_step(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct sum *sum = sqlite3_aggregate_context(context, sizeof(*sum));
    struct buffer out = {0};
    const void *more = sqlite3_value_blob(values[0]);

    (void)count;
    if (sum == NULL || sum->bad)
        return;
    sum->bad = histogram_merge(sum->coded.bytes, sum->coded.size, more,
                   (size_t)sqlite3_value_bytes(values[0]), &out) < 0;
    buffer_fini(&sum->coded);
    sum->coded = out;
}

static void on_sum_final(sqlite3_context *context)
{
    struct sum *sum = sqlite3_aggregate_context(context, 0);

    if (sum == NULL)
        return;
    if (sum->bad)
        sqlite3_result_error(context, "histogram_sum: a histogram is damaged", -1);
    else
        result(context, &sum->coded);
    buffer_fini(&sum->coded);
}

/* a without b, bucket by bucket. 0, or -1 as histogram_merge. */
static int subtract(const void *a, size_t a_size, const void *b, size_t b_size, struct buffer *out)
{
    struct place x, y;
    uint64_t before = 0;

    if (buffer_reserve(out, 1) < 0)
        return -1;
    begin(&x, a, a_size);
    begin(&y, b, b_size);
    for (; x.there; advance(&x)) {
        uint64_t less = 0;

        while (y.there && y.bucket < x.bucket)
            advance(&y);
        if (y.there && y.bucket == x.bucket)
            less = y.count;
        if (x.count <= less)
            continue;
        if (buffer_reserve(out, 2 * VARINT_MAX) < 0)
            return -1;
        buffer_put(out, x.bucket - before);
        buffer_put(out, x.count - less);
        before = x.bucket;
    }
    return x.in.bad || y.in.bad ? -1 : 0;
}

static void on_subtract(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct buffer out = {0};
    const void *a = sqlite3_value_blob(values[0]), *b = sqlite3_value_blob(values[1]);

    (void)count;
    if (subtract(a, (size_t)sqlite3_value_bytes(values[0]), b,
            (size_t)sqlite3_value_bytes(values[1]), &out) < 0)
        sqlite3_result_error(context, "histogram_subtract: a histogram is damaged", -1);
    else
        result(context, &out);
    buffer_fini(&out);
}

/* The edge of the first bucket, or of the last: what the user data says. */
static void on_edge(sqlite3_context *context, int count, sqlite3_value **values)
{
    const int of_last = sqlite3_user_data(context) != NULL;
    const void *coded = sqlite3_value_blob(values[0]);
    uint64_t bucket, middle, width;
    struct place place;

    (void)count;
    begin(&place, coded, (size_t)sqlite3_value_bytes(values[0]));
    if (!place.there)
        return;
    do {
        bucket = place.bucket;
        advance(&place);
    } while (of_last && place.there);
    middle = histogram_value((uint32_t)bucket);
    width = bucket < 128 ? 1 : (uint64_t)1 << (bucket / 64 - 1);
    sqlite3_result_int64(
        context, (sqlite3_int64)(of_last ? middle - width / 2 + width - 1 : middle - width / 2));
}

static void on_quantile(sqlite3_context *context, int count, sqlite3_value **values)
{
    struct histogram_sum *sum = sqlite3_malloc64(sizeof(*sum));
    const void *coded = sqlite3_value_blob(values[0]);
    double q = sqlite3_value_double(values[1]);

    (void)count;
    if (sum == NULL) {
        sqlite3_result_error_nomem(context);
        return;
    }
    histogram_sum_init(sum);
    if (q < 0 || q > 1)
        sqlite3_result_error(context, "histogram_quantile: the share must be from 0 to 1", -1);
    else if (histogram_sum_add(sum, coded, (size_t)sqlite3_value_bytes(values[0])) < 0)
        sqlite3_result_error(context, "histogram_quantile: the histogram is damaged", -1);
    else if (sum->total > 0)
        sqlite3_result_int64(context, (sqlite3_int64)histogram_sum_quantile(sum, q));
    sqlite3_free(sum);
}

int functions_register(sqlite3 *handle)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS;
    int code = sqlite3_create_function(handle, "histogram_add", 2, flags, NULL, on_add, NULL, NULL);

    if (code == SQLITE_OK)
        code = sqlite3_create_function(
            handle, "histogram_sum", 1, flags, NULL, NULL, on_sum_step, on_sum_final);
    if (code == SQLITE_OK)
        code = sqlite3_create_function(
            handle, "histogram_quantile", 2, flags, NULL, on_quantile, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_create_function(
            handle, "histogram_subtract", 2, flags, NULL, on_subtract, NULL, NULL);
    if (code == SQLITE_OK)
        code =
            sqlite3_create_function(handle, "histogram_least", 1, flags, NULL, on_edge, NULL, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_create_function(
            handle, "histogram_most", 1, flags, (void *)"last", on_edge, NULL, NULL);
    return code;
}
