/* SPDX-License-Identifier: Apache-2.0 */
/* What goes next, and when. */
#include "storage/sqlite/retain.h"

#include "storage/sqlite/writer.h"

#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define MARGIN 16 /* of the size, one part stays free for what comes until the next look */
#define LOG_SHARE 8
#define PAGES_A_PIECE 512
#define LOG_MOST (64 << 20)
#define PATIENCE_MS 50    /* with readers */
#define PATIENCE_MAX 1000 /* when the log has become very large */
#define WAIT_SHARE 10     /* of all time at most one part is spent waiting */
#define BUSY_MS 5000

static int64_t read_clock(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now);
    return now.tv_sec * SECOND + now.tv_nsec;
}

/*
 * A clock that is set forward while the collector runs must not cost what is stored: no more time
 * has passed than since the store was opened. One that is set back keeps things longer.
 */
static int64_t now(const struct retain *retain)
{
    int64_t told = read_clock(CLOCK_REALTIME),
            passed = retain->started_at + (read_clock(CLOCK_BOOTTIME) - retain->started);

    return told < passed ? told : passed;
}

void retain_init(struct retain *retain)
{
    *retain = (struct retain){.horizon = INT64_MIN,
        .passed = INT64_MIN,
        .started = read_clock(CLOCK_BOOTTIME),
        .started_at = read_clock(CLOCK_REALTIME),
        .log_most = LOG_MOST,
        .has_chunks = 1};
}

static int64_t at_most(int64_t value, int64_t most)
{
    return value < most ? value : most;
}

/* The write-ahead log is part of the size, so it is cut to a share of it. */
int store_keep(struct store *store, const struct store_limits *limits)
{
    struct retain *retain = &store->retain;
    int64_t most = limits->bytes ? (int64_t)limits->bytes : INT64_MAX;
    char sql[128];

    if (retain->limits.age == limits->age && retain->limits.bytes == limits->bytes)
        return 0;
    retain->limits = *limits;
    retain->horizon = retain->passed = INT64_MIN;
    retain->log_most = at_most(most / LOG_SHARE, LOG_MOST);
    sqlite3_snprintf(sizeof(sql), sql,
        "PRAGMA wal_autocheckpoint = %lld; PRAGMA journal_size_limit = %lld",
        (long long)at_most(most / LOG_SHARE / 4096 + 1, 4096), (long long)retain->log_most);
    return database_execute(&store->database, sql);
}

void store_retired(const struct store *store, struct store_retired *retired)
{
    *retired = store->retain.retired;
}

static int64_t log_bytes(const struct store *store)
{
    const char *file = sqlite3_db_filename(store->database.handle, "main");
    struct stat status;

    return file && stat(sqlite3_filename_wal(file), &status) == 0 ? status.st_size : 0;
}

/*
 * The log begins anew when all of it is in the file and nobody reads from it. Where somebody always
 * does, one query after the other, that moment never comes by itself and the log grows for ever: so
 * we wait for it, a short while now and then.
 */
static void cut_log(struct store *store)
{
    struct retain *retain = &store->retain;
    int64_t bytes = log_bytes(store), began = read_clock(CLOCK_BOOTTIME), took;

    if (bytes <= 2 * retain->log_most || began < retain->wait_at)
        return;
    sqlite3_busy_timeout(
        store->database.handle, bytes > 16 * retain->log_most ? PATIENCE_MAX : PATIENCE_MS);
    sqlite3_wal_checkpoint_v2(store->database.handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    sqlite3_busy_timeout(store->database.handle, BUSY_MS);
    took = read_clock(CLOCK_BOOTTIME) - began;
    retain->wait_at = began + took * WAIT_SHARE;
}

/*
 * What the file has and uses, with the log. Of a log that has grown because somebody has been
 * reading for long only a share counts: deleting would make it grow further.
 */
static int measure(struct store *store, int64_t *file, int64_t *used)
{
    int64_t pages, unused, page, log, share = store->retain.log_most;

    if (database_integer(&store->database, "PRAGMA page_count", &pages) < 0 ||
        database_integer(&store->database, "PRAGMA freelist_count", &unused) < 0 ||
        database_integer(&store->database, "PRAGMA page_size", &page) < 0)
        return -1;
    log = at_most(log_bytes(store), share);
    *file = pages * page + log;
    *used = (pages - unused) * page + log;
    return 0;
}

/* The block whose last trace ended before all others': 1, 0 if there is none, -1. */
static int find_oldest(struct store *store, int64_t *block, int64_t *end)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_OLDEST_BLOCK);
    int got = statement ? database_step(&store->database, statement) : -1;

    if (got <= 0)
        return got;
    *block = sqlite3_column_int64(statement, 0);
    *end = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return 1;
}

