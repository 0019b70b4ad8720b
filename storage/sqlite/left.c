/* SPDX-License-Identifier: Apache-2.0 */
/* Streams that go on in other connections, and their open traces, for the assembler to go on with.
 */
#include "storage/sqlite/writer.h"

#include "record/talk.h"

#include <string.h>

#define OVER_MAX "1024" /* streams that are over, of which is told */

/* The layout is SQL's. */
/* clang-format off */
static const char streams[] =
    "SELECT id, run, opened_at, coalesce(closed_at, 0), position, records, unit_ns, fault, peer, agent,"
    " session, coalesce((SELECT text FROM name WHERE id = fault), '')"
    " FROM stream WHERE session IS NOT NULL AND (closed_at IS NULL OR id IN"
    " (SELECT id FROM stream WHERE session IS NOT NULL AND closed_at IS NOT NULL"
    " ORDER BY id DESC LIMIT " OVER_MAX "))"
    " ORDER BY id";
static const char counters[] = "SELECT name, value FROM counter WHERE stream = ?";
static const char traces[] =
    "SELECT id, data, owner, last_order, beyond, metadata_at FROM open_trace ORDER BY owner, id";
static const char chunks[] =
    "SELECT number, events, base, data FROM chunk WHERE trace = ? ORDER BY number";
/* clang-format on */

static const char *text_of(sqlite3_stmt *row, int column)
{
    const char *text = (const char *)sqlite3_column_text(row, column);

    return text ? text : "";
}

static int tell_counters(struct store *store, uint32_t stream, const struct store_left *sink)
{
    sqlite3_stmt *row = database_prepare(&store->database, counters);
    int got;

    if (row == NULL)
        return -1;
    sqlite3_bind_int64(row, 1, stream);
    while ((got = database_step(&store->database, row)) > 0)
        if (sink->counter(sink->context, text_of(row, 0), (uint64_t)sqlite3_column_int64(row, 1)) <
            0) {
            got = database_fail(&store->database, "not enough memory for what was left open");
            break;
        }
    sqlite3_finalize(row);
    return got;
}

static int tell_stream(struct store *store, sqlite3_stmt *row, const struct store_left *sink)
{
    struct batch_stream stream = {.id = (uint32_t)sqlite3_column_int64(row, 0),
        .run = (uint32_t)sqlite3_column_int64(row, 1),
        .opened = sqlite3_column_int64(row, 2),
        .closed = sqlite3_column_int64(row, 3),
        .position = (uint64_t)sqlite3_column_int64(row, 4),
        .records = (uint64_t)sqlite3_column_int64(row, 5),
        .unit = sqlite3_column_int64(row, 6),
        .fault = (uint32_t)sqlite3_column_int64(row, 7),
        .peer = text_of(row, 8),
        .agent = text_of(row, 9),
        .session = text_of(row, 10)};

    if (strlen(stream.session) != TALK_SESSION_SIZE)
        return 0;
    if (sink->stream(sink->context, &stream, text_of(row, 11)) < 0)
        return database_fail(&store->database, "not enough memory for what was left open");
    return tell_counters(store, stream.id, sink);
}

static int tell_streams(struct store *store, const struct store_left *sink)
{
    sqlite3_stmt *row = database_prepare(&store->database, streams);
    int got;

    if (row == NULL)
        return -1;
    while ((got = database_step(&store->database, row)) > 0)
        if (tell_stream(store, row, sink) < 0) {
            got = -1;
            break;
        }
    sqlite3_finalize(row);
    return got;
}

/* The chunks of a trace, one by one. */
struct left_chunks {
    struct store *store;
    sqlite3_stmt *row;
    int64_t number;
};

static int next_chunk(void *context, struct chunk_view *view)
{
    struct left_chunks *of = context;
    struct store *store = of->store;
    int got = database_step(&store->database, of->row);
    const unsigned char *bytes;
    struct reader in;

    if (got <= 0)
        return got;
    if (sqlite3_column_int64(of->row, 0) != of->number++)
        return -1;
    view->events = (uint64_t)sqlite3_column_int64(of->row, 1);
    view->base = sqlite3_column_int64(of->row, 2);
    bytes = sqlite3_column_blob(of->row, 3);
    in = (struct reader){bytes, bytes ? bytes + sqlite3_column_bytes(of->row, 3) : NULL, 0};
    for (int i = 0; i < CHUNK_PARTS; i++) {
        struct buffer *part = &store->parts[i];
        struct piece piece;

        part->size = 0;
        if (pack_next(&in, &piece) < 0 || pack_get(&store->packer, &piece, part) < 0)
            return -1;
        view->parts[i].bytes = part->size ? part->bytes : (const unsigned char *)"";
        view->parts[i].size = part->size;
    }
    return 1;
}

int write_read_open(
    struct store *store, sqlite3_int64 id, const void *bytes, size_t size, struct batch_trace *row)
{
    struct block block;
    int is_sound;

    if (block_read(&block, bytes, size) < 0)
        return 0;
    is_sound = block.count == 1 && block_decode_all(&block, &store->packer) == 0;
    if (is_sound)
        block_get(&block, 0, row);
    block_fini(&block);
    return is_sound && row->trace.id == (uint64_t)id;
}

static int forget(struct store *store, int64_t id)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_END_TRACE);

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    return write_done(store, statement);
}

/* 1: taken over; 0: too damaged; -1. */
static int tell_trace(
    struct store *store, sqlite3_stmt *row, sqlite3_stmt *of, const struct store_left *sink)
{
    struct left_chunks left = {store, of, 0};
    struct batch_trace trace = {0};
    int64_t id = sqlite3_column_int64(row, 0);
    int got;

    if (!write_read_open(
            store, id, sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1), &trace))
        return write_counter(store, 0, "damaged_open_trace", 1);
    trace.open = (struct open_state){(uint32_t)sqlite3_column_int64(row, 2),
        (int32_t)sqlite3_column_int64(row, 3), (uint64_t)sqlite3_column_int64(row, 4),
        (uint64_t)sqlite3_column_int64(row, 5)};
    sqlite3_reset(of);
    sqlite3_bind_int64(of, 1, id);
    got = sink->trace(sink->context, &trace, next_chunk, &left);
    sqlite3_reset(of);
    return got < 0 ? database_fail(&store->database, "not enough memory for what was left open")
                   : got;
}

static int tell_traces(struct store *store, const struct store_left *sink)
{
    sqlite3_stmt *row = database_prepare(&store->database, traces);
    sqlite3_stmt *of = database_prepare(&store->database, chunks);
    int got = row && of ? 1 : -1;

    while (got > 0 && (got = database_step(&store->database, row)) > 0) {
        int taken = tell_trace(store, row, of, sink);

        if (taken < 0 || (taken == 0 && forget(store, sqlite3_column_int64(row, 0)) < 0))
            got = -1;
    }
    sqlite3_finalize(row);
    sqlite3_finalize(of);
    return got;
}

static int tell(struct store *store, void *context)
{
    return tell_streams(store, context) < 0 ? -1 : tell_traces(store, context);
}

int store_left(struct store *store, const struct store_left *sink)
{
    struct store_left copy = *sink;

    return write_all(store, tell, &copy);
}
