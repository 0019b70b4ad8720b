/* SPDX-License-Identifier: Apache-2.0 */
#include "query/cut.h"

#include <stdlib.h>

void cut_fini(struct cut *cut)
{
    list_fini(&cut->levels);
}

void cut_all(struct cut *cut, uint64_t min)
{
    cut->threshold = min;
    cut->bucket = HISTOGRAM_BUCKETS;
}

/* The least weight that is counted in a bucket: histogram_bucket the other way round. */
static uint64_t lowest(uint32_t bucket)
{
    return bucket < 64 ? bucket : (uint64_t)(64 + bucket % 64) << (bucket / 64 - 1);
}

int cut_choose(struct cut *cut, uint64_t limit, uint64_t min)
{
    uint64_t kept = 0;
    uint32_t bucket = HISTOGRAM_BUCKETS;

    cut_all(cut, min);
    while (bucket > 0 && kept + cut->counts[bucket - 1] <= limit)
        kept += cut->counts[--bucket];
    if (bucket == 0)
        return 0; /* all fit */
    if (lowest(bucket) <= min)
        return 0; /* what is shorter was not asked for */
    cut->threshold = lowest(bucket);
    if (kept >= limit / 2)
        return 0;
    bucket--;
    cut->bucket = bucket;
    cut->left = limit - kept;
    cut->threshold = lowest(bucket) > min ? lowest(bucket) : min;
    return 1;
}

void cut_count_level(struct cut *cut, uint64_t weight, uint32_t level)
{
    if (histogram_bucket(weight) != cut->bucket || weight < cut->threshold)
        return;
    while (cut->levels.count <= level) {
        uint64_t *count = list_add(&cut->levels);

        if (count == NULL)
            return; /* deeper ones are then left out */
        *count = 0;
    }
    cut->levels.items[level]++;
}

void cut_choose_level(struct cut *cut)
{
    for (cut->level = 0; cut->level + 1 < cut->levels.count; cut->level++) {
        if (cut->levels.items[cut->level + 1] > cut->left)
            break;
        cut->left -= cut->levels.items[cut->level + 1];
    }
}

int cut_keeps(struct cut *cut, uint64_t weight, uint32_t level)
{
    if (weight < cut->threshold)
        return 0;
    if (histogram_bucket(weight) != cut->bucket || level <= cut->level)
        return 1;
    if (level > cut->level + 1 || cut->left == 0)
        return 0;
    cut->left--;
    return 1;
}
