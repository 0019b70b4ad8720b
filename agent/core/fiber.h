/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fibers: the stacks of calls that a thread's probes write to. Each thread has one of its own; a
 * coroutine that nobody awaits (a task) has another, which is current while the coroutine runs and
 * is suspended with its calls open. Each fiber is a trace at a time. All functions concern the
 * calling thread, and a fiber is used by one thread at a time.
 */
#ifndef KIEKER_AGENT_CORE_FIBER_H
#define KIEKER_AGENT_CORE_FIBER_H

#include <stddef.h>
#include <stdint.h>

struct fiber {
    uint64_t id;         /* never used again in this process; 0: a thread's own */
    struct fiber *outer; /* while it is current: what goes on when it is suspended; NULL: the
                            thread's own */
    const void *root;    /* the caller's: what began it */
    /* The caller's, too: what is active on it, innermost last. Kept by fiber_push and fiber_pop. */
    const void **frames;
    uint32_t depth, capacity;
    unsigned references;
    int is_current, has_ended;
    /* The probes' own. */
    uint64_t start;      /* the split that started it, still to be said; 0: none */
    uint64_t skipped;    /* depth inside a call that was dropped; nothing is written meanwhile */
    unsigned skipped_in; /* what rings.switched was when it was dropped */
    uint64_t unseen;     /* ends that were dropped and are still to be said */
};

/* The current fiber; NULL while the thread has recorded nothing. */
struct fiber *fiber_current(void);

/*
 * Begins a fiber and makes it current; `start` is the split where it was started, or 0. The caller
 * has a reference. NULL when memory is short: then the current one goes on.
 */
struct fiber *fiber_begin(const void *root, uint64_t start);

/* The fiber's calls rest; whatever was current before it is so again. Nothing if it is not current.
 */
void fiber_suspend(struct fiber *fiber);

/* The fiber's calls go on. Nothing if it has ended. */
void fiber_resume(struct fiber *fiber);

/* Suspends it for ever, and gives the caller's reference back. */
void fiber_end(struct fiber *fiber);

void fiber_hold(struct fiber *fiber);
void fiber_release(struct fiber *fiber);

/* Notes what becomes active on the fiber. Without memory for that it is forgotten. */
void fiber_push(struct fiber *fiber, const void *frame);

/* Takes the frame, and whatever has become active after it, off. Whether it was active. */
int fiber_pop(struct fiber *fiber, const void *frame);

/* Whether the frame is active on the fiber. */
int fiber_has(const struct fiber *fiber, const void *frame);

/* The innermost active frame, or NULL. */
static inline const void *fiber_top(const struct fiber *fiber)
{
    return fiber->depth > 0 ? fiber->frames[fiber->depth - 1] : NULL;
}

/*
 * Something is about to be started here, a thread or a task: the number with which that says so,
 * by fiber_begin or fiber_start_thread. 0 when no call is open here, or nothing is recorded.
 */
uint64_t fiber_split(void);

/* The calling thread was started at that split. */
void fiber_start_thread(uint64_t split);

#endif
