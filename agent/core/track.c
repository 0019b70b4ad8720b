/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/track.h"

#include <stdlib.h>
#include <string.h>

#include "agent/core/clock.h"
#include "agent/core/operations.h"
#include "agent/core/ring.h"
#include "agent/core/stream.h"
#include "record/map.h"

#define FRAMES_FIRST 8u
#define CAUSE_MASK ((1u << 29) - 1)

void track_init(struct track *track, int64_t thread_id)
{
    memset(track, 0, sizeof(*track));
    track->thread_id = thread_id;
}

void track_fini(struct track *track)
{
    free(track->frames);
    memset(track, 0, sizeof(*track));
}

/* 1 when the stream can take one more event; 0 without a stream. */
static int has_room(struct track_sink *sink)
{
    if (sink->stream != NULL && __builtin_expect(!stream_has_room(sink->stream), 0))
        sink->on_full(sink);
    return sink->stream != NULL;
}

static void put(struct track *track, struct track_sink *sink, enum stream_class class, int64_t at,
    uint32_t operation, uint32_t cause)
{
    stream_put_event(sink->stream, class, at, track->trace, track->order++, operation, cause);
}

/* A trace of executions begins with the calls that are open: what they say of their order is new.
 */
static void count_open(struct track *track)
{
    for (size_t i = 0; i < track->depth; i++)
        if (!track->frames[i].is_mute)
            track->frames[i].order = track->order++;
}

/* Begins a trace in this stream, with the calls that are open. 0 when the stream was given up
 * meanwhile. */
static int announce(struct track *track, struct track_sink *sink)
{
    int has_parent = track->parent.session == sink->session;

    track->trace = sink->next_trace++;
    track->order = 0;
    track->session = sink->session;
    if (sink->is_of_executions) {
        count_open(track);
        return 1;
    }
    stream_put_trace(sink->stream, track->trace, track->thread_id,
        has_parent ? track->parent.trace : track->trace,
        has_parent ? track->parent.order : STREAM_NO_PARENT);
    track->parent.session = 0;
    for (size_t i = 0; i < track->depth; i++) {
        struct track_frame *frame = &track->frames[i];

        if (frame->is_mute)
            continue;
        if (!has_room(sink))
            return 0;
        frame->order = track->order;
        put(track, sink, STREAM_BEFORE, frame->at, frame->operation, 0);
        if (frame->lost) {
            frame->lost = 0;
            sink->lost--;
        }
    }
    return has_room(sink);
}

/* 1 when an event of this track can be put. */
static int is_ready(struct track *track, struct track_sink *sink)
{
    if (!has_room(sink))
        return 0;
    return track->session == sink->session || announce(track, sink);
}

static int grow(struct track *track)
{
    size_t capacity = track->capacity == 0 ? FRAMES_FIRST : track->capacity * 2;
    struct track_frame *frames = realloc(track->frames, capacity * sizeof(*frames));

    if (frames == NULL)
        return -1;
    track->frames = frames;
    track->capacity = capacity;
    return 0;
}

static void begin(
    struct track *track, struct track_sink *sink, int64_t at, uint64_t ticks, uint32_t number)
{
    struct operation *operation = operations_of_sender(sink->operations, number);
    struct track_frame *frame;
    int ready;

    if (track->beyond > 0 || (track->depth == track->capacity && grow(track) != 0)) {
        track->beyond++;
        sink->lost += !sink->is_of_executions;
        return;
    }
    operation_began(operation);
    if (operation_is_unwanted(operation, ticks)) {
        track->frames[track->depth++] =
            (struct track_frame){.at = at, .operation = number, .is_mute = 1};
        return;
    }
    if (track->loud++ == 0)
        track->session = 0;
    ready = is_ready(track, sink);
    frame = &track->frames[track->depth++];
    *frame = (struct track_frame){.at = at, .operation = number, .order = track->order};
    if (sink->is_of_executions) {
        track->order += ready;
        return;
    }
    frame->lost = !ready;
    if (ready)
        put(track, sink, STREAM_BEFORE, at, number, 0);
    else
        sink->lost++;
}

