/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A trace's records, coded: a few bytes each, and lossless. A chunk is four strings of bytes, each
 * with one kind of thing in it so that it compresses well:
 *
 *   structure  per record a varint, (argument << 3 | step kind), and what the kind adds
 *   times      zigzag varints: the distance to the time before (an execution: its tin so, then its
 * duration) logged     empty if no record has a logging timestamp; else per record 0 for none, or
 *              1 + zigzag(distance of (logging timestamp - time) to the one before)
 *   extras     what the above leaves out, by the number of the record it belongs to: see
 * chunk_extra
 *
 * Distances begin anew in each chunk, from `base`. Times are ns.
 */
#ifndef KIEKER_ANALYSIS_CHUNK_H
#define KIEKER_ANALYSIS_CHUNK_H

#include "analysis/buffer.h"
#include "record/record.h"

enum chunk_part { CHUNK_STRUCTURE, CHUNK_TIMES, CHUNK_LOGGED, CHUNK_EXTRAS, CHUNK_PARTS };

enum step_kind {
    STEP_BEFORE,    /* a call begins; argument: operation */
    STEP_AFTER,     /* the innermost open call ends */
    STEP_FAILED,    /* the innermost open call ends by an exception; argument: name of the cause */
    STEP_EXECUTION, /* a whole call; argument: operation; then varints host (name), zigzag eoi,
                       zigzag ess, session (name) */
    STEP_OTHER,     /* a record that begins and ends no call; its fields are an extra; argument: its
                       class name */
    STEP_CLOSE,     /* no record: the innermost `argument` open calls end although their After never
                       came */
    STEP_CALL,      /* a Call event: a call begins that is assumed until it is said to; argument:
                       operation; then varint, the caller's operation << 1 | whether of a constructor */
    STEP_BEGIN      /* as STEP_BEFORE; argument: operation; then varint, a sum of step_begin's */
};

enum step_begin {
    BEGIN_CONSTRUCTOR = 1,
    BEGIN_CALLED = 2 /* what the Call event has said that was put just before: no call of its own */
};

/* Kinds of extras: varint (distance to the record before it with an extra << 2 | kind), then what
 * the kind adds. */
enum chunk_extra {
    EXTRA_ORDER, /* zigzag: its order index less the one expected (the one before + 1; 0 for a
                    trace's first) */
    EXTRA_TYPE,  /* it is not the kind's plain type: class name, then fields beyond the plain type's
                    as in EXTRA_FIELDS */
    EXTRA_FIELDS,  /* count, then each as varint: bool and char as they are, other integers and enum
                      zigzag, bits of f32 and f64, a string's name; arrays: count, then elements */
    EXTRA_METADATA /* not of the record, but before it, or of none and behind the last: the trace's
                      metadata is of a user's type; what follows is as with EXTRA_TYPE */
};

struct chunk {
    struct buffer parts[CHUNK_PARTS];
    uint64_t events; /* records in it */
    int64_t base;    /* the time before the first */
    /* the writer's state */
    int64_t time, lag;
    uint64_t extra_at;
};

/* Empties the chunk (its memory stays) to go on behind time `base`. */
void chunk_begin(struct chunk *chunk, int64_t base);
void chunk_fini(struct chunk *chunk);

static inline size_t chunk_bytes(const struct chunk *chunk)
{
    size_t bytes = 0;

    for (int i = 0; i < CHUNK_PARTS; i++)
        bytes += chunk->parts[i].size;
    return bytes;
}

/* The writer: one call a record. 0, or -1 when memory is short. `logged` in ns, or
 * RECORD_NOT_LOGGED. */
int chunk_put_slow(
    struct chunk *chunk, enum step_kind kind, uint64_t argument, int64_t time, int64_t logged);

#define CHUNK_KIND_BITS 3

/* Where there is room, and no record of the chunk has a logging timestamp. */
static inline int chunk_put(
    struct chunk *chunk, enum step_kind kind, uint64_t argument, int64_t time, int64_t logged)
{
    struct buffer *structure = &chunk->parts[CHUNK_STRUCTURE], *times = &chunk->parts[CHUNK_TIMES];

    if (logged != RECORD_NOT_LOGGED || chunk->parts[CHUNK_LOGGED].size > 0 ||
        structure->capacity - structure->size < VARINT_MAX ||
        times->capacity - times->size < VARINT_MAX)
        return chunk_put_slow(chunk, kind, argument, time, logged);
    buffer_put(structure, argument << CHUNK_KIND_BITS | kind);
    buffer_put(times, zigzag((int64_t)((uint64_t)time - (uint64_t)chunk->time)));
    chunk->time = time;
    chunk->events++;
    return 0;
}

struct execution {
    uint32_t operation, host, session;
    int32_t eoi, ess;
    int64_t tin, tout;
};

/* For qsort: the order of calls in their trace, callers first. */
int execution_by_order(const void *a, const void *b);

int chunk_put_execution(struct chunk *chunk, const struct execution *execution, int64_t logged);

/* Appends what the kind of the record that was put last adds. 0, or -1 when memory is short. */
int chunk_put_more(struct chunk *chunk, uint64_t more);

/* The calls of the innermost `count` frames end at `time` without a record of their own. */
int chunk_put_close(struct chunk *chunk, uint64_t count, int64_t time);

/* Begins an extra of the record that was put last: what it adds is appended to the part
 * CHUNK_EXTRAS by the caller. */
int chunk_put_extra(struct chunk *chunk, enum chunk_extra kind);

/* Begins an extra that lies before the next record, if there will be one. 0 or -1. */
int chunk_put_ahead(struct chunk *chunk, enum chunk_extra kind);

/* The chunk, which has no record yet, goes on behind time `base`. */
void chunk_base(struct chunk *chunk, int64_t base);

/* Says that the first record's distance is from `base`; of a chunk that has lost nothing since
 * chunk_begin. */
int chunk_rebase(struct chunk *chunk, int64_t base);

/* A chunk as it lies in a store: parts that somebody else owns. */
struct chunk_view {
    struct {
        const unsigned char *bytes;
        size_t size;
    } parts[CHUNK_PARTS];
    uint64_t events;
    int64_t base;
};

struct step {
    enum step_kind kind;
    uint64_t argument, more;    /* more: of STEP_CALL and STEP_BEGIN, as above */
    int64_t time;               /* of an execution: tin */
    struct execution execution; /* only of STEP_EXECUTION */
};

struct chunk_reader {
    struct reader structure, times;
    int64_t time;
};

void chunk_read(struct chunk_reader *reader, const struct chunk_view *view);

/* 1 and the next step; 0 at the end; -1 if the bytes are damaged. Extras and logging timestamps are
 * not looked at. */
int chunk_next(struct chunk_reader *reader, struct step *step);

#endif
