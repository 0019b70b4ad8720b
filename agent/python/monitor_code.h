/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which code the monitor observes, and as which operation: decided when it is first met, and kept
 * with the code object. Needs the interpreter's lock.
 */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_CODE_H
#define KIEKER_AGENT_PYTHON_MONITOR_CODE_H

#include "agent/python/module.h"

/* What is known of a code object: one of the first two, or an operation's number and
 * MONITOR_OBSERVED. */
#define MONITOR_UNDECIDED 0u
#define MONITOR_LEFT 1u
#define MONITOR_OBSERVED 2u

extern Py_ssize_t monitor_code_index;

/* Once. `select`, a function in Python, says which module is observed: it gets the globals and the
 * file of code, and gives the component's name or None. 0, or -1 with an exception. */
int monitor_code_init(PyObject *select);

static inline uintptr_t monitor_code_known(PyObject *code)
{
    void *known = NULL;

#if PY_VERSION_HEX >= 0x030C0000
    PyUnstable_Code_GetExtra(code, monitor_code_index, &known);
#else
    _PyCode_GetExtra(code, monitor_code_index, &known);
#endif
    return (uintptr_t)known;
}

/*
 * Decides on code that runs with these globals; what is known of it then. MONITOR_UNDECIDED when
 * it could not be decided now; there is an exception only if that is none of ours: a handler of a
 * signal that came meanwhile raised it.
 */
uintptr_t monitor_code_decide(PyObject *code, PyObject *globals);

/*
 * Decides on a function's code by its function's qualified name, and on all code in it; for those
 * Pythons in which code does not know its qualified name. 0, or -1 with an exception.
 */
int monitor_code_adopt(PyObject *code, PyObject *globals, PyObject *qualname);

#endif
