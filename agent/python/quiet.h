/* SPDX-License-Identifier: Apache-2.0 */
/* Python code of the agent that runs in the middle of the program's. */
#ifndef KIEKER_AGENT_PYTHON_QUIET_H
#define KIEKER_AGENT_PYTHON_QUIET_H

#include "agent/python/module.h"

/*
 * Calls the object's method with up to three arguments (NULL: no more). The program's tracers and
 * profilers do not see it, and what fails in it counts for nothing: then the result is None. NULL
 * only with an exception that is to end the program (KeyboardInterrupt, say).
 */
PyObject *quiet_method(
    PyObject *object, const char *name, PyObject *first, PyObject *second, PyObject *third);

/* Whether this thread is in such a call. */
int quiet_is_inside(void);

/* A module that every interpreter has loaded, without asking the program's own __import__; a new
 * reference, or NULL with an exception. */
PyObject *quiet_module(const char *name);

#endif
