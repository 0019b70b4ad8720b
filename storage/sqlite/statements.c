/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/writer.h"

/* The layout is SQL's. */
/* clang-format off */

#define ADD_STATISTICS                                                                             \
    " DO UPDATE SET calls = calls + excluded.calls, failed = failed + excluded.failed,"            \
    " total_ns = total_ns + excluded.total_ns, self_ns = self_ns + excluded.self_ns,"              \
    " min_ns = min(min_ns, excluded.min_ns), max_ns = max(max_ns, excluded.max_ns),"               \
    " histogram = histogram_add(histogram, excluded.histogram)"

#define ZONE_NAMES ZONE_COLUMNS(ZONE_NAME) " classes, roots"
#define ZONE_NAME(name, column) " " #column ","
#define ZONE_MARKS ZONE_COLUMNS(ZONE_MARK) " ?, ?"
#define ZONE_MARK(name, column) " ?,"

static const char *const texts[WRITE_STATEMENTS] = {
    [WRITE_NAME] = "INSERT INTO name (id, text) VALUES (?, ?)",
    [WRITE_OPERATION] =
        "INSERT INTO operation (id, name, component, signature, class_signature) VALUES (?, ?, ?, ?, ?)",
    [WRITE_PATH] =
        "INSERT INTO path (id, parent, operation, host, run, kind, depth) VALUES (?, ?, ?, ?, ?, ?, ?)",
    [WRITE_RUN] = "INSERT INTO run (id, name) VALUES (?, ?)",
    [WRITE_RUN_SUM] =
        "UPDATE run SET traces = traces + ?2, calls = calls + ?3, failed = failed + ?4,"
        " incomplete = incomplete + ?5, first_at = min(coalesce(first_at, ?6), ?6),"
        " last_at = max(coalesce(last_at, ?7), ?7)"
        " WHERE id = ?1",
    [WRITE_CLASS] =
        "INSERT INTO class (id, hash, root, calls, depth, paths) VALUES (?, ?, ?, ?, ?, ?)",
    [WRITE_CLASS_SUM] =
        "INSERT INTO class_total (class, traces, failed, total_ns, min_ns, max_ns, histogram, slowest,"
        " first, first_at, latest, latest_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (class) DO UPDATE SET traces = traces + excluded.traces,"
        " failed = failed + excluded.failed, total_ns = total_ns + excluded.total_ns,"
        " min_ns = min(min_ns, excluded.min_ns), max_ns = max(max_ns, excluded.max_ns),"
        " histogram = histogram_add(histogram, excluded.histogram),"
        " slowest = iif(excluded.max_ns > max_ns, excluded.slowest, slowest),"
        " first = iif(excluded.first_at < first_at, excluded.first, first),"
        " first_at = min(first_at, excluded.first_at),"
        " latest = iif(excluded.latest_at >= latest_at, excluded.latest, latest),"
        " latest_at = max(latest_at, excluded.latest_at)",
    [WRITE_STREAM] =
        "INSERT OR REPLACE INTO stream (id, run, opened_at, closed_at, position, records, unit_ns, fault,"
        " peer, agent, session)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    [WRITE_RECORD] =
        "INSERT INTO record (stream, type, time_at, logged_at, fields) VALUES (?, ?, ?, ?, ?)",
    [WRITE_KIN] = "INSERT OR IGNORE INTO kin (stream, trace_id, trace, at_order) VALUES (?, ?, ?, ?)",
    [WRITE_KIN_BETWEEN] = "SELECT DISTINCT trace FROM kin WHERE trace BETWEEN ? AND ?",
    [WRITE_KIN_GONE] = "DELETE FROM kin WHERE trace = ?",
    [WRITE_KIN_GONE_RANGE] = /* see WRITE_RETIRE_RANGE */
        "DELETE FROM kin WHERE trace BETWEEN ?1 AND ?2"
        " AND NOT EXISTS (SELECT 1 FROM open_trace WHERE id = kin.trace)"
        " AND NOT EXISTS (SELECT 1 FROM block WHERE first_id <= kin.trace AND last_id >= kin.trace)",
    [WRITE_COUNTER] = "INSERT INTO counter (stream, name, value) VALUES (?, ?, ?)"
                      " ON CONFLICT (stream, name) DO UPDATE SET value = value + excluded.value",
    [WRITE_CHUNK] = "INSERT INTO chunk (trace, number, events, base, data) VALUES (?, ?, ?, ?, ?)",
    [WRITE_OPEN_TRACE] =
        "INSERT OR REPLACE INTO open_trace (id, data, owner, last_order, beyond, metadata_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
    [WRITE_END_TRACE] = "DELETE FROM open_trace WHERE id = ?",
    [WRITE_BLOCK] = "INSERT INTO block (level," ZONE_NAMES ") VALUES (?," ZONE_MARKS ")",
    [WRITE_BLOCK_DATA] =
        "INSERT INTO block_data (block, columns, structure, times, logged, extras) VALUES (?, ?, ?, ?, ?, ?)",
    [WRITE_MINUTE] =
        "INSERT INTO path_minute (id, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id)" ADD_STATISTICS,
    [WRITE_TOTAL] =
        "INSERT INTO path_total (path, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path)" ADD_STATISTICS,
    [WRITE_PROPERTY] = "INSERT OR REPLACE INTO property (name, value) VALUES (?, ?)",
    [WRITE_MERGE_LIST] = "SELECT id, traces, bytes FROM block WHERE level = ? ORDER BY id LIMIT ?",
    [WRITE_READ_DATA] =
        "SELECT columns, structure, times, logged, extras FROM block_data WHERE block = ?",
    [WRITE_SETTLE] = "UPDATE block SET level = ? WHERE id = ?",
    [WRITE_DELETE_BLOCK] = "DELETE FROM block WHERE id = ?",
    [WRITE_DELETE_DATA] = "DELETE FROM block_data WHERE block = ?",
    [WRITE_PACKED] = "INSERT INTO path_packed (minute, part, level, data) VALUES (?, ?, ?, ?)",
    [WRITE_PACKED_COUNT] =
        "SELECT count(*) FROM path_packed WHERE minute = ? AND part = ? AND level = ?",
    [WRITE_PACKED_PIECES] = "SELECT id, data FROM path_packed"
                            " WHERE minute = ? AND part = ? AND level BETWEEN ? AND ? LIMIT ?",
    [WRITE_PACKED_GONE] = "DELETE FROM path_packed WHERE id = ?",
    [WRITE_PACKED_ASIDE] = "UPDATE path_packed SET level = -1 WHERE id = ?",
    [WRITE_PACKED_DUE] = /* a minute is over when one two later has begun */
        "SELECT minute, part FROM path_packed WHERE level >= 0 AND minute < max(coalesce("
        "(SELECT max(id) >> 24 FROM path_minute), 0), (SELECT max(minute) FROM path_packed)) - 1"
        " ORDER BY minute, part LIMIT 1",
    [WRITE_PACKED_OLD] = "DELETE FROM path_packed WHERE minute < ?",
    [WRITE_DUE_MINUTES] =
        "SELECT path, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram, id FROM path_minute"
        " WHERE id > ? AND id < ? ORDER BY id LIMIT ?",
    [WRITE_OLDEST_BLOCK] = "SELECT id, max_end FROM block ORDER BY max_end LIMIT 1",
    [WRITE_DROP_ZONE] =
        "SELECT first_id, last_id, traces, calls, failed, incomplete + damaged, run FROM block WHERE id = ?",
    [WRITE_RETIRE_TRACE] = "INSERT OR IGNORE INTO retired (trace) VALUES (?)",
    [WRITE_RETIRE_RANGE] =
        "INSERT OR IGNORE INTO retired (trace) SELECT DISTINCT trace FROM chunk c"
        " WHERE trace BETWEEN ?1 AND ?2 AND NOT EXISTS (SELECT 1 FROM open_trace WHERE id = c.trace)"
        " AND NOT EXISTS (SELECT 1 FROM block WHERE first_id <= c.trace AND last_id >= c.trace)",
    [WRITE_NEXT_RETIRED] = "SELECT trace FROM retired LIMIT 1",
    [WRITE_RETIRED_GONE] = "DELETE FROM retired WHERE trace = ?",
    [WRITE_CHUNKS_OF] = "SELECT id, length(data) FROM chunk WHERE trace = ?",
    [WRITE_DELETE_CHUNK] = "DELETE FROM chunk WHERE id = ?",
    [WRITE_CLASS_EXAMPLES] = "SELECT slowest, first, latest FROM class_total WHERE class = ?",
    [WRITE_CLASS_LESS] =
        "UPDATE class_total SET traces = traces - ?2, failed = failed - ?3, total_ns = total_ns - ?4,"
        " min_ns = max(min_ns, coalesce(histogram_least(histogram_subtract(histogram, ?5)), min_ns)),"
        " max_ns = min(max_ns, coalesce(histogram_most(histogram_subtract(histogram, ?5)), max_ns)),"
        " histogram = histogram_subtract(histogram, ?5), slowest = iif(?6, 0, slowest),"
        " first = iif(?7, 0, first), latest = iif(?8, 0, latest)"
        " WHERE class = ?1",
    [WRITE_CLASS_GONE] = "DELETE FROM class_total WHERE class = ? AND traces <= 0",
    [WRITE_RUN_LESS] =
        "UPDATE run SET traces = traces - ?2, calls = calls - ?3, failed = failed - ?4,"
        " incomplete = incomplete - ?5, first_at = iif(traces > ?2, min(last_at, max(first_at,"
        " coalesce((SELECT min(min_start) FROM block), first_at))), NULL),"
        " last_at = iif(traces > ?2, last_at, NULL)"
        " WHERE id = ?1",
    [WRITE_OLD_MINUTES] =
        "SELECT path, calls, failed, total_ns, self_ns, histogram, id FROM path_minute"
        " WHERE id < ? ORDER BY id LIMIT ?",
    [WRITE_DELETE_MINUTES] = "DELETE FROM path_minute WHERE id <= ?",
    [WRITE_TOTAL_LESS] =
        "UPDATE path_total SET calls = calls - ?2, failed = failed - ?3, total_ns = total_ns - ?4,"
        " self_ns = self_ns - ?5,"
        " min_ns = max(min_ns, coalesce(histogram_least(histogram_subtract(histogram, ?6)), min_ns)),"
        " max_ns = min(max_ns, coalesce(histogram_most(histogram_subtract(histogram, ?6)), max_ns)),"
        " histogram = histogram_subtract(histogram, ?6)"
        " WHERE path = ?1",
    [WRITE_TOTAL_GONE] = "DELETE FROM path_total WHERE path = ? AND calls <= 0",
    [WRITE_DELETE_RECORDS] =
        "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE time_at <= ? ORDER BY time_at LIMIT ?)",
    [WRITE_OLD_STREAMS] = /* the last one stays: it says how far numbers have been given */
        "SELECT id FROM stream WHERE closed_at < ? AND id < (SELECT max(id) FROM stream) LIMIT ?",
    [WRITE_COUNTERS_FOLD] = "INSERT INTO counter (stream, name, value)"
                            " SELECT 0, name, value FROM counter WHERE stream = ?"
                            " ON CONFLICT (stream, name) DO UPDATE SET value = value + excluded.value",
    [WRITE_COUNTERS_GONE] = "DELETE FROM counter WHERE stream = ?",
    [WRITE_STREAM_GONE] = "DELETE FROM stream WHERE id = ?",
};

/* clang-format on */

sqlite3_stmt *write_statement(struct store *store, enum write_statement number)
{
    _Static_assert(WRITE_STATEMENTS <= DATABASE_STATEMENTS, "every statement has its place");
    return database_statement(&store->database, number, texts[number]);
}

int write_done(struct store *store, sqlite3_stmt *statement)
{
    return database_step(&store->database, statement) < 0 ? -1 : 0;
}

int write_property(struct store *store, const char *name, int64_t value)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_PROPERTY);

    if (statement == NULL)
        return -1;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, value);
    return write_done(store, statement);
}

int write_all(struct store *store, int (*work)(struct store *store, void *context), void *context)
{
    store->database.full = 0;
    if (database_execute(&store->database, "BEGIN IMMEDIATE") < 0)
        return -1;
    if (work(store, context) == 0 && database_take_room(&store->database) == 0 &&
        database_execute(&store->database, "COMMIT") == 0)
        return 0;
    for (int i = 0; i < WRITE_STATEMENTS; i++)
        sqlite3_reset(store->database.statements[i]);
    sqlite3_exec(store->database.handle, "ROLLBACK", NULL, NULL, NULL);
    return -1;
}
