/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/tracks.h"

#include <stdlib.h>

#include "record/map.h"

/* A split lies at its number modulo TRACKS_SPLITS. */
struct split {
    uint64_t number;
    struct track_parent parent;
};

struct tracks {
    struct map by_fiber; /* index in `all` */
    struct track **all;
    uint32_t count, capacity;
    struct split *splits; /* NULL: there was none */
};

struct tracks *tracks_new(void)
{
    return calloc(1, sizeof(struct tracks));
}

static void free_track(struct track *track)
{
    track_fini(track);
    free(track);
}

void tracks_free(struct tracks *tracks)
{
    if (tracks == NULL)
        return;
    for (uint32_t i = 0; i < tracks->count; i++)
        free_track(tracks->all[i]);
    free(tracks->all);
    free(tracks->splits);
    map_fini(&tracks->by_fiber);
    free(tracks);
}

static int grow(struct tracks *tracks)
{
    uint32_t capacity = tracks->capacity == 0 ? 64 : tracks->capacity * 2;
    struct track **all = realloc(tracks->all, capacity * sizeof(struct track *));

    if (all == NULL)
        return -1;
    tracks->all = all;
    tracks->capacity = capacity;
    return 0;
}

static struct track *add(struct tracks *tracks, uint64_t fiber, int64_t thread_id)
{
    struct track *track;

    if (tracks->count == tracks->capacity && grow(tracks) != 0)
        return NULL;
    track = malloc(sizeof(*track));
    if (track == NULL || map_put(&tracks->by_fiber, fiber, tracks->count) != 0) {
        free(track);
        return NULL;
    }
    track_init(track, thread_id);
    track->fiber = fiber;
    tracks->all[tracks->count++] = track;
    return track;
}

struct track *tracks_take(struct tracks *tracks, uint64_t fiber, int64_t thread_id)
{
    uint32_t index = map_get(&tracks->by_fiber, fiber);
    struct track *track = index != MAP_NONE ? tracks->all[index] : add(tracks, fiber, thread_id);

    if (track != NULL)
        track->readers++;
    return track;
}

/* The last one takes its place. */
static void take_out(struct tracks *tracks, struct track *track)
{
    uint32_t index = map_get(&tracks->by_fiber, track->fiber);
    struct track *last = tracks->all[--tracks->count];

    if (last != track) {
        tracks->all[index] = last;
        map_put(&tracks->by_fiber, last->fiber, index); /* it is there: needs no memory */
    }
    map_remove(&tracks->by_fiber, track->fiber);
    free_track(track);
}

void tracks_leave(struct tracks *tracks, struct track *track)
{
    if (--track->readers == 0 && track->depth == 0)
        take_out(tracks, track);
}

void tracks_close(struct tracks *tracks, struct track_sink *sink, uint64_t ticks)
{
    for (uint32_t i = tracks->count; i-- > 0;) {
        struct track *track = tracks->all[i];

        track_close(track, sink, ticks);
        if (track->readers == 0)
            take_out(tracks, track);
    }
}

void tracks_lose(struct tracks *tracks, const struct track_sink *sink, const struct map *first)
{
    for (uint32_t i = 0; i < tracks->count; i++)
        track_lose(tracks->all[i], sink, first);
}

void tracks_put_split(struct tracks *tracks, uint64_t split, struct track_parent parent)
{
    if (tracks->splits == NULL)
        tracks->splits = calloc(TRACKS_SPLITS, sizeof(*tracks->splits));
    if (tracks->splits != NULL)
        tracks->splits[split % TRACKS_SPLITS] = (struct split){split, parent};
}

int tracks_find_split(const struct tracks *tracks, uint64_t split, struct track_parent *parent)
{
    const struct split *found =
        tracks->splits != NULL ? &tracks->splits[split % TRACKS_SPLITS] : NULL;

    if (found == NULL || found->number != split)
        return 0;
    *parent = found->parent;
    return 1;
}