static int drop(struct store *store, int64_t block, int by_size)
{
    struct drop drop = {.block = block, .by_size = by_size};

    if (write_all(store, write_drop, &drop) < 0)
        return -1;
    *(by_size ? &store->retain.retired.by_size : &store->retain.retired.by_age) += drop.traces;
    return 1;
}

static void raise_horizon(struct retain *retain, int64_t horizon)
{
    if (horizon > retain->horizon)
        retain->horizon = horizon;
}

/* Records of no trace that are older than any block go before it. */
static int retire_for_size(struct store *store, int has_block, int64_t block, int64_t end)
{
    struct retain *retain = &store->retain;
    int did = expire_records(store, has_block ? end : INT64_MAX);

    if (did != 0 || !has_block)
        return did;
    raise_horizon(retain, at_most(end, now(retain)));
    return drop(store, block, 1);
}

/* Free pages at the end of the file go back to the disk. */
static int shrink(struct store *store, int64_t file, int64_t used)
{
    struct retain *retain = &store->retain;
    char sql[64];

    if (file > (int64_t)retain->limits.bytes && file > used) {
        retain->has_shrunk = 1;
        sqlite3_snprintf(sizeof(sql), sql, "PRAGMA incremental_vacuum(%d)", PAGES_A_PIECE);
        return database_execute(&store->database, sql) < 0 ? -1 : 1;
    }
    if (retain->has_shrunk) /* the file itself is cut when the log is copied into it */
        sqlite3_wal_checkpoint_v2(
            store->database.handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    retain->has_shrunk = 0;
    return 0;
}

static int retire_size(struct store *store, int has_block, int64_t block, int64_t end)
{
    struct retain *retain = &store->retain;
    int64_t most = (int64_t)retain->limits.bytes, file, used;
    int did = 0;

    if (measure(store, &file, &used) < 0)
        return -1;
    if (used > most - most / MARGIN)
        did = retire_for_size(store, has_block, block, end);
    retain->retired.excess = did == 0 && used > most ? (uint64_t)(used - most) : 0;
    return did != 0 ? did : shrink(store, file, used);
}

/* Now and then, for as long as it is not held. */
static void look_at_reserve(struct store *store)
{
    int64_t at = read_clock(CLOCK_BOOTTIME);

    if (store->reserve.is_held || at < store->retain.reserve_at)
        return;
    store->retain.reserve_at = at + SECOND;
    reserve_hold_easily(&store->reserve);
}

int store_retire(struct store *store)
{
    struct retain *retain = &store->retain;
    int64_t block = 0, end = 0;
    int got, did;

    look_at_reserve(store);
    cut_log(store);
    if (retain->has_chunks) {
        did = drop_chunks(store);
        if (did != 0)
            return did;
        retain->has_chunks = 0;
    }
    if (retain->limits.age == 0 && retain->limits.bytes == 0)
        return 0;
    if (retain->limits.age > 0) {
        int64_t edge = now(retain) - retain->limits.age;

        raise_horizon(retain, edge - edge % MINUTE);
    }
    got = find_oldest(store, &block, &end);
    if (got < 0)
        return -1;
    if (got > 0 && retain->limits.age > 0 && end < retain->horizon &&
        end < now(retain) - retain->limits.age)
        return drop(store, block, 0);
    if (retain->limits.bytes > 0 && (did = retire_size(store, got, block, end)) != 0)
        return did;
    if (retain->horizon <= retain->passed)
        return 0;
    did = expire(store, retain->horizon);
    if (did == 0)
        retain->passed = retain->horizon;
    return did;
}
