/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operations that probes report: a number for each pair of operation name and component name.
 * Numbers count up from 0 and are never given back. Any thread; reading by number takes no lock.
 */
#ifndef KIEKER_AGENT_CORE_OPERATIONS_H
#define KIEKER_AGENT_CORE_OPERATIONS_H

#include "agent/core/texts.h"
#include "record/map.h"

#define OPERATIONS_NONE UINT32_MAX
#define OPERATIONS_CHUNK 1024u
#define OPERATIONS_CHUNKS 1024u
#define OPERATIONS_MAX (OPERATIONS_CHUNK * OPERATIONS_CHUNKS)
#define OPERATIONS_NAME_MAX 2048u /* bytes of a name; a longer one is cut */

struct operation {
    uint32_t name, component; /* numbers in `texts` */
};

struct operations {
    struct texts texts;
    pthread_mutex_t lock;
    _Atomic uint32_t count; /* those below it can be read */
    struct operation *chunks[OPERATIONS_CHUNKS];
    struct map by_names;
};

void operations_init(struct operations *operations);
void operations_fini(struct operations *operations);

/* The number of that operation, added if it is new; OPERATIONS_NONE when the table is full or
 * memory is short. */
uint32_t operations_add(struct operations *operations, const char *name, size_t name_size,
    const char *component, size_t component_size);

/* The operation of a number that operations_add gave. */
static inline const struct operation *operations_get(
    const struct operations *operations, uint32_t number)
{
    return &operations->chunks[number / OPERATIONS_CHUNK][number % OPERATIONS_CHUNK];
}

/* For fork: no other thread is inside between the two. */
void operations_lock(struct operations *operations);
void operations_unlock(struct operations *operations);

#endif
