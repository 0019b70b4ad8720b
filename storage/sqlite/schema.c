/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/schema.h"

#include <stdio.h>

/* The layout is SQL's. */
/* clang-format off */

#define STATISTICS                                                                                 \
    " calls INTEGER NOT NULL,"                                                                     \
    " failed INTEGER NOT NULL,"                                                                    \
    " total_ns INTEGER NOT NULL,"                                                                  \
    " self_ns INTEGER NOT NULL,"                                                                   \
    " min_ns INTEGER NOT NULL,"                                                                    \
    " max_ns INTEGER NOT NULL,"                                                                    \
    " histogram BLOB NOT NULL"

/* What views show of rows `s` of statistics, added up. */
#define STATISTICS_SHOWN                                                                           \
    " sum(s.calls) AS calls,"                                                                      \
    " sum(s.failed) AS failed,"                                                                    \
    " sum(s.total_ns) AS total_ns,"                                                                \
    " sum(s.self_ns) AS self_ns,"                                                                  \
    " min(s.min_ns) AS min_ns,"                                                                    \
    " sum(s.total_ns) / sum(s.calls) AS mean_ns,"                                                  \
    " histogram_quantile(histogram_sum(s.histogram), 0.5) AS p50_ns,"                              \
    " histogram_quantile(histogram_sum(s.histogram), 0.95) AS p95_ns,"                             \
    " histogram_quantile(histogram_sum(s.histogram), 0.99) AS p99_ns,"                             \
    " max(s.max_ns) AS max_ns"

#define TEXT(column) "(SELECT text FROM name WHERE id = " column ")"

#define CLASSES_SHOWN(slowest, first, latest) \
    "CREATE VIEW classes AS" \
    " SELECT c.id, printf('%016x', c.hash) AS hash," \
    " " TEXT("o.name") " AS root, " TEXT("o.component") " AS component," \
    " c.calls, c.depth, s.traces, s.failed, s.total_ns, s.min_ns," \
    " s.total_ns / s.traces AS mean_ns," \
    " histogram_quantile(s.histogram, 0.5) AS p50_ns," \
    " histogram_quantile(s.histogram, 0.95) AS p95_ns," \
    " histogram_quantile(s.histogram, 0.99) AS p99_ns," \
    " s.max_ns, " slowest " AS slowest, " first " AS first, s.first_at, " latest " AS latest, s.latest_at" \
    " FROM class c JOIN class_total s ON s.class = c.id" \
    " LEFT JOIN path p ON p.id = c.root LEFT JOIN operation o ON o.id = p.operation"

#define RUNS_SHOWN \
    "CREATE VIEW runs AS" \
    " SELECT r.id, " TEXT("r.name") " AS name, r.first_at, r.last_at," \
    " (SELECT count(*) FROM stream WHERE run = r.id) AS streams," \
    " (SELECT sum(records) FROM stream WHERE run = r.id) AS records," \
    " r.traces, r.calls, r.failed, r.incomplete" \
    " FROM run r"

/*
 * Texts are ids of `name` in tables and texts in views; views carry the plural of a table's name.
 * Points in time end in _at (ns since 1970), durations in _ns. What is counted by path is in
 * path_minute, whose id is made of minute and path so that finding a row is finding a number;
 * path_total holds the sums of all its rows up to the id `total_through` (see `property`), so that
 * sums over all time do not go through every minute.
 */
