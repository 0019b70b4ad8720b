/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/sqlite/schema.h"
#include "storage/sqlite/writer.h"

#include "record/record.h"

#include <stdlib.h>
#include <time.h>

static int write_names(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->names.count; i++) {
        const struct batch_name *name = &batch->names.items[i];
        sqlite3_stmt *statement = write_statement(store, WRITE_NAME);

        if (statement == NULL)
            return -1;
        sqlite3_bind_int64(statement, 1, name->id);
        sqlite3_bind_text(statement, 2, name->text, (int)name->length, SQLITE_STATIC);
        if (write_done(store, statement) < 0)
            return -1;
    }
    return 0;
}

/* A row of whole numbers. */
static int write_numbers(
    struct store *store, enum write_statement number, int count, const int64_t *values)
{
    sqlite3_stmt *statement = write_statement(store, number);

    if (statement == NULL)
        return -1;
    for (int i = 0; i < count; i++)
        sqlite3_bind_int64(statement, i + 1, values[i]);
    return write_done(store, statement);
}

static int write_dictionaries(struct store *store, const struct batch *batch)
{
    if (write_names(store, batch) < 0)
        return -1;
    for (size_t i = 0; i < batch->operations.count; i++) {
        const struct model_operation *o = &batch->operations.items[i].operation;
        int64_t values[] = {
            batch->operations.items[i].id, o->name, o->component, o->signature, o->class_signature};

        if (write_numbers(store, WRITE_OPERATION, 5, values) < 0)
            return -1;
    }
    for (size_t i = 0; i < batch->paths.count; i++) {
        const struct model_path *p = &batch->paths.items[i].path;
        int64_t values[] = {
            batch->paths.items[i].id, p->parent, p->operation, p->host, p->run, p->kind, p->depth};

        if (write_numbers(store, WRITE_PATH, 7, values) < 0)
            return -1;
    }
    for (size_t i = 0; i < batch->runs.count; i++) {
        int64_t values[] = {batch->runs.items[i].id, batch->runs.items[i].name};

        if (write_numbers(store, WRITE_RUN, 2, values) < 0)
            return -1;
    }
    return 0;
}

static int write_classes(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->classes.count; i++) {
        const struct batch_class *class = &batch->classes.items[i];
        sqlite3_stmt *statement = write_statement(store, WRITE_CLASS);
        const int64_t values[] = {
            class->id, (int64_t) class->hash, class->root, (int64_t) class->calls, class->depth};

        store->coded.size = 0;
        if (statement == NULL || buffer_reserve(&store->coded, 1) < 0 ||
            zone_encode_set(class->paths, class->path_count, &store->coded) < 0)
            return -1;
        for (int j = 0; j < 5; j++)
            sqlite3_bind_int64(statement, j + 1, values[j]);
        sqlite3_bind_blob64(statement, 6, store->coded.bytes, store->coded.size, SQLITE_STATIC);
        if (write_done(store, statement) < 0)
            return -1;
    }
    return 0;
}

static int write_class_sums(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->class_stats.count; i++) {
        const struct batch_class_stat *stat = &batch->class_stats.items[i];
        const struct durations *d = &stat->durations;
        sqlite3_stmt *statement = write_statement(store, WRITE_CLASS_SUM);

        if (d->count == 0)
            continue;
        store->coded.size = 0;
        if (statement == NULL || buffer_reserve(&store->coded, 1) < 0 ||
            durations_encode(d, &store->coded) < 0)
            return -1;
        sqlite3_bind_int64(statement, 1, stat->class);
        sqlite3_bind_int64(statement, 2, (int64_t)d->count);
        sqlite3_bind_int64(statement, 3, (int64_t)d->failed);
        sqlite3_bind_int64(statement, 4, (int64_t)d->total);
        sqlite3_bind_int64(statement, 5, d->minimum);
        sqlite3_bind_int64(statement, 6, d->maximum);
        sqlite3_bind_blob64(statement, 7, store->coded.bytes, store->coded.size, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 8, (int64_t)stat->slowest);
        sqlite3_bind_int64(statement, 9, (int64_t)stat->first);
        sqlite3_bind_int64(statement, 10, stat->first_start);
        sqlite3_bind_int64(statement, 11, (int64_t)stat->latest);
        sqlite3_bind_int64(statement, 12, stat->latest_start);
        if (write_done(store, statement) < 0)
            return -1;
    }
    return 0;
}

