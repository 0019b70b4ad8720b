/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of one trace besides its calls: the row that is stored, listed and shown. */
#ifndef KIEKER_ANALYSIS_TRACE_H
#define KIEKER_ANALYSIS_TRACE_H

#include <stdint.h>

enum trace_state {
    TRACE_RUNNING,    /* not ended yet; what there is so far */
    TRACE_COMPLETE,   /* every record came, in order, and every call ended */
    TRACE_INCOMPLETE, /* ended with open calls or without its TraceMetadata */
    TRACE_DAMAGED,    /* its records contradict one another, see the flaws */
    TRACE_STATES
};

/* What is wrong with a trace, one bit each; also counted under these names. */
enum trace_flaw {
    FLAW_OPEN_CALLS = 1 << 0,     /* calls had not ended when the stream did */
    FLAW_NO_METADATA = 1 << 1,    /* no TraceMetadata came */
    FLAW_EVICTED = 1 << 2,        /* put away unfinished because too many traces were open */
    FLAW_ORDER_GAP = 1 << 3,      /* an order index was left out, or the first was not 0 */
    FLAW_ORDER_REPEATED = 1 << 4, /* an order index came twice or went back */
    FLAW_MISSING_AFTER =
        1 << 5,                 /* a caller ended before its callee: the callee's end was made up */
    FLAW_ORPHAN_AFTER = 1 << 6, /* a call ended that had not begun */
    FLAW_SECOND_METADATA = 1 << 7,
    FLAW_BAD_STACK = 1 << 8, /* operation executions whose eoi and ess make no call tree */
    FLAW_TOO_DEEP = 1 << 9,  /* deeper than is followed; deeper calls are kept as records only */
};
#define FLAWS 10
#define FLAWS_INCOMPLETE (FLAW_OPEN_CALLS | FLAW_NO_METADATA | FLAW_EVICTED)

enum trace_kind {
    TRACE_OF_EVENTS,     /* Before… and After… events */
    TRACE_OF_EXECUTIONS, /* OperationExecutionRecords */
    TRACE_OF_THREAD,     /* thread-based events: one root call of a thread, whose id is kieker_id */
};

/* How its metadata came. */
enum trace_metadata {
    METADATA_NONE,
    METADATA_TRACE,
    METADATA_APPLICATION,
    METADATA_OWN /* of a user's type: what it has beside the row is an extra, EXTRA_METADATA */
};

/* Added to it: the metadata named no parent (it was the trace itself, and no order index), so that
 * it is the one that a BeforeReceivedRemoteEvent names. */
#define METADATA_REMOTE 4

/*
 * From start to end in ns: 0 if the clock went back, and as much as can be said if it is more. A
 * client may send any number as a time.
 */
static inline int64_t time_between(int64_t start, int64_t end)
{
    int64_t duration;

    if (end <= start)
        return 0;
    return __builtin_sub_overflow(end, start, &duration) ? INT64_MAX : duration;
}

/* The sum of two durations, likewise. */
static inline int64_t time_sum(int64_t one, int64_t other)
{
    int64_t sum;

    return __builtin_add_overflow(one, other, &sum) ? INT64_MAX : sum;
}

/* Ids are the model's (model.h); points in time are ns since 1970, durations ns. */
struct trace {
    uint64_t id; /* ours, from 1, never used again */
    int64_t kieker_id, thread, parent_kieker_id;
    int32_t parent_order;
    uint32_t stream, run;
    uint32_t host, session, application; /* names */
    int64_t metadata_logged; /* the metadata's logging timestamp as it came, or RECORD_NOT_LOGGED */
    int64_t start, end;      /* first and last timestamp so far */
    uint64_t calls, failed, events; /* events: the records of the trace that are in its chunks */
    uint32_t depth;                 /* calls above one another at most, the root call being 1 */
    uint32_t root;                  /* path of the first root call; 0: there is none */
    uint32_t class;                 /* 0 while running */
    uint32_t chunks; /* chunks stored apart (batch_chunk); 0: all is in the trace's own row */
    uint16_t flaws;
    uint8_t state, kind, metadata;
};

/* Whether its client said that another trace has started it. Who has none says -1, or itself. */
static inline int trace_has_parent(const struct trace *trace)
{
    return trace->metadata != METADATA_NONE && trace->parent_kieker_id != -1 &&
           trace->parent_kieker_id != trace->kieker_id;
}

/* "running", "complete", … */
const char *trace_state_name(enum trace_state state);

/* The state with that name, or -1. */
int trace_state_find(const char *name);

/* The name of a flaw, given its bit's number (0 to FLAWS - 1): "open_calls". */
const char *trace_flaw_name(unsigned bit);

#endif