static const char *const version_1[] = {
    "CREATE TABLE property (name TEXT PRIMARY KEY, value) WITHOUT ROWID",

    "CREATE TABLE name (id INTEGER PRIMARY KEY, text TEXT NOT NULL)",

    "CREATE TABLE operation ("
    " id INTEGER PRIMARY KEY,"
    " name INTEGER NOT NULL,"
    " component INTEGER NOT NULL,"
    " signature INTEGER NOT NULL,"
    " class_signature INTEGER NOT NULL)",

    "CREATE TABLE run ("
    " id INTEGER PRIMARY KEY,"
    " name INTEGER NOT NULL,"
    " traces INTEGER NOT NULL DEFAULT 0," /* finished ones, as all that follows */
    " calls INTEGER NOT NULL DEFAULT 0,"
    " failed INTEGER NOT NULL DEFAULT 0,"     /* traces with failed calls */
    " incomplete INTEGER NOT NULL DEFAULT 0," /* or damaged */
    " first_at INTEGER,"
    " last_at INTEGER)",

    "CREATE TABLE stream ("
    " id INTEGER PRIMARY KEY,"
    " run INTEGER NOT NULL,"
    " opened_at INTEGER NOT NULL,"
    " closed_at INTEGER,"
    " position INTEGER NOT NULL,"
    " records INTEGER NOT NULL,"
    " unit_ns INTEGER NOT NULL,"
    " fault INTEGER NOT NULL,"
    " peer TEXT NOT NULL," /* themselves: there are as many as streams */
    " agent TEXT NOT NULL)",
    "CREATE INDEX stream_run ON stream (run)",
    "CREATE INDEX stream_open ON stream (id) WHERE closed_at IS NULL",

    "CREATE TABLE path ("
    " id INTEGER PRIMARY KEY,"
    " parent INTEGER NOT NULL,"
    " operation INTEGER NOT NULL,"
    " host INTEGER NOT NULL,"
    " run INTEGER NOT NULL,"
    " kind INTEGER NOT NULL,"
    " depth INTEGER NOT NULL)",

    "CREATE TABLE path_minute ("
    " id INTEGER PRIMARY KEY,"
    " minute INTEGER AS (id >> 24),"
    " path INTEGER AS (id & 16777215)," STATISTICS ")",

    "CREATE TABLE path_total ("
    " path INTEGER PRIMARY KEY," STATISTICS ")",

    "CREATE TABLE class ("
    " id INTEGER PRIMARY KEY,"
    " hash INTEGER NOT NULL,"
    " root INTEGER NOT NULL,"
    " calls INTEGER NOT NULL,"
    " depth INTEGER NOT NULL,"
    " paths BLOB NOT NULL)",

    "CREATE TABLE class_total ("
    " class INTEGER PRIMARY KEY,"
    " traces INTEGER NOT NULL,"
    " failed INTEGER NOT NULL,"
    " total_ns INTEGER NOT NULL,"
    " min_ns INTEGER NOT NULL,"
    " max_ns INTEGER NOT NULL,"
    " slowest INTEGER NOT NULL," /* these are traces */
    " first INTEGER NOT NULL,"
    " first_at INTEGER NOT NULL,"
    " latest INTEGER NOT NULL,"
    " latest_at INTEGER NOT NULL,"
    " histogram BLOB NOT NULL)",

    "CREATE TABLE block ("
    " id INTEGER PRIMARY KEY,"
    " level INTEGER NOT NULL,"
    " traces INTEGER NOT NULL,"
    " complete INTEGER NOT NULL,"
    " incomplete INTEGER NOT NULL,"
    " damaged INTEGER NOT NULL,"
    " failed INTEGER NOT NULL,"
    " calls INTEGER NOT NULL,"
    " events INTEGER NOT NULL,"
    " bytes INTEGER NOT NULL,"
    " first_id INTEGER NOT NULL,"
    " last_id INTEGER NOT NULL,"
    " min_start INTEGER NOT NULL,"
    " max_start INTEGER NOT NULL,"
    " max_end INTEGER NOT NULL,"
    " min_duration INTEGER NOT NULL,"
    " max_duration INTEGER NOT NULL,"
    " min_calls INTEGER NOT NULL,"
    " max_calls INTEGER NOT NULL,"
    " min_depth INTEGER NOT NULL,"
    " max_depth INTEGER NOT NULL,"
    " min_failed INTEGER NOT NULL,"
    " max_failed INTEGER NOT NULL,"
    " run INTEGER NOT NULL," /* 0: several */
    " host INTEGER NOT NULL,"
    " classes BLOB NOT NULL,"
    " roots BLOB NOT NULL)",
    "CREATE INDEX block_last_id ON block (last_id)",
    "CREATE INDEX block_max_start ON block (max_start, last_id)",
    "CREATE INDEX block_max_duration ON block (max_duration, last_id)",
    "CREATE INDEX block_level ON block (level, id)",

    "CREATE TABLE block_data ("
    " block INTEGER PRIMARY KEY,"
    " columns BLOB NOT NULL,"
    " structure BLOB,"
    " times BLOB,"
    " logged BLOB,"
    " extras BLOB)",

    "CREATE TABLE chunk ("
    " id INTEGER PRIMARY KEY,"
    " trace INTEGER NOT NULL,"
    " number INTEGER NOT NULL,"
    " events INTEGER NOT NULL,"
    " base INTEGER NOT NULL,"
    " data BLOB NOT NULL)",
    "CREATE UNIQUE INDEX chunk_trace ON chunk (trace, number)",

    "CREATE TABLE open_trace (id INTEGER PRIMARY KEY, data BLOB NOT NULL)",

    "CREATE TABLE record ("
    " id INTEGER PRIMARY KEY,"
    " stream INTEGER NOT NULL,"
    " type INTEGER NOT NULL,"
    " time_at INTEGER NOT NULL,"
    " logged_at INTEGER,"
    " fields BLOB NOT NULL)",
    "CREATE INDEX record_type ON record (type, time_at)",

    "CREATE TABLE counter ("
    " stream INTEGER NOT NULL," /* 0: of none */
    " name TEXT NOT NULL,"
    " value INTEGER NOT NULL,"
    " PRIMARY KEY (stream, name)) WITHOUT ROWID",

    "CREATE VIEW path_statistics AS"
    " SELECT * FROM path_total"
    " UNION ALL"
    " SELECT path, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram FROM path_minute"
    " WHERE id > coalesce((SELECT value FROM property WHERE name = 'total_through'), 0)",

    "CREATE VIEW operations AS"
    " SELECT o.id, " TEXT("o.name") " AS operation, " TEXT("o.component") " AS component,"
    " " TEXT("o.signature") " AS signature," STATISTICS_SHOWN
    " FROM path_statistics s JOIN path p ON p.id = s.path JOIN operation o ON o.id = p.operation"
    " GROUP BY o.id",

    "CREATE VIEW paths AS"
    " SELECT p.id, p.parent, p.depth, p.operation AS operation_id,"
    " " TEXT("o.name") " AS operation, " TEXT("o.component") " AS component,"
    " " TEXT("p.host") " AS host, " TEXT("r.name") " AS run," STATISTICS_SHOWN
    " FROM path p JOIN path_statistics s ON s.path = p.id"
    " LEFT JOIN operation o ON o.id = p.operation LEFT JOIN run r ON r.id = p.run"
    " GROUP BY p.id",

    CLASSES_SHOWN("s.slowest", "s.first", "s.latest"),

    RUNS_SHOWN,

    "CREATE VIEW streams AS"
    " SELECT s.id, " TEXT("r.name") " AS run, s.peer, s.agent,"
    " s.opened_at, s.closed_at, s.position, s.records, s.unit_ns, " TEXT("s.fault") " AS fault"
    " FROM stream s LEFT JOIN run r ON r.id = s.run",

    "CREATE VIEW records AS"
    " SELECT id, stream, " TEXT("type") " AS type, time_at, logged_at, fields FROM record",

    NULL,
};

