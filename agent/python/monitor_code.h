/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which code the monitor observes, and as which operation: decided when it is first met, and kept
 * with the code object. Needs the interpreter's lock.
 */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_CODE_H
#define KIEKER_AGENT_PYTHON_MONITOR_CODE_H

#include "agent/python/monitor_operation.h"

/* What is kept with a code object: its operation, this if it is not observed, or NULL if that is
 * still to be decided. */
extern struct monitor_operation monitor_code_left;

extern Py_ssize_t monitor_code_index;

/* Once. `select`, a function in Python, says which module is observed: it gets the globals and the
 * file of code, and gives the component's name or None. 0, or -1 with an exception. */
int monitor_code_init(PyObject *select);

static inline struct monitor_operation *monitor_code_known(PyObject *code)
{
    void *known = NULL;

#if PY_VERSION_HEX >= 0x030C0000
    PyUnstable_Code_GetExtra(code, monitor_code_index, &known);
#else
    _PyCode_GetExtra(code, monitor_code_index, &known);
#endif
    return known;
}

/* The operation of code that is observed, or NULL. */
static inline struct monitor_operation *monitor_code_operation(PyObject *code)
{
    struct monitor_operation *known = monitor_code_known(code);

    return known != &monitor_code_left ? known : NULL;
}

/*
 * Decides on code that runs with these globals; what is known of it then. NULL when it could not be
 * decided now; there is an exception only if that is none of ours: a handler of a signal that came
 * meanwhile raised it.
 */
struct monitor_operation *monitor_code_decide(PyObject *code, PyObject *globals);

/*
 * Decides on a function's code by its function's qualified name, and on all code in it; for those
 * Pythons in which code does not know its qualified name. 0, or -1 with an exception.
 */
int monitor_code_adopt(PyObject *code, PyObject *globals, PyObject *qualname);

#endif
