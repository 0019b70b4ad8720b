/* SPDX-License-Identifier: Apache-2.0 */
/* The first text of every connection and log: who records, see record/talk.h. */
#ifndef KIEKER_AGENT_CORE_HELLO_H
#define KIEKER_AGENT_CORE_HELLO_H

#define HELLO_MAX 3900u /* of TALK_TEXT_MAX: where the stream goes on is added */

/* Writes the hello of this process. A value that is empty, or too long to fit, is left out. */
void hello_make(char text[HELLO_MAX], const char *language, const char *run, const char *program);

#endif
