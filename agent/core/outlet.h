/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream, and where it goes: connects it to its writer, again and again if need be, and hands
 * over what it holds. The sender's thread alone, but for what is atomic.
 *
 * A peer may say what it has stored (record/talk.h). Then a stream outlives its connection: what is
 * not stored is kept in the window and written again on the next one. When the window is full, this
 * waits: for a peer that is there as long as it takes, for one that is gone as long as the patience
 * lasts. With a peer that does not say so, a stream and its connection are one, and what has been
 * written is forgotten.
 *
 * Until the peer's first word it is taken for one of those: a connection that breaks before takes
 * with it what was under way. To write that again at once would be wrong, since a peer that keeps
 * no positions would have it twice.
 */
#ifndef KIEKER_AGENT_CORE_OUTLET_H
#define KIEKER_AGENT_CORE_OUTLET_H

#include <stdatomic.h>
#include <stdint.h>

#include "agent/core/orders.h"
#include "agent/core/stream.h"
#include "agent/core/track.h"
#include "agent/core/window.h"
#include "agent/core/writer.h"
#include "record/talk.h"

struct outlet {
    struct writer writer;
    struct stream stream;
    struct window window;
    struct track_sink sink; /* its `stream` is NULL while there is nothing to hand over to */
    struct orders orders;
    const char *hello;
    char session[TALK_SESSION_SIZE + 1]; /* by which the peer knows the stream */
    enum outlet_peer {
        OUTLET_NEW,    /* has said nothing yet */
        OUTLET_STORES, /* says what it has stored */
        OUTLET_MUTE    /* will never say so: nothing is kept for it */
    } peer;
    int has_answered; /* on this connection */
    int is_ending;
    int has_said_gone;
    uint64_t patience;              /* ns; set by the owner */
    uint64_t retry_at, retry_after; /* the next attempt to connect; CLOCK_MONOTONIC */
    uint64_t gone_at;               /* when the connection broke that the stream goes on from */
    uint64_t unknown_at;            /* when the peer last did not know what it had been sent */
    uint64_t flushed_at, trimmed_at;
    _Atomic uint64_t give_up;                  /* see writer_write */
    _Atomic int complained;                    /* that there is no connection has been said */
    _Atomic uint64_t sent, bytes, connections; /* records and bytes handed over, once each */
    _Atomic uint64_t resumed;                  /* connections on which a stream went on */
    _Atomic uint64_t unacknowledged;           /* bytes of a stream that may go on */
};

/* Strings are lent, but for `writer`. 0, or -1 with the reason in writer.error; outlet_fini in
 * either case. */
int outlet_init(struct outlet *outlet, const char *writer, const char *hello,
    const struct stream_source *source);
void outlet_fini(struct outlet *outlet);

/* Connects if it is time to. What has become of it: rings.connected, sink.stream. */
void outlet_keep_connected(struct outlet *outlet, uint64_t now);

/* In how many ns there may be news of the connection, if nothing is sent meanwhile; UINT64_MAX for
 * never. */
uint64_t outlet_next_attempt(const struct outlet *outlet);

/* Hands over what the stream holds, and listens to the peer. What cannot be handed over, now or
 * later, is lost, and counted in sink.lost. */
void outlet_flush(struct outlet *outlet);

/* Sends a text that no record refers to. 1, or 0 when there is no stream. */
int outlet_put_text(struct outlet *outlet, const char *text);

/* Ends the stream, and the connection, in order. */
void outlet_finish(struct outlet *outlet);

/* For outlet_listen.c and outlet_wait.c */

#define OUTLET_RETRY_NS 1000000000u /* between connection requests, at most */

/* Takes in what the peer has said. 0; -1 when the connection has ended. */
int outlet_listen(struct outlet *outlet);

/* Waits a little for the connection, or for what the peer says. */
void outlet_step(struct outlet *outlet);

/* The stream ends here: what ends behind that position is lost. */
void outlet_abandon(struct outlet *outlet, uint64_t position);

/* There is no connection, or none any more: it is said once, and again only after there was one. */
void outlet_miss(struct outlet *outlet);

/* Sees to it that there is an empty segment to write to, if it has to wait for that; or gives up
 * the stream. */
void outlet_make_room(struct outlet *outlet);

/* Everything has been put: waits until the peer has stored it, as far as it says so. */
void outlet_wait_for_end(struct outlet *outlet);

#endif
