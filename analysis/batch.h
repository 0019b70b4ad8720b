/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the assembler hands to the store in one piece and the store commits in one transaction: so
 * the store always holds a prefix of each stream. A batch owns all that it points to; it is made by
 * one thread and, once cut, read by another.
 */
#ifndef KIEKER_ANALYSIS_BATCH_H
#define KIEKER_ANALYSIS_BATCH_H

#include "analysis/arena.h"
#include "analysis/chunk.h"
#include "analysis/histogram.h"
#include "analysis/list.h"
#include "analysis/model.h"
#include "analysis/trace.h"

struct batch_name {
    uint32_t id, length;
    const char *text;
};

struct batch_operation {
    uint32_t id;
    struct model_operation operation;
};

struct batch_path {
    uint32_t id;
    struct model_path path;
};

struct batch_run {
    uint32_t id, name;
};

/* A trace class that is new: its shape, once. */
struct batch_class {
    uint32_t id, root, depth; /* root: a path */
    uint64_t hash, calls;
    const uint32_t *paths; /* that occur in it, ascending */
    size_t path_count;
};

/* Durations of what ended. minimum and maximum are only meaningful if `count` is not 0. */
struct durations {
    uint64_t count, failed, total, self;
    int64_t minimum, maximum;
    struct histogram histogram; /* empty while all durations lie in one bucket */
};

/* Appends their histogram, coded. 0, or -1 when memory is short. */
int durations_encode(const struct durations *durations, struct buffer *out);

/* To be added to the aggregate of (path, minute). */
struct batch_path_stat {
    uint32_t path;
    int64_t minute; /* minutes since 1970, of the calls' ends */
    struct durations durations;
};

/* To be added to the class's statistics. */
struct batch_class_stat {
    uint32_t class;
    struct durations durations; /* of its traces; failed: traces with a failed call; self: unused */
    uint64_t slowest, latest,
        first; /* example traces among these; `slowest` took durations.maximum */
    int64_t first_start, latest_start;
};

/* What it takes to go on with an open trace besides its row and its chunks. */
struct open_state {
    uint32_t owner;       /* the stream that fed it last: it ends with that */
    int32_t order;        /* the last order index; -1 before the first */
    uint64_t beyond;      /* open calls that are too deep to be followed */
    uint64_t metadata_at; /* how many records came before the metadata did */
};

/* A finished trace (its last or only part), or an open one as it stands. */
struct batch_trace {
    struct trace trace;
    struct open_state open; /* of open ones */
    int was_open;           /* finished ones: an earlier batch had it among `open` */
    /* Finished traces without chunks apart have their records here, one chunk whose base is the
     * trace's start: offsets into the batch's `parts`. */
    uint64_t offset[CHUNK_PARTS];
    uint32_t size[CHUNK_PARTS];
};

/* A part of a long or still open trace, stored apart from its row. */
struct batch_chunk {
    uint64_t trace;
    uint32_t number; /* from 0 */
    uint64_t events;
    int64_t base;
    uint64_t offset[CHUNK_PARTS];
    uint32_t size[CHUNK_PARTS];
};

/* A record that belongs to no trace (CPU, memory, metadata, custom …), fields coded as in
 * EXTRA_FIELDS. */
struct batch_record {
    uint32_t stream, type; /* type: name of its class */
    int64_t time; /* its own timestamp in ns if it has one, else its logging timestamp, else when it
                     arrived */
    int64_t logged; /* ns, or RECORD_NOT_LOGGED */
    const unsigned char *fields;
    uint32_t size;
};

/*
 * A trace that has started others, or one that was started by another: `kieker_id` is the client's
 * id of the one that starts. The store finds them by (stream, kieker_id).
 */
struct batch_kin {
    uint64_t trace;
    uint32_t stream;
    int64_t kieker_id;
    int32_t order; /* of what was started: at which order index of the other; -1: it did not say */
    int is_parent;
};

/* A stream as it stands; a later row replaces an earlier one of the same id. */
struct batch_stream {
    uint32_t id, run;
    int64_t opened, closed;     /* ns since 1970; closed 0: it is open */
    const char *peer;           /* "127.0.0.1:41022" */
    const char *agent;          /* what the client said of itself; "" if nothing */
    const char *session;        /* 32 digits if it goes on in other connections, or NULL */
    uint64_t position, records; /* bytes and records read up to here */
    int64_t unit;               /* ns that one unit of its timestamps is */
    uint32_t fault;             /* name of why it was given up; 0: it was not */
};

/* To be added to a counter, by name: "dropped_ring_full", "order_gap", "unknown_class". Of a
 * stream, or of all (0). */
struct batch_counter {
    uint32_t stream;
    const char *name; /* static */
    uint64_t more;
};

/* A number to be remembered under a name, in the place of an earlier one. */
struct batch_note {
    const char *name;
    uint64_t value;
};

struct batch {
    uint32_t number; /* from 1 */
    struct arena arena;
    struct buffer parts[CHUNK_PARTS];
    LIST(struct batch_name) names;
    LIST(struct batch_operation) operations;
    LIST(struct batch_path) paths;
    LIST(struct batch_run) runs;
    LIST(struct batch_class) classes;
    LIST(struct batch_path_stat) path_stats;
    LIST(struct batch_class_stat) class_stats;
    LIST(struct batch_trace) finished;
    LIST(struct batch_trace) open; /* every trace that is open and changed since the batch before */
    LIST(struct batch_chunk) chunks;
    LIST(struct batch_record) records;
    LIST(struct batch_kin) kin;
    LIST(struct batch_stream) streams;
    LIST(struct batch_counter) counters;
    LIST(struct batch_note) notes;
    uint64_t record_count; /* records that went into it */
};

struct batch *batch_new(uint32_t number);
void batch_free(struct batch *batch);

/* Memory it holds, in bytes, nearly. */
size_t batch_bytes(const struct batch *batch);

#endif
