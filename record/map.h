/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map from 64-bit keys to 32-bit values: open addressing, linear probing, at most half full. It
 * is what the way of a record uses wherever a number must be found by a number. Not thread-safe.
 *
 * Clients choose many of the keys. So that none can choose keys that all lie in one place, where
 * each costs as much as there are, whoever serves clients draws a secret at its start.
 */
#ifndef KIEKER_RECORD_MAP_H
#define KIEKER_RECORD_MAP_H

#include <stddef.h>
#include <stdint.h>

#define MAP_NONE UINT32_MAX /* never a value */

struct map {
    struct map_slot {
        uint64_t key;
        uint32_t value; /* MAP_NONE: the slot is free */
    } * slots;
    size_t mask; /* slots - 1; 0 while nothing was put */
    size_t count;
};

/* All zero is an empty map; map_init only says so. */
void map_init(struct map *map);

/* Frees what the map holds and leaves it empty. */
void map_fini(struct map *map);

/* Sets the value of `key`. 0, or -1 when memory is short (the map is as it was). */
int map_put(struct map *map, uint64_t key, uint32_t value);

/* Takes `key` out, if it is there. */
void map_remove(struct map *map, uint64_t key);

/* Bytes that it takes. */
static inline size_t map_bytes(const struct map *map)
{
    return map->slots ? (map->mask + 1) * sizeof(*map->slots) : 0;
}

/* Gives memory back where most of it is empty: call it where keys are taken out. */
void map_tidy(struct map *map);

/* By what keys are strewn: odd, and what it was from the start unless map_draw_secret was called.
 */
extern uint64_t map_secret;

/* Before the first map is used, and before there is a second thread. */
void map_draw_secret(void);

/* Where the key belongs in a map of mask + 1 slots. */
static inline size_t map_home(size_t mask, uint64_t key)
{
    key *= map_secret;
    key = (key ^ (key >> 32)) * 0x9E3779B97F4A7C15u;
    return (size_t)(key >> __builtin_clzll(mask));
}

static inline uint64_t map_mix(uint64_t key)
{
    key *= 0x9E3779B97F4A7C15u;
    return key ^ (key >> 32);
}

/* The value of `key`, or MAP_NONE. */
static inline uint32_t map_get(const struct map *map, uint64_t key)
{
    if (map->slots == NULL)
        return MAP_NONE;
    for (size_t i = map_home(map->mask, key);; i = (i + 1) & map->mask) {
        const struct map_slot *slot = &map->slots[i];

        if (slot->value == MAP_NONE || slot->key == key)
            return slot->value;
    }
}

#endif
