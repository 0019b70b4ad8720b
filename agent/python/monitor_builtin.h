/* SPDX-License-Identifier: Apache-2.0 */
/* Functions and methods that are written in C, as operations. Needs the interpreter's lock. */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_BUILTIN_H
#define KIEKER_AGENT_PYTHON_MONITOR_BUILTIN_H

#include "agent/python/monitor_operation.h"

/*
 * The operation of what is called: the function's name, and as its component the module, or the
 * type that defines it (`builtins.list`). NULL for all that is no builtin function,
 * builtin method or method descriptor. Leaves no exception.
 */
const struct monitor_operation *monitor_builtin_operation(PyObject *callable);

#endif
