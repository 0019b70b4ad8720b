/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals that kill the process. For each whose effect is the default one, and that is to kill,
 * there is a handler here, which lets the sender send what there is, for a moment at most, and then
 * lets the very same signal kill the process. To the program the signal stays what it was: Python
 * shows and keeps dispositions in a table of its own; whoever puts a handler, or the default, in
 * its place has that. A program started by exec has the default. A forked child has the handler
 * from its parent, and dies at once as long as nothing was recorded in it.
 */
#ifndef KIEKER_AGENT_CORE_ENDINGS_H
#define KIEKER_AGENT_CORE_ENDINGS_H

/* Puts the handlers in place, wherever now the default is. Needs the agent to be running. */
void endings_watch(void);

/* The same for one signal, of which the program has changed the disposition. */
void endings_watch_one(int signal);

#endif
