/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where threads and tasks are started: the thread's or task's trace names the event of the starting
 * trace (fiber_split). Threads are seen at _thread's builtins, tasks at the initialiser of
 * asyncio's Task, in C, so that no name of the program's changes.
 */
#ifndef KIEKER_AGENT_PYTHON_STARTS_H
#define KIEKER_AGENT_PYTHON_STARTS_H

#include "agent/python/module.h"

/* The type for the module; a new reference, or NULL with an exception. */
PyTypeObject *starts_make_type(PyObject *module);

/* Begins to watch threads; tasks from when asyncio is there, which starts_look_for_tasks finds out.
 */
void starts_watch(struct module_state *state);
void starts_look_for_tasks(void);

/* The split at which a task was made of that coroutine, once; 0: none. */
uint64_t starts_take_task(PyObject *coroutine);

#endif
