/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes as Python objects, one an operation, meant to stand as a constant in a function's code:
 * -probe says that a call begins, ~probe that it ends, +probe that the exception being handled ends
 * it. Each gives None, raises nothing, allocates nothing after a
 * thread's first call and leaves a pending exception alone.
 *
 * Operators rather than calls, because the interpreter does nothing then but to call the C
 * function: it counts no recursion depth, tells no profiler, and looks for no signal.
 */
#ifndef KIEKER_AGENT_PYTHON_PROBES_H
#define KIEKER_AGENT_PYTHON_PROBES_H

#include "agent/python/module.h"

/* The type for the module; a new reference, or NULL with an exception. */
PyTypeObject *probes_make_type(PyObject *module);

/* The probe of an operation, for functions of that kind (probe.h); a new reference, or NULL with an
 * exception. */
PyObject *probes_new(struct module_state *state, uint32_t operation, unsigned kind);

/* Rows for the module. */
extern PyMethodDef probes_methods[];

/* The number of an operation of that name and component, both str; OPERATIONS_NONE with an
 * exception. */
uint32_t probes_operation(PyObject *name, PyObject *component);

#endif
