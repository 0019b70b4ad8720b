/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_raise.h"

#if PY_VERSION_HEX < 0x030C0000

#include <frameobject.h>

PROBE_THREAD int monitor_raise_is_looking;

static PROBE_THREAD struct {
    Py_tracefunc before;  /* the program's tracing hook, or NULL */
    const frame_t *frame; /* where an exception was seen, or NULL */
    struct monitor_cause cause;
} looking;

static void give_back(PyThreadState *thread)
{
    monitor_raise_is_looking = 0;
    thread->c_tracefunc = looking.before;
}

static int on_trace(PyObject *object, PyFrameObject *frame, int what, PyObject *argument)
{
    PyThreadState *thread = PyThreadState_Get();
    Py_tracefunc before = looking.before;
    int failed = 0;

    if (what == PyTrace_EXCEPTION && PyTuple_Check(argument)) {
        looking.frame = frame_running();
        looking.cause = monitor_cause_of(PyTuple_GetItem(argument, 1));
        monitor_failure_settle(looking.cause);
    } else if (looking.frame == NULL) {
        /* It was not thrown, or C code has taken it. */
        give_back(thread);
        if (monitor_failures.count > 0)
            monitor_failure_settle(monitor_cause_of(NULL));
    }
    if (before != NULL) {
        failed = before(object, frame, what, argument);
        /* It can have ended itself. */
        if (monitor_raise_is_looking && thread->c_tracefunc != on_trace) {
            monitor_raise_is_looking = 0;
            looking.frame = NULL;
        }
    }
    return failed;
}

void monitor_raise_look(void)
{
    PyThreadState *thread = PyThreadState_Get();

    looking.frame = NULL;
    if (thread->c_tracefunc == on_trace)
        return;
    looking.before = thread->c_tracefunc;
    monitor_raise_is_looking = 1;
    thread->c_tracefunc = on_trace;
}

void monitor_raise_stop(void)
{
    PyThreadState *thread = PyThreadState_Get();

    if (thread->c_tracefunc == on_trace)
        give_back(thread);
    monitor_raise_is_looking = 0;
    looking.frame = NULL;
}

int monitor_raise_seen(const frame_t *frame, struct monitor_cause *cause)
{
    if (looking.frame != frame)
        return 0;
    *cause = looking.cause;
    return 1;
}

#else
typedef int monitor_raise_is_not_compiled;
#endif