static int write_records(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->records.count; i++) {
        const struct batch_record *record = &batch->records.items[i];
        sqlite3_stmt *statement = write_statement(store, WRITE_RECORD);

        if (statement == NULL)
            return -1;
        sqlite3_bind_int64(statement, 1, record->stream);
        sqlite3_bind_int64(statement, 2, record->type);
        sqlite3_bind_int64(statement, 3, record->time);
        if (record->logged == RECORD_NOT_LOGGED)
            sqlite3_bind_null(statement, 4);
        else
            sqlite3_bind_int64(statement, 4, record->logged);
        sqlite3_bind_blob(statement, 5, record->size ? (const void *)record->fields : "",
            (int)record->size, SQLITE_STATIC);
        if (write_done(store, statement) < 0)
            return -1;
    }
    return 0;
}

static int write_streams(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->streams.count; i++) {
        const struct batch_stream *stream = &batch->streams.items[i];
        const int64_t values[] = {stream->id, stream->run, stream->opened, stream->closed,
            (int64_t)stream->position, (int64_t)stream->records, stream->unit, stream->fault};
        sqlite3_stmt *statement = write_statement(store, WRITE_STREAM);

        if (statement == NULL)
            return -1;
        for (int j = 0; j < 8; j++)
            sqlite3_bind_int64(statement, j + 1, values[j]);
        if (stream->closed == 0)
            sqlite3_bind_null(statement, 4);
        sqlite3_bind_text(statement, 9, stream->peer, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 10, stream->agent, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 11, stream->session, -1, SQLITE_STATIC); /* or NULL */
        if (write_done(store, statement) < 0)
            return -1;
    }
    return 0;
}

int write_counter(struct store *store, uint32_t stream, const char *name, uint64_t more)
{
    sqlite3_stmt *statement = write_statement(store, WRITE_COUNTER);

    if (statement == NULL)
        return -1;
    sqlite3_bind_int64(statement, 1, stream);
    sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, (int64_t)more);
    return write_done(store, statement);
}

static int write_counters(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->counters.count; i++) {
        const struct batch_counter *counter = &batch->counters.items[i];

        if (counter->more > 0 &&
            write_counter(store, counter->stream, counter->name, counter->more) < 0)
            return -1;
    }
    return 0;
}

static int write_chunks(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->chunks.count; i++) {
        const struct batch_chunk *chunk = &batch->chunks.items[i];
        sqlite3_stmt *statement = write_statement(store, WRITE_CHUNK);

        if (statement == NULL)
            return -1;
        store->packed.size = 0;
        for (int part = 0; part < CHUNK_PARTS; part++)
            if (pack_put(&store->packer,
                    chunk->size[part]
                        ? (const void *)(batch->parts[part].bytes + chunk->offset[part])
                        : "",
                    chunk->size[part], &store->packed) < 0)
                return database_fail(&store->database, "not enough memory to store a trace");
        sqlite3_bind_int64(statement, 1, (int64_t)chunk->trace);
        sqlite3_bind_int64(statement, 2, chunk->number);
        sqlite3_bind_int64(statement, 3, (int64_t)chunk->events);
        sqlite3_bind_int64(statement, 4, chunk->base);
        sqlite3_bind_blob64(statement, 5, store->packed.bytes, store->packed.size, SQLITE_STATIC);
        if (write_done(store, statement) < 0)
            return -1;
    }
    return 0;
}

