/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry of one stream: the strings that its client has announced, by the id the client gave
 * them. Class names and ordinary strings share the ids. Clients choose ids as they like (Java and C
 * from 0, Python from 1); nothing is assumed of them.
 */
#ifndef KIEKER_RECORD_REGISTRY_H
#define KIEKER_RECORD_REGISTRY_H

#include "record/map.h"
#include "record/types.h"

#define REGISTRY_ENTRIES_MAX (1u << 20) /* strings of one stream */
#define REGISTRY_TEXT_MAX (3u << 20)    /* bytes of one string: 2^20 UTF-16 units at most */
#define REGISTRY_BYTES_MAX (64u << 20)  /* bytes of all strings of one stream */

struct registry_entry {
    char *text; /* with a NUL after `length` bytes */
    uint32_t length;
    /* The stream's reader's own: */
    uint32_t symbol; /* what it made of the id, also when that gets a new text; REGISTRY_NO_SYMBOL
                        until it has */
    uint32_t name;   /* what it calls the text; 0 until it does */
    uint32_t since;  /* the registry's `redefined` when the text came */
    const struct record_type *type; /* the record type of that name, or NULL */
};

#define REGISTRY_NO_SYMBOL UINT32_MAX

struct registry {
    uint32_t entries_max, text_max; /* REGISTRY_ENTRIES_MAX and REGISTRY_TEXT_MAX, or less */
    struct registry_entry *entries; /* in order of arrival */
    uint32_t count, capacity;
    size_t bytes;
    struct map
        sparse;   /* id -> position in `entries`, for ids that are not their own position + base */
    int32_t base; /* the first entry's id */
    /* How often an id has got a new text; not 0 either once a reader has asked for one in vain. */
    uint32_t redefined;
    int is_short;     /* memory was, when registry_put failed */
    uint32_t emptied; /* how often all were forgotten: see registry_empty */
};

void registry_init(struct registry *registry);
void registry_fini(struct registry *registry);

/* Forgets all strings: ids may then be given anew. */
void registry_empty(struct registry *registry);

/*
 * Keeps a copy of the text under `id`; an id that is announced again means the new text from then
 * on (the same text: nothing changes). 0; -1 when a limit above is reached or memory is short.
 */
int registry_put(struct registry *registry, int32_t id, const char *text, size_t length);

struct registry_entry *registry_find_sparse(const struct registry *registry, int32_t id);

/* Bytes that it takes, nearly. */
size_t registry_memory(const struct registry *registry);

/* The entry with that id, or NULL. Valid until the next registry_put. */
static inline struct registry_entry *registry_get(const struct registry *registry, int32_t id)
{
    uint32_t position = (uint32_t)id - (uint32_t)registry->base;

    if (position < registry->count && registry->sparse.count == 0)
        return &registry->entries[position];
    return registry_find_sparse(registry, id);
}

#endif
