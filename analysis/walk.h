/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a trace's chunks back to its calls: feed the chunks in order, and every call is given when
 * it begins (callers before callees, in the order of the program) and again, with its duration,
 * when it has ended. Memory in proportion to the open calls for traces of events; traces of
 * operation executions, which lie in the order of returns, are sorted first and take 40 bytes a
 * call.
 */
#ifndef KIEKER_ANALYSIS_WALK_H
#define KIEKER_ANALYSIS_WALK_H

#include "analysis/chunk.h"
#include "analysis/trace.h"

struct call {
    uint64_t position; /* number of the call in its trace, in the order of beginnings, from 0 */
    uint64_t parent;   /* position of its caller; CALL_NO_PARENT for a root call */
    uint32_t operation, host, cause; /* cause: a name; 0: none */
    uint32_t depth;                  /* 0 for a root call */
    int64_t start, duration,
        self;       /* the last two on leaving only; self: less what its callees took */
    uint64_t calls; /* on leaving: calls in its subtree, itself included */
    int failed;
    int assumed; /* only its caller says so, by a Call event: it begins with that and ends with the
                    caller's next event */
    int open;    /* it had not ended when the records did; its duration is what is known so far */
    void *user;  /* of on_enter's making, there again in on_leave and for its callees as
                    `caller_user` */
    void *caller_user;
};

#define CALL_NO_PARENT UINT64_MAX

struct walker {
    void (*on_enter)(void *context, struct call *call); /* may be NULL */
    void (*on_leave)(void *context, struct call *call); /* may be NULL */
    void *context;
};

struct walk;

/* A walk through `trace`; NULL when memory is short. */
struct walk *walk_new(const struct trace *trace, const struct walker *walker);

/* Gives the records, too, that begin and end no call, by their number in the trace, from 0;
 * `innermost`: of the open calls, or NULL. */
typedef void walk_other(void *context, uint64_t record, const struct call *innermost);
void walk_on_other(struct walk *walk, walk_other *on_other);

/* 0, or -1 if the chunk is damaged or memory is short: see walk_error. */
int walk_feed(struct walk *walk, const struct chunk_view *chunk);

/* No further chunk comes: calls that are open end with the trace. 0 or -1 as above. */
int walk_end(struct walk *walk);

/* Ends a walk that has failed: the calls that were known as open end with the trace. 0 or -1. */
int walk_give_up(struct walk *walk);

const char *walk_error(const struct walk *walk);
void walk_free(struct walk *walk);

#endif
