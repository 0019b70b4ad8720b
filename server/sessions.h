/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The streams that go on in other connections: which there are, how far each has been taken and
 * stored, and those that wait for their agent. One that waits for longer than --resume-wait is
 * over, its traces end as incomplete; if its agent comes after all, it goes on behind them. The
 * loop's thread.
 */
#ifndef KIEKER_SERVER_SESSIONS_H
#define KIEKER_SERVER_SESSIONS_H

#include "record/talk.h"
#include "server/intake.h"

#define SESSIONS_WAITING_MAX 1024 /* beyond, the one that waits longest is over */
#define SESSIONS_OVER_MAX 1024    /* that are remembered, since a last answer may have got lost */

struct connection;
struct sessions;

struct session {
    char name[TALK_SESSION_SIZE + 1];
    uint32_t id;                   /* of its stream */
    struct stream *stream;         /* NULL: the agent has said that it ended, or it cannot go on */
    struct connection *connection; /* NULL: none right now */
    uint64_t committed;            /* all before is in the store */
    uint64_t end;                  /* without stream: where it ended */
    int is_over, cannot_go_on;
    int64_t until;               /* it waits so long; of clock_monotonic */
    uint64_t cuts, cut_position; /* see sessions_taken */
    struct session *next_of_name, *next_of_id;
    struct session *previous, *next; /* of those that wait, or are over, the oldest first */
};

/* Begins with what the store had. NULL when memory is short. */
struct sessions *sessions_new(struct event_base *base, struct intake *intake,
    const struct settings *settings, struct live *live);
void sessions_free(struct sessions *sessions);

struct session *sessions_find(struct sessions *sessions, const char *name);

/* By its stream. */
struct session *sessions_of(struct sessions *sessions, uint32_t id);

/* A new one, of an open stream. NULL when memory is short. */
struct session *sessions_begin(
    struct sessions *sessions, const char *name, struct stream *stream, struct connection *from);

/* How far it has come. */
uint64_t session_position(const struct session *session);

/* The agent is there again, and its stream, if there is one, is fed from another registry. */
void sessions_resume(
    struct sessions *sessions, struct session *session, struct connection *connection);

/* The stream has been taken up to here; the agent keeps a bounded part of what is not stored. */
void sessions_taken(struct sessions *sessions, struct session *session, uint64_t position);

/* Its connection is gone, though the stream has not ended. */
void sessions_wait(struct sessions *sessions, struct session *session);

/* Its connection is gone, and the collector stops. */
void sessions_leave(struct session *session);

/* The agent has said that this was all; or (with a fault) its stream cannot be read on. */
void sessions_end(struct sessions *sessions, struct session *session, const char *fault);

#endif
