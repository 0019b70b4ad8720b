/* SPDX-License-Identifier: Apache-2.0 */
/* Code objects: putting probes in the place of placeholders, and compiling without warnings. */
#ifndef KIEKER_AGENT_PYTHON_CODE_H
#define KIEKER_AGENT_PYTHON_CODE_H

#include "agent/python/module.h"

/* A placeholder is a str constant: this, and the operation's index in decimal. */
#define CODE_PLACEHOLDER "\0kieker:"
#define CODE_PLACEHOLDER_SIZE (sizeof(CODE_PLACEHOLDER) - 1)

/* Rows for the module. */
extern PyMethodDef code_methods[];

#endif
