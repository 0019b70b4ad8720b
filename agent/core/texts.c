/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/texts.h"

#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 256u

void texts_init(struct texts *texts, uint32_t limit)
{
    memset(texts, 0, sizeof(*texts));
    pthread_mutex_init(&texts->lock, NULL);
    texts->limit = limit < TEXTS_MAX ? limit : TEXTS_MAX;
}

static uint32_t hash_of(const char *bytes, size_t size)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 16777619u;
    return hash ^ hash >> 15;
}

/* The slot of that text, or the free one where it belongs. */
static uint32_t *slot_of(struct texts *texts, const char *bytes, size_t size, uint32_t hash)
{
    for (uint32_t i = hash & texts->mask;; i = (i + 1) & texts->mask) {
        const struct text *text;

        if (texts->slots[i] == 0)
            return &texts->slots[i];
        text = texts_get(texts, texts->slots[i] - 1);
        if (text->hash == hash && text->size == size && memcmp(text->bytes, bytes, size) == 0)
            return &texts->slots[i];
    }
}

/* Room for one more text; at most half of the slots are taken. */
static int grow(struct texts *texts, uint32_t count)
{
    uint32_t size = texts->mask == 0 ? SLOTS_FIRST : (texts->mask + 1) * 2;
    uint32_t *slots;

    if (count % TEXTS_CHUNK == 0 && texts->chunks[count / TEXTS_CHUNK] == NULL) {
        texts->chunks[count / TEXTS_CHUNK] = calloc(TEXTS_CHUNK, sizeof(struct text *));
        if (texts->chunks[count / TEXTS_CHUNK] == NULL)
            return -1;
    }
    if (texts->mask != 0 && count < (texts->mask + 1) / 2)
        return 0;
    slots = calloc(size, sizeof(*slots));
    if (slots == NULL)
        return -1;
    free(texts->slots);
    texts->slots = slots;
    texts->mask = size - 1;
    for (uint32_t i = 0; i < count; i++) {
        const struct text *text = texts_get(texts, i);

        *slot_of(texts, text->bytes, text->size, text->hash) = i + 1;
    }
    return 0;
}

static uint32_t add_locked(struct texts *texts, const char *bytes, size_t size)
{
    uint32_t hash = hash_of(bytes, size),
             count = atomic_load_explicit(&texts->count, memory_order_relaxed);
    struct text *text;
    uint32_t *slot;

    if (texts->mask != 0) {
        slot = slot_of(texts, bytes, size, hash);
        if (*slot != 0)
            return *slot - 1;
    }
    if (count >= texts->limit || size >= UINT32_MAX || grow(texts, count) != 0)
        return TEXTS_NONE;
    text = malloc(sizeof(*text) + size + 1);
    if (text == NULL)
        return TEXTS_NONE;
    text->size = (uint32_t)size;
    text->hash = hash;
    memcpy(text->bytes, bytes, size);
    text->bytes[size] = '\0';
    texts->chunks[count / TEXTS_CHUNK][count % TEXTS_CHUNK] = text;
    *slot_of(texts, bytes, size, hash) = count + 1;
    atomic_store_explicit(&texts->count, count + 1, memory_order_release);
    return count;
}

uint32_t texts_add(struct texts *texts, const char *bytes, size_t size)
{
    uint32_t number;

    pthread_mutex_lock(&texts->lock);
    number = add_locked(texts, bytes, size);
    pthread_mutex_unlock(&texts->lock);
    return number;
}

void texts_fini(struct texts *texts)
{
    uint32_t count = atomic_load(&texts->count);

    for (uint32_t i = 0; i < count; i++)
        free(texts->chunks[i / TEXTS_CHUNK][i % TEXTS_CHUNK]);
    for (uint32_t i = 0; i < TEXTS_CHUNKS; i++)
        free(texts->chunks[i]);
    free(texts->slots);
    pthread_mutex_destroy(&texts->lock);
    memset(texts, 0, sizeof(*texts));
}
