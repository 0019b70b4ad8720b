/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls that rest while others go on: those of coroutines, from beginning to end, and the stretches
 * of asynchronous generators, from where they are gone on with to where they yield. One that no
 * observed coroutine awaits is the root of a fiber (fiber.h), which is suspended by the frame that
 * was the first to go on in it: mostly the root's, an inner one if it was thrown an exception.
 */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_TASK_H
#define KIEKER_AGENT_PYTHON_MONITOR_TASK_H

#include "agent/python/frames.h"
#include "agent/python/monitor_operation.h"

enum monitor_kind {
    MONITOR_FUNCTION,
    MONITOR_GENERATOR,
    MONITOR_COROUTINE,
    MONITOR_ASYNC_GENERATOR
};

static inline enum monitor_kind monitor_kind_of(PyObject *code)
{
    int flags = ((PyCodeObject *)code)->co_flags;

    if (__builtin_expect((flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR)) == 0, 1))
        return MONITOR_FUNCTION;
    if (flags & CO_GENERATOR)
        return MONITOR_GENERATOR;
    return flags & CO_COROUTINE ? MONITOR_COROUTINE : MONITOR_ASYNC_GENERATOR;
}

static inline int monitor_kind_rests(enum monitor_kind kind)
{
    return __builtin_expect(kind >= MONITOR_COROUTINE, 0);
}

/* The frame begins: a coroutine for the first time, an asynchronous generator a stretch. */
void monitor_task_begin(
    const struct monitor_operation *operation, enum monitor_kind kind, frame_t *frame);

/* The frame goes on; an asynchronous generator that did not rest begins a stretch. */
void monitor_task_go_on(
    const struct monitor_operation *operation, enum monitor_kind kind, frame_t *frame);

/* The frame rests, as something that it awaits does. */
void monitor_task_rest(const frame_t *frame);

/* What is left of a frame when it ends: it may be gone by the time that its call is ended. */
struct monitor_task_end {
    const void *frame;
    const void *awaiter; /* whose frame goes on then, NULL: none on the fiber */
};

struct monitor_task_end monitor_task_ending(const frame_t *frame);

/* The call ends. Nothing when its beginning was not seen. */
void monitor_task_end(const struct monitor_operation *operation, struct monitor_task_end end);

/*
 * A generator goes on. If what awaits it rests (it is the innermost of what an exception was thrown
 * into), the fiber goes on with it. Only for when there are fibers, see monitor_tasks.
 */
void monitor_task_go_on_in_generator(const frame_t *frame);

/* That generator rests or ends. */
void monitor_task_leave_generator(struct monitor_task_end end);

/* How many fibers there are. */
extern uint32_t monitor_tasks;

/* A stretch of a generator begins that may have been thrown an exception. */
static inline void monitor_task_enter_generator(
    const struct monitor_operation *operation, const frame_t *frame)
{
    if (monitor_tasks > 0)
        monitor_task_go_on_in_generator(frame);
    monitor_enter(operation);
}

/* A call or stretch of any kind ends. `end` is for all but functions. */
static inline void monitor_task_leave(
    const struct monitor_operation *operation, enum monitor_kind kind, struct monitor_task_end end)
{
    if (monitor_kind_rests(kind)) {
        monitor_task_end(operation, end);
        return;
    }
    monitor_leave(operation);
    if (kind == MONITOR_GENERATOR && monitor_tasks > 0)
        monitor_task_leave_generator(end);
}

/* Whether the frame has a call on the current fiber. */
int monitor_task_is_active(const void *frame);

/* Whether that is what an asynchronous generator's `yield` hands out, not one of its awaits. */
int monitor_task_is_yield(PyObject *value);

#endif
