/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the assembler share: the open traces, the streams, and closing calls. Not for
 * others to include. */
#ifndef KIEKER_ANALYSIS_ASSEMBLING_H
#define KIEKER_ANALYSIS_ASSEMBLING_H

#include "analysis/assembler.h"
#include "record/talk.h"

/* The frame's registry ids are not known: no client announces this one, and then it is told by its
 * operation. */
#define FRAME_NO_ID INT32_MIN

/* An open call. */
struct frame {
    uint32_t path;
    uint32_t operation : 30;
    uint32_t constructor : 1;       /* its Before or Call event is of a constructor */
    uint32_t called : 1;            /* only a Call event has told of it: no Before came */
    int32_t signature_id, class_id; /* the registry ids that its Before event had, or FRAME_NO_ID;
                                       `called`: its caller's operation, and FRAME_NO_ID */
    int64_t start;
    int64_t below;  /* ns that its ended callees took */
    uint64_t shape; /* of its ended callees, in order */
};

struct open_trace {
    struct trace row;
    struct stream *stream; /* that fed it last */
    uint64_t key;          /* under which it is found */
    uint32_t slot;         /* its place in assembler.traces */
    int32_t order;         /* the last order index; -1 before the first */
    uint64_t called_at;    /* row.events when a Call event had begun the innermost call */
    uint64_t beyond;       /* open calls deeper than the limit */
    uint64_t metadata_at;  /* records that came before the metadata did */
    uint64_t shape;        /* of the ended root calls */
    LIST(struct frame) frames;
    LIST(uint32_t) paths; /* touched; may hold one twice */
    size_t paths_sorted;  /* so many of them are sorted and there once */
    LIST(struct execution) executions;
    int32_t last_eoi;
    int has_root;
    uint32_t ready_since; /* number of the batch in which its executions became complete; 0: they
                             are not */
    struct chunk chunk;
    int changed, was_open;
    int is_parent;          /* noted as one that has started others */
    size_t weight, content; /* of its lists and its chunk, as last counted in the assembler's */
    struct open_trace *older, *newer;   /* by last touch; among the unused: `older` chains them */
    struct open_trace *previous, *next; /* of the same stream */
};

/* An operation as one stream names it. */
struct resolved {
    int32_t class_id;
    int whole; /* of an operation execution, whose one string names the class, too */
    uint32_t host;
    uint32_t operation, deployed;
    uint32_t made; /* the registry's `redefined` then: texts that came later are others */
};

#define AGENT_COUNTERS_MAX 64
#define AGENT_TEXT_MAX 4096 /* bytes that are kept of what a client says of itself */

struct agent_counter {
    const char *name; /* static, or the model's */
    uint64_t value;
};

struct stream {
    struct assembler *assembler;
    struct batch_stream row;             /* but for its texts: */
    char *peer, *agent;                  /* agent: NULL if it said nothing */
    char session[TALK_SESSION_SIZE + 1]; /* "": it ends with its connection */
    int changed;
    uint32_t emptied;        /* the registry's count when `resolved` was begun */
    struct open_trace *last; /* the trace of the record before */
    struct open_trace *traces;
    struct map ids;                 /* trace id -> slot, of traces of events */
    struct map threads;             /* thread id -> slot, of traces of threads */
    struct map thread_hosts;        /* thread id -> name, as ThreadMetaData said */
    LIST(struct resolved) resolved; /* a registry entry's symbol is a place in here */
    struct map
        pairs; /* (signature id, class id) -> place, where one signature has several classes */
    LIST(struct agent_counter) counters; /* the agent's own, as it sent them last */
    struct stream *previous, *next;
};

#define READY_TRACES 256

struct assembler {
    struct model model;
    struct batch *batch;
    uint32_t run; /* of streams that do not name one */
    struct assembler_start last;
    struct {
        size_t names, operations, paths, classes, runs, bytes;
    } handed;                         /* how many of the model's rows earlier batches had */
    LIST(struct open_trace *) traces; /* by slot; open or unused */
    struct open_trace *unused, *oldest, *newest;
    size_t open_count, unused_count;
    struct assembler_limits limits;
    size_t weight, content; /* what open traces hold, and the records therein that no batch had */
    struct map executions;  /* key -> slot, of traces of executions */
    struct map user_types;  /* users' record types that were used -> what they are stored under */
    struct ready {
        uint64_t id; /* of a trace; 0: nothing here */
        uint32_t slot;
    } ready[READY_TRACES]; /* traces of executions that are whole, as far as can be known */
    unsigned next_ready;
    struct stream *streams;
    int64_t minute_start, minute; /* of the call that ended last */
    struct assembler_figures figures;
    uint64_t refused_names, refused_classes, folded_calls; /* of the model's, as counted already */
    int dirty; /* there is something that no batch had */
};

/* traces.c: the open traces */
struct open_trace *trace_open(struct assembler *a, struct stream *stream, uint64_t key,
    int64_t kieker_id, enum trace_kind kind);
