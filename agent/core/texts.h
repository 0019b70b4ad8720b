/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded, growing table of texts, each kept once: text -> number, number -> text. Numbers count
 * up from 0; a text once added stays where it is until the table is freed. Any thread; reading by
 * number takes no lock.
 */
#ifndef KIEKER_AGENT_CORE_TEXTS_H
#define KIEKER_AGENT_CORE_TEXTS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define TEXTS_NONE UINT32_MAX
#define TEXTS_CHUNK 1024u /* texts that are allocated together */
#define TEXTS_CHUNKS 1024u
#define TEXTS_MAX (TEXTS_CHUNK * TEXTS_CHUNKS)

struct text {
    uint32_t size;
    uint32_t hash;
    char bytes[]; /* with a NUL behind `size` bytes */
};

struct texts {
    pthread_mutex_t lock;
    uint32_t limit;         /* at most that many texts */
    _Atomic uint32_t count; /* those below it can be read */
    struct text **chunks[TEXTS_CHUNKS];
    uint32_t *slots; /* number + 1 by hash; 0: free */
    uint32_t mask;   /* slots - 1, or 0 while there are none */
};

void texts_init(struct texts *texts, uint32_t limit);

/* The number of that text, which is copied if it is new; TEXTS_NONE when the table is full or
 * memory is short. */
uint32_t texts_add(struct texts *texts, const char *bytes, size_t size);

/* The text of a number that texts_add gave. */
static inline const struct text *texts_get(const struct texts *texts, uint32_t number)
{
    return texts->chunks[number / TEXTS_CHUNK][number % TEXTS_CHUNK];
}

void texts_fini(struct texts *texts);

#endif
