/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rest knows of a database: one writer that commits batches, and any number of readers,
 * each asked from one thread, that answer the questions of the verbs while the writer goes on.
 * Nothing here says which database it is.
 *
 * Errors: 0 or a pointer is success; -1 or NULL a failure, and the sentence is in *_error(), fit to
 * be shown to a user.
 */
#ifndef KIEKER_STORAGE_STORE_H
#define KIEKER_STORAGE_STORE_H

#include "analysis/restore.h"
#include "analysis/walk.h"

/* The writer: one a database, at most. */
struct store;

enum store_durability {
    DURABLE_COMMIT,
    DURABLE_POWER
}; /* survives a killed process; a power cut too */

/*
 * Opens the database, makes it if it is not there, brings an older schema up to date, ends traces
 * that a killed collector left open (they are incomplete) but for those of sessions, and fills the
 * empty `model` and `start` for the assembler. On failure NULL, with the sentence in `error`: names
 * the file, says what to do.
 */
struct store *store_open(const char *location, enum store_durability durability,
    struct model *model, struct assembler_start *start, char *error, size_t error_size);
void store_close(struct store *store);

/* All of it or nothing. -1: nothing of it is stored, the batch is as it was and may be tried again
 * (see store_is_full). */
int store_commit(struct store *store, struct batch *batch);

/* What a collector that ended, or was killed, has left of sessions. Call backs: 0, or -1 to fail.
 */
struct store_left {
    /* Open ones, and some of the latest that are over; `fault` is the row's as text, "" if none. */
    int (*stream)(void *context, const struct batch_stream *row, const char *fault);
    /* What was counted of the stream before. */
    int (*counter)(void *context, const char *name, uint64_t value);
    /* An open trace, by stream; its chunks are asked for one by one. 1: it was taken over; 0: it is
     * too damaged, and forgotten. */
    int (*trace)(void *context, const struct batch_trace *row, restore_chunk *next, void *chunks);
    void *context;
};

/* Tells of it; before the first commit. 0 or -1. */
int store_left(struct store *store, const struct store_left *sink);

/* The number that is remembered under that name (assembler_note); 0 if none is. 0 or -1. */
int store_noted(struct store *store, const char *name, uint64_t *value);

/* Each of what is remembered under a name that begins with `prefix`, to the sink. 0 or -1. */
typedef void note_sink(void *context, const char *name, uint64_t value);
int store_notes(struct store *store, const char *prefix, note_sink *sink, void *context);

/* How much is kept. 0: without a limit. */
struct store_limits {
    int64_t age;    /* ns: traces that ended longer ago go */
    uint64_t bytes; /* of the database on disk: the oldest traces go, until it is no larger */
};
int store_keep(struct store *store, const struct store_limits *limits);

/* Lets go what is beyond the limits, oldest first: a piece of at most some 50 ms. 1: there is more;
 * 0: none now; -1 failed. What is running is never touched. */
int store_retire(struct store *store);

/*
 * After a failure for want of disk space, before it is tried again: lets go what is beyond the
 * limits, with room that is held for it, and gives back what is free in the database. A piece of
 * some 200 ms at most. 1: there is more; 0: that was all; -1 failed.
 */
int store_relieve(struct store *store);

/* What went since the store was opened. */
struct store_retired {
    uint64_t by_age, by_size; /* traces */
    uint64_t records;         /* that belong to no trace */
    uint64_t excess; /* bytes beyond the limit though nothing finished is left that could go */
};
void store_retired(const struct store *store, struct store_retired *retired);

/* Work that may wait (merging small blocks): a piece of at most some 50 ms. 1: there is more; 0:
 * none now; -1 failed. */
int store_tidy(struct store *store);

const char *store_error(const struct store *store);

/* Whether the last failure was for want of disk space; whether a commit failed for want of memory.
 */
int store_is_full(const struct store *store);
int store_is_short(const struct store *store);

/* Where the database is by default: $KIEKER_DATABASE, else below $XDG_STATE_HOME or ~/.local/state.
 * malloc'ed; NULL: no home. */
char *store_default_location(void);

/* Reading. */
struct store_reader;

/* NULL with the sentence in `error`; *missing is set when there is no such database (yet). */
struct store_reader *store_read(const char *location, char *error, size_t error_size, int *missing);
void store_reader_close(struct store_reader *reader);
const char *store_reader_error(const struct store_reader *reader);

