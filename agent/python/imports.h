/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's finder for sys.meta_path, and the watch that keeps it there.
 *
 * The finder stands in front. It finds what the finders behind it find, has the hook
 * (kieker/hook.py) look at the result, and leaves no frame of its own.
 *
 * A program may replace sys.meta_path, or put finders of its own in front. Each import of a module
 * that is not loaded yet calls _imp.acquire_lock before finders are asked; the watch takes its
 * place and looks where the finder is. When it is gone, it is put back. When others are in front of
 * it, it goes before them for as long as the import looks for its module, and asks all of them in
 * their order: so the list stays as the program made it, which may count on the places of what it
 * put there.
 */
#ifndef KIEKER_AGENT_PYTHON_IMPORTS_H
#define KIEKER_AGENT_PYTHON_IMPORTS_H

#include "agent/python/module.h"

/* Rows for the module: finder_type, watch_imports. */
extern PyMethodDef imports_methods[];

#endif
