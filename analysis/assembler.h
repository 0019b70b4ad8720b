/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From records to traces, as they come: memory in proportion to the calls that are open, never to a
 * trace's length. Feed it the records of any number of streams; from time to time cut a batch and
 * give that to the store. Traces of events are known by (stream, trace id), since ids of different
 * clients collide; traces of operation executions by (run, trace id), since these go on from host
 * to host. One thread.
 */
#ifndef KIEKER_ANALYSIS_ASSEMBLER_H
#define KIEKER_ANALYSIS_ASSEMBLER_H

#include "analysis/batch.h"
#include "record/record.h"

/* Bounds unless assembler_limit says otherwise. */
#define ASSEMBLER_OPEN_TRACES_MAX (1u << 16)
#define ASSEMBLER_DEPTH_MAX (1u << 20)
#define ASSEMBLER_EXECUTIONS_MAX (1u << 20)
#define ASSEMBLER_TRACE_MEMORY_MAX (64u << 20)

/* Open calls among which the one is looked for that an event ends, once a trace has had an event
 * that ended none: else each such event would cost as much as the trace is deep. */
#define ASSEMBLER_SEARCHED_CALLS 1024

struct assembler;
struct stream;

/* Where numbering goes on: what the store has. Zero for an empty store. */
struct assembler_start {
    uint64_t last_trace;
    uint32_t last_stream, last_batch;
};

/* Takes the model over (moved out of *model). NULL when memory is short. `run`: of streams that do
 * not name one. */
struct assembler *assembler_new(
    struct model *model, const struct assembler_start *start, const char *run);
void assembler_free(struct assembler *assembler);

struct assembler_limits {
    size_t open_traces;  /* beyond, the one that rests longest is put away, marked FLAW_EVICTED */
    size_t trace_memory; /* of the open traces' calls and records, in bytes: likewise */
    size_t depth;        /* open calls of one trace; beyond, calls are kept as records only */
    size_t executions; /* of one trace, which are kept until it is whole, since callees come first;
                          beyond, it is put away */
    struct model_limits model;
};
void assembler_limit(struct assembler *assembler, const struct assembler_limits *limits);
void assembler_limit_traces(struct assembler *assembler, size_t trace_memory); /* that one alone */

/* Memory that it holds, in bytes, nearly: all but the streams; of that, what trace_memory bounds;
 * and what one stream takes. */
size_t assembler_bytes(const struct assembler *assembler);
size_t assembler_trace_bytes(const struct assembler *assembler);
size_t assembler_stream_bytes(const struct stream *stream);

/* A stream begins at time `now` (ns since 1970). NULL when memory is short. */
struct stream *assembler_open_stream(struct assembler *assembler, const char *peer, int64_t now);

/* Its number, as batches have it. */
uint32_t assembler_stream_id(const struct stream *stream);

/* The stream goes on when its connection has broken: `session` (TALK_SESSION_SIZE digits) is stored
 * with it, so that it is found again. */
void assembler_name_session(struct stream *stream, const char *session);

/* Its records come from another registry from now on, of which nothing is known. */
void assembler_go_on(struct stream *stream);

/* The client announced a string: our own agents say thus who they are. 0, or -1 when memory is
 * short. */
int assembler_entry(
    struct assembler *assembler, struct stream *stream, const struct registry_entry *entry);

/* One record. 0, or -1 when memory is short. The record is not needed afterwards. */
int assembler_feed(
    struct assembler *assembler, struct stream *stream, const struct record *record, int64_t now);

/* The stream has been read up to here. */
void assembler_position(struct stream *stream, uint64_t bytes);
uint64_t assembler_position_of(const struct stream *stream);

/*
 * The stream is over: its open traces end as incomplete. `fault`: a short static name of why it was
 * given up, or NULL. The stream is gone afterwards. 0, or -1 when memory is short.
 */
int assembler_close_stream(
    struct assembler *assembler, struct stream *stream, const char *fault, int64_t now);

/* Likewise, but the stream may be woken, and goes on then behind what has ended; until then nothing
 * may be fed. It is dropped when nobody will wake it. */
int assembler_rest_stream(
    struct assembler *assembler, struct stream *stream, const char *fault, int64_t now);
void assembler_wake_stream(struct stream *stream);
void assembler_drop_stream(struct assembler *assembler, struct stream *stream);

/* Counts something of a stream (or NULL: of no stream) under a static name. */
void assembler_count(
    struct assembler *assembler, const struct stream *stream, const char *name, uint64_t more);

/* Has a number remembered with the batch under way, in the place of what it was. 0, or -1 when
 * memory is short. See store_noted. */
int assembler_note(struct assembler *assembler, const char *name, uint64_t value);

/* Bytes of the batch under way: cut when it is large, or some time after the first record. 0: there
 * is nothing to cut. */
size_t assembler_pending(const struct assembler *assembler);

/* What assembler_note remembers of the layouts of users' record types: this and the class name,
 * with the number of the name that is the layout (record/layout.h) in use last. */
#define ASSEMBLER_LAYOUT "layout "

/* Takes the batch, with every open trace as it stands; the caller owns it. NULL when memory is
 * short, or was at any time since the batch before: nothing more may be stored then. */
struct batch *assembler_cut(struct assembler *assembler);

/* Live figures for a page: a plain look, no effect. */
struct assembler_figures {
    uint64_t records, traces_finished, traces_running, calls, failed_calls;
    uint64_t operations, paths, classes;
};
void assembler_figures(const struct assembler *assembler, struct assembler_figures *figures);

#endif
