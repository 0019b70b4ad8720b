/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the peer of a connection says: registry entries of id 0 (see record/talk.h), taken out of
 * the bytes as they come, in a bounded room. A peer whose first bytes are no such entry is none of
 * ours: whatever it says is thrown away. One that has spoken as ours do must go on so.
 */
#ifndef KIEKER_AGENT_CORE_ANSWERS_H
#define KIEKER_AGENT_CORE_ANSWERS_H

#include <stddef.h>

#include "record/talk.h"

#define ANSWERS_HEAD 12u

struct answers {
    unsigned char bytes[ANSWERS_HEAD + TALK_TEXT_MAX]; /* `used` of them are there, */
    size_t at, used;                                   /* and those before `at` were taken */
    int heard;                                         /* something from one of ours */
    int is_foreign;
};

/* Of a new connection. */
void answers_begin(struct answers *answers);

/* Where the next bytes are to be put, and how many; never 0. */
unsigned char *answers_room(struct answers *answers, size_t *size);

/* So many were put there. */
void answers_put(struct answers *answers, size_t size);

/* The next text, with a NUL behind it: 1; 0 when there is none yet, -1 when the peer makes no sense
 * any more. */
int answers_next(struct answers *answers, char text[TALK_TEXT_MAX + 1]);

#endif
