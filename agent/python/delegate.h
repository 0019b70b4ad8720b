/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delegates: what an observed function awaits or yields from in place of the object that it names.
 * A delegate hands everything on to that object, and notes when the function is suspended and gone
 * on with, which no code of the function's own could see. To whoever looks at it, through cr_await
 * or gi_yieldfrom, it seems to be the object.
 */
#ifndef KIEKER_AGENT_PYTHON_DELEGATE_H
#define KIEKER_AGENT_PYTHON_DELEGATE_H

#include "agent/core/fiber.h"
#include "agent/python/frames.h"
#include "agent/python/probe.h"

/* The type for the module; a new reference, or NULL with an exception. */
PyTypeObject *delegate_make_type(PyObject *module);

/*
 * What the root of the fiber, whose frame runs, is to await instead of the value: a new reference,
 * or NULL with the exception that awaiting it would have raised. The value itself where awaiting it
 * is an error.
 */
PyObject *delegate_await(struct module_state *state, struct fiber *fiber, PyObject *value);

/* What the generator of that probe is to yield from instead of the value, likewise. */
PyObject *delegate_yield_from(
    struct module_state *state, struct probe *probe, frame_t *frame, PyObject *value);

#endif
