/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in for the object of an `async with` or `async for` in the root of a fiber, so that
 * what is awaited there without being named in the program is delegated to as well.
 */
#ifndef KIEKER_AGENT_PYTHON_ASYNC_H
#define KIEKER_AGENT_PYTHON_ASYNC_H

#include "agent/core/fiber.h"
#include "agent/python/module.h"

/* The types for the module; a new reference, or NULL with an exception. */
PyTypeObject *async_make_manager_type(PyObject *module);
PyTypeObject *async_make_iterable_type(PyObject *module);

/* The context manager, and the iterable, that the fiber's root is to use instead of the value: a
 * new reference, or NULL with an exception. The value itself where using it is an error. */
PyObject *async_with(struct module_state *state, struct fiber *fiber, PyObject *value);
PyObject *async_for(struct module_state *state, struct fiber *fiber, PyObject *value);

#endif
