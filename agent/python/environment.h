/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs that this one starts find in their environment. It is kept from os.environ: the
 * program must not see it, yet its children inherit it, also those that are given a changed copy of
 * os.environ. Needs the interpreter's lock.
 */
#ifndef KIEKER_AGENT_PYTHON_ENVIRONMENT_H
#define KIEKER_AGENT_PYTHON_ENVIRONMENT_H

#include "agent/python/module.h"

extern PyMethodDef environment_methods[];

#endif
