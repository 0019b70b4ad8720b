/* SPDX-License-Identifier: Apache-2.0 */
/* What ended before the horizon besides traces: minutes of statistics, records, streams. */
#include "storage/sqlite/retain.h"
#include "storage/sqlite/schema.h"
#include "storage/sqlite/writer.h"

#define MINUTE INT64_C(60000000000)
#define ROWS_A_PIECE 1000
#define STREAMS_A_PIECE 200

/* ---- minutes: their rows, and what they added to the totals */

struct minutes {
    int64_t before; /* id */
    int count;      /* answer */
};

static int lessen_total(struct store *store, sqlite3_stmt *minute)
{
    sqlite3_stmt *less = write_statement(store, WRITE_TOTAL_LESS), *gone;

    if (less == NULL)
        return -1;
    for (int i = 0; i < 6; i++)
        sqlite3_bind_value(less, i + 1, sqlite3_column_value(minute, i));
    if (write_done(store, less) < 0)
        return -1;
    gone = write_statement(store, WRITE_TOTAL_GONE);
    if (gone == NULL)
        return -1;
    sqlite3_bind_value(gone, 1, sqlite3_column_value(minute, 0));
    return write_done(store, gone);
}

/* None of it is among the totals. */
static int write_no_packed(struct store *store, int64_t before)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_PACKED_OLD);

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, before);
    return write_done(store, statement);
}

static int write_no_minutes(struct store *store, void *context)
{
    struct minutes *minutes = context;
    sqlite3_stmt *statement = write_statement(store, WRITE_OLD_MINUTES);
    int64_t last = 0;
    int got;

    if (statement == NULL || write_no_packed(store, minutes->before >> SCHEMA_PATH_BITS) < 0)
        return -1;
    sqlite3_bind_int64(statement, 1, minutes->before);
    sqlite3_bind_int64(statement, 2, ROWS_A_PIECE);
    while ((got = database_step(&store->database, statement)) > 0) {
        last = sqlite3_column_int64(statement, 6);
        if (last <= store->total_through && lessen_total(store, statement) < 0)
            return -1;
        minutes->count++;
    }
    if (got < 0 || minutes->count == 0)
        return got;
    statement = write_statement(store, WRITE_DELETE_MINUTES);
    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, last);
    return write_done(store, statement);
}

static int expire_minutes(struct store *store, int64_t horizon)
{
    int64_t minute = horizon / MINUTE - (horizon % MINUTE < 0);
    struct minutes minutes = {.before = schema_minute_id(minute, 0)};

    if (write_all(store, write_no_minutes, &minutes) < 0)
        return -1;
    return minutes.count > 0;
}

/* ---- records of no trace */

struct records {
    int64_t until; /* this time included */
    int count;     /* answer */
};

static int write_no_records(struct store *store, void *context)
{
    struct records *records = context;
    sqlite3_stmt *statement = write_statement(store, WRITE_DELETE_RECORDS);

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, records->until);
    sqlite3_bind_int64(statement, 2, ROWS_A_PIECE);
    if (write_done(store, statement) < 0)
        return -1;
    records->count = sqlite3_changes(store->database.handle);
    return records->count > 0 ? write_counter(store, 0, "retired_records", (uint64_t)records->count)
                              : 0;
}

int expire_records(struct store *store, int64_t until)
{
    struct records records = {.until = until};

    if (write_all(store, write_no_records, &records) < 0)
        return -1;
    store->retain.retired.records += (uint64_t)records.count;
    return records.count > 0;
}

/* ---- streams: what they counted is kept as counted by none */

struct streams {
    int64_t before;
    int count; /* answer */
};

static int write_no_streams(struct store *store, void *context)
{
    static const enum write_statement steps[] = {
        WRITE_COUNTERS_FOLD, WRITE_COUNTERS_GONE, WRITE_STREAM_GONE};
    struct streams *streams = context;
    sqlite3_stmt *statement = write_statement(store, WRITE_OLD_STREAMS);
    int64_t ids[STREAMS_A_PIECE];
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, streams->before);
    sqlite3_bind_int64(statement, 2, STREAMS_A_PIECE);
    while ((got = database_step(&store->database, statement)) > 0)
        ids[streams->count++] = sqlite3_column_int64(statement, 0);
    for (int i = 0; got == 0 && i < streams->count; i++)
        for (size_t step = 0; got == 0 && step < sizeof(steps) / sizeof(steps[0]); step++) {
            statement = write_statement(store, steps[step]);
            if (statement == NULL)
                return -1;
            sqlite3_bind_int64(statement, 1, ids[i]);
            got = write_done(store, statement);
        }
    return got;
}

static int expire_streams(struct store *store, int64_t horizon)
{
    struct streams streams = {.before = horizon};

    if (write_all(store, write_no_streams, &streams) < 0)
        return -1;
    return streams.count > 0;
}

int expire(struct store *store, int64_t horizon)
{
    int did = expire_minutes(store, horizon);

    if (did == 0)
        did = expire_records(store, horizon - 1);
    return did == 0 ? expire_streams(store, horizon) : did;
}
