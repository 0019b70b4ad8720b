/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spans, as OpenTelemetry has them, into calls: a span is a call of the operation that it names.
 * Spans come when they have ended, from any number of programs and in any order, so a trace's are
 * kept until it has its root and nothing has come for a while; then it is given to the assembler as
 * the events of one trace, callers before callees, callees in the order of their begins. A span
 * whose parent never came is a root call. Spans of one caller may overlap in time, and outlast it:
 * their durations are kept as they are. One thread: the assembler's.
 */
#ifndef KIEKER_ANALYSIS_SPANS_H
#define KIEKER_ANALYSIS_SPANS_H

#include "analysis/assembler.h"

#define SPAN_TRACE_SIZE 16
#define SPAN_ID_SIZE 8

#define SPANS_REST_NS INT64_C(2000000000)      /* without news, of a trace that has its root */
#define SPANS_ROOTLESS_NS INT64_C(30000000000) /* of one that has not */
#define SPANS_BYTES_MAX (32u << 20) /* of what waits; the trace that rests longest goes */

struct span {
    unsigned char trace[SPAN_TRACE_SIZE], id[SPAN_ID_SIZE], parent[SPAN_ID_SIZE];
    int has_parent;
    const char *operation, *component, *host; /* NUL-terminated, UTF-8 */
    const char *cause;                        /* of its failure; NULL: it has not failed */
    int64_t start, end;                       /* ns since 1970 */
};

struct spans;

/* NULL when memory is short. The assembler is lent. */
struct spans *spans_new(struct assembler *assembler);

/* Ends what is open without giving it over: spans_give all of it first. */
void spans_free(struct spans *spans);

/* Keeps a copy. 0, or -1 when memory is short. `now` is CLOCK_MONOTONIC's. */
int spans_add(struct spans *spans, const struct span *span, int64_t now);

/*
 * Gives the traces that have rested (or all) to the assembler. How many; -1 when memory is short.
 */
int spans_give(struct spans *spans, int64_t now, int all);

/* When spans_give will have something to do, of CLOCK_MONOTONIC; INT64_MAX: nothing waits. */
int64_t spans_due(const struct spans *spans);

/* Bytes of what waits. */
size_t spans_bytes(const struct spans *spans);

#endif
