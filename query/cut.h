/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which nodes of a tree that is too large are kept: the heaviest, `limit` of them at most. They
 * come one by one and are not kept while they are counted, so weights are counted in buckets, and
 * what is cut off is whole buckets, by a threshold. When the bucket where the limit is reached
 * holds many (a loop of equal calls), a second count, by level, divides it: those nearest to the
 * root are kept, and of the level that does not fit, the first ones. A parent must weigh at least
 * as much as its children: then what is kept is a tree, for parents come from a nearer level.
 */
#ifndef KIEKER_QUERY_CUT_H
#define KIEKER_QUERY_CUT_H

#include <stdint.h>

#include "analysis/histogram.h"
#include "analysis/list.h"

struct cut {
    uint64_t threshold; /* what weighs less is not kept */
    uint32_t bucket; /* nodes in it, unless HISTOGRAM_BUCKETS, are kept down to `level`, and `left`
                        of the next level */
    uint32_t level;
    uint64_t left;
    uint64_t counts[HISTOGRAM_BUCKETS];
    LIST(uint64_t) levels; /* counts, of `bucket` */
};

/* All zero is a cut that has counted nothing; cut_fini is due when levels were counted. */
void cut_fini(struct cut *cut);

/* Keeps all that weighs `min` or more. */
void cut_all(struct cut *cut, uint64_t min);

static inline void cut_count(struct cut *cut, uint64_t weight)
{
    cut->counts[histogram_bucket(weight)]++;
}

/* Chooses the threshold, at least `min`. 1: there is a bucket to divide, count the levels; 0: done.
 */
int cut_choose(struct cut *cut, uint64_t limit, uint64_t min);

void cut_count_level(struct cut *cut, uint64_t weight, uint32_t level);
void cut_choose_level(struct cut *cut);

/* Whether a node is kept: to be asked once a node, children before their parents. */
int cut_keeps(struct cut *cut, uint64_t weight, uint32_t level);

#endif
