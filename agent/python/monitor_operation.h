/* SPDX-License-Identifier: Apache-2.0 */
/* An operation as the monitor keeps it with a code object or builtin, and what it records of it. */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_OPERATION_H
#define KIEKER_AGENT_PYTHON_MONITOR_OPERATION_H

#include "agent/core/agent.h"
#include "agent/core/probe.h"
#include "agent/python/module.h"
#include "agent/python/probes.h"

struct monitor_operation {
    uint32_t number;
    const _Atomic uint8_t *is_off;
};

/* The operation of that name and component, both str; on the heap. NULL, without an exception, when
 * there are too many or no memory. */
static inline struct monitor_operation *monitor_operation_new(PyObject *name, PyObject *component)
{
    uint32_t number = probes_operation(name, component);
    struct monitor_operation *made =
        number != OPERATIONS_NONE ? PyMem_RawMalloc(sizeof(*made)) : NULL;

    PyErr_Clear();
    if (made != NULL) {
        made->number = number;
        made->is_off = &agent_operation_get(number)->is_off;
    }
    return made;
}

static inline int monitor_operation_is_off(const struct monitor_operation *operation)
{
    return __builtin_expect(atomic_load_explicit(operation->is_off, memory_order_relaxed), 0);
}

static inline void monitor_enter(const struct monitor_operation *operation)
{
    if (!monitor_operation_is_off(operation))
        probe_enter(operation->number);
}

static inline void monitor_leave(const struct monitor_operation *operation)
{
    if (!monitor_operation_is_off(operation))
        probe_leave(operation->number);
}

static inline void monitor_failed(const struct monitor_operation *operation, uint32_t cause)
{
    if (!monitor_operation_is_off(operation))
        probe_failed(operation->number, cause);
}

#endif
