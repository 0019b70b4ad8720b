/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The profiling hook of threads, before Python 3.12. The monitor has it in every thread, and the
 * program's own profiler, if it has one, is called behind it. A hook is a C function and an object
 * for it; the object is what sys.getprofile() gives, so it stays the program's, or none.
 */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_HOOK_H
#define KIEKER_AGENT_PYTHON_MONITOR_HOOK_H

#include "agent/core/probe.h"
#include "agent/python/module.h"

#if PY_VERSION_HEX < 0x030C0000

#include <frameobject.h>

struct monitor_hook {
    Py_tracefunc profiler; /* the program's own, or NULL */
    PyCFunction silent;    /* the return from this is not to be shown to it */
};

extern PROBE_THREAD struct monitor_hook monitor_hook;

/* Takes the hook of all threads, those of now and of later, for that function. Once. */
void monitor_hook_take(Py_tracefunc hook);

/* Whether the calling thread's is still the monitor's. */
int monitor_hook_is_taken(void);

/* The program is about to call a builtin: if that is a way to set a profiler, it is watched. */
void monitor_hook_before(PyObject *callable);

/* Calls the program's profiler, if there is one. What it gave, or 0. */
int monitor_hook_forward(PyObject *object, PyFrameObject *frame, int what, PyObject *argument);

#endif

#endif