/* A query running longer fails, saying so; 0 takes the limit away. */
void store_reader_limit(struct store_reader *reader, unsigned milliseconds);

/* Its SQL is somebody else's: what it may take of memory is bounded. Before the first query. */
void store_reader_guard(struct store_reader *reader);

/* Whether the last query was ended before it was through, by the limit or by an interruption. */
int store_reader_was_ended(const struct store_reader *reader);

/* How many blocks and traces queries went on without because they are damaged, since this was last
 * asked. */
uint64_t store_left_out(struct store_reader *reader);

/* Ends the query under way, and every later one. From any thread, while the reader is open. */
void store_reader_interrupt(struct store_reader *reader);

/* What to look at; all zero (store_filter_all) is everything. Strings are globs (* and ?) where
 * said. */
struct store_filter {
    const char *run, *host; /* exact */
    const char
        *operation; /* glob on operation, or on component.operation; of traces: any call in it */
    const char *component; /* glob, likewise */
    const char *root;      /* glob on the root call's operation, or component.operation */
    int64_t since, until;  /* ns since 1970, of a trace's start, of a call's end (by minutes)
                              otherwise; 0: open */
    int64_t min_duration, max_duration; /* ns; max 0: open */
    uint64_t min_calls;
    int failed;     /* only with failed calls */
    int roots;      /* only traces that no other has started */
    int state;      /* enum trace_state, or STATE_ANY, or STATE_NOT_COMPLETE */
    uint32_t class; /* 0: any */
    /* Traces with a call by `caller` of `callee`: operation ids as text, "entry" as caller; or
     * components. NULL: any. */
    const char *caller, *callee, *caller_component, *callee_component;
};

enum { STATE_ANY = -1, STATE_NOT_COMPLETE = -2 /* incomplete or damaged */ };

extern const struct store_filter store_filter_all;

enum trace_sort {
    SORT_START,
    SORT_DURATION,
    SORT_CALLS,
    SORT_DEPTH,
    SORT_FAILED,
    SORT_ID,
    TRACE_SORTS
};

struct trace_row {
    struct trace trace;
    const char *run, *host, *session;
    const char *root, *component; /* of the root call */
    uint32_t root_operation;
};

struct trace_page {
    enum trace_sort sort;
    int ascending;
    uint64_t limit, offset;
    const char *after; /* a token that an earlier page gave in `next`, or NULL */
    /* answers: */
    uint64_t total; /* traces that match, in all */
    char next[64];  /* token of the next page; empty: this was the last */
    int bad_token;  /* it failed because `after` is no token of this query */
};

/* Rows are lent for the time of the call back; a call back that returns non-zero ends the query
 * (success). */
typedef int trace_sink(void *context, const struct trace_row *row);
int store_traces(struct store_reader *reader, const struct store_filter *filter,
    struct trace_page *page, trace_sink *sink, void *context);

/* One trace: 1, 0 if there is none with this id, -1. The row is lent until the reader is used
 * again. */
int store_trace(struct store_reader *reader, uint64_t id, struct trace_row *row);

/* Its chunks in order. */
typedef int chunk_sink(void *context, const struct chunk_view *chunk);
int store_chunks(struct store_reader *reader, uint64_t id, chunk_sink *sink, void *context);

/* The trace that has started this one: 1 with its id; 0: none, or it is not there any more; -1. */
int store_parent(struct store_reader *reader, const struct trace *child, uint64_t *id);

/* Those that it has started, in the order in which they began; `order`: at which of its order
 * indexes; -1: not said. A non-zero value ends it. 0 or -1. */
typedef int child_sink(void *context, uint64_t id, int32_t order);
int store_children(
    struct store_reader *reader, const struct trace *parent, child_sink *sink, void *context);

/* Text of a name id; component and name of an operation id: lent until the reader is used again; ""
 * if there is none. */
const char *store_name(struct store_reader *reader, uint32_t name);
int store_operation(
    struct store_reader *reader, uint32_t operation, const char **name, const char **component);

/* Statistics of a set of calls: exact but the quantiles, which are within 1 %. Durations in ns. */
struct call_stats {
    uint64_t calls, failed, total, self;
    int64_t minimum, maximum;
    int64_t p50, p95, p99;
};

