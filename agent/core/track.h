/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sender knows of a thread: its open calls and its current trace. A trace begins with a
 * call on an empty stack and ends when the stack is empty again. What goes to the stream is a valid
 * trace whatever came out of the ring: an end that has no beginning is left out, a beginning
 * without its end is ended with the call around it. On a new connection a trace that is under way
 * begins anew: announced again, with the beginnings of its open calls.
 */
#ifndef KIEKER_AGENT_CORE_TRACK_H
#define KIEKER_AGENT_CORE_TRACK_H

#include <stddef.h>
#include <stdint.h>

struct clock;
struct stream;
struct ring_entry;

struct track_frame {
    int64_t at; /* wall time of the beginning */
    uint32_t operation;
    uint32_t cause : 31; /* + 1 of the exception that is ending it; 0: none */
    uint32_t lost : 1;   /* the beginning could not be sent */
};

struct track {
    struct track_frame *frames;
    size_t depth, capacity;
    size_t beyond; /* calls that no frame could be had for */
    int64_t trace;
    uint32_t order;      /* index of the trace's next event */
    uint32_t connection; /* on which the trace was announced; 0: on none */
    int64_t last;        /* the latest wall time; none goes back behind it */
    int64_t thread_id;
};

/* Where all tracks write. Owned by the sender. */
struct track_sink {
    struct stream *stream; /* NULL: not connected */
    uint32_t connection;   /* counts connections, from 1 */
    int64_t next_trace;
    uint32_t unfinished; /* the cause given to a call whose end is missing */
    const struct clock *clock;
    uint64_t lost;      /* records that could not be sent */
    uint64_t unmatched; /* ends without beginning and beginnings without end */
    /* The stream is full: takes its bytes, or gives up the connection (then `stream` is NULL
     * afterwards). */
    void (*on_full)(struct track_sink *sink);
};

void track_init(struct track *track, int64_t thread_id);
void track_fini(struct track *track);

/* What the probe recorded next in that thread. */
void track_apply(struct track *track, struct track_sink *sink, const struct ring_entry *entry);

#endif
