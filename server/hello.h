/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent's first entry says of where its stream goes on, see record/talk.h. */
#ifndef KIEKER_SERVER_HELLO_H
#define KIEKER_SERVER_HELLO_H

#include <stdint.h>

#include "record/talk.h"

struct hello {
    char session[TALK_SESSION_SIZE + 1];
    uint64_t position;                   /* of the byte behind the preamble */
    uint64_t registry;                   /* bytes of the preamble that follow the hello */
    uint64_t probes;                     /* the list of patterns that it obeys; 0: none */
    char pid[16], run[64], program[200]; /* as it says; longer ones are cut */
};

/* 1 if the text is an agent's that names a session; 0 if nothing may be written to this client. */
int hello_read(const char *text, struct hello *hello);

#endif
