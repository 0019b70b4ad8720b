/* SPDX-License-Identifier: Apache-2.0 */
/* What is stored, in numbers: of all, by run, and what was counted by name. */
#include "storage/sqlite/reading.h"
#include "storage/sqlite/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static uint64_t size_of(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* The write-ahead log, which lies beside the file itself, not beside a link to it. */
static const char *log_of(struct store_reader *reader)
{
    const char *file = sqlite3_db_filename(reader->database.handle, "main");

    return file && *file ? sqlite3_filename_wal(file) : "";
}

/* Numbers that one row of `sql` gives, in order. */
static int read_numbers(struct store_reader *reader, const char *sql, int64_t *numbers, int count)
{
    sqlite3_stmt *statement = database_prepare(&reader->database, sql);
    int got;

    if (statement == NULL)
        return -1;
    got = database_step(&reader->database, statement);
    for (int i = 0; i < count; i++)
        numbers[i] = got > 0 ? sqlite3_column_int64(statement, i) : 0;
    sqlite3_finalize(statement);
    return got < 0 ? -1 : 0;
}

/* Calls back for every running trace. */
static int each_running(struct store_reader *reader,
    void (*add)(void *context, const struct trace *trace), void *context)
{
    sqlite3_stmt *statement =
        database_prepare(&reader->database, "SELECT data, id FROM open_trace");
    struct located located;
    int got;

    if (statement == NULL)
        return -1;
    while ((got = database_step(&reader->database, statement)) > 0) {
        got = locate_open(reader, sqlite3_column_blob(statement, 0),
            (size_t)sqlite3_column_bytes(statement, 0), &located);
        if (got < 0 && read_leaves_out(reader, -sqlite3_column_int64(statement, 1)))
            continue;
        if (got < 0)
            break;
        add(context, &located.trace);
    }
    sqlite3_finalize(statement);
    return got;
}

static void add_to_status(void *context, const struct trace *trace)
{
    struct store_status *status = context;

    status->traces++;
    status->states[TRACE_RUNNING]++;
    status->failed += trace->failed > 0;
    status->calls += trace->calls;
    if (trace->events > 0 && (status->first == 0 || trace->start < status->first))
        status->first = trace->start;
    if (trace->events > 0 && trace->end > status->last)
        status->last = trace->end;
}

static int fill(struct store_reader *reader, struct store_status *status)
{
    int64_t blocks[8], streams[3], sizes[5];

    if (read_numbers(reader,
            "SELECT sum(traces), sum(complete), sum(incomplete), sum(damaged), sum(failed), "
            "sum(calls), min(min_start),"
            " max(max_end) FROM block",
            blocks, 8) < 0 ||
        read_numbers(reader,
            "SELECT count(*), count(*) - count(closed_at), sum(records) FROM stream", streams,
            3) < 0 ||
        read_numbers(reader,
            "SELECT (SELECT count(*) FROM run), (SELECT count(*) FROM operation),"
            " (SELECT count(DISTINCT component) FROM operation), (SELECT count(*) FROM path WHERE "
            "kind = 0),"
            " (SELECT count(*) FROM class)",
            sizes, 5) < 0)
        return -1;
    status->traces = (uint64_t)blocks[0];
    status->states[TRACE_COMPLETE] = (uint64_t)blocks[1];
    status->states[TRACE_INCOMPLETE] = (uint64_t)blocks[2];
    status->states[TRACE_DAMAGED] = (uint64_t)blocks[3];
    status->failed = (uint64_t)blocks[4];
    status->calls = (uint64_t)blocks[5];
    status->first = blocks[6];
    status->last = blocks[7];
    status->streams = (uint64_t)streams[0];
    status->open_streams = (uint64_t)streams[1];
    status->records = (uint64_t)streams[2];
    status->runs = (uint64_t)sizes[0];
    status->operations = (uint64_t)sizes[1];
    status->components = (uint64_t)sizes[2];
    status->paths = (uint64_t)sizes[3];
    status->classes = (uint64_t)sizes[4];
    return each_running(reader, add_to_status, status);
}