static const char *const version_2[] = {
    /* What is retired is found by its time, see retain.h. Chunks of the traces in `retired` go bit
     * by bit. Example traces that are gone are 0, and shown as null; a run of which nothing is left
     * is not shown. */
    "CREATE INDEX block_max_end ON block (max_end)",
    "CREATE INDEX block_min_start ON block (min_start)",
    "CREATE INDEX record_time ON record (time_at)",
    "CREATE TABLE retired (trace INTEGER PRIMARY KEY)",

    /* Streams that go on in other connections; what it takes to go on with a trace, see restore.h. */
    "ALTER TABLE stream ADD COLUMN session TEXT",
    "CREATE INDEX stream_session ON stream (id) WHERE session IS NOT NULL",
    "ALTER TABLE open_trace ADD COLUMN owner INTEGER NOT NULL DEFAULT 0", /* a stream */
    "ALTER TABLE open_trace ADD COLUMN last_order INTEGER NOT NULL DEFAULT -1",
    "ALTER TABLE open_trace ADD COLUMN beyond INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE open_trace ADD COLUMN metadata_at INTEGER NOT NULL DEFAULT 0",
    "DROP VIEW classes",
    CLASSES_SHOWN("nullif(s.slowest, 0)", "nullif(s.first, 0)", "nullif(s.latest, 0)"),
    "DROP VIEW runs",
    RUNS_SHOWN " WHERE r.traces > 0 OR EXISTS (SELECT 1 FROM stream WHERE run = r.id)",

    /* Statistics of many paths of the minutes that come in, in pieces (see packed.h); the virtual
     * table path_unpacked is their rows. */
    "CREATE TABLE path_packed ("
    " id INTEGER PRIMARY KEY,"
    " minute INTEGER NOT NULL,"
    " part INTEGER NOT NULL," /* the paths divided by 4,096 */
    " level INTEGER NOT NULL,"
    " data BLOB NOT NULL)",
    "CREATE INDEX path_packed_place ON path_packed (minute, part, level)",
    "DROP VIEW path_statistics",
    "CREATE VIEW path_statistics AS"
    " SELECT * FROM path_total"
    " UNION ALL"
    " SELECT path, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram FROM path_minute"
    " WHERE id > coalesce((SELECT value FROM property WHERE name = 'total_through'), 0)"
    " UNION ALL"
    " SELECT path, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram FROM path_unpacked",
    "CREATE VIEW path_minutes AS" /* a path may be there several times in the last minutes */
    " SELECT minute, path, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram FROM path_minute"
    " UNION ALL"
    " SELECT minute, path, calls, failed, total_ns, self_ns, min_ns, max_ns, histogram FROM path_unpacked",

    NULL,
};

