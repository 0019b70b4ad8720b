/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/export.h"

#include "storage/sqlite/salvage.h"
#include "storage/sqlite/scan.h"

#include <inttypes.h>
#include <stdio.h>

/* What an export works with. Its functions give 0 to go on, 1 when the sink has ended it, -1. */
struct exporting {
    struct store_reader *reader;
    const struct export_sink *sink;
    struct trace_query query;
    uint64_t passed; /* traces */
    uint16_t rows[BLOCK_TRACES_MAX];
};

static void __attribute__((format(printf, 3, 4)))
lost(struct exporting *e, uint64_t traces, const char *format, ...)
{
    char sentence[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    e->sink->on_lost(e->sink->context, sentence, traces);
}

/* Goes on behind what cannot be read because the file is damaged; -1: it is for another reason. */
static int is_over(struct exporting *e)
{
    return salvage_is_damage(&e->reader->database) ? 0 : -1;
}

static int ended(int answer)
{
    return answer < 0;
}

/*
 * The next chunk of a trace, from that number on: 1 with its number, 0 when there is none; -1 when
 * SQLite cannot read it, -2 when it is damaged: then its number and view->events are known.
 */
static int read_chunk(struct exporting *e, sqlite3_stmt *statement, uint64_t trace, int64_t *number,
    struct buffer *parts, struct chunk_view *view)
{
    const unsigned char *bytes;
    struct reader in;
    int got;

    view->events = 0;
    sqlite3_reset(statement);
    sqlite3_bind_int64(statement, 1, (int64_t)trace);
    sqlite3_bind_int64(statement, 2, *number);
    got = database_step(&e->reader->database, statement);
    if (got <= 0)
        return got;
    *number = sqlite3_column_int64(statement, 0);
    view->events = (uint64_t)sqlite3_column_int64(statement, 1);
    view->base = sqlite3_column_int64(statement, 2);
    bytes = sqlite3_column_blob(statement, 3);
    in = (struct reader){bytes, bytes ? bytes + sqlite3_column_bytes(statement, 3) : NULL, 0};
    for (int i = 0; i < CHUNK_PARTS; i++) {
        struct piece piece;

        parts[i].size = 0;
        if (pack_next(&in, &piece) < 0 || pack_get(&e->reader->packer, &piece, &parts[i]) < 0)
            return -2;
        view->parts[i].bytes = parts[i].size ? parts[i].bytes : (const unsigned char *)"";
        view->parts[i].size = parts[i].size;
    }
    return 1;
}

/* A chunk that is not there or cannot be read. */
static int give_gap(
    struct exporting *e, const struct trace *trace, int64_t first, int64_t last, uint64_t events)
{
    if (events > 0)
        lost(e, 0,
            "chunk %" PRId64 " of trace %" PRIu64 " cannot be read: %" PRIu64
            " records are left out",
            first, trace->id, events);
    else if (first < last)
        lost(e, 0, "chunks %" PRId64 " to %" PRId64 " of trace %" PRIu64 " cannot be read", first,
            last, trace->id);
    else
        lost(e, 0, "chunk %" PRId64 " of trace %" PRIu64 " cannot be read", first, trace->id);
    return ended(e->sink->on_gap(e->sink->context, events));
}

/* The chunks that lie apart, whichever of them can be read. */
static int give_chunks(struct exporting *e, const struct trace *trace)
{
    struct buffer parts[CHUNK_PARTS] = {{0}};
    struct chunk_view view = {0};
    sqlite3_stmt *statement = database_prepare(&e->reader->database,
        "SELECT number, events, base, data FROM chunk WHERE trace = ?1 AND number >= ?2"
        " ORDER BY number LIMIT 1");
    int64_t wanted = 0, count = trace->chunks;
    int result = statement ? 0 : -1;

    while (result == 0 && wanted < count) {
        int64_t number = wanted;
        int got = read_chunk(e, statement, trace->id, &number, parts, &view);

        if (got == -1 && is_over(e) < 0)
            result = -1;
        else if (number >= count || got == 0)
            number = count;
        if (result == 0 && number > wanted)
            result = give_gap(e, trace, wanted, number - 1, 0);
        if (result == 0 && got < 0 && number < count)
            result = give_gap(e, trace, number, number, view.events);
        else if (result == 0 && got > 0 && number < count)
            result = ended(e->sink->on_chunk(e->sink->context, &view));
        wanted = number + 1;
    }
    sqlite3_finalize(statement);
    for (int i = 0; i < CHUNK_PARTS; i++)
        buffer_fini(&parts[i]);
    return result;
}

/* A trace; `inner`: its records that lie in its block, or NULL. */
static int give_trace(
    struct exporting *e, const struct located *located, const struct chunk_view *inner)
{
    const struct export_sink *sink = e->sink;
    struct trace_row row;
    int answer, result = 0;

    if (read_is_late(e->reader))
        return -1;
    located_row(e->reader, located, &row);
    e->passed++;
    if (sink->on_progress)
        sink->on_progress(sink->context, e->passed);
    answer = sink->on_trace(sink->context, &row);
    if (answer != 0)
        return ended(answer);
    if (located->trace.chunks > 0)
        result = give_chunks(e, &located->trace);
    else if (inner)
        result = ended(sink->on_chunk(sink->context, inner));
    return result != 0 ? result : ended(sink->on_trace_end(sink->context));
}

/* The rows that were selected, with their records, which lie one behind the other. */
static int give_rows(struct exporting *e, int64_t id, struct block *block, int count)
{
    uint64_t at[CHUNK_PARTS] = {0};
    uint32_t row = 0;

    for (int i = 0; i < count; i++) {
        struct chunk_view view;
        struct located located = {.block = id, .row = e->rows[i]};
        struct batch_trace found;
        int result, whole = 1;

        for (; row <= located.row; row++)
            for (int part = 0; part < CHUNK_PARTS; part++) {
                const struct buffer *bytes = &e->reader->parts.bytes[part];
                uint64_t size = (uint64_t)block_value(
                    block, (enum block_column)(COLUMN_STRUCTURE_SIZE + part), row);

                if (at[part] > bytes->size || size > bytes->size - at[part])
                    whole = 0;
                view.parts[part].bytes =
                    size && whole ? bytes->bytes + at[part] : (const unsigned char *)"";
                view.parts[part].size = whole ? size : 0;
                at[part] += size;
            }
        block_get(block, located.row, &found);
        located.trace = found.trace;
        view.events = found.trace.events;
        view.base = found.trace.start;
        if (!whole) {
            lost(e, (uint64_t)(count - i),
                "block %" PRId64 " cannot be read to its end: it has %d traces more", id,
                count - i);
            return 0;
        }
        result = give_trace(e, &located, &view);
        if (result != 0)
            return result;
    }
    return 0;
}

/* The zone map of a block: 1, 0 the block is not there, -1 it cannot be read. */
static int read_zone(struct exporting *e, int64_t id, int *tests, int64_t *traces)
{
    struct zone_row zone;
    char sql[1024];
    sqlite3_stmt *statement;
    int got;

    snprintf(sql, sizeof(sql), "SELECT id%s FROM block WHERE id = ?", zone_columns);
    statement = database_prepare(&e->reader->database, sql);
    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    got = database_step(&e->reader->database, statement);
    if (got > 0) {
        zone_row_read(statement, &zone);
        *traces = zone.values[ZONE_TRACES];
        *tests = query_try_zone(&e->query, &zone);
    }
    sqlite3_finalize(statement);
    return got;
}

static int export_block(struct exporting *e, int64_t id)
{
    struct store_reader *reader = e->reader;
    int tests = (int)e->query.tests, count = -1, result, got;
    struct block *block;
    int64_t traces = 0;

    got = read_zone(e, id, &tests, &traces);
    if (got < 0 && is_over(e) < 0)
        return -1;
    if (got == 0 || tests < 0) /* not there any more, or nothing of it is wanted */
        return 0;
    block = blocks_get(reader, id);
    if (block && blocks_decode_all(reader, id, block) == 0)
        count = rows_select(reader, &e->query, id, block, (unsigned)tests, e->rows);
    if (count > 0 && located_parts(reader, id) < 0)
        count = -1;
    if (count < 0 && traces > 0)
        lost(e, (uint64_t)traces, "block %" PRId64 " cannot be read: it has %" PRId64 " traces", id,
            traces);
    else if (count < 0)
        lost(e, 0, "block %" PRId64 " cannot be read", id);
    result = count > 0 ? give_rows(e, id, block, count) : 0;
    blocks_drop(reader);
    return result;
}

/* Blocks whose rows cannot be read; how many traces they had, if their zone maps can be. */
static void lose_blocks(struct exporting *e, const struct salvage *hole)
{
    sqlite3_stmt *statement = database_prepare(
        &e->reader->database, "SELECT sum(traces) FROM block WHERE id BETWEEN ?1 AND ?2");
    int64_t traces = 0;

    if (statement) {
        sqlite3_bind_int64(statement, 1, hole->lost_from);
        sqlite3_bind_int64(statement, 2, hole->lost_to);
        if (database_step(&e->reader->database, statement) > 0)
            traces = sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
    }
    if (hole->lost_to == INT64_MAX)
        lost(e, (uint64_t)traces,
            "the blocks from number %" PRId64 " on cannot be read: %" PRId64
            " traces or more are lost",
            hole->lost_from, traces);
    else
        lost(e, (uint64_t)traces,
            "blocks %" PRId64 " to %" PRId64 " cannot be read: %" PRId64 " traces or more are lost",
            hole->lost_from, hole->lost_to, traces);
}

static int export_blocks(struct exporting *e)
{
    struct salvage blocks;
    int result;

    /* Its data, not its zone map, is what makes a block: that may be damaged. */
    if (salvage_open(&blocks, &e->reader->database,
            "SELECT block FROM block_data WHERE block >= ?1 ORDER BY block") < 0)
        return -1;
    for (result = 0; result == 0;) {
        enum salvaged got = salvage_next(&blocks);

        if (got == SALVAGE_END)
            break;
        if (got == SALVAGE_HOLE)
            lose_blocks(e, &blocks);
        else
            result =
                got == SALVAGE_FAILED ? -1 : export_block(e, sqlite3_column_int64(blocks.rows, 0));
    }
    salvage_close(&blocks);
    return result;
}

static int export_running_one(struct exporting *e, sqlite3_stmt *row)
{
    struct located located;
    int got;

    if (locate_open(e->reader, sqlite3_column_blob(row, 1), (size_t)sqlite3_column_bytes(row, 1),
            &located) < 0) {
        lost(e, 1, "the running trace %" PRId64 " cannot be read",
            (int64_t)sqlite3_column_int64(row, 0));
        return 0;
    }
    if (!query_try_trace(&e->query, e->query.tests, &located.trace))
        return 0;
    if (e->query.tests >> TEST_CALLS & 1) {
        got = query_try_calls(&e->query, e->reader, &located);
        if (got <= 0) {
            if (got < 0)
                lost(e, 1, "the running trace %" PRIu64 " cannot be read", located.trace.id);
            return 0;
        }
    }
    return give_trace(e, &located, NULL);
}

static int export_running(struct exporting *e)
{
    struct salvage running;
    int result;

    if (!(e->query.states >> TRACE_RUNNING & 1))
        return 0;
    if (salvage_open(&running, &e->reader->database,
            "SELECT id, data FROM open_trace WHERE id >= ?1 ORDER BY id") < 0)
        return -1;
    for (result = 0; result == 0;) {
        enum salvaged got = salvage_next(&running);

        if (got == SALVAGE_END)
            break;
        if (got == SALVAGE_HOLE)
            lost(e, 0, "running traces from number %" PRId64 " on cannot be read",
                running.lost_from);
        else
            result = got == SALVAGE_FAILED ? -1 : export_running_one(e, running.rows);
    }
    salvage_close(&running);
    return result;
}

int store_export_traces(
    struct store_reader *reader, const struct store_filter *filter, const struct export_sink *sink)
{
    struct exporting e = {.reader = reader, .sink = sink};
    int result;

    if (read_begin(reader) < 0)
        return -1;
    query_init(&e.query);
    result = query_compile(&e.query, reader, filter);
    if (result == 0 && !e.query.nothing) {
        result = export_blocks(&e);
        if (result == 0)
            result = export_running(&e);
        if (reader->left_out.count > 0)
            lost(&e, reader->left_out.count,
                "%zu traces cannot be read far enough to tell whether they match",
                reader->left_out.count);
    }
    query_fini(&e.query);
    return read_end(reader, result < 0 ? -1 : 0);
}

int store_export_trace(struct store_reader *reader, uint64_t id, const struct export_sink *sink)
{
    struct exporting e = {.reader = reader, .sink = sink};
    struct located located;
    struct chunk_view view;
    int got, result = 0;

    if (read_begin(reader) < 0)
        return -1;
    got = locate_trace(reader, id, &located);
    if (got > 0 && located.trace.chunks == 0 && located.block != 0 &&
        located_inner(reader, &located, &view) < 0)
        got = -1;
    if (got > 0)
        result = give_trace(
            &e, &located, located.trace.chunks == 0 && located.block != 0 ? &view : NULL);
    return read_end(reader, got < 0 || result < 0 ? -1 : got == 0);
}

static int give_record(struct exporting *e, sqlite3_stmt *row)
{
    struct batch_record record = {.stream = (uint32_t)sqlite3_column_int64(row, 1),
        .type = (uint32_t)sqlite3_column_int64(row, 2),
        .time = sqlite3_column_int64(row, 3),
        .logged = sqlite3_column_type(row, 4) == SQLITE_NULL ? RECORD_NOT_LOGGED
                                                             : sqlite3_column_int64(row, 4),
        .fields = sqlite3_column_blob(row, 5),
        .size = (uint32_t)sqlite3_column_bytes(row, 5)};

    if (record.fields == NULL)
        record.fields = (const unsigned char *)"";
    return ended(e->sink->on_record(e->sink->context, &record));
}

int store_export_records(struct store_reader *reader, const struct export_sink *sink)
{
    struct exporting e = {.reader = reader, .sink = sink};
    struct salvage records;
    int result;

    if (read_begin(reader) < 0)
        return -1;
    result = salvage_open(&records, &reader->database,
        "SELECT id, stream, type, time_at, logged_at, fields FROM record WHERE id >= ?1"
        " ORDER BY id");
    while (result == 0) {
        enum salvaged got = salvage_next(&records);

        if (got == SALVAGE_END)
            break;
        if (got == SALVAGE_ROW)
            result = give_record(&e, records.rows);
        else if (got == SALVAGE_FAILED)
            result = -1;
        else if (records.lost_to == INT64_MAX)
            lost(&e, 0, "records of no trace from number %" PRId64 " on cannot be read",
                records.lost_from);
        else
            lost(&e, 0, "records of no trace cannot be read: up to %" PRId64 " of them",
                records.lost_to - records.lost_from + 1);
    }
    salvage_close(&records);
    return read_end(reader, result < 0 ? -1 : 0);
}
