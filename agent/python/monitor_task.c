/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_task.h"

#include <string.h>

#include "agent/core/fiber.h"
#include "agent/python/starts.h"
#include "record/map.h"

/* A fiber that was begun here and has not ended. */
struct task {
    struct fiber *fiber;
    const void *first; /* the frame that has gone on first, and will suspend it; NULL: it rests */
};

static struct task *tasks;
static uint32_t capacity;
uint32_t monitor_tasks;
static struct map by_root; /* places in `tasks` by the address of the root's frame */

static struct task *find(const void *root)
{
    uint32_t at = root != NULL ? map_get(&by_root, (uintptr_t)root) : MAP_NONE;

    return at != MAP_NONE ? &tasks[at] : NULL;
}

/* 0, or -1 when memory is short. */
static int add(struct fiber *fiber)
{
    if (monitor_tasks == capacity) {
        uint32_t wanted = capacity == 0 ? 16 : 2 * capacity;
        struct task *more = PyMem_RawRealloc(tasks, wanted * sizeof(*tasks));

        if (more == NULL)
            return -1;
        tasks = more;
        capacity = wanted;
    }
    tasks[monitor_tasks] = (struct task){fiber, fiber->root};
    if (map_put(&by_root, (uintptr_t)fiber->root, monitor_tasks) != 0)
        return -1;
    monitor_tasks++;
    return 0;
}

/* The last takes its place. */
static void drop(struct task *task)
{
    struct task *last = &tasks[monitor_tasks - 1];

    map_remove(&by_root, (uintptr_t)task->fiber->root);
    if (task != last) {
        *task = *last;
        map_put(&by_root, (uintptr_t)task->fiber->root, (uint32_t)(task - tasks));
    }
    monitor_tasks--;
}

/* Whether what runs the frame, through other coroutines if need be, is active on the fiber. */
static int is_awaited(const struct fiber *fiber, const frame_t *frame)
{
    const void *top = fiber != NULL ? fiber_top(fiber) : NULL;

    if (top == NULL)
        return 0;
    for (frame = frame_back(frame); frame != NULL && frame_is_suspendable(frame);
         frame = frame_back(frame))
        if (frame == top)
            return 1;
    return 0;
}

static void begin_fiber(enum monitor_kind kind, frame_t *frame)
{
    struct task *stale = find(frame);
    struct fiber *fiber;
    uint64_t split = 0;

    /* A root that has vanished without an end. */
    if (stale != NULL) {
        struct fiber *ended = stale->fiber;

        drop(stale);
        fiber_end(ended);
    }
    if (kind == MONITOR_COROUTINE) {
        starts_look_for_tasks();
        split = starts_take_task(frame_generator(frame));
        if (split == 0)
            split = fiber_split();
    }
    fiber = fiber_begin(frame, split);
    if (fiber != NULL && add(fiber) != 0)
        fiber_end(fiber);
}

void monitor_task_begin(
    const struct monitor_operation *operation, enum monitor_kind kind, frame_t *frame)
{
    struct fiber *fiber;

    if (!agent_is_running())
        return;
    if (!is_awaited(fiber_current(), frame))
        begin_fiber(kind, frame);
    monitor_enter(operation);
    fiber = fiber_current();
    if (fiber != NULL)
        fiber_push(fiber, frame);
}

int monitor_task_is_active(const void *frame)
{
    const struct fiber *fiber = fiber_current();

    return fiber != NULL && fiber_has(fiber, frame);
}

/* The task whose root awaits the frame, or awaits what awaits it, and so on. */
static struct task *find_awaiting(const frame_t *frame)
{
    struct task *task = NULL;

    while (task == NULL && frame != NULL && frame_is_suspendable(frame)) {
        task = find(frame);
        frame = frame_back(frame);
    }
    return task;
}

/* The same for a frame that rests, also where nothing shows what awaits it: while that is being
 * closed. */
static struct task *find_active(const frame_t *frame)
{
    struct task *task = find_awaiting(frame);

    if (task != NULL && fiber_has(task->fiber, frame))
        return task;
    for (task = tasks; task < tasks + monitor_tasks; task++)
        if (fiber_has(task->fiber, frame))
            return task;
    return NULL;
}

static void resume(struct task *task, const frame_t *first)
{
    if (task->first != NULL)
        return;
    fiber_resume(task->fiber);
    task->first = first;
}

void monitor_task_go_on(
    const struct monitor_operation *operation, enum monitor_kind kind, frame_t *frame)
{
    struct task *task;

    if (monitor_task_is_active(frame))
        return;
    task = find_active(frame);
    if (task != NULL)
        resume(task, frame);
    else if (kind == MONITOR_ASYNC_GENERATOR)
        monitor_task_begin(operation, kind, frame);
}

void monitor_task_go_on_in_generator(const frame_t *frame)
{
    struct task *task = find_awaiting(frame);

    if (task != NULL)
        resume(task, frame);
}

static struct task *current_task(void)
{
    const struct fiber *fiber = fiber_current();

    return fiber != NULL ? find(fiber->root) : NULL;
}

void monitor_task_rest(const frame_t *frame)
{
    struct task *task = current_task();

    if (task != NULL && task->first == frame) {
        task->first = NULL;
        fiber_suspend(task->fiber);
    }
}

struct monitor_task_end monitor_task_ending(const frame_t *frame)
{
    struct monitor_task_end end = {frame, NULL};
    const struct fiber *fiber = fiber_current();
    const frame_t *awaiter = frame_back(frame);

    while (awaiter != NULL && frame_is_suspendable(awaiter) &&
           (fiber == NULL || !fiber_has(fiber, awaiter)))
        awaiter = frame_back(awaiter);
    if (awaiter != NULL && frame_is_suspendable(awaiter))
        end.awaiter = awaiter;
    return end;
}

/* The frame does not go on any more: if it was the first, what awaits it is, or the fiber rests. */
static void pass_on(struct task *task, struct monitor_task_end end)
{
    if (task->first != end.frame)
        return;
    task->first = end.awaiter;
    if (end.awaiter == NULL)
        fiber_suspend(task->fiber);
}

void monitor_task_end(const struct monitor_operation *operation, struct monitor_task_end end)
{
    struct fiber *fiber = fiber_current();
    struct task *task = current_task();

    if (fiber == NULL || !fiber_pop(fiber, end.frame))
        return;
    monitor_leave(operation);
    if (task == NULL)
        return;
    if (fiber->root == end.frame) {
        drop(task);
        fiber_end(fiber);
    } else {
        pass_on(task, end);
    }
}

void monitor_task_leave_generator(struct monitor_task_end end)
{
    struct task *task = current_task();

    if (task != NULL)
        pass_on(task, end);
}

int monitor_task_is_yield(PyObject *value)
{
    static PyTypeObject *wrapped;

    if (wrapped == NULL && strcmp(Py_TYPE(value)->tp_name, "async_generator_wrapped_value") == 0)
        wrapped = Py_TYPE(value);
    return Py_TYPE(value) == wrapped;
}
