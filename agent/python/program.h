/* SPDX-License-Identifier: Apache-2.0 */
/* Running the observed program as if the interpreter had started it itself. */
#ifndef KIEKER_AGENT_PYTHON_PROGRAM_H
#define KIEKER_AGENT_PYTHON_PROGRAM_H

#include "agent/python/module.h"

/* Rows for the module: run, run_code. */
extern PyMethodDef program_methods[];

#endif
