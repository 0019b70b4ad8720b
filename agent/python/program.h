/* SPDX-License-Identifier: Apache-2.0 */
/* Running the observed program as if the interpreter had started it itself. */
#ifndef KIEKER_AGENT_PYTHON_PROGRAM_H
#define KIEKER_AGENT_PYTHON_PROGRAM_H

#include "agent/python/module.h"

/* run(function, arguments) and run_code(code, globals): methods of the module. */
PyObject *program_run_method(PyObject *module, PyObject *arguments);
PyObject *program_run_code_method(PyObject *module, PyObject *arguments);

#endif
