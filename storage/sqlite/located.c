/* SPDX-License-Identifier: Apache-2.0 */
/* One trace: where it lies, its chunks, its row. */
#include "storage/sqlite/reading.h"
#include "storage/sqlite/salvage.h"

#include <string.h>

int locate_open(struct store_reader *reader, const void *data, size_t size, struct located *located)
{
    struct block block;
    struct batch_trace row;

    if (block_read(&block, data, size) < 0) {
        reader->is_damage = 1;
        return database_fail(
            &reader->database, "%s is damaged: a running trace", reader->database.location);
    }
    if (blocks_decode_all(reader, 0, &block) < 0) {
        block_fini(&block);
        return -1;
    }
    block_get(&block, 0, &row);
    block_fini(&block);
    row.trace.state = TRACE_RUNNING;
    *located = (struct located){.trace = row.trace};
    return 0;
}

/* Whether the block has the trace: then it is in *located. */
static int look_into(
    struct store_reader *reader, int64_t id, uint64_t trace, struct located *located)
{
    struct block *block = blocks_get(reader, id);
    struct batch_trace row;

    if (block == NULL || blocks_decode(reader, id, block, COLUMN_ID) < 0)
        return -1;
    for (uint32_t i = 0; i < block->count; i++)
        if ((uint64_t)block_value(block, COLUMN_ID, i) == trace) {
            if (blocks_decode_all(reader, id, block) < 0)
                return -1;
            block_get(block, i, &row);
            *located = (struct located){row.trace, id, i};
            return 1;
        }
    return 0;
}

int locate_trace(struct store_reader *reader, uint64_t id, struct located *located)
{
    sqlite3_stmt *statement = read_statement(reader, READ_OPEN_TRACE, (int64_t)id);
    int got = statement ? database_step(&reader->database, statement) : -1;

    if (got > 0) {
        got = locate_open(reader, sqlite3_column_blob(statement, 0),
            (size_t)sqlite3_column_bytes(statement, 0), located);
        sqlite3_reset(statement);
        return got < 0 ? -1 : 1;
    }
    if (got < 0)
        return -1;
    statement = read_statement(reader, READ_BLOCKS_OF_TRACE, (int64_t)id);
    if (statement == NULL)
        return -1;
    while ((got = database_step(&reader->database, statement)) > 0) {
        got = look_into(reader, sqlite3_column_int64(statement, 0), id, located);
        if (got != 0)
            break;
    }
    sqlite3_reset(statement);
    return got;
}

int located_parts(struct store_reader *reader, int64_t block)
{
    sqlite3_stmt *statement;
    int got;

    if (reader->parts.block == block)
        return 0;
    reader->parts.block = 0;
    statement = read_statement(reader, READ_PARTS, block);
    got = statement ? database_step(&reader->database, statement) : -1;
    if (got <= 0)
        return got == 0 || salvage_is_damage(&reader->database) ? blocks_damaged(reader, block)
                                                                : -1;
    for (int i = 0; i < CHUNK_PARTS; i++) {
        const unsigned char *bytes = sqlite3_column_blob(statement, i);
        struct reader in = {bytes, bytes ? bytes + sqlite3_column_bytes(statement, i) : NULL, 0};
        struct piece piece;

        reader->parts.bytes[i].size = 0;
        if (bytes && (pack_next(&in, &piece) < 0 ||
                         pack_get(&reader->packer, &piece, &reader->parts.bytes[i]) < 0)) {
            sqlite3_reset(statement);
            return blocks_damaged(reader, block);
        }
    }
    sqlite3_reset(statement);
    reader->parts.block = block;
    return 0;
}

int located_inner(
    struct store_reader *reader, const struct located *located, struct chunk_view *view)
{
    struct block *block = blocks_get(reader, located->block);

    if (block == NULL || blocks_decode_all(reader, located->block, block) < 0 ||
        located_parts(reader, located->block) < 0)
        return -1;
    for (int i = 0; i < CHUNK_PARTS; i++) {
        enum block_column column = (enum block_column)(COLUMN_STRUCTURE_SIZE + i);
        const struct buffer *part = &reader->parts.bytes[i];
        uint64_t at = 0, size = (uint64_t)block_value(block, column, located->row);

        for (uint32_t row = 0; row < located->row; row++)
            at += (uint64_t)block_value(block, column, row);
        if (at > part->size || size > part->size - at)
            return blocks_damaged(reader, located->block);
        view->parts[i].bytes = size ? part->bytes + at : (const unsigned char *)"";
        view->parts[i].size = size;
    }
    view->events = located->trace.events;
    view->base = located->trace.start;
    return 0;
}

