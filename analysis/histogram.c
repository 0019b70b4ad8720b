/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/histogram.h"

#include <stdlib.h>
#include <string.h>

uint64_t histogram_value(uint32_t bucket)
{
    unsigned exponent;
    uint64_t width;

    if (bucket < 128)
        return bucket;
    exponent = bucket / 64 + 5;
    width = (uint64_t)1 << (exponent - 6);
    return ((uint64_t)(bucket % 64 + 64) << (exponent - 6)) + width / 2;
}

void histogram_rehash(struct histogram *histogram, struct histogram_slot *slots, uint32_t capacity)
{
    for (uint32_t i = 0; i < histogram->capacity; i++) {
        uint32_t j = histogram->slots[i].bucket & (capacity - 1);

        if (histogram->slots[i].count == 0)
            continue;
        while (slots[j].count != 0)
            j = (j + 1) & (capacity - 1);
        slots[j] = histogram->slots[i];
    }
    histogram->slots = slots;
    histogram->capacity = capacity;
}

static int by_bucket(const void *a, const void *b)
{
    uint32_t x = ((const struct histogram_slot *)a)->bucket,
             y = ((const struct histogram_slot *)b)->bucket;

    return (x > y) - (x < y);
}

int histogram_encode(const struct histogram *histogram, struct buffer *out)
{
    struct histogram_slot sorted[HISTOGRAM_BUCKETS];
    uint32_t n = 0, before = 0;

    for (uint32_t i = 0; i < histogram->capacity; i++)
        if (histogram->slots[i].count != 0)
            sorted[n++] = histogram->slots[i];
    qsort(sorted, n, sizeof(sorted[0]), by_bucket);
    if (buffer_reserve(out, n * 2 * 5) < 0)
        return -1;
    for (uint32_t i = 0; i < n; i++) {
        buffer_put(out, sorted[i].bucket - before);
        buffer_put(out, sorted[i].count);
        before = sorted[i].bucket;
    }
    return 0;
}

void histogram_sum_init(struct histogram_sum *sum)
{
    memset(sum, 0, sizeof(*sum));
    sum->lowest = HISTOGRAM_BUCKETS;
}

int histogram_sum_add(struct histogram_sum *sum, const void *coded, size_t size)
{
    struct reader in = {coded, (const unsigned char *)coded + size, 0};
    uint64_t bucket = 0;

    while (in.at < in.end) {
        uint64_t distance = reader_varint(&in), count = reader_varint(&in);

        if (in.bad || distance >= HISTOGRAM_BUCKETS - bucket)
            return -1;
        bucket += distance;
        sum->counts[bucket] += count;
        sum->total += count;
        if (bucket < sum->lowest)
            sum->lowest = (uint32_t)bucket;
        if (bucket > sum->highest)
            sum->highest = (uint32_t)bucket;
    }
    return 0;
}

int histogram_sum_encode(const struct histogram_sum *sum, struct buffer *out)
{
    uint32_t before = 0;

    for (uint32_t bucket = sum->lowest; bucket <= sum->highest && bucket < HISTOGRAM_BUCKETS;
         bucket++) {
        if (sum->counts[bucket] == 0)
            continue;
        if (buffer_reserve(out, 2 * VARINT_MAX) < 0)
            return -1;
        buffer_put(out, bucket - before);
        buffer_put(out, sum->counts[bucket]);
        before = bucket;
    }
    return 0;
}

uint64_t histogram_sum_quantile(const struct histogram_sum *sum, double q)
{
    double exact = (double)sum->total * q;
    /* 2^64 is what a damaged file's counts may come to, rounded: no number that a rank can be. */
    uint64_t rank = exact < 0x1p64 ? (uint64_t)exact : UINT64_MAX, seen = 0;

    rank += (double)rank < exact; /* the nearest rank: of 2, p50 is the first */
    for (uint32_t bucket = sum->lowest; bucket < sum->highest; bucket++) {
        seen += sum->counts[bucket];
        if (seen >= rank && seen > 0)
            return histogram_value(bucket);
    }
    return sum->total ? histogram_value(sum->highest) : 0;
}
