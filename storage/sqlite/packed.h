/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics of many paths as one string of bytes: what a batch has of a minute costs by the byte,
 * not by the row. By ascending paths, per path varints:
 *
 *   distance to the path before << 1 | whether there is but one call
 *   one call: duration << 1 | failed, duration less self
 *   else: calls, failed, total, self, minimum, maximum less minimum, bytes of the histogram; and
 *   that, coded
 */
#ifndef KIEKER_STORAGE_SQLITE_PACKED_H
#define KIEKER_STORAGE_SQLITE_PACKED_H

#include "analysis/histogram.h"

/* A row: the statistics of a path (in a minute, or over all). */
struct figures {
    uint32_t path;
    int64_t minute; /* 0 if not asked for; not among what is packed */
    uint64_t calls, failed, total, self;
    int64_t minimum, maximum;
    const void *histogram; /* coded */
    size_t histogram_size;
};

/* Appends a row behind that of the path *before (0: it is the first), which is then its own. 0, or
 * -1 when memory is short. */
int packed_put(struct buffer *out, uint32_t *before, const struct figures *row);

struct packed_reader {
    struct reader in;
    struct figures row; /* its histogram is lent until the next */
    unsigned char single[2 * VARINT_MAX];
};

void packed_read(struct packed_reader *reader, const void *bytes, size_t size);

/* 1 with the next row; 0: that was all; -1: it is damaged. */
int packed_next(struct packed_reader *reader);

/* Whether all of it can be read. */
int packed_is_whole(const void *bytes, size_t size);

#define PACKED_MERGE_MAX 16

/* Adds up to PACKED_MERGE_MAX strings, row by row, and appends the sum. 0; -1: one is damaged, or
 * memory is short. */
int packed_merge(const struct buffer *pieces, size_t count, struct buffer *out);

#endif
