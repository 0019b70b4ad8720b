/* SPDX-License-Identifier: Apache-2.0 */
/* What is said of an exception that ends a call. */
#ifndef KIEKER_AGENT_PYTHON_CAUSE_H
#define KIEKER_AGENT_PYTHON_CAUSE_H

#include "agent/python/module.h"

/*
 * The cause to report: repr(exception) where that is harmless, else the type's name, since a user's
 * __repr__ could do anything. Runs no code of the program; there must be no exception pending.
 */
uint32_t cause_of(PyObject *exception);

#endif
