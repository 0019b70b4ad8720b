/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traces by column: the codec of what lies in a block's `columns` and, for one trace each, in
 * open_trace. A column is either one value that all rows have, or varints (plain or of distances),
 * packed; so a reader decodes just what it asks.
 *
 *   varint rows, varint columns, then a column: varint 0, zigzag value | a packed piece of at least
 * one byte
 */
#ifndef KIEKER_STORAGE_SQLITE_BLOCK_H
#define KIEKER_STORAGE_SQLITE_BLOCK_H

#include "analysis/batch.h"
#include "storage/sqlite/pack.h"

#define BLOCK_TRACES_MAX 4096
#define BLOCK_BYTES_MAX                                                                            \
    (1u << 20) /* of the traces' records, as coded, unless a single trace has more */

/*
 * The columns in the order in which they are stored: a released one keeps its place, new ones come
 * last. Name, the field of struct batch_trace, whether distances are stored.
 */
#define BLOCK_COLUMNS(COLUMN)                                                                      \
    COLUMN(ID, trace.id, 1)                                                                        \
    COLUMN(START, trace.start, 1)                                                                  \
    COLUMN(DURATION, trace.end, 0) /* time_between */                                              \
    COLUMN(CALLS, trace.calls, 0)                                                                  \
    COLUMN(DEPTH, trace.depth, 0)                                                                  \
    COLUMN(FAILED, trace.failed, 0)                                                                \
    COLUMN(STATE, trace.state, 0)                                                                  \
    COLUMN(CLASS, trace.class, 0)                                                                  \
    COLUMN(ROOT, trace.root, 0)                                                                    \
    COLUMN(RUN, trace.run, 0)                                                                      \
    COLUMN(HOST, trace.host, 0)                                                                    \
    COLUMN(STREAM, trace.stream, 1)                                                                \
    COLUMN(THREAD, trace.thread, 1)                                                                \
    COLUMN(KIEKER_ID, trace.kieker_id, 1)                                                          \
    COLUMN(PARENT_KIEKER_ID, trace.parent_kieker_id, 1)                                            \
    COLUMN(PARENT_ORDER, trace.parent_order, 1)                                                    \
    COLUMN(SESSION, trace.session, 0)                                                              \
    COLUMN(APPLICATION, trace.application, 0)                                                      \
    COLUMN(METADATA_LOGGED, trace.metadata_logged, 0) /* 0: not logged; 1 + zigzag(less start) */  \
    COLUMN(EVENTS, trace.events, 0)                                                                \
    COLUMN(CHUNKS, trace.chunks, 0)                                                                \
    COLUMN(FLAWS, trace.flaws, 0)                                                                  \
    COLUMN(KIND, trace.kind, 0)                                                                    \
    COLUMN(METADATA, trace.metadata, 0)                                                            \
    COLUMN(STRUCTURE_SIZE, size[CHUNK_STRUCTURE], 0)                                               \
    COLUMN(TIMES_SIZE, size[CHUNK_TIMES], 0)                                                       \
    COLUMN(LOGGED_SIZE, size[CHUNK_LOGGED], 0)                                                     \
    COLUMN(EXTRAS_SIZE, size[CHUNK_EXTRAS], 0)

enum block_column {
#define COLUMN(name, field, distances) COLUMN_##name,
    BLOCK_COLUMNS(COLUMN)
#undef COLUMN
    /* The two that are no field: what the end is off start + duration (0 unless a client sent odd
     * times), and the time before the first record, less the start. */
    COLUMN_END,
    COLUMNS
};

/* Room that encoding needs again and again. All zero is empty. */
struct block_scratch {
    int64_t *values; /* BLOCK_TRACES_MAX a column */
    struct buffer varints;
};
void block_scratch_fini(struct block_scratch *scratch);

/* Appends `count` (1 to BLOCK_TRACES_MAX) traces as columns. 0, or -1 when memory is short. */
int block_encode(struct block_scratch *scratch, struct packer *packer,
    const struct batch_trace *rows, size_t count, struct buffer *out);

struct block {
    uint32_t count;
    struct buffer bytes; /* the coded columns, the block's own */
    struct block_values {
        struct piece piece;
        int64_t same;    /* the value of all rows, if `values` is NULL and piece.size 0 */
        int64_t *values; /* once decoded */
    } columns[COLUMNS];
};

/* Takes a copy of coded columns. 0; -1: damaged or memory is short (the block is empty). block_fini
 * frees it. */
int block_read(struct block *block, const void *bytes, size_t size);
void block_fini(struct block *block);

/* Decodes a column, if it is not yet. 0; -1: damaged, or memory is short. */
int block_decode(struct block *block, struct packer *packer, enum block_column column);
int block_decode_all(struct block *block, struct packer *packer);

/* A value of a decoded column. */
static inline int64_t block_value(const struct block *block, enum block_column column, uint32_t row)
{
    return block->columns[column].values ? block->columns[column].values[row]
                                         : block->columns[column].same;
}

/* Row number `i`, when all is decoded; the offsets are left 0. */
void block_get(const struct block *block, uint32_t i, struct batch_trace *row);

#endif
