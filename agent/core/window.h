/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last bytes of a stream: what is still to be written, and what has been written and may be
 * asked for again, since the peer has not said that it has stored it. The stream writes straight
 * into the window's last segment; positions are counted in bytes from the stream's begin. Where
 * nothing is kept one segment does, again and again.
 *
 * No item lies in two segments, and none that is needed to read a record lies in another one than
 * the record, unless it was there before.
 */
#ifndef KIEKER_AGENT_CORE_WINDOW_H
#define KIEKER_AGENT_CORE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "agent/core/preamble.h"
#include "agent/core/stream.h"
#include "record/map.h"

#define WINDOW_SEGMENTS 256u /* of STREAM_BYTES, so 64 MiB at most */

struct window_segment {
    unsigned char *bytes;
    uint64_t begin;    /* position of its first byte */
    size_t used;       /* of the last one, as of the others' end: the stream has it */
    uint64_t records;  /* likewise */
    uint64_t counted;  /* those of them that are in `sent` */
    uint32_t first_id; /* the stream's next_id at its first byte */
};

struct window {
    struct stream *stream;
    struct window_segment segments[WINDOW_SEGMENTS]; /* `count` of them from `first` on, around */
    unsigned first, count;
    unsigned char *idle[WINDOW_SEGMENTS]; /* the one that was used last is the next to be used */
    unsigned idle_count, idle_least;      /* how few there were since window_trim */
    uint64_t stored;  /* position up to which the peer has stored everything, or nothing is kept */
    uint64_t written; /* up to which everything was written on this connection, */
    uint64_t written_most; /* and on any */
    uint64_t sent, bytes;  /* records and bytes that were written, once each; of all streams */
};

/* 0, or -1 without memory; window_fini in either case. */
int window_init(struct window *window, struct stream *stream);
void window_fini(struct window *window);

/* A new stream begins: nothing is in the window, and the stream begins at position 0. */
void window_begin(struct window *window);

/* Position behind the stream's last byte. */
uint64_t window_end(const struct window *window);

/* Has the stream go on in another segment, without anything in it. 1, or 0 when there may be no
 * more, or memory is short. */
int window_next(struct window *window);

/* What is to be written next: 1, or 0 when everything was. */
int window_unwritten(const struct window *window, const unsigned char **bytes, size_t *size);

/* So many bytes of that were. */
void window_wrote(struct window *window, size_t size);

/* What lies before that position is stored, or need not be: once it has been written on this
 * connection, it is needed no more. Nothing if it never has been. */
void window_release(struct window *window, uint64_t position);

/* Has what is not stored be written again, on a new connection: from *place on. It lies behind a
 * record's end, so as to have all that further records need behind it, or in the preamble. */
void window_rewind(struct window *window, struct preamble_place *place);

/* How many records end behind that position; *first (or NULL) gets, by trace, the order index of
 * the first beginning of a call among them. */
uint64_t window_records_behind(const struct window *window, uint64_t position, struct map *first);

/* What ends behind that position has not been sent after all: how many records that is. Then
 * nothing is in the window. */
uint64_t window_drop(struct window *window, uint64_t position);

/* Gives memory back that has not been needed since the last call. */
void window_trim(struct window *window);

#endif
