/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interpreter's frames, as far as probes need them: which one runs, which one runs it, and
 * whether it can be suspended. A frame is known by its address, which for a generator, coroutine or
 * asynchronous generator is one and the same for as long as that lives. No frame object is made.
 */
#ifndef KIEKER_AGENT_PYTHON_FRAMES_H
#define KIEKER_AGENT_PYTHON_FRAMES_H

#include "agent/python/module.h"

#if PY_VERSION_HEX >= 0x030B0000
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#endif
#include <internal/pycore_frame.h>

typedef struct _PyInterpreterFrame frame_t;

#if PY_VERSION_HEX >= 0x030D0000
#define FRAME_CURRENT(thread) ((thread)->current_frame)
#else
#define FRAME_CURRENT(thread) ((thread)->cframe->current_frame)
#endif

static inline PyCodeObject *frame_code(const frame_t *frame)
{
#if PY_VERSION_HEX >= 0x030D0000
    return (PyCodeObject *)frame->f_executable;
#else
    return frame->f_code;
#endif
}

/* Whether it is a generator's, a coroutine's or an asynchronous generator's. */
static inline int frame_is_suspendable(const frame_t *frame)
{
    return frame->owner == FRAME_OWNED_BY_GENERATOR;
}

/* Which frame runs this one, leaving out those that the interpreter puts between; NULL: none. */
static inline frame_t *frame_back(const frame_t *frame)
{
    frame_t *back = frame->previous;

#if PY_VERSION_HEX >= 0x030C0000
    while (back != NULL && back->owner == FRAME_OWNED_BY_CSTACK)
        back = back->previous;
#endif
    return back;
}

/* The generator, coroutine or asynchronous generator of a suspendable frame; borrowed. */
static inline PyObject *frame_generator(const frame_t *frame)
{
    return (PyObject *)((char *)(uintptr_t)frame - offsetof(PyGenObject, gi_iframe));
}

/* Whether the interpreter counts the generator of that frame among those that run. */
static inline int frame_generator_runs(const frame_t *frame)
{
    return ((PyGenObject *)frame_generator(frame))->gi_frame_state == FRAME_EXECUTING;
}

/* Sets which frame runs this one; gives what it was. */
static inline frame_t *frame_link(frame_t *frame, frame_t *back)
{
    frame_t *before = frame->previous;

    frame->previous = back;
    return before;
}

#else
#include <frameobject.h>

typedef struct _frame frame_t;

#define FRAME_CURRENT(thread) ((thread)->frame)

static inline PyCodeObject *frame_code(const frame_t *frame)
{
    return frame->f_code;
}

static inline int frame_is_suspendable(const frame_t *frame)
{
    return frame->f_gen != NULL;
}

static inline frame_t *frame_back(const frame_t *frame)
{
    return frame->f_back;
}

static inline PyObject *frame_generator(const frame_t *frame)
{
    return frame->f_gen;
}

static inline int frame_generator_runs(const frame_t *frame)
{
#if PY_VERSION_HEX >= 0x030A0000
    return frame->f_state == FRAME_EXECUTING;
#else
    return frame->f_gen != NULL && ((PyGenObject *)frame->f_gen)->gi_running;
#endif
}

/* Python 3.9 lets it as it is. */
static inline frame_t *frame_link(frame_t *frame, frame_t *back)
{
    frame_t *before = frame->f_back;

    if (PY_VERSION_HEX >= 0x030A0000)
        frame->f_back = back;
    return before;
}
#endif

/* The frame that runs, which called the C function that asks. */
static inline frame_t *frame_running(void)
{
    return FRAME_CURRENT(PyThreadState_Get());
}

/* Whether it is that of a comprehension with `await` or `async for` in it. */
static inline int frame_is_comprehension(const frame_t *frame)
{
    const PyCodeObject *code = frame_code(frame);

    return frame_is_suspendable(frame) && (code->co_flags & CO_COROUTINE) != 0 &&
           PyUnicode_READ_CHAR(code->co_name, 0) == '<';
}

#endif
