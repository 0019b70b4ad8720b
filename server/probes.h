/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which operations our agents are to record: the patterns in force (record/pattern.h), of which the
 * last that fits counts; a file that keeps them over restarts; and who obeys them. Patterns change
 * from any thread; agents are told by the loop (record/talk.h).
 *
 * The file is as Kieker's adaptive monitoring has it: a pattern a line, "+ " before it where it
 * activates, "- " where it deactivates, "#" before comments.
 */
#ifndef KIEKER_SERVER_PROBES_H
#define KIEKER_SERVER_PROBES_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "server/hello.h"

#define PROBES_AGENTS_SHOWN 100u

struct event_base;
struct probes;
struct probes_agent;

/* What agents are told, shared by all connections. The loop's thread. */
struct probes_message {
    uint64_t list;
    int is_empty; /* no pattern is in force */
    unsigned uses;
    size_t size;
    unsigned char bytes[];
};

/* With the patterns of that file (copied), if there is one. NULL with a sentence. */
struct probes *probes_open(const char *file, char *error, size_t error_size);
void probes_close(struct probes *probes);

/* From now on the loop calls back when they have changed. 0, or -1. */
int probes_start(struct probes *probes, struct event_base *base, void (*on_change)(void *context),
    void *context);
/* The loop ends. */
void probes_stop(struct probes *probes);

/* Reads the file again. 0; -1 with a sentence, and all stays as it was. Any thread. */
int probes_reload(struct probes *probes, char *error, size_t error_size);

/*
 * "activate", "deactivate" or "forget" a pattern, or "reset", which forgets all. It holds at once.
 * 0, or an HTTP status with a sentence. Any thread.
 */
int probes_order(
    struct probes *probes, const char *action, const char *pattern, char *error, size_t error_size);

/* The patterns and the agents, as web/probes.h says. NULL when memory is short. Any thread. */
json_t *probes_show(struct probes *probes);

/* The loop's thread: */

/* What there is to tell now, lent until the next call; NULL when memory is short. */
struct probes_message *probes_message(struct probes *probes);
struct probes_message *probes_message_use(struct probes_message *message);
void probes_message_drop(struct probes_message *message); /* NULL is fine */

/* An agent is connected; NULL when memory is short: then it is not told anything. */
struct probes_agent *probes_join(
    struct probes *probes, const struct hello *hello, uint64_t stream, const char *peer);
void probes_leave(struct probes *probes, struct probes_agent *agent); /* NULL is fine */

/* The agent has said TALK_OBEYED. */
void probes_obeyed(struct probes *probes, struct probes_agent *agent, const char *pairs);

#endif