int store_status(struct store_reader *reader, struct store_status *status)
{
    const char *location = reader->database.location;
    int64_t schema;
    int result;

    *status = (struct store_status){.schema = 0};
    snprintf(status->location, sizeof(status->location), "%s", location);
    status->bytes = size_of(location) + size_of(log_of(reader));
    if (read_begin(reader) < 0)
        return -1;
    result = database_integer(&reader->database, "PRAGMA user_version", &schema);
    status->schema = (int)schema;
    if (result == 0)
        result = fill(reader, status);
    return read_end(reader, result);
}

/* ---- runs */

struct running {
    LIST(struct run_row) runs; /* by run id: what its running traces add */
    int failed;
};

static void add_to_run(void *context, const struct trace *trace)
{
    struct running *running = context;
    struct run_row *run;

    while (running->runs.count <= trace->run) {
        run = list_add(&running->runs);
        if (run == NULL) {
            running->failed = 1;
            return;
        }
        *run = (struct run_row){.name = ""};
    }
    run = &running->runs.items[trace->run];
    run->traces++;
    run->calls += trace->calls;
    run->failed += trace->failed > 0;
    if (trace->events > 0 && (run->first == 0 || trace->start < run->first))
        run->first = trace->start;
    if (trace->events > 0 && trace->end > run->last)
        run->last = trace->end;
}

static void read_run(sqlite3_stmt *statement, const struct running *running, struct run_row *row)
{
    size_t id = (size_t)sqlite3_column_int64(statement, 0);
    const struct run_row none = {0},
                         *more = id < running->runs.count ? &running->runs.items[id] : &none;

    *row = (struct run_row){.name = (const char *)sqlite3_column_text(statement, 1),
        .first = sqlite3_column_int64(statement, 2),
        .last = sqlite3_column_int64(statement, 3),
        .streams = (uint64_t)sqlite3_column_int64(statement, 4),
        .records = (uint64_t)sqlite3_column_int64(statement, 5),
        .traces = (uint64_t)sqlite3_column_int64(statement, 6) + more->traces,
        .calls = (uint64_t)sqlite3_column_int64(statement, 7) + more->calls,
        .failed = (uint64_t)sqlite3_column_int64(statement, 8) + more->failed,
        .incomplete = (uint64_t)sqlite3_column_int64(statement, 9)};
    if (row->name == NULL)
        row->name = "";
    if (more->first != 0 && (row->first == 0 || more->first < row->first))
        row->first = more->first;
    if (more->last > row->last)
        row->last = more->last;
}

static int give_runs(
    struct store_reader *reader, const struct running *running, run_sink *sink, void *context)
{
    sqlite3_stmt *statement = database_prepare(&reader->database,
        "SELECT id, name, first_at, last_at, streams, records, traces, calls, "
        "failed, incomplete FROM runs ORDER BY id");
    struct run_row row;
    int got;

    if (statement == NULL)
        return -1;
    while ((got = database_step(&reader->database, statement)) > 0) {
        read_run(statement, running, &row);
        if (sink(context, &row)) {
            got = 0;
            break;
        }
    }
    sqlite3_finalize(statement);
    return got;
}

int store_runs(struct store_reader *reader, run_sink *sink, void *context)
{
    struct running running = {0};
    int result;

    if (read_begin(reader) < 0)
        return -1;
    result = each_running(reader, add_to_run, &running);
    if (result == 0 && running.failed)
        result = database_fail(&reader->database, "not enough memory for the query");
    if (result == 0)
        result = give_runs(reader, &running, sink, context);
    list_fini(&running.runs);
    return read_end(reader, result);
}

/* ---- counters */

int store_counters(struct store_reader *reader, counter_sink *sink, void *context)
{
    sqlite3_stmt *statement;
    int got;

    if (read_begin(reader) < 0)
        return -1;
    statement = database_prepare(
        &reader->database, "SELECT name, sum(value) FROM counter GROUP BY name ORDER BY name");
    if (statement == NULL)
        return read_end(reader, -1);
    while ((got = database_step(&reader->database, statement)) > 0)
        if (sink(context, (const char *)sqlite3_column_text(statement, 0),
                (uint64_t)sqlite3_column_int64(statement, 1))) {
            got = 0;
            break;
        }
    sqlite3_finalize(statement);
    return read_end(reader, got);
}
