/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ends of a process that pass by atexit: before os._exit and os.exec* the recording is ended as
 * at any other end, and goes on if they fail. And what the agent has to know of a process's life
 * besides: that it has forked, and that the program has given a signal its default effect.
 */
#ifndef KIEKER_AGENT_PYTHON_PROCESS_H
#define KIEKER_AGENT_PYTHON_PROCESS_H

/* Begins to look after the process. Never fails: what this Python does not have, or the program has
 * replaced, is not looked after. Before the agent starts, so that Python has noted the signals'
 * effects before they have handlers. */
void process_watch(void);

/* For agent_start. */
void process_on_forked(void);

#endif
