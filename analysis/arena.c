/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/arena.h"

#include <stdlib.h>
#include <string.h>

#define SLAB (256u << 10)
#define ALIGNED(size) (((size) + 15) & ~(size_t)15)

struct arena_slab {
    struct arena_slab *older;
    size_t capacity;
    _Alignas(16) unsigned char bytes[];
};

void *arena_take(struct arena *arena, size_t size)
{
    unsigned char *piece;

    size = ALIGNED(size);
    if (arena->slabs == NULL || arena->slabs->capacity - arena->used < size) {
        size_t capacity = size > SLAB ? size : SLAB;
        struct arena_slab *slab = calloc(1, sizeof(*slab) + capacity);

        if (slab == NULL)
            return NULL;
        slab->older = arena->slabs;
        slab->capacity = capacity;
        arena->slabs = slab;
        arena->used = 0;
    }
    piece = arena->slabs->bytes + arena->used;
    arena->used += size;
    arena->bytes += size;
    return piece;
}

void *arena_copy(struct arena *arena, const void *bytes, size_t size)
{
    void *copy = arena_take(arena, size);

    if (copy && size > 0)
        memcpy(copy, bytes, size);
    return copy;
}

void arena_fini(struct arena *arena)
{
    while (arena->slabs) {
        struct arena_slab *older = arena->slabs->older;

        free(arena->slabs);
        arena->slabs = older;
    }
    *arena = (struct arena){0};
}
