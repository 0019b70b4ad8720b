/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/block.h"

#include "record/record.h"

#include <stdlib.h>
#include <string.h>

static const unsigned char distances[COLUMNS] = {
#define COLUMN(name, field, distances) distances,
    BLOCK_COLUMNS(COLUMN)
#undef COLUMN
};

void block_scratch_fini(struct block_scratch *scratch)
{
    free(scratch->values);
    buffer_fini(&scratch->varints);
    scratch->values = NULL;
}

static int64_t less(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static void gather(
    const struct batch_trace *rows, size_t count, int64_t (*values)[BLOCK_TRACES_MAX])
{
    for (size_t i = 0; i < count; i++) {
        const struct batch_trace *row = &rows[i];
        const struct trace *trace = &row->trace;

#define COLUMN(name, field, distances) values[COLUMN_##name][i] = (int64_t)row->field;
        BLOCK_COLUMNS(COLUMN)
#undef COLUMN
        values[COLUMN_DURATION][i] = time_between(trace->start, trace->end);
        values[COLUMN_END][i] = less(less(trace->end, trace->start), values[COLUMN_DURATION][i]);
        if (trace->metadata_logged == RECORD_NOT_LOGGED)
            values[COLUMN_METADATA_LOGGED][i] = 0;
        else
            values[COLUMN_METADATA_LOGGED][i] =
                (int64_t)(1 + zigzag(less(trace->metadata_logged, trace->start)));
    }
}

static int is_same(const int64_t *values, size_t count)
{
    return count == 1 || memcmp(values, values + 1, (count - 1) * sizeof(*values)) == 0;
}

static int put_column(struct block_scratch *scratch, struct packer *packer, const int64_t *values,
    size_t count, int by_distance, struct buffer *out)
{
    struct buffer *varints = &scratch->varints;
    int64_t before = 0;

    if (is_same(values, count)) {
        if (buffer_reserve(out, 1 + VARINT_MAX) < 0)
            return -1;
        buffer_put(out, 0);
        buffer_put(out, zigzag(values[0]));
        return 0;
    }
    varints->size = 0;
    if (buffer_reserve(varints, count * VARINT_MAX) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        buffer_put(varints, zigzag(by_distance ? less(values[i], before) : values[i]));
        before = values[i];
    }
    return pack_put(packer, varints->bytes, varints->size, out);
}

int block_encode(struct block_scratch *scratch, struct packer *packer,
    const struct batch_trace *rows, size_t count, struct buffer *out)
{
    int64_t(*values)[BLOCK_TRACES_MAX];

    if (scratch->values == NULL)
        scratch->values = malloc(COLUMNS * sizeof(*values));
    if (scratch->values == NULL || buffer_reserve(out, 2 * VARINT_MAX) < 0)
        return -1;
    values = (int64_t(*)[BLOCK_TRACES_MAX])(void *)scratch->values;
    gather(rows, count, values);
    buffer_put(out, count);
    buffer_put(out, COLUMNS);
    for (int i = 0; i < COLUMNS; i++)
        if (put_column(scratch, packer, values[i], count, distances[i], out) < 0)
            return -1;
    return 0;
}

void block_fini(struct block *block)
{
    for (int i = 0; i < COLUMNS; i++)
        free(block->columns[i].values);
    buffer_fini(&block->bytes);
    *block = (struct block){0};
}

static int read_columns(struct block *block, struct reader *in)
{
    uint64_t rows = reader_varint(in), columns = reader_varint(in);

    if (in->bad || rows == 0 || rows > BLOCK_TRACES_MAX)
        return -1;
    block->count = (uint32_t)rows;
    for (uint64_t i = 0; i < columns && i < COLUMNS; i++) {
        struct block_values *column = &block->columns[i];

        if (in->at < in->end && *in->at == 0) {
            in->at++;
            column->same = unzigzag(reader_varint(in));
        } else if (pack_next(in, &column->piece) < 0 || column->piece.size > rows * VARINT_MAX) {
            return -1;
        }
    }
    return in->bad ? -1 : 0;
}

int block_read(struct block *block, const void *bytes, size_t size)
{
    struct reader in;

    *block = (struct block){0};
    if (buffer_append(&block->bytes, bytes, size) < 0)
        return -1;
    in = (struct reader){block->bytes.bytes, block->bytes.bytes + size, 0};
    if (read_columns(block, &in) < 0) {
        block_fini(block);
        return -1;
    }
    return 0;
}

/* As reader_varint; while there is room for the longest number, without looking at the end byte by
 * byte. */
static inline uint64_t take_varint(struct reader *in)
{
    const unsigned char *at = in->at;
    uint64_t value;

    if (in->end - at < VARINT_MAX)
        return reader_varint(in);
    value = at[0] & 0x7F;
    if (at[0] < 0x80) {
        in->at = at + 1;
        return value;
    }
    value |= (uint64_t)(at[1] & 0x7F) << 7;
    if (at[1] < 0x80) {
        in->at = at + 2;
        return value;
    }
    return reader_varint_slow(in);
}

static int decode(const struct buffer *varints, int64_t *values, uint32_t count, int by_distance)
{
    struct reader in = {varints->bytes, varints->bytes + varints->size, 0};
    int64_t before = 0;

    for (uint32_t i = 0; i < count; i++) {
        int64_t value = unzigzag(take_varint(&in));

        before = values[i] = by_distance ? plus(before, value) : value;
    }
    return in.bad || in.at != in.end ? -1 : 0;
}

int block_decode(struct block *block, struct packer *packer, enum block_column number)
{
    struct block_values *column = &block->columns[number];
    struct buffer varints = {0};
    int64_t *values;

    if (column->values || column->piece.size == 0)
        return 0;
    values = malloc(block->count * sizeof(*values));
    if (values == NULL || pack_get(packer, &column->piece, &varints) < 0 ||
        decode(&varints, values, block->count, distances[number]) < 0) {
        free(values);
        buffer_fini(&varints);
        return -1;
    }
    buffer_fini(&varints);
    column->values = values;
    return 0;
}

int block_decode_all(struct block *block, struct packer *packer)
{
    for (int i = 0; i < COLUMNS; i++)
        if (block_decode(block, packer, (enum block_column)i) < 0)
            return -1;
    return 0;
}

void block_get(const struct block *block, uint32_t i, struct batch_trace *row)
{
    struct trace *trace = &row->trace;
    uint64_t logged = (uint64_t)block_value(block, COLUMN_METADATA_LOGGED, i);

    *row = (struct batch_trace){0};
#define COLUMN(name, column_field, distances)                                                      \
    row->column_field = (__typeof__(row->column_field))block_value(block, COLUMN_##name, i);
    BLOCK_COLUMNS(COLUMN)
#undef COLUMN
    trace->end = plus(plus(trace->start, block_value(block, COLUMN_DURATION, i)),
        block_value(block, COLUMN_END, i));
    trace->metadata_logged =
        logged == 0 ? RECORD_NOT_LOGGED : plus(trace->start, unzigzag(logged - 1));
    if (trace->state >= TRACE_STATES)
        trace->state = TRACE_DAMAGED;
}