void trace_touch(struct assembler *a, struct open_trace *trace);
int trace_finish(struct assembler *a, struct open_trace *trace);
int trace_evict(struct assembler *a, struct open_trace *trace);
int trace_put_away(struct assembler *a, struct open_trace *trace);
struct open_trace *trace_link(
    struct assembler *a, struct stream *stream, uint64_t key, const struct trace *row);
int trace_metadata(struct assembler *a, struct stream *stream, const struct record *record);
int trace_flush_chunk(struct assembler *a, struct open_trace *trace);
int trace_finish_all(struct assembler *a, struct stream *stream);

/* kin.c: the trace has started others; its metadata has come, which may name its parent */
int kin_note_parent(struct assembler *a, struct open_trace *trace);
int kin_note_child(struct assembler *a, struct open_trace *trace);

/* weigh.c: counts what the trace holds by now; gives back what its emptied chunk need not keep */
void trace_weigh(struct assembler *a, struct open_trace *trace);
void trace_trim_chunk(struct assembler *a, struct open_trace *trace);

/* The open traces hold more than they may: less with them. 0, or -1 when memory is short. */
int assembler_relieve(struct assembler *a);

static inline uint64_t shape_mix(uint64_t shape, uint64_t more)
{
    shape = (shape ^ more) * 0x9E3779B97F4A7C15u;
    return shape ^ (shape >> 29);
}

/* assembler.c: what the agent has counted so far under that name, NULL when memory is short or they
 * are too many */
struct agent_counter *stream_counter(struct stream *stream, const char *name);

/* executions.c, of restoring: one that a chunk holds, and what to do when all are there */
uint64_t executions_key(struct assembler *a, uint32_t run, int64_t id);
int executions_keep(struct open_trace *trace, const struct execution *execution);
int executions_judge(struct assembler *a, struct open_trace *trace);

/* Whether the innermost open call is one that only a Call event has told of. */
static inline int top_is_called(const struct open_trace *trace)
{
    return trace->frames.count > 0 && trace->frames.items[trace->frames.count - 1].called;
}

/* called.c: no record comes any more: calls that only their callers' Call events have told of end.
 * And whether nothing but such calls is open in a trace without flaws: it may be whole. */
int called_end(struct assembler *a, struct open_trace *trace);
int called_is_all(const struct open_trace *trace);

/* The innermost open call ends, and counts for its caller. Returns it; *duration: how long it took.
 */
static inline struct frame frame_end(struct open_trace *trace, int64_t time, int64_t *duration)
{
    struct frame frame = trace->frames.items[--trace->frames.count];
    uint64_t shape = shape_mix(frame.shape, frame.path);

    *duration = time_between(frame.start, time);
    if (trace->frames.count > 0) {
        struct frame *caller = &trace->frames.items[trace->frames.count - 1];

        caller->below = time_sum(caller->below, *duration);
        caller->shape = shape_mix(caller->shape, shape);
    } else {
        trace->shape = shape_mix(trace->shape, shape);
    }
    return frame;
}

/* cut.c: the stream as it stands, into the batch */
int stream_hand_over(struct assembler *a, struct stream *stream);

/* statistics.c: what a batch adds up */
int stat_call(
    struct assembler *a, uint32_t path, int64_t end, int64_t duration, int64_t self, int failed);
int stat_class(struct assembler *a, uint32_t class, const struct trace *trace);
int stat_touch_slow(struct assembler *a, struct open_trace *trace, uint32_t path);
size_t stat_paths(struct open_trace *trace);

/* Remembers that the trace has a call on that path. */
static inline int stat_touch(struct assembler *a, struct open_trace *trace, uint32_t path)
{
    return a->model.paths.items[path].seen_by == (uint32_t)trace->row.id
               ? 0
               : stat_touch_slow(a, trace, path);
}

/* The innermost open call ends and counts, for its caller and in the statistics. 0 or -1. */
static inline int frame_count(
    struct assembler *a, struct open_trace *trace, int64_t time, int failed)
{
    int64_t duration;
    struct frame frame = frame_end(trace, time, &duration);

    return stat_call(
        a, frame.path, time, duration, duration > frame.below ? duration - frame.below : 0, failed);
}

/* events.c, called.c, threads.c, executions.c: the ways in which calls come */
int feed_event(struct assembler *a, struct stream *stream, const struct record *record);
int feed_call(struct assembler *a, struct stream *stream, const struct record *record);
int feed_thread_event(struct assembler *a, struct stream *stream, const struct record *record);
int feed_thread(struct stream *stream, const struct record *record);
int feed_execution(struct assembler *a, struct stream *stream, const struct record *record);
int executions_finish(struct assembler *a, struct open_trace *trace);
int executions_finish_ready(struct assembler *a);

/* fields.c: fields into names and varints, and what a stream's strings mean */
int resolve(struct stream *stream, const struct record *record, unsigned signature, unsigned class,
    uint32_t host, struct resolved *resolved);
uint32_t field_name(struct stream *stream, const struct record *record, unsigned field);
int fields_code(
    struct stream *stream, const struct record *record, uint64_t skip, struct buffer *out);
int field_find(const struct record_type *type, const char *name);
uint32_t type_stored(struct assembler *a, const struct record_type *type); /* a name */
int64_t stream_time(struct stream *stream, int64_t timestamp);

#endif
