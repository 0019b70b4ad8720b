/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the extension kieker._kieker share: the module's state. Everything here needs
 * the interpreter's lock. */
#ifndef KIEKER_AGENT_PYTHON_MODULE_H
#define KIEKER_AGENT_PYTHON_MODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>

#ifdef Py_GIL_DISABLED
#error "The agent needs the interpreter's lock: it cannot be built for a free-threaded Python."
#endif

struct module_state {
    PyTypeObject *probe_type, *suspendable_type; /* probes.h, suspendable.h */
    PyTypeObject *delegate_type;                 /* delegate.h */
    PyTypeObject *manager_type, *iterable_type;  /* async.h */
    PyTypeObject *starter_type;                  /* starts.h */
};

static inline struct module_state *module_state(PyObject *module)
{
    return (struct module_state *)PyModule_GetState(module);
}

#endif
