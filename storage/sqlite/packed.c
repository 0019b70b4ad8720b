/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/packed.h"

#include "storage/sqlite/functions.h"

#include <string.h>

#define NUMBERS_MAX 8 /* of a row */

static int is_single(const struct figures *row)
{
    return row->calls == 1 && row->failed <= 1 && row->minimum >= 0 &&
           row->maximum == row->minimum && row->total == (uint64_t)row->minimum &&
           row->self <= row->total;
}

int packed_put(struct buffer *out, uint32_t *before, const struct figures *row)
{
    uint64_t distance = row->path - *before;
    int single = is_single(row);

    if (buffer_reserve(out, NUMBERS_MAX * VARINT_MAX + row->histogram_size) < 0)
        return -1;
    *before = row->path;
    buffer_put(out, distance << 1 | (unsigned)single);
    if (single) {
        buffer_put(out, row->total << 1 | row->failed);
        buffer_put(out, row->total - row->self);
        return 0;
    }
    buffer_put(out, row->calls);
    buffer_put(out, row->failed);
    buffer_put(out, row->total);
    buffer_put(out, row->self);
    buffer_put(out, (uint64_t)row->minimum);
    buffer_put(out, (uint64_t)row->maximum - (uint64_t)row->minimum);
    buffer_put(out, row->histogram_size);
    return buffer_append(out, row->histogram, row->histogram_size);
}

void packed_read(struct packed_reader *reader, const void *bytes, size_t size)
{
    reader->in = (struct reader){bytes, size ? (const unsigned char *)bytes + size : bytes, 0};
    reader->row = (struct figures){0};
}

static void read_single(struct packed_reader *reader)
{
    struct figures *row = &reader->row;
    uint64_t head = reader_varint(&reader->in);
    unsigned char *end;

    row->calls = 1;
    row->failed = head & 1;
    row->total = head >> 1;
    row->self = row->total - reader_varint(&reader->in);
    row->minimum = row->maximum = (int64_t)row->total;
    end = varint_put(varint_put(reader->single, histogram_bucket(row->total)), 1);
    row->histogram = reader->single;
    row->histogram_size = (size_t)(end - reader->single);
}

static void read_sum(struct packed_reader *reader)
{
    struct figures *row = &reader->row;
    struct reader *in = &reader->in;

    row->calls = reader_varint(in);
    row->failed = reader_varint(in);
    row->total = reader_varint(in);
    row->self = reader_varint(in);
    row->minimum = (int64_t)reader_varint(in);
    row->maximum = (int64_t)((uint64_t)row->minimum + reader_varint(in));
    row->histogram_size = reader_varint(in);
    row->histogram = in->at;
    if (row->histogram_size > (size_t)(in->end - in->at))
        in->bad = 1;
    else
        in->at += row->histogram_size;
}

int packed_next(struct packed_reader *reader)
{
    struct reader *in = &reader->in;
    uint64_t head;

    if (in->at == in->end)
        return in->bad ? -1 : 0;
    head = reader_varint(in);
    if (head >> 1 == 0 || head >> 1 > UINT32_MAX - reader->row.path)
        return -1;
    reader->row.path += (uint32_t)(head >> 1);
    if (head & 1)
        read_single(reader);
    else
        read_sum(reader);
    return in->bad ? -1 : 1;
}

int packed_is_whole(const void *bytes, size_t size)
{
    struct packed_reader reader;
    struct buffer room = {0};
    int got;

    packed_read(&reader, bytes, size);
    while ((got = packed_next(&reader)) > 0) {
        room.size = 0;
        if (histogram_merge(NULL, 0, reader.row.histogram, reader.row.histogram_size, &room) < 0)
            break;
    }
    buffer_fini(&room);
    return got == 0;
}

/* Several rows of one path, added up. */
struct sum {
    struct figures row;
    struct buffer histogram, room;
};

static int add(struct sum *sum, const struct figures *row)
{
    struct figures *to = &sum->row;
    struct buffer merged = sum->room;

    merged.size = 0;
    if (histogram_merge(
            to->histogram, to->histogram_size, row->histogram, row->histogram_size, &merged) < 0) {
        sum->room = merged;
        return -1;
    }
    sum->room = sum->histogram;
    sum->histogram = merged;
    to->histogram = merged.bytes;
    to->histogram_size = merged.size;
    to->calls += row->calls;
    to->failed += row->failed;
    to->total += row->total;
    to->self += row->self;
    to->minimum = row->minimum < to->minimum ? row->minimum : to->minimum;
    to->maximum = row->maximum > to->maximum ? row->maximum : to->maximum;
    return 0;
}

struct merging {
    struct packed_reader readers[PACKED_MERGE_MAX];
    size_t count; /* of those that have a row */
    struct sum sum;
};

/* The reader's next row; one that has none is taken out. 0 or -1. */
static int advance(struct merging *merging, size_t i)
{
    int got = packed_next(&merging->readers[i]);

    if (got == 0) {
        struct packed_reader *last = &merging->readers[--merging->count];
        int is_single = last->row.histogram == last->single;

        merging->readers[i] = *last;
        if (is_single)
            merging->readers[i].row.histogram = merging->readers[i].single;
    }
    return got < 0 ? -1 : 0;
}

static uint32_t lowest(const struct merging *merging)
{
    uint32_t path = UINT32_MAX;

    for (size_t i = 0; i < merging->count; i++)
        if (merging->readers[i].row.path < path)
            path = merging->readers[i].row.path;
    return path;
}

/* The sum of all rows of the lowest path. */
static int put_lowest(struct merging *merging, struct buffer *out, uint32_t *before)
{
    uint32_t path = lowest(merging);
    struct sum *sum = &merging->sum;
    int is_first = 1;

    for (size_t i = 0; i < merging->count; i++) {
        if (merging->readers[i].row.path != path)
            continue;
        if (is_first)
            sum->row = merging->readers[i].row;
        else if (add(sum, &merging->readers[i].row) < 0)
            return -1;
        is_first = 0;
    }
    if (packed_put(out, before, &sum->row) < 0)
        return -1;
    for (size_t i = merging->count; i-- > 0;)
        if (merging->readers[i].row.path == path && advance(merging, i) < 0)
            return -1;
    return 0;
}

int packed_merge(const struct buffer *pieces, size_t count, struct buffer *out)
{
    struct merging merging = {.count = count};
    uint32_t before = 0;
    int result = 0;

    for (size_t i = 0; i < count; i++)
        packed_read(&merging.readers[i], pieces[i].bytes, pieces[i].size);
    for (size_t i = count; result == 0 && i-- > 0;)
        result = advance(&merging, i);
    while (result == 0 && merging.count > 0)
        result = put_lowest(&merging, out, &before);
    buffer_fini(&merging.sum.histogram);
    buffer_fini(&merging.sum.room);
    return result;
}
