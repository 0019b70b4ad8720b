/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of others with something of the agent's before and behind them. */
#ifndef KIEKER_AGENT_PYTHON_AROUND_H
#define KIEKER_AGENT_PYTHON_AROUND_H

#include "agent/python/module.h"

/* Method of the module: around(before, function, after). */
extern PyMethodDef around_methods[];

#endif