int chunks_open(struct chunks *chunks, struct store_reader *reader, const struct located *located)
{
    *chunks = (struct chunks){.reader = reader, .located = *located};
    if (located->trace.chunks == 0)
        return 0;
    chunks->apart = database_prepare(
        &reader->database, "SELECT events, base, data FROM chunk WHERE trace = ? ORDER BY number");
    if (chunks->apart == NULL)
        return -1;
    sqlite3_bind_int64(chunks->apart, 1, (int64_t)located->trace.id);
    return 0;
}

void chunks_close(struct chunks *chunks)
{
    sqlite3_finalize(chunks->apart);
    for (int i = 0; i < CHUNK_PARTS; i++)
        buffer_fini(&chunks->parts[i]);
    *chunks = (struct chunks){0};
}

/* A chunk that lies apart: its parts one behind the other. */
static int read_chunk(struct chunks *chunks, struct chunk_view *view)
{
    const unsigned char *bytes = sqlite3_column_blob(chunks->apart, 2);
    struct reader in = {bytes, bytes ? bytes + sqlite3_column_bytes(chunks->apart, 2) : NULL, 0};

    view->events = (uint64_t)sqlite3_column_int64(chunks->apart, 0);
    view->base = sqlite3_column_int64(chunks->apart, 1);
    for (int i = 0; i < CHUNK_PARTS; i++) {
        struct buffer *part = &chunks->parts[i];
        struct piece piece;

        part->size = 0;
        if (pack_next(&in, &piece) < 0 || pack_get(&chunks->reader->packer, &piece, part) < 0)
            return -1;
        view->parts[i].bytes = part->size ? part->bytes : (const unsigned char *)"";
        view->parts[i].size = part->size;
    }
    return 0;
}

int chunks_next(struct chunks *chunks, struct chunk_view *view)
{
    struct store_reader *reader = chunks->reader;
    const struct trace *trace = &chunks->located.trace;
    uint32_t number = chunks->given++;
    int got;

    if (trace->chunks == 0) {
        if (number > 0 || chunks->located.block == 0)
            return 0;
        return located_inner(reader, &chunks->located, view) < 0 ? -1 : 1;
    }
    if (number >= trace->chunks)
        return 0;
    got = database_step(&reader->database, chunks->apart);
    if (got < 0 && !salvage_is_damage(&reader->database))
        return -1;
    if (got > 0 && read_chunk(chunks, view) == 0)
        return 1;
    reader->is_damage = 1;
    return database_fail(&reader->database,
        "%s is damaged: chunk %u of trace %llu is not there or cannot be read",
        reader->database.location, number, (unsigned long long)trace->id);
}

int located_chunks(
    struct store_reader *reader, const struct located *located, chunk_sink *sink, void *context)
{
    struct chunk_view view;
    struct chunks chunks;
    int got;

    if (chunks_open(&chunks, reader, located) < 0)
        return -1;
    while ((got = chunks_next(&chunks, &view)) > 0)
        if (sink(context, &view))
            break;
    chunks_close(&chunks);
    return got < 0 ? -1 : 0;
}

void located_row(struct store_reader *reader, const struct located *located, struct trace_row *row)
{
    const struct trace *trace = &located->trace;
    sqlite3_stmt *statement = read_statement(reader, READ_RUN, trace->run);
    uint32_t run = 0;

    if (statement && database_step(&reader->database, statement) > 0) {
        run = (uint32_t)sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    *row = (struct trace_row){.trace = *trace,
        .run = dictionary_name(reader, run),
        .host = dictionary_name(reader, trace->host),
        .session = dictionary_name(reader, trace->session),
        .root_operation = trace->root ? dictionary_path(reader, trace->root)->operation : 0};
    store_operation(reader, row->root_operation, &row->root, &row->component);
}

int store_trace(struct store_reader *reader, uint64_t id, struct trace_row *row)
{
    struct located located;
    int got;

    if (read_begin(reader) < 0)
        return -1;
    got = locate_trace(reader, id, &located);
    if (got > 0)
        located_row(reader, &located, row);
    return read_end(reader, got);
}

int store_chunks(struct store_reader *reader, uint64_t id, chunk_sink *sink, void *context)
{
    struct located located;
    int got;

    if (read_begin(reader) < 0)
        return -1;
    got = locate_trace(reader, id, &located);
    if (got == 0)
        got = database_fail(&reader->database, "there is no trace %llu", (unsigned long long)id);
    return read_end(reader, got < 0 ? -1 : located_chunks(reader, &located, sink, context));
}
