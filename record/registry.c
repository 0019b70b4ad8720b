/* SPDX-License-Identifier: Apache-2.0 */
#include "record/registry.h"

#include <stdlib.h>
#include <string.h>

void registry_init(struct registry *registry)
{
    memset(registry, 0, sizeof(*registry));
    registry->entries_max = REGISTRY_ENTRIES_MAX;
    registry->text_max = REGISTRY_TEXT_MAX;
}

void registry_fini(struct registry *registry)
{
    for (uint32_t i = 0; i < registry->count; i++)
        free(registry->entries[i].text);
    free(registry->entries);
    map_fini(&registry->sparse);
    registry_init(registry);
}

void registry_empty(struct registry *registry)
{
    struct registry emptied = {.entries_max = registry->entries_max,
        .text_max = registry->text_max,
        .redefined = registry->redefined + 1,
        .emptied = registry->emptied + 1};

    registry_fini(registry);
    *registry = emptied;
}

struct registry_entry *registry_find_sparse(const struct registry *registry, int32_t id)
{
    uint32_t position = map_get(&registry->sparse, (uint32_t)id);

    return position == MAP_NONE ? NULL : &registry->entries[position];
}

static int no_memory(struct registry *registry)
{
    registry->is_short = 1;
    return -1;
}

/* Ids that do not count up by one: from now on every id is looked up. */
static int become_sparse(struct registry *registry)
{
    for (uint32_t i = 0; i < registry->count; i++)
        if (map_put(&registry->sparse, (uint32_t)registry->base + i, i) < 0) {
            map_fini(&registry->sparse);
            return no_memory(registry);
        }
    return 0;
}

static int make_room(struct registry *registry)
{
    uint32_t capacity = registry->capacity ? registry->capacity * 2 : 64;
    struct registry_entry *entries;

    if (registry->count >= registry->entries_max)
        return -1;
    if (registry->count < registry->capacity)
        return 0;
    entries = realloc(registry->entries, capacity * sizeof(*entries));
    if (entries == NULL)
        return no_memory(registry);
    registry->entries = entries;
    registry->capacity = capacity;
    return 0;
}

static struct registry_entry *new_entry(struct registry *registry, int32_t id)
{
    if (make_room(registry) < 0)
        return NULL;
    if (registry->count == 0)
        registry->base = id;
    else if (registry->sparse.count == 0 &&
             (uint32_t)id - (uint32_t)registry->base != registry->count &&
             become_sparse(registry) < 0)
        return NULL;
    if (registry->sparse.count > 0 &&
        map_put(&registry->sparse, (uint32_t)id, registry->count) < 0) {
        no_memory(registry);
        return NULL;
    }
    registry->entries[registry->count] = (struct registry_entry){0};
    return &registry->entries[registry->count++];
}

int registry_put(struct registry *registry, int32_t id, const char *text, size_t length)
{
    struct registry_entry *entry = registry_get(registry, id);
    uint32_t symbol = entry ? entry->symbol : REGISTRY_NO_SYMBOL;
    char *copy;

    if (entry && entry->length == length && memcmp(entry->text, text, length) == 0)
        return 0;
    if (length > registry->text_max || registry->bytes + length > REGISTRY_BYTES_MAX)
        return -1;
    copy = malloc(length + 1);
    if (copy == NULL)
        return no_memory(registry);
    registry->redefined += entry != NULL;
    if (entry == NULL && (entry = new_entry(registry, id)) == NULL) {
        free(copy);
        return -1;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    registry->bytes += length - entry->length;
    free(entry->text);
    *entry = (struct registry_entry){.text = copy,
        .length = (uint32_t)length,
        .symbol = symbol,
        .since = registry->redefined,
        .type = record_type_find(copy, length)};
    return 0;
}

size_t registry_memory(const struct registry *registry)
{
    const size_t block = 24; /* what a text takes besides its bytes */

    return registry->bytes + registry->count * block +
           registry->capacity * sizeof(*registry->entries) + map_bytes(&registry->sparse);
}
