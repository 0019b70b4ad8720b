/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probes as Python objects: callables without arguments that return None, meant to stand as
 * constants in a function's code. Calling one raises nothing, allocates nothing after a thread's
 * first call and leaves a pending exception alone.
 *
 * They are of a type of their own rather than built-in functions: a call of one takes no recursion
 * depth, and profilers do not see it.
 */
#ifndef KIEKER_AGENT_PYTHON_PROBES_H
#define KIEKER_AGENT_PYTHON_PROBES_H

#include "agent/python/module.h"

enum probe_kind { PROBE_ENTER, PROBE_LEAVE, PROBE_FAILED, PROBE_KINDS };

/* The type for the module; a new reference, or NULL with an exception. */
PyTypeObject *probes_make_type(PyObject *module);

/* A probe of that operation; a new reference, or NULL with an exception. */
PyObject *probes_new(PyTypeObject *type, enum probe_kind kind, uint32_t operation);

/* probe(kind, operation, component): the method of the module. */
PyObject *probes_method(PyObject *module, PyObject *arguments);

/* The number of an operation of that name and component, both str; OPERATIONS_NONE with an
 * exception. */
uint32_t probes_operation(PyObject *name, PyObject *component);

/* The letter of a kind, as the method and placeholders spell it: E, L or F. */
extern const char probes_letters[PROBE_KINDS + 1];

#endif
