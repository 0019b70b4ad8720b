/* SPDX-License-Identifier: Apache-2.0 */
#include "record/map.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SIZE 16
#define TIDY_SIZE 1024 /* from here on it matters */

uint64_t map_secret = 0xD6E8FEB86659FD93u;

void map_draw_secret(void)
{
    uint64_t drawn;

    /* Without random numbers, which a kernel has from soon after its boot, keys stay as they are.
     */
    if (getrandom(&drawn, sizeof(drawn), GRND_NONBLOCK) == sizeof(drawn))
        map_secret = drawn | 1;
}

void map_init(struct map *map)
{
    memset(map, 0, sizeof(*map));
}

void map_fini(struct map *map)
{
    free(map->slots);
    map_init(map);
}

static struct map_slot *slot_of(const struct map *map, uint64_t key)
{
    size_t i = map_home(map->mask, key);

    while (map->slots[i].value != MAP_NONE && map->slots[i].key != key)
        i = (i + 1) & map->mask;
    return &map->slots[i];
}

static int resize(struct map *map, size_t size)
{
    struct map other = {
        .slots = malloc(size * sizeof(*other.slots)), .mask = size - 1, .count = map->count};

    if (other.slots == NULL)
        return -1;
    for (size_t i = 0; i < size; i++)
        other.slots[i] = (struct map_slot){0, MAP_NONE};
    for (size_t i = 0; map->slots && i <= map->mask; i++)
        if (map->slots[i].value != MAP_NONE)
            *slot_of(&other, map->slots[i].key) = map->slots[i];
    free(map->slots);
    *map = other;
    return 0;
}

int map_put(struct map *map, uint64_t key, uint32_t value)
{
    struct map_slot *slot;

    assert(value != MAP_NONE);
    if ((map->slots == NULL || (map->count + 1) * 2 > map->mask + 1) &&
        resize(map, map->slots ? (map->mask + 1) * 2 : FIRST_SIZE) < 0)
        return -1;
    slot = slot_of(map, key);
    map->count += slot->value == MAP_NONE;
    *slot = (struct map_slot){key, value};
    return 0;
}

void map_remove(struct map *map, uint64_t key)
{
    struct map_slot *slot;
    size_t hole, next;

    if (map->slots == NULL || (slot = slot_of(map, key))->value == MAP_NONE)
        return;
    /* Later slots of the same run move up, so that probing never meets a hole before its key. */
    hole = (size_t)(slot - map->slots);
    for (next = (hole + 1) & map->mask; map->slots[next].value != MAP_NONE;
         next = (next + 1) & map->mask) {
        size_t home = map_home(map->mask, map->slots[next].key);

        if (((next - home) & map->mask) >= ((next - hole) & map->mask)) {
            map->slots[hole] = map->slots[next];
            hole = next;
        }
    }
    map->slots[hole].value = MAP_NONE;
    map->count--;
}

void map_tidy(struct map *map)
{
    if (map->mask >= TIDY_SIZE && map->count * 16 <= map->mask)
        resize(map, (map->mask + 1) / 4); /* if memory is short it stays as it is */
}
