/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent tells the user: one line on stderr, in one piece, since the program may be writing
 * there too. Any thread. */
#ifndef KIEKER_AGENT_CORE_SAY_H
#define KIEKER_AGENT_CORE_SAY_H

#define SAY_MAX 512 /* bytes of a line; a longer one is cut */

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