/* Not released yet: what changes the tables is added here. */
static const char *const version_3[] = {
    /* A user's type is stored under its layout, "class(fields)" or "class:role(fields)": see record/layout.h. */
    "DROP VIEW records",
    "CREATE VIEW records AS"
    " SELECT id, stream, substr(type, 1, min(instr(type || '(', '('), instr(type || ':', ':')) - 1) AS type,"
    " time_at, logged_at, fields"
    " FROM (SELECT id, stream, " TEXT("type") " AS type, time_at, logged_at, fields FROM record)",

    /* Traces that have started others (at_order NULL; trace_id is their own id, the client's), and
     * those that were started (trace_id is the starting one's). */
    "CREATE TABLE kin ("
    " stream INTEGER NOT NULL,"
    " trace_id INTEGER NOT NULL,"
    " trace INTEGER NOT NULL,"
    " at_order INTEGER,"
    " PRIMARY KEY (stream, trace_id, trace)) WITHOUT ROWID",
    "CREATE INDEX kin_trace ON kin (trace)",

    NULL,
};

/* clang-format on */

static const char *const *const migrations[] = {
    version_1, version_2, version_3}; /* [i]: from version i to i + 1 */

int schema_version(void)
{
    return (int)(sizeof(migrations) / sizeof(migrations[0]));
}

int schema_check(struct database *database, int *version)
{
    int64_t application, user, tables;

    if (database_integer(database, "SELECT count(*) FROM sqlite_master", &tables) < 0 ||
        database_integer(database, "PRAGMA application_id", &application) < 0 ||
        database_integer(database, "PRAGMA user_version", &user) < 0)
        return -1;
    *version = (int)user;
    if (tables == 0 && user == 0)
        return 0;
    if (application != SCHEMA_APPLICATION)
        return database_fail(database,
            "%s is a database of another program: choose another file with --database",
            database->location);
    if (user > schema_version())
        return database_fail(database,
            "%s was written by a newer Kieker (schema %d, this one knows up to %d): use that, or "
            "choose another file with"
            " --database",
            database->location, (int)user, schema_version());
    return user == 0 ? 0 : 1;
}

static int apply(struct database *database, const char *const *statements, int version)
{
    char sql[128];

    for (; *statements; statements++)
        if (database_execute(database, *statements) < 0)
            return -1;
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d",
        SCHEMA_APPLICATION, version);
    return database_execute(database, sql);
}

int schema_upgrade(struct database *database)
{
    int64_t version;

    if (database_integer(database, "PRAGMA user_version", &version) < 0)
        return -1;
    for (; version < schema_version(); version++) {
        if (database_execute(database, "BEGIN IMMEDIATE") < 0)
            return -1;
        if (apply(database, migrations[version], (int)version + 1) < 0 ||
            database_execute(database, "COMMIT") < 0) {
            sqlite3_exec(database->handle, "ROLLBACK", NULL, NULL, NULL);
            return -1;
        }
    }
    return 0;
}
