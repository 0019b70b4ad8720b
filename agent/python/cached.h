/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading files of woven code. Such a file is a head, which says what the code is valid for, and
 * what weave.py gave, marshalled. Writing them, and where they lie, is kieker/cache.py.
 *
 * The head is: a prefix that is the same for all files of one agent, interpreter and choice of
 * options; the source's size and its time of change (or a hash of it), 8 bytes each, little endian;
 * the module's name, and a zero byte.
 */
#ifndef KIEKER_AGENT_PYTHON_CACHED_H
#define KIEKER_AGENT_PYTHON_CACHED_H

#include "agent/python/module.h"

/* Rows for the module: cached_head, cached_read. */
extern PyMethodDef cached_methods[];

#endif
