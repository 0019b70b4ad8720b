/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream, and where it goes: connects it to its writer, again and again if need be, and hands
 * over what it holds. The sender's thread alone, but for what is atomic.
 */
#ifndef KIEKER_AGENT_CORE_OUTLET_H
#define KIEKER_AGENT_CORE_OUTLET_H

#include <stdatomic.h>
#include <stdint.h>

#include "agent/core/stream.h"
#include "agent/core/track.h"
#include "agent/core/writer.h"

struct outlet {
    struct writer writer;
    struct stream stream;
    struct track_sink sink; /* its `stream` is NULL while there is no connection */
    const char *hello;
    uint64_t retry_at, retry_after; /* the next attempt to connect; CLOCK_MONOTONIC */
    uint64_t flushed_at;
    _Atomic uint64_t give_up;                  /* see writer_write */
    _Atomic int complained;                    /* that there is no connection has been said */
    _Atomic uint64_t sent, bytes, connections; /* records and bytes handed over */
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

/* Hands over what the stream holds. What cannot be is lost, and counted in sink.lost. */
void outlet_flush(struct outlet *outlet);

/* Sends a text that no record refers to. 1, or 0 without a connection. */
int outlet_put_text(struct outlet *outlet, const char *text);

/* Ends the connection in order. */
void outlet_finish(struct outlet *outlet);

#endif
