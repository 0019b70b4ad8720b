/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's thread: commits batches in order, from a bounded queue, lets go what is beyond
 * the limits between them, and tidies the store when there is nothing to commit. A commit that
 * fails is tried again until it succeeds: nothing is dropped, the queue fills, and who fills it
 * must wait.
 */
#ifndef KIEKER_SERVER_COMMITTER_H
#define KIEKER_SERVER_COMMITTER_H

#include "storage/store.h"
#include "web/figures.h"

#define COMMITTER_BATCHES_MAX 64 /* that wait at a time, however small */

struct committer;

/*
 * Starts the thread. `queue_bytes`: what may wait. `on_progress` is called from the store's thread
 * whenever there is room again in the queue. The store is the thread's until committer_stop. NULL
 * when memory or threads are short.
 */
struct committer *committer_start(
    struct store *store, size_t queue_bytes, void (*on_progress)(void *context), void *context);

/* What to keep from now on; see store_keep. */
void committer_keep(struct committer *committer, const struct store_limits *limits);

/* Whether committer_put may be called. */
int committer_has_room(struct committer *committer);

/* Waits until there is room: 1. 0: not within `milliseconds`. */
int committer_wait(struct committer *committer, unsigned milliseconds);

/* Whether nothing waits or is under way. */
int committer_is_idle(struct committer *committer);

/* Takes the batch over; there must be room. */
void committer_put(struct committer *committer, struct batch *batch);

/*
 * Commits what waits and ends the thread. What cannot be committed within `milliseconds` is given
 * up, with a line in the log. Returns the number of records that were given up. Then only
 * committer_take_stored and committer_free are left.
 */
uint64_t committer_stop(struct committer *committer, unsigned milliseconds);
void committer_free(struct committer *committer);

/* How far a session's stream is stored. */
struct committer_stored {
    uint32_t stream;
    uint64_t position;
};

/* Takes what commits have stored of sessions since the last call, at most `room`; how many. */
size_t committer_take_stored(
    struct committer *committer, struct committer_stored *stored, size_t room);

/* Fills in the figures of commits and of the queue. Any thread. */
void committer_figures(struct committer *committer, struct figures *figures);

#endif
