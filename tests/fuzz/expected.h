/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an assembler must make of the records it is fed, written down once more in the simplest way:
 * lists, texts and loops. Traces get the same numbers as the assembler's, since both count them as
 * they begin. What goes wrong ends the program. Lists only grow: an input is short.
 */
#ifndef KIEKER_TESTS_FUZZ_EXPECTED_H
#define KIEKER_TESTS_FUZZ_EXPECTED_H

#include "analysis/batch.h"
#include "record/record.h"

/* An event, or what it needs of one. */
struct fact {
    enum step_kind kind;
    int64_t time, logged; /* ns; logged: or RECORD_NOT_LOGGED */
    int32_t order, signature_id, class_id;
    const char *signature, *class, *cause;
    const char *callee, *callee_class; /* of a Call event */
    uint64_t digest;
    enum record_form form;
    int by_ids; /* equal ids mean the same operation: no id of the stream had two texts so far */
};

/* A whole call that was sent as one. */
struct fact_execution {
    const char *signature, *host;
    struct execution execution; /* without the numbers of names */
    uint64_t digest;
    int64_t logged;
};

struct expected_call {
    struct fact begin;     /* of one that a Call event has told of: that, but for the time */
    struct fact before;    /* what an After is compared with */
    const char *called_by; /* signature of the caller, while only a Call event has told of it */
    int64_t caller;        /* place in `calls`; -1: none */
    int64_t duration, below;
    int ended, failed, made_up; /* made_up: its end did not come, but its caller's */
    const char *cause;
};

struct expected_trace {
    uint64_t id;
    LIST(uint64_t) digests; /* of all its records, as they were fed; its metadata's is the first */
    int64_t kieker_id;
    enum trace_kind kind;
    unsigned stream; /* number of the side that fed it last */
    uint32_t run;
    int finished, was_open, metadata;
    int call_is_last; /* the record before was a Call event that has begun a call */
    unsigned flaws;
    int32_t order;
    int64_t start, end;
    LIST(struct expected_call) calls;
    LIST(size_t) open; /* places in `calls` */
    size_t depth;
    LIST(struct fact) records; /* in the order in which they came */
    LIST(struct fact_execution) executions;
    int32_t last_eoi;
    int has_root;
    uint32_t ready_since;
};

#define EXPECTED_READY 256 /* READY_TRACES of the assembler */

struct expected {
    LIST(struct expected_trace) traces; /* trace `id` at id - 1 */
    uint64_t ready[EXPECTED_READY];
    unsigned next_ready;
    uint32_t batch; /* number of the one under way */
    /* What the statistics of all batches must add up to. */
    uint64_t calls, failed, total, self;
    uint64_t traces_finished, left_open, flaws[FLAWS];
    LIST(uint64_t) others; /* digests of the records of no trace */
};

/* What a record says: its type and the values of all fields but times, strings as text. */
uint64_t expected_digest(const struct record *record);

void expected_init(struct expected *expected);
void expected_fini(struct expected *expected);

/* Before, After, Failed, Call and other events of a trace, or (kind) of a thread. */
void expected_event(struct expected *expected, enum trace_kind kind, unsigned stream, uint32_t run,
    int64_t id, const struct fact *fact);

/* A TraceMetadata or ApplicationTraceMetadata. 1: it is the trace's first; 0: it has one. */
int expected_metadata(
    struct expected *expected, unsigned stream, uint32_t run, int64_t id, uint64_t digest);

void expected_execution(struct expected *expected, unsigned stream, uint32_t run, int64_t id,
    const struct fact_execution *execution);

/* The stream is closed. */
void expected_close(struct expected *expected, unsigned stream);

/* A batch is cut: before the assembler does. */
void expected_cut(struct expected *expected);

/* Traces of executions: their calls, as far as they can be told, when all executions are there. */
unsigned expected_tree(struct expected_trace *trace, struct expected *sums);

#endif