static int write_open_traces(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->open.count; i++) {
        struct batch_trace row = batch->open.items[i];
        sqlite3_stmt *statement = write_statement(store, WRITE_OPEN_TRACE);

        store->coded.size = 0;
        for (int part = 0; part < CHUNK_PARTS; part++)
            row.size[part] = 0;
        row.trace.state = TRACE_RUNNING;
        if (statement == NULL ||
            block_encode(&store->scratch, &store->packer, &row, 1, &store->coded) < 0)
            return -1;
        sqlite3_bind_int64(statement, 1, (int64_t)row.trace.id);
        sqlite3_bind_blob64(statement, 2, store->coded.bytes, store->coded.size, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 3, row.open.owner);
        sqlite3_bind_int64(statement, 4, row.open.order);
        sqlite3_bind_int64(statement, 5, (int64_t)row.open.beyond);
        sqlite3_bind_int64(statement, 6, (int64_t)row.open.metadata_at);
        if (write_done(store, statement) < 0)
            return -1;
    }
    return 0;
}

static int write_notes(struct store *store, const struct batch *batch)
{
    for (size_t i = 0; i < batch->notes.count; i++)
        if (write_property(
                store, batch->notes.items[i].name, (int64_t)batch->notes.items[i].value) < 0)
            return -1;
    return 0;
}

/* Dictionaries and all that is small. */
static int write_small(struct store *store, const struct batch *batch)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    if (write_dictionaries(store, batch) < 0 || write_classes(store, batch) < 0 ||
        write_streams(store, batch) < 0 || write_records(store, batch) < 0 ||
        write_kin(store, batch) < 0 || write_counters(store, batch) < 0 ||
        write_path_stats(store, batch) < 0 || write_class_sums(store, batch) < 0 ||
        write_notes(store, batch) < 0)
        return -1;
    return write_property(store, "committed_at", now.tv_sec * INT64_C(1000000000) + now.tv_nsec) <
                       0 ||
                   write_property(store, "last_batch", batch->number) < 0
               ? -1
               : 0;
}

static int64_t last_trace(const struct batch *batch, int64_t last)
{
    for (size_t i = 0; i < batch->finished.count; i++)
        if ((int64_t)batch->finished.items[i].trace.id > last)
            last = (int64_t)batch->finished.items[i].trace.id;
    for (size_t i = 0; i < batch->open.count; i++)
        if ((int64_t)batch->open.items[i].trace.id > last)
            last = (int64_t)batch->open.items[i].trace.id;
    return last;
}

static int write_batch(struct store *store, void *context)
{
    const struct batch *batch = context;

    return write_small(store, batch) < 0 || write_chunks(store, batch) < 0 ||
                   write_open_traces(store, batch) < 0 || write_finished(store, batch) < 0 ||
                   write_property(
                       store, "last_trace", last_trace(batch, (int64_t)store->last_trace)) < 0
               ? -1
               : 0;
}

int store_commit(struct store *store, struct batch *batch)
{
    database_fail(&store->database, "not enough memory to store a batch");
    store->database.is_short = 1; /* unless another failure says what it is */
    if (write_all(store, write_batch, batch) < 0)
        return -1;
    store->last_trace = (uint64_t)last_trace(batch, (int64_t)store->last_trace);
    return 0;
}

int store_noted(struct store *store, const char *name, uint64_t *value)
{
    sqlite3_stmt *statement =
        database_prepare(&store->database, "SELECT value FROM property WHERE name = ?");
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    got = database_step(&store->database, statement);
    *value = got > 0 ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    sqlite3_finalize(statement);
    return got < 0 ? -1 : 0;
}

int store_notes(struct store *store, const char *prefix, note_sink *sink, void *context)
{
    sqlite3_stmt *statement = database_prepare(&store->database,
        "SELECT name, value FROM property WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name");
    int got;

    if (statement == NULL)
        return -1;
    sqlite3_bind_text(statement, 1, prefix, -1, SQLITE_STATIC);
    while ((got = database_step(&store->database, statement)) > 0)
        sink(context, (const char *)sqlite3_column_text(statement, 0),
            (uint64_t)sqlite3_column_int64(statement, 1));
    sqlite3_finalize(statement);
    return got;
}

const char *store_error(const struct store *store)
{
    return store->database.error;
}

int store_is_full(const struct store *store)
{
    return store->database.full;
}

int store_is_short(const struct store *store)
{
    return store->database.is_short;
}
