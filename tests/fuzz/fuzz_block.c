/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what a damaged file may hold: a block's columns, a packed piece, a histogram. The
 * first byte says which. What must hold: reading ends, and what could be read comes out the same
 * when it is coded and read again.
 */
#include "tests/fuzz/input.h"

#include "storage/sqlite/block.h"
#include "storage/sqlite/query.h"
#include "storage/sqlite/zone.h"

#define EXPANDED_MAX (1u << 20) /* larger pieces are not expanded here: they only cost time */

static struct packer packer;

static void must_be_same(const struct batch_trace *a, const struct batch_trace *b)
{
#define COLUMN(name, field, distances) must(a->field == b->field);
    BLOCK_COLUMNS(COLUMN)
#undef COLUMN
}

static void check_zone(const struct batch_trace *rows, size_t count)
{
    static struct zone zone; /* it is large */
    struct buffer set = {0};

    zone_of(&zone, rows, count);
    must(zone.values[ZONE_TRACES] == (int64_t)count);
    must(zone.class_count >= 1 && zone.class_count <= count && zone.root_count <= count);
    for (size_t i = 1; i < zone.class_count; i++)
        must(zone.classes[i] > zone.classes[i - 1] || zone.classes[i] == UINT32_MAX);
    for (size_t i = 0; i < count; i++) {
        must(rows[i].trace.start >= zone.values[ZONE_MIN_START]);
        must(rows[i].trace.start <= zone.values[ZONE_MAX_START]);
        must(rows[i].trace.depth >= zone.values[ZONE_MIN_DEPTH]);
        must((int64_t)rows[i].trace.calls <= zone.values[ZONE_MAX_CALLS]);
    }
    must(zone_encode_set(zone.classes, zone.class_count, &set) == 0);
    buffer_fini(&set);
}

static void code_again(const struct batch_trace *rows, uint32_t count)
{
    struct block_scratch scratch = {0};
    struct buffer coded = {0};
    struct block block;

    must(block_encode(&scratch, &packer, rows, count, &coded) == 0);
    must(block_read(&block, coded.bytes, coded.size) == 0 && block.count == count);
    must(block_decode_all(&block, &packer) == 0);
    for (uint32_t i = 0; i < count; i++) {
        struct batch_trace row;

        block_get(&block, i, &row);
        must_be_same(&rows[i], &row);
    }
    block_fini(&block);
    block_scratch_fini(&scratch);
    buffer_fini(&coded);
}

static void try_block(const struct input *input)
{
    struct batch_trace *rows;
    struct block block;

    if (block_read(&block, input->at, input_left(input)) < 0)
        return;
    must(block.count >= 1 && block.count <= BLOCK_TRACES_MAX);
    if (block_decode_all(&block, &packer) == 0) {
        rows = calloc(block.count, sizeof(*rows));
        must(rows != NULL);
        for (uint32_t i = 0; i < block.count; i++)
            block_get(&block, i, &rows[i]);
        check_zone(rows, block.count);
        code_again(rows, block.count);
        free(rows);
    }
    block_fini(&block);
}

static void try_piece(const struct input *input)
{
    struct reader in = {input->at, input->end, 0};
    struct buffer out = {0}, again = {0}, back = {0};
    struct piece piece;

    while (in.at < in.end && pack_next(&in, &piece) == 0)
        if (piece.size <= EXPANDED_MAX) {
            size_t before = out.size;

            if (pack_get(&packer, &piece, &out) < 0)
                must(out.size == before);
            else
                must(out.size == before + piece.size);
        }
    if (out.size == 0 && input_left(input) > 0)
        must(buffer_append(&out, input->at, input_left(input)) == 0);
    must(pack_put(&packer, out.bytes, out.size, &again) == 0);
    in = (struct reader){again.bytes, again.bytes + again.size, 0};
    must(pack_next(&in, &piece) == 0 && in.at == in.end && piece.size == out.size);
    must(pack_get(&packer, &piece, &back) == 0 && back.size == out.size);
    must(out.size == 0 || memcmp(back.bytes, out.bytes, out.size) == 0);
    buffer_fini(&back);
    buffer_fini(&out);
    buffer_fini(&again);
}

static void try_histogram(const struct input *input)
{
    static struct histogram_sum sum, again;
    struct buffer coded = {0};
    uint64_t before = 0;

    histogram_sum_init(&sum);
    if (histogram_sum_add(&sum, input->at, input_left(input)) == 0) {
        histogram_sum_init(&again);
        must(histogram_sum_encode(&sum, &coded) == 0);
        must(histogram_sum_add(&again, coded.bytes, coded.size) == 0);
        must(again.total == sum.total);
        must(memcmp(again.counts, sum.counts, sizeof(sum.counts)) == 0);
    }
    for (int q = 0; q <= 4; q++) {
        uint64_t value = histogram_sum_quantile(&sum, q / 4.0);

        must(sum.total > UINT32_MAX || value >= before);
        before = value;
    }
    buffer_fini(&coded);
}

/* An independent answer: with a call for each way to go. Globs here are short. */
static int matches(const char *glob, const char *text)
{
    if (*glob == '\0')
        return *text == '\0';
    if (*glob == '*')
        return matches(glob + 1, text) || (*text != '\0' && matches(glob, text + 1));
    if (*text == '\0' || (*glob != '?' && *glob != *text))
        return 0;
    return matches(glob + 1, text + 1);
}

static void try_glob(struct input *input)
{
    char *glob = input_text(input, 0), *text = input_text(input, 0);
    int is_ascii = 1, stars = 0;

    for (const char *at = text; *at; at++)
        is_ascii &= (unsigned char)*at < 0x80;
    for (const char *at = glob; *at; at++)
        stars += *at == '*';
    if (is_ascii && stars <= 4 && strlen(text) <= 40)
        must(glob_matches(glob, text) == matches(glob, text));
    else
        must(glob_matches(glob, text) == 0 || glob_matches("*", text));
    must(!is_ascii || glob_matches(text, text)); /* a ? is a whole character */
    free(glob);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};

    switch (input_byte(&input) % 4) {
    case 0:
        try_block(&input);
        break;
    case 1:
        try_piece(&input);
        break;
    case 2:
        try_histogram(&input);
        break;
    default:
        try_glob(&input);
    }
    return 0;
}
