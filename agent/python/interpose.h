/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking the place of a function that is written in C, where the agent has to know of its calls.
 * What is exchanged is the C function behind the builtin, in the method table of its module: the
 * builtin object, its name, signature and identity stay, so every reference to it, also one taken
 * long before, calls the new one, and no program can tell. (A wrapper would be another object, and
 * would miss those who hold the old one.) It holds for the whole process, for good, hence for
 * modules that are kept for the life of the process alone. Needs the interpreter's lock.
 */
#ifndef KIEKER_AGENT_PYTHON_INTERPOSE_H
#define KIEKER_AGENT_PYTHON_INTERPOSE_H

#include "agent/python/module.h"

/*
 * From now on calls of that module's builtin come to `instead`, which is called as the builtin's
 * METH_ flags say, whatever these are: see interpose_flags. What it replaces is put into *original
 * before. 0, also when it has been done already (*original stays as it is); -1, without an
 * exception, when the module has no builtin of that name.
 */
int interpose(const char *module, const char *name, PyCFunction instead, PyCFunction *original);

/* The METH_ flags of that builtin, -1 when there is none: they can change from one Python to the
 * next. */
int interpose_flags(const char *module, const char *name);

#endif
