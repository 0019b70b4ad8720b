/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the store share: a database in a directory of its own, an assembler that is fed
 * with made-up streams, and everything that went into the store, kept aside to compare with.
 */
#ifndef KIEKER_TESTS_STORE_WORLD_H
#define KIEKER_TESTS_STORE_WORLD_H

#include "record/wire.h"
#include "storage/store.h"

#define WORLD_START INT64_C(1700000000000000000)
#define WORLD_OPERATIONS 12
#define WORLD_STREAMS 3

struct known_call {
    uint32_t operation, caller; /* caller 0: a root call */
    int64_t start, duration, self;
    int failed, open;
};

/* A trace as the batches had it last. */
struct known {
    struct trace trace;
    int open;
    LIST(struct known_call) calls;
    struct buffer records; /* what its chunks hold, part by part, one chunk behind the other */
};

struct world {
    char directory[64], path[128];
    unsigned seed;
    struct store *store;
    struct assembler *assembler;
    struct feed {
        struct stream *stream;
        struct wire wire;
        struct buffer bytes;
        int32_t next_id;
        int64_t next_trace;
    } feeds[WORLD_STREAMS];
    int64_t now;
    LIST(struct known) known;
    LIST(struct model_operation) operations; /* by id */
    LIST(char *) names;
    uint64_t records, committed;
    int (*commit)(struct store *store,
        struct batch *batch); /* store_commit, unless set after it was opened */
};

/* Of databases that are opened from now on; DURABLE_COMMIT unless set. */
extern enum store_durability world_durability;

/* Opens a new database, with streams of the runs "run0", "run1" … on hosts "host0" … */
void world_open(struct world *world, unsigned seed);

/* The same upon a database that may be there already; its earlier content is not known. */
void world_open_at(struct world *world, const char *path, unsigned seed);

/* Makes `traces` random traces of up to `calls` calls on random streams, committing now and then.
 */
void world_make(struct world *world, unsigned traces, unsigned calls, unsigned commits);

/* Begins a trace whose calls do not end. */
void world_leave_open(struct world *world, unsigned calls);

/* Cuts a batch, keeps it in mind and commits it. */
void world_commit(struct world *world);

/* Commits until whole traces of executions are finished, and counted: they wait two batches for
 * more root calls (executions_judge). */
void world_settle(struct world *world);

/* Closes the streams, commits, closes the store. The files stay until world_remove. */
void world_close(struct world *world);

/* Closes the store alone: what is open stays open in it, as after a crash. */
void world_forget(struct world *world);

/* Deletes the files and what is kept in mind. */
void world_remove(struct world *world);

struct store_reader *world_read(struct world *world);

/* Fills `calls` of every known trace from its stored chunks. */
void world_learn_calls(struct world *world, struct store_reader *reader);

/* $SEED, or one of the clock. */
unsigned world_seed(void);

/* The known trace with that id, or NULL. */
struct known *world_find(struct world *world, uint64_t id);

const char *world_operation(struct world *world, uint32_t operation);
const char *world_component(struct world *world, uint32_t operation);

#endif
