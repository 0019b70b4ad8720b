/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/operations.h"

#include "agent/core/activation.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(2 * OPERATIONS_MAX > TEXTS_MAX, "the texts' own limit comes first");

void operations_init(struct operations *operations)
{
    memset(operations, 0, sizeof(*operations));
    pthread_mutex_init(&operations->lock, NULL);
    texts_init(&operations->texts, TEXTS_MAX);
    map_init(&operations->by_names);
}

void operations_fini(struct operations *operations)
{
    for (uint32_t i = 0; i < OPERATIONS_CHUNKS; i++)
        free(operations->chunks[i]);
    map_fini(&operations->by_names);
    texts_fini(&operations->texts);
    pthread_mutex_destroy(&operations->lock);
}

/* Where a text that is too long is cut: not inside a UTF-8 sequence. */
static size_t cut(const char *bytes, size_t size)
{
    if (size <= OPERATIONS_NAME_MAX)
        return size;
    size = OPERATIONS_NAME_MAX;
    while (size > 0 && ((unsigned char)bytes[size] & 0xC0) == 0x80)
        size--;
    return size;
}

static uint32_t add_locked(struct operations *operations, uint32_t name, uint32_t component)
{
    uint64_t key = (uint64_t)name << 32 | component;
    uint32_t number = map_get(&operations->by_names, key);
    uint32_t count = atomic_load_explicit(&operations->count, memory_order_relaxed);
    struct operation **chunk = &operations->chunks[count / OPERATIONS_CHUNK % OPERATIONS_CHUNKS];

    if (number != MAP_NONE)
        return number;
    if (count >= OPERATIONS_MAX)
        return OPERATIONS_NONE;
    if (*chunk == NULL)
        *chunk = calloc(OPERATIONS_CHUNK, sizeof(struct operation));
    if (*chunk == NULL || map_put(&operations->by_names, key, count) != 0)
        return OPERATIONS_NONE;
    (*chunk)[count % OPERATIONS_CHUNK] =
        (struct operation){.name = name, .component = component, .off_at = UINT64_MAX};
    activation_apply(operations, &(*chunk)[count % OPERATIONS_CHUNK]);
    atomic_store_explicit(&operations->count, count + 1, memory_order_release);
    return count;
}

uint32_t operations_component(
    struct operations *operations, const char *component, size_t component_size)
{
    return texts_add(&operations->texts, component, cut(component, component_size));
}

uint32_t operations_add_to(
    struct operations *operations, uint32_t component, const char *name, size_t name_size)
{
    uint32_t text = texts_add(&operations->texts, name, cut(name, name_size)), number;

    if (text == TEXTS_NONE || component == TEXTS_NONE)
        return OPERATIONS_NONE;
    pthread_mutex_lock(&operations->lock);
    number = add_locked(operations, text, component);
    pthread_mutex_unlock(&operations->lock);
    return number;
}

uint32_t operations_add(struct operations *operations, const char *name, size_t name_size,
    const char *component, size_t component_size)
{
    return operations_add_to(
        operations, operations_component(operations, component, component_size), name, name_size);
}

void operations_forget_calls(struct operations *operations)
{
    for (uint32_t i = 0; i < atomic_load(&operations->count); i++) {
        operations_of_sender(operations, i)->open = 0;
        atomic_store(&operations_of_sender(operations, i)->calls, 0);
    }
}

void operations_lock(struct operations *operations)
{
    pthread_mutex_lock(&operations->lock);
    pthread_mutex_lock(&operations->texts.lock);
}

void operations_unlock(struct operations *operations)
{
    pthread_mutex_unlock(&operations->texts.lock);
    pthread_mutex_unlock(&operations->lock);
}
