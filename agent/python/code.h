/* SPDX-License-Identifier: Apache-2.0 */
/* Code objects: putting probes in the place of placeholders, and compiling without warnings. */
#ifndef KIEKER_AGENT_PYTHON_CODE_H
#define KIEKER_AGENT_PYTHON_CODE_H

#include "agent/python/module.h"

/* A placeholder is a str constant: this, and the operation's index in decimal. */
#define CODE_PLACEHOLDER "\0kieker:"
#define CODE_PLACEHOLDER_SIZE (sizeof(CODE_PLACEHOLDER) - 1)

/*
 * The operations of a module's placeholders are bytes, from which no object has to be made: for
 * each in turn its kind (probe.h), the length of its name in 4 bytes, little endian, and the name
 * in UTF-8. Before the first one of a component comes that in the same form, its kind being
 * PROBE_KINDS. weave.py writes them.
 */

/* (the code with probes in the place of its placeholders, the number of operations), or NULL with
 * an exception. Code that was just compiled or unmarshalled is changed in place. */
PyObject *code_bind(struct module_state *state, PyObject *code, PyObject *operations);

/* Rows for the module. */
extern PyMethodDef code_methods[];

#endif
