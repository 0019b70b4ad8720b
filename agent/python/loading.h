/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Woven code for a loader: an object that stands as get_code in the dictionary of a loader, in
 * front of the method of that name. The import system, and runpy, get woven code from it; whoever
 * else asks a loader for code (to look at it, to store it) gets what the method gives.
 *
 * It is no function of Python, because the interpreter takes the import system's frames out of a
 * traceback only where they are not mixed with others: a SyntaxError in a module looks the same
 * with and without the agent. Loaders that have one are equal when they are equal without it, and
 * are pickled as if they had none.
 */
#ifndef KIEKER_AGENT_PYTHON_LOADING_H
#define KIEKER_AGENT_PYTHON_LOADING_H

#include "agent/python/module.h"

/* Rows for the module: loading_put. */
extern PyMethodDef loading_methods[];

#endif
