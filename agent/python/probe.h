/* SPDX-License-Identifier: Apache-2.0 */
/* A probe as a Python object, and what all kinds of them share. */
#ifndef KIEKER_AGENT_PYTHON_PROBE_H
#define KIEKER_AGENT_PYTHON_PROBE_H

#include "agent/core/agent.h"
#include "agent/core/probe.h"
#include "agent/python/module.h"

/* What kind of function it is the probe of. */
enum probe_kind {
    PROBE_FUNCTION,
    PROBE_GENERATOR,
    PROBE_COROUTINE,
    PROBE_ASYNC_GENERATOR,
    PROBE_KINDS
};

struct probe {
    PyObject_HEAD uint32_t operation;
    uint32_t kind;
    const _Atomic uint8_t *is_off; /* the operation's */
};

/* Whether the operation is switched off. */
static inline int probe_is_off(const struct probe *probe)
{
    return __builtin_expect(atomic_load_explicit(probe->is_off, memory_order_relaxed), 0);
}

/* The exception ends the call: that is recorded, unless the operation is switched off. */
void probe_fail(struct probe *probe, PyObject *exception);

/* The exception being handled, or NULL; a new reference. */
PyObject *probe_handled_exception(void);

/* Slots that the types share. */
void probe_dealloc(PyObject *self);
PyObject *probe_repr(PyObject *self);
extern PyMethodDef probe_methods[];

#endif
