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
    _Atomic uint8_t is_off;   /* probes record nothing */
    uint8_t was_off;          /* the sender's: at any time */
    uint32_t open;            /* the sender's: calls that have begun and not ended */
    _Atomic uint64_t calls;   /* that the sender has seen begin */
    /* Calls that begin from the one reading of the clock to the other are not wanted, see
     * activation.h. UINT64_MAX: never. */
    _Atomic uint64_t off_at, on_at;
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

/* The same in two steps, for many operations of one component: its number, or TEXTS_NONE. */
uint32_t operations_component(
    struct operations *operations, const char *component, size_t component_size);
uint32_t operations_add_to(
    struct operations *operations, uint32_t component, const char *name, size_t name_size);

/* The operation of a number that operations_add gave. */
static inline const struct operation *operations_get(
    const struct operations *operations, uint32_t number)
{
    return &operations->chunks[number / OPERATIONS_CHUNK][number % OPERATIONS_CHUNK];
}

/* The same, for the sender. */
static inline struct operation *operations_of_sender(struct operations *operations, uint32_t number)
{
    return &operations->chunks[number / OPERATIONS_CHUNK][number % OPERATIONS_CHUNK];
}

/* Whether a call that began at that reading of the clock is not wanted. */
static inline int operation_is_unwanted(const struct operation *operation, uint64_t ticks)
{
    return ticks >= atomic_load_explicit(&operation->off_at, memory_order_relaxed) &&
           ticks < atomic_load_explicit(&operation->on_at, memory_order_relaxed);
}

/* A call of it begins or ends, as the sender sees it. */
static inline void operation_began(struct operation *operation)
{
    operation->open++;
    atomic_store_explicit(&operation->calls,
        atomic_load_explicit(&operation->calls, memory_order_relaxed) + 1, memory_order_relaxed);
}

static inline void operation_ended(struct operation *operation)
{
    operation->open--;
}

/* In a forked child: no call has been made. */
void operations_forget_calls(struct operations *operations);

/* For fork: no other thread is inside between the two. */
void operations_lock(struct operations *operations);
void operations_unlock(struct operations *operations);

#endif
