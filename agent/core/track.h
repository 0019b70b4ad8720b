/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sender knows of a fiber: its open calls and its current trace. A trace begins with a
 * call on an empty stack and ends when the stack is empty again. What goes to the stream is a valid
 * trace whatever came out of the ring: an end that has no beginning is left out, a beginning
 * without its end is ended with the call around it. In a new stream a trace that is under way
 * begins anew: announced again, with the beginnings of its open calls.
 */
#ifndef KIEKER_AGENT_CORE_TRACK_H
#define KIEKER_AGENT_CORE_TRACK_H

#include <stddef.h>
#include <stdint.h>

struct clock;
struct map;
struct operations;
struct stream;
struct ring_entry;

struct track_frame {
    int64_t at; /* wall time of the beginning */
    uint32_t operation;
    uint32_t cause : 29;  /* + 1 of the exception that is ending it; 0: none */
    uint32_t lost : 1;    /* the beginning could not be sent */
    uint32_t order;       /* of its beginning in its trace; of executions, among the calls */
    uint32_t is_mute : 1; /* the operation was switched off when it began: no record says so */
};

/* The event at which a trace was started: a SplitEvent of another trace. */
struct track_parent {
    int64_t trace;
    uint32_t order;
    uint32_t session; /* in which it was sent; 0: there is no such event */
};

struct track {
    struct track_frame *frames;
    size_t depth, capacity;
    size_t loud;   /* frames that are not mute */
    size_t beyond; /* calls that no frame could be had for */
    int64_t trace;
    uint32_t order;             /* index of the trace's next event, or call */
    uint32_t session;           /* in which the trace was announced; 0: in none */
    struct track_parent parent; /* of the next trace that begins */
    int64_t last;               /* the latest wall time; none goes back behind it */
    int64_t thread_id;
    uint64_t fiber;   /* 0: the thread's own */
    unsigned readers; /* rings whose entries belong to it now; of a fiber other than a thread's */
};

/* Where all tracks write. Owned by the sender; all zero is a beginning, but for what is said. */
struct track_sink {
    struct stream *stream; /* NULL: there is none, since nobody would take it */
    uint32_t session;      /* counts streams, from 1 */
    int64_t next_trace;    /* set by the owner */
    int is_of_executions;  /* calls are recorded as such, not as events; set by the owner */
    uint32_t unfinished;   /* the cause given to a call whose end is missing; set by the owner */
    const struct clock *clock;     /* set by the owner */
    struct operations *operations; /* likewise */
    uint64_t lost;                 /* records that could not be sent */
    uint64_t unmatched;            /* ends without beginning and beginnings without end */
    /* The stream's buffer is full: sees to it that there is room, or gives up the stream (then
     * `stream` is NULL afterwards). */
    void (*on_full)(struct track_sink *sink);
    struct tracks *tracks; /* of fibers, and the splits; see tracks.h */
};

void track_init(struct track *track, int64_t thread_id);
void track_fini(struct track *track);

/* What the probe recorded next in that fiber: RING_ENTER, RING_LEAVE, RING_FAILED or RING_UNSEEN.
 */
void track_apply(struct track *track, struct track_sink *sink, const struct ring_entry *entry);

/* Says in the current trace that something is started; which event that is. Connection 0 when no
 * call is open. */
struct track_parent track_split(
    struct track *track, struct track_sink *sink, const struct ring_entry *entry);

/* The beginnings of calls were not sent after all, from the order index on that `first` has for
 * their trace. */
void track_lose(struct track *track, const struct track_sink *sink, const struct map *first);

/* Ends all calls that are open: nothing more will come of that fiber. */
void track_close(struct track *track, struct track_sink *sink, uint64_t ticks);

#endif
