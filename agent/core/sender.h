/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sender: a thread that takes what the rings hold, makes Kieker records of it and writes them.
 * It never holds a lock while it waits for the collector. Without a collector it takes and counts,
 * and asks for a connection now and then.
 */
#ifndef KIEKER_AGENT_CORE_SENDER_H
#define KIEKER_AGENT_CORE_SENDER_H

#include "agent/core/agent.h"
#include "agent/core/stream.h"

struct sender;

struct sender_options {
    const char *writer;          /* copied */
    const char *hello;           /* the stream's first entry; lent until the sender is freed */
    struct stream_source source; /* lent likewise */
    uint32_t unfinished;         /* see track.h */
    uint64_t patience;           /* with a collector that is gone, see outlet.h */
    int quiet; /* an absent collector has been reported by the parent process already */
};

/* A sender that does not run yet; NULL with the reason in `error`. */
struct sender *sender_new(const struct sender_options *options, char *error, size_t error_size);
void sender_free(struct sender *sender);

/* Also after sender_park and sender_stop, whose connection it does not take up again. 0, or -1 when
 * there can be no further thread. */
int sender_start(struct sender *sender);

/*
 * Ends the sender's thread for a while, with everything sent; its connection stays. 0; -1 when that
 * takes longer than a moment: then it runs on.
 */
int sender_park(struct sender *sender);

/*
 * Ends the sender: it sends what there is, for `patience` ns at most. 0; -1 when it did not end in
 * time (it must not be freed then).
 */
int sender_stop(struct sender *sender, uint64_t patience);

/* The same in a signal's handler, whatever it has interrupted: no lock is taken, and the thread,
 * once ended, is left as it is. */
int sender_stop_in_signal(struct sender *sender, uint64_t patience);

/* Adds what the sender has counted. Any thread. */
void sender_stats(const struct sender *sender, struct agent_stats *stats);

/* Whether it has reported that there is no collector. */
int sender_has_complained(const struct sender *sender);

/* Around fork, as in writer.h and loose.h. */
void sender_lock(struct sender *sender);
void sender_unlock(struct sender *sender);
void sender_disown(struct sender *sender);

#endif
