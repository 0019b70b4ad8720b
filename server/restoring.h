/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions that the collector before has left, into the assembler of this one. */
#ifndef KIEKER_SERVER_RESTORING_H
#define KIEKER_SERVER_RESTORING_H

#include "record/talk.h"
#include "storage/store.h"

struct left_session {
    char name[TALK_SESSION_SIZE + 1];
    uint32_t id;           /* its stream's */
    struct stream *stream; /* NULL: over for good */
    uint64_t position;
    int is_over, cannot_go_on;
};

struct left_sessions {
    LIST(struct left_session) list; /* the oldest first */
    size_t traces;                  /* open ones */
};

/* 0; -1 with a line in the log. */
int restoring_run(struct store *store, struct assembler *assembler, struct left_sessions *left);

#endif