/* Ends the innermost call. */
static void end(struct track *track, struct track_sink *sink, int64_t at)
{
    struct track_frame *frame = &track->frames[track->depth - 1];

    operation_ended(operations_of_sender(sink->operations, frame->operation));
    if (frame->is_mute) {
        track->depth--;
        return;
    }
    if (!is_ready(track, sink))
        sink->lost++;
    else if (sink->is_of_executions)
        stream_put_execution(sink->stream, track->trace, frame->operation, frame->at, at,
            frame->order, (uint32_t)track->loud - 1);
    else if (frame->cause != 0)
        put(track, sink, STREAM_FAILED, at, frame->operation, frame->cause - 1u);
    else
        put(track, sink, STREAM_AFTER, at, frame->operation, 0);
    track->loud--;
    track->depth--;
}

/* Ends the innermost call, of which the end was not seen. */
static void end_unseen(struct track *track, struct track_sink *sink, int64_t at)
{
    struct track_frame *frame = &track->frames[track->depth - 1];

    if (frame->cause == 0)
        frame->cause = (sink->unfinished + 1) & CAUSE_MASK;
    sink->unmatched += !frame->is_mute;
    end(track, sink, at);
}

/*
 * Makes the innermost open call of that operation the innermost of all. What lies above it has
 * ended unseen: an interrupt can strike between a function's last instruction and its probe. 0 when
 * there is no such call.
 */
static int find(struct track *track, struct track_sink *sink, int64_t at, uint32_t operation)
{
    size_t i = track->depth;

    while (i > 0 && track->frames[i - 1].operation != operation)
        i--;
    if (i == 0) {
        /* What began while its operation was switched off is no surprise. */
        sink->unmatched += !operations_of_sender(sink->operations, operation)->was_off;
        return 0;
    }
    while (track->depth > i)
        end_unseen(track, sink, at);
    return 1;
}

static void miss_end(struct track *track, struct track_sink *sink, int64_t at)
{
    if (track->beyond > 0)
        track->beyond--;
    else if (track->depth > 0)
        end_unseen(track, sink, at);
}

/* The entry's wall time. The clock is refined now and then: then a moment can come out some ns
 * earlier than the one before it. */
static int64_t time_of(struct track *track, const struct track_sink *sink, uint64_t ticks)
{
    int64_t at = clock_wall(sink->clock, ticks);

    if (at > track->last)
        track->last = at;
    return track->last;
}

void track_apply(struct track *track, struct track_sink *sink, const struct ring_entry *entry)
{
    enum ring_kind kind = ring_kind(entry->word);
    uint32_t operation = ring_operation(entry->word);
    int64_t at = time_of(track, sink, entry->ticks);

    if (kind == RING_ENTER) {
        begin(track, sink, at, entry->ticks, operation);
        return;
    }
    if (kind == RING_UNSEEN) {
        for (uint64_t i = 0; i < ring_number(entry->word); i++)
            miss_end(track, sink, at);
        return;
    }
    if (track->beyond > 0) {
        if (kind == RING_LEAVE) {
            track->beyond--;
            sink->lost++;
        }
        return;
    }
    if (track->depth == 0 || track->frames[track->depth - 1].operation != operation) {
        if (!find(track, sink, at, operation))
            return;
    }
    if (kind == RING_LEAVE)
        end(track, sink, at);
    else
        track->frames[track->depth - 1].cause = (ring_cause(entry->word) + 1) & CAUSE_MASK;
}

struct track_parent track_split(
    struct track *track, struct track_sink *sink, const struct ring_entry *entry)
{
    int64_t at = time_of(track, sink, entry->ticks);
    struct track_parent parent = {.session = 0};

    if (sink->is_of_executions || track->loud == 0 || !is_ready(track, sink))
        return parent;
    parent = (struct track_parent){track->trace, track->order, sink->session};
    stream_put_split(sink->stream, at, track->trace, track->order++);
    return parent;
}

void track_lose(struct track *track, const struct track_sink *sink, const struct map *first)
{
    uint32_t from =
        track->session == sink->session ? map_get(first, (uint64_t)track->trace) : MAP_NONE;

    for (size_t i = track->depth; from != MAP_NONE && i-- > 0;)
        if (!track->frames[i].is_mute && track->frames[i].order >= from)
            track->frames[i].lost = 1;
}

void track_close(struct track *track, struct track_sink *sink, uint64_t ticks)
{
    if (track->depth == 0)
        return;
    for (int64_t at = time_of(track, sink, ticks); track->depth > 0;)
        end_unseen(track, sink, at);
    track->beyond = 0;
}
