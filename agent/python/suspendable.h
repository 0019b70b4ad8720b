/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The probes of what suspends: generators, coroutines and asynchronous generators. Beside -probe,
 * ~probe and +probe (probes.h) they know
 *
 *     probe | value    a stretch ends: the function yields the value, which is the result
 *     probe @ value    a stretch begins: the function was sent the value, which is the result
 *     probe & probe    the function may have been gone on with by throw() or close()
 *     probe >> value   what is to be awaited, or yielded from, instead of the value
 *     probe % value    the asynchronous context manager to be entered instead of the value
 *     probe // value   the asynchronous iterable to be gone through instead of the value
 *
 * A generator's call is a stretch: from where it is gone on with to where it yields. A coroutine's
 * is all of it. One that no observed coroutine awaits is the root of a fiber (fiber.h): what it
 * awaits is delegated to (delegate.h), so that the fiber is suspended whenever the coroutine is.
 */
#ifndef KIEKER_AGENT_PYTHON_SUSPENDABLE_H
#define KIEKER_AGENT_PYTHON_SUSPENDABLE_H

#include "agent/python/module.h"

/* The type for the module; a new reference, or NULL with an exception. */
PyTypeObject *suspendable_make_type(PyObject *module);

#endif
