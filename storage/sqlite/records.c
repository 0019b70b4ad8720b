/* SPDX-License-Identifier: Apache-2.0 */
/* Records that belong to no trace. */
#include "storage/sqlite/reading.h"

/* What a filter lets pass, of the rows `r`; ?1 and ?2 are times, 0: open. */
#define OF_TIME " r.time_at >= ?1 AND (?2 = 0 OR r.time_at <= ?2)"
#define OF_RUN                                                                                     \
    " (?3 IS NULL OR r.stream IN (SELECT s.id FROM stream s JOIN run u ON u.id = s.run"            \
    " JOIN name n ON n.id = u.name WHERE n.text = ?3))"

static sqlite3_stmt *prepare(
    struct store_reader *reader, const struct store_filter *filter, const char *sql)
{
    sqlite3_stmt *statement = database_prepare(&reader->database, sql);

    if (statement == NULL)
        return NULL;
    sqlite3_bind_int64(statement, 1, filter->since ? filter->since : INT64_MIN);
    sqlite3_bind_int64(statement, 2, filter->until);
    sqlite3_bind_text(statement, 3, filter->run, -1, SQLITE_STATIC); /* or NULL */
    return statement;
}

static int give_types(struct store_reader *reader, const struct store_filter *filter,
    record_type_sink *sink, void *context)
{
    sqlite3_stmt *statement = prepare(reader, filter,
        "SELECT r.type, count(*), min(r.time_at), max(r.time_at) FROM record r WHERE" OF_TIME
        " AND" OF_RUN " GROUP BY r.type ORDER BY r.type");
    int got;

    if (statement == NULL)
        return -1;
    while ((got = database_step(&reader->database, statement)) > 0) {
        const struct record_type_row row = {(uint32_t)sqlite3_column_int64(statement, 0),
            (uint64_t)sqlite3_column_int64(statement, 1), sqlite3_column_int64(statement, 2),
            sqlite3_column_int64(statement, 3)};

        if (sink(context, &row)) {
            got = 0;
            break;
        }
    }
    sqlite3_finalize(statement);
    return got;
}

int store_record_types(struct store_reader *reader, const struct store_filter *filter,
    record_type_sink *sink, void *context)
{
    if (read_begin(reader) < 0)
        return -1;
    return read_end(reader, give_types(reader, filter, sink, context));
}

static int give_records(struct store_reader *reader, const struct store_filter *filter,
    uint32_t type, int newest, record_sink *sink, void *context)
{
    sqlite3_stmt *statement = prepare(reader, filter,
        newest ? "SELECT r.stream, r.time_at, r.logged_at, r.fields FROM record r WHERE r.type = ?4"
                 " AND" OF_TIME " AND" OF_RUN " ORDER BY r.time_at DESC, r.id DESC"
               : "SELECT r.stream, r.time_at, r.logged_at, r.fields FROM record r WHERE r.type = ?4"
                 " AND" OF_TIME " AND" OF_RUN " ORDER BY r.time_at, r.id");
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 4, type);
    while ((got = database_step(&reader->database, statement)) > 0) {
        const struct batch_record record = {.stream = (uint32_t)sqlite3_column_int64(statement, 0),
            .type = type,
            .time = sqlite3_column_int64(statement, 1),
            .logged = sqlite3_column_type(statement, 2) == SQLITE_NULL
                          ? RECORD_NOT_LOGGED
                          : sqlite3_column_int64(statement, 2),
            .fields = sqlite3_column_blob(statement, 3),
            .size = (uint32_t)sqlite3_column_bytes(statement, 3)};

        if (read_is_late(reader)) {
            got = -1;
            break;
        }
        if (sink(context, &record)) {
            got = 0;
            break;
        }
    }
    sqlite3_finalize(statement);
    return got;
}

int store_records(struct store_reader *reader, const struct store_filter *filter, uint32_t type,
    int newest, record_sink *sink, void *context)
{
    if (read_begin(reader) < 0)
        return -1;
    return read_end(reader, give_records(reader, filter, type, newest, sink, context));
}
