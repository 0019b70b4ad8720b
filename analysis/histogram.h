/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations counted in log-linear buckets: 64 buckets an octave, so that the value given back for a
 * bucket is off by less than 1 % (half of 1/64). Buckets are numbered alike everywhere, so
 * histograms of any two things can be added.
 *
 * Three forms: a sparse one that counts (of a path, within a batch), a coded one that is kept
 * (pairs of varints: distance to the bucket before, count; ascending), and a dense one in which
 * coded ones are added up to be asked for quantiles.
 */
#ifndef KIEKER_ANALYSIS_HISTOGRAM_H
#define KIEKER_ANALYSIS_HISTOGRAM_H

#include "analysis/buffer.h"

#define HISTOGRAM_BUCKETS (59 * 64) /* any duration up to INT64_MAX ns */

static inline uint32_t histogram_bucket(uint64_t ns)
{
    unsigned exponent;

    if (ns < 64)
        return (uint32_t)ns;
    exponent = 63u - (unsigned)__builtin_clzll(ns);
    return (exponent - 5) * 64 + (uint32_t)((ns >> (exponent - 6)) & 63);
}

/* The middle of a bucket, in ns. */
uint64_t histogram_value(uint32_t bucket);

struct histogram {
    struct histogram_slot {
        uint32_t bucket, count; /* count 0: free */
    } * slots;                  /* of an allocator of the caller's */
    uint32_t used, capacity;    /* capacity: 0 or a power of two, at most half used */
};

/* Counts `ns`; needs used < capacity / 2, else histogram_rehash first. */
static inline void histogram_count(struct histogram *histogram, uint64_t ns)
{
    uint32_t bucket = histogram_bucket(ns), mask = histogram->capacity - 1, i = bucket & mask;

    while (histogram->slots[i].count != 0 && histogram->slots[i].bucket != bucket)
        i = (i + 1) & mask;
    histogram->used += histogram->slots[i].count == 0;
    histogram->slots[i].bucket = bucket;
    histogram->slots[i].count++;
}

/* Moves the counts into `slots`, `capacity` zeroed ones (a power of two, larger than now). The old
 * slots are the caller's. */
void histogram_rehash(struct histogram *histogram, struct histogram_slot *slots, uint32_t capacity);

/* Appends the coded form. 0, or -1 when memory is short. */
int histogram_encode(const struct histogram *histogram, struct buffer *out);

struct histogram_sum {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    uint32_t lowest,
        highest; /* buckets in use lie between, ends included; lowest > highest: none */
};

void histogram_sum_init(struct histogram_sum *sum);

/* Adds a coded histogram. 0, or -1 if it is damaged (what came before the damage is added). */
int histogram_sum_add(struct histogram_sum *sum, const void *coded, size_t size);

/* Appends the coded form of the sum. 0, or -1 when memory is short. */
int histogram_sum_encode(const struct histogram_sum *sum, struct buffer *out);

/* The duration in ns that `q` (0 to 1) of what was counted does not exceed; 0 if nothing was. */
uint64_t histogram_sum_quantile(const struct histogram_sum *sum, double q);

#endif
