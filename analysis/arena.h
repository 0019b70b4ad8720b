/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is given out piece by piece and taken back all at once. Not thread-safe. */
#ifndef KIEKER_ANALYSIS_ARENA_H
#define KIEKER_ANALYSIS_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_slab *slabs;
    size_t used;  /* of the newest slab */
    size_t bytes; /* given out in all */
};

/* Zeroed memory, aligned for any type, until arena_fini; NULL when memory is short. All zero is an
 * empty arena. */
void *arena_take(struct arena *arena, size_t size);

/* A copy of `size` bytes, as arena_take. */
void *arena_copy(struct arena *arena, const void *bytes, size_t size);

void arena_fini(struct arena *arena);

#endif
