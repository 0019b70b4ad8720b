/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracks of all fibers that are not a thread's own, and where threads and tasks were started.
 * The sender's thread alone.
 */
#ifndef KIEKER_AGENT_CORE_TRACKS_H
#define KIEKER_AGENT_CORE_TRACKS_H

#include <stdint.h>

#include "agent/core/track.h"

#define TRACKS_SPLITS (1u << 17) /* splits that are remembered; of older ones no trace begins */

struct tracks;

struct tracks *tracks_new(void);
void tracks_free(struct tracks *tracks);

/* The track of a fiber, for one more reader; `thread_id` is for a new one. NULL when memory is
 * short. */
struct track *tracks_take(struct tracks *tracks, uint64_t fiber, int64_t thread_id);

/* One reader less: without any, and without open calls, the track is gone. */
void tracks_leave(struct tracks *tracks, struct track *track);

/* Ends the open calls of all of them. Those without a reader are gone then. */
void tracks_close(struct tracks *tracks, struct track_sink *sink, uint64_t ticks);

/* track_lose for all of them. */
void tracks_lose(struct tracks *tracks, const struct track_sink *sink, const struct map *first);

/* Where the split of that number is. */
void tracks_put_split(struct tracks *tracks, uint64_t split, struct track_parent parent);

/* Finds that. 0 when it has not been put, or too many have been since. */
int tracks_find_split(const struct tracks *tracks, uint64_t split, struct track_parent *parent);

#endif