struct operation_row {
    uint32_t id;
    const char *operation, *component, *signature;
    struct call_stats stats;
};
typedef int operation_sink(void *context, const struct operation_row *row);
/* One row an operation (all hosts and runs that match taken together), unordered. */
int store_operations(struct store_reader *reader, const struct store_filter *filter,
    operation_sink *sink, void *context);

enum graph_level { LEVEL_OPERATION, LEVEL_COMPONENT, LEVEL_CONTAINER, GRAPH_LEVELS };

struct graph_node {
    const char *id, *name, *parent; /* parent NULL: none */
    struct call_stats stats;
};
struct graph_edge {
    const char *source, *target;
    struct call_stats stats; /* of the target's calls by the source */
};
struct graph_sink {
    int (*node)(void *context, const struct graph_node *node);
    int (*edge)(void *context, const struct graph_edge *edge);
    void *context;
};
/* Nodes first (the entry, id "entry", if it calls anything), then edges; calls within one node are
 * an edge to itself. */
int store_graph(struct store_reader *reader, const struct store_filter *filter,
    enum graph_level level, const struct graph_sink *sink);

struct path_row {
    uint32_t path,
        parent; /* parent 0: a root call. Equal paths of several runs and hosts are one row */
    uint32_t operation;
    const char *name, *component;
    struct call_stats stats;
};
typedef int path_sink(void *context, const struct path_row *row);
/* The aggregated call tree, parents before children. With `operation` in the filter: what lies
 * below its outermost calls. */
int store_tree(
    struct store_reader *reader, const struct store_filter *filter, path_sink *sink, void *context);

struct latency_row {
    int64_t at; /* ns since 1970, the minute's begin */
    struct call_stats stats;
};
typedef int latency_sink(void *context, const struct latency_row *row);
/* Minute by minute, ascending; without `operation` in the filter: of root calls. */
int store_latency(struct store_reader *reader, const struct store_filter *filter,
    latency_sink *sink, void *context);

struct run_row {
    const char *name;
    int64_t first, last; /* ns since 1970; 0: no trace */
    uint64_t streams, records, traces, calls, failed, incomplete;
};
typedef int run_sink(void *context, const struct run_row *row);
int store_runs(struct store_reader *reader, run_sink *sink, void *context);

/* Records of no trace, by their type and layout; of the filter: run, since, until. */
struct record_type_row {
    uint32_t type; /* name: what the type is stored under, see record/layout.h */
    uint64_t records;
    int64_t first, last; /* ns since 1970 */
};
typedef int record_type_sink(void *context, const struct record_type_row *row);
int store_record_types(struct store_reader *reader, const struct store_filter *filter,
    record_type_sink *sink, void *context);

/* Those of one type by their time, oldest or `newest` first; lent for the call. */
typedef int record_sink(void *context, const struct batch_record *record);
int store_records(struct store_reader *reader, const struct store_filter *filter, uint32_t type,
    int newest, record_sink *sink, void *context);

struct store_status {
    char location[1024];
    int schema;
    uint64_t bytes; /* on disk, write-ahead log included */
    uint64_t runs, streams, open_streams, records;
    uint64_t traces, states[TRACE_STATES]; /* traces: finished and running */
    uint64_t failed;                       /* traces with failed calls */
    uint64_t calls, operations, components, paths, classes;
    int64_t first, last;
};
int store_status(struct store_reader *reader, struct store_status *status);

typedef int counter_sink(void *context, const char *name, uint64_t value);
int store_counters(struct store_reader *reader, counter_sink *sink, void *context);

/* Any SQL that only reads, over the tables and the virtual tables `trace` and `call`. */
enum sql_type { SQL_NULL, SQL_INTEGER, SQL_REAL, SQL_TEXT, SQL_BLOB };
struct sql_value {
    enum sql_type type;
    int64_t integer;
    double real;
    const char *text; /* also of a blob: `size` bytes */
    size_t size;
};
struct sql_sink {
    int (*columns)(void *context, unsigned count, const char *const *names);
    int (*row)(void *context, unsigned count, const struct sql_value *values);
    void *context;
};
int store_sql(struct store_reader *reader, const char *sql, const struct sql_sink *sink);

#endif
