/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a thread of the agent is all that is left of the program. */
#ifndef KIEKER_AGENT_CORE_ALONE_H
#define KIEKER_AGENT_CORE_ALONE_H

/*
 * 1 when every thread of the process but the calling one has ended, as they do without an end of
 * the process: by pthread_exit, or where a thread that forks is all that there is of the child.
 * Then the process waits for the calling thread alone.
 */
int alone_is(void);

#endif
