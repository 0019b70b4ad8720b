/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scripts that are run by runpy.run_path: that is how multiprocessing gives its processes the main
 * module. runpy compiles these itself, and no loader is asked, so what it gets from compile() is
 * exchanged for woven code. Needs the interpreter's lock.
 */
#ifndef KIEKER_AGENT_PYTHON_RUNS_H
#define KIEKER_AGENT_PYTHON_RUNS_H

#include "agent/python/module.h"

/* Rows for the module: watch_runs. */
extern PyMethodDef runs_methods[];

#endif
