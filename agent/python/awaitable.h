/* SPDX-License-Identifier: Apache-2.0 */
/* What can be awaited or yielded from, as the interpreter treats it in every version. */
#ifndef KIEKER_AGENT_PYTHON_AWAITABLE_H
#define KIEKER_AGENT_PYTHON_AWAITABLE_H

#include "agent/python/module.h"

/*
 * The iterator by which `await value` goes on, and `yield from value`; a new reference. NULL with
 * the exception that the interpreter would have raised; NULL without one where the interpreter is
 * to see the value itself, since it will refuse it.
 */
PyObject *awaitable_iterator(PyObject *value);
PyObject *awaitable_yield_from(PyObject *value);

enum awaitable_sent { AWAITABLE_YIELDED, AWAITABLE_ENDED, AWAITABLE_FAILED };

/* Goes on with the iterator: what it yields, or returns, is put into *result (NULL when it failed,
 * with an exception). */
enum awaitable_sent awaitable_send(PyObject *iterator, PyObject *value, PyObject **result);

/* Raises StopIteration(result), and takes the reference. */
void awaitable_stop(PyObject *result);

/* Whether frames of Python run below it. */
int awaitable_has_frames(PyObject *iterator);

/* The exception that the arguments of a throw() mean: a new reference, or NULL with an exception.
 */
PyObject *awaitable_exception(PyObject *arguments);

#endif
