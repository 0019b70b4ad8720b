/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/fiber.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/probe.h"
#include "agent/core/rings.h"

#define FRAMES_FIRST 8u

static _Atomic uint64_t last_fiber, last_split;

/* The current fiber if it is not the thread's own. */
static PROBE_THREAD struct fiber *current;

struct fiber *fiber_current(void)
{
    if (current != NULL)
        return current;
    return rings_own != NULL ? &rings_own->own : NULL;
}

/* The quick way of the probes is for the fiber that the ring's last entry belongs to. */
static void make_current(struct fiber *fiber)
{
    current = fiber;
    if (rings_own != NULL && rings_own->written != (fiber != NULL ? fiber->id : 0))
        probe_ring = NULL;
}

struct fiber *fiber_begin(const void *root, uint64_t start)
{
    struct fiber *fiber = calloc(1, sizeof(*fiber));

    if (fiber == NULL)
        return NULL;
    fiber->id = atomic_fetch_add(&last_fiber, 1) + 1;
    fiber->root = root;
    fiber->start = start;
    fiber->references = 1;
    fiber->outer = current;
    fiber->is_current = 1;
    make_current(fiber);
    return fiber;
}

void fiber_suspend(struct fiber *fiber)
{
    /* What it has resumed in its turn and what did not say its end rests with it. */
    while (fiber->is_current && current != NULL) {
        struct fiber *ending = current;

        ending->is_current = 0;
        make_current(ending->outer);
        ending->outer = NULL;
        if (ending == fiber)
            break;
    }
    fiber->is_current = 0;
}

void fiber_resume(struct fiber *fiber)
{
    if (fiber->is_current || fiber->has_ended)
        return;
    fiber->outer = current;
    fiber->is_current = 1;
    make_current(fiber);
}

void fiber_end(struct fiber *fiber)
{
    fiber_suspend(fiber);
    fiber->has_ended = 1;
    fiber_release(fiber);
}

void fiber_hold(struct fiber *fiber)
{
    fiber->references++;
}

void fiber_release(struct fiber *fiber)
{
    if (--fiber->references > 0)
        return;
    free(fiber->frames);
    free(fiber);
}

void fiber_push(struct fiber *fiber, const void *frame)
{
    if (fiber->depth == fiber->capacity) {
        uint32_t capacity = fiber->capacity == 0 ? FRAMES_FIRST : fiber->capacity * 2;
        const void **frames = realloc(fiber->frames, capacity * sizeof(*frames));

        if (frames == NULL)
            return;
        fiber->frames = frames;
        fiber->capacity = capacity;
    }
    fiber->frames[fiber->depth++] = frame;
}

/* Its place + 1, 0 when it is not active. It is nearly always the last. */
static uint32_t find(const struct fiber *fiber, const void *frame)
{
    uint32_t i = fiber->depth;

    while (i > 0 && fiber->frames[i - 1] != frame)
        i--;
    return i;
}

int fiber_has(const struct fiber *fiber, const void *frame)
{
    return find(fiber, frame) > 0;
}

int fiber_pop(struct fiber *fiber, const void *frame)
{
    uint32_t i = find(fiber, frame);

    if (i > 0)
        fiber->depth = i - 1;
    return i > 0;
}

uint64_t fiber_split(void)
{
    uint64_t split;

    if (rings_own == NULL || rings_own->depth <= 0 || atomic_load(&rings.state) == RINGS_OFF)
        return 0;
    split = (atomic_fetch_add(&last_split, 1) + 1) & RING_NUMBER_MAX;
    probe_record_slowly(RING_WORD(RING_SPLIT, 0, 0) | split);
    return split;
}

void fiber_start_thread(uint64_t split)
{
    struct ring *ring = rings_attach();

    if (ring != NULL && split != 0) {
        ring->own.start = split;
        probe_ring = NULL;
    }
}
