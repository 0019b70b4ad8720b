/* SPDX-License-Identifier: Apache-2.0 */
/* What the numbers in exported records mean. */
#include "storage/export.h"
#include "storage/sqlite/reading.h"

#include <stdio.h>

int store_export_stream(struct store_reader *reader, uint32_t id, struct export_stream *stream)
{
    sqlite3_stmt *statement = database_prepare(
        &reader->database, "SELECT opened_at, unit_ns, peer, run FROM stream WHERE id = ?");
    uint32_t run = 0;
    int got;

    *stream = (struct export_stream){0};
    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    got = database_step(&reader->database, statement);
    if (got > 0) {
        const char *peer = (const char *)sqlite3_column_text(statement, 2);

        stream->opened = sqlite3_column_int64(statement, 0);
        stream->unit = sqlite3_column_int64(statement, 1);
        snprintf(stream->peer, sizeof(stream->peer), "%s", peer ? peer : "");
        run = (uint32_t)sqlite3_column_int64(statement, 3);
    }
    sqlite3_finalize(statement);
    statement = got > 0 ? read_statement(reader, READ_RUN, run) : NULL;
    if (statement && database_step(&reader->database, statement) > 0) {
        uint32_t name = (uint32_t)sqlite3_column_int64(statement, 0);

        sqlite3_reset(statement);
        snprintf(stream->run, sizeof(stream->run), "%s", dictionary_name(reader, name));
    }
    return got > 0 ? 0 : -1;
}

int store_export_name(void *context, uint32_t id, const char **text, size_t *length)
{
    struct store_reader *reader = context;
    sqlite3_stmt *statement;

    *text = "";
    *length = 0;
    if (id == 0)
        return 0;
    statement = read_statement(reader, READ_NAME, id);
    if (statement == NULL || database_step(&reader->database, statement) <= 0)
        return -1;
    *text = (const char *)sqlite3_column_text(statement, 0); /* until the statement is used again */
    *length = (size_t)sqlite3_column_bytes(statement, 0);
    return *text ? 0 : -1;
}

int store_export_operation(
    void *context, uint32_t id, uint32_t *signature, uint32_t *class_signature)
{
    struct store_reader *reader = context;
    sqlite3_stmt *statement = database_prepare(
        &reader->database, "SELECT signature, class_signature FROM operation WHERE id = ?");
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, id);
    got = database_step(&reader->database, statement);
    if (got > 0) {
        *signature = (uint32_t)sqlite3_column_int64(statement, 0);
        *class_signature = (uint32_t)sqlite3_column_int64(statement, 1);
    }
    sqlite3_finalize(statement);
    return got > 0 ? 0 : -1;
}
