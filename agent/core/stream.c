/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#include "record/bytes.h"
#include "record/record.h"
#include "record/wire.h"

#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "0.1.0"
#endif

#define NO_ID 0u /* of an announced text + 1 */
#define HEAD 12u /* bytes in front of a text, or of a record's fields */

_Static_assert(STREAM_ROOM >= 2 * (HEAD + OPERATIONS_NAME_MAX) + HEAD + STREAM_TEXT_MAX + 256,
    "an event fits");

static const enum record_id types[STREAM_CLASSES] = {
    [STREAM_TRACE] = RECORD_TRACE_METADATA,
    [STREAM_BEFORE] = RECORD_BEFORE_OPERATION,
    [STREAM_AFTER] = RECORD_AFTER_OPERATION,
    [STREAM_FAILED] = RECORD_AFTER_OPERATION_FAILED,
    [STREAM_METADATA] = RECORD_KIEKER_METADATA,
    [STREAM_SPLIT] = RECORD_SPLIT,
};

int stream_init(struct stream *stream, const struct stream_source *source)
{
    memset(stream, 0, sizeof(*stream));
    stream->source = source;
    stream->buffer = malloc(STREAM_BYTES);
    return stream->buffer == NULL ? -1 : 0;
}

void stream_fini(struct stream *stream)
{
    free(stream->buffer);
    free(stream->names.of);
    free(stream->causes.of);
    free(stream->pairs);
    memset(stream, 0, sizeof(*stream));
}

static uint32_t announce(struct stream *stream, const char *bytes, size_t size)
{
    uint32_t id = stream->next_id++;
    unsigned char *at = stream->buffer + stream->used;

    assert(size <= STREAM_TEXT_MAX);
    stream->used = (size_t)(wire_put_entry(at, (int32_t)id, bytes, size) - stream->buffer);
    return id;
}

void stream_put_text(struct stream *stream, const char *text)
{
    size_t size = strlen(text);

    announce(stream, text, size < STREAM_TEXT_MAX ? size : STREAM_TEXT_MAX);
}

static uint32_t announce_text(struct stream *stream, const char *text)
{
    stream_put_text(stream, text);
    return stream->next_id - 1;
}

static void put_metadata(struct stream *stream)
{
    uint32_t version = announce_text(stream, PACKAGE_VERSION),
             controller = announce_text(stream, "KIEKER");
    uint32_t unit = announce_text(stream, "NANOSECONDS");
    unsigned char *at = stream->buffer + stream->used;

    at = wire_put_head(at, (int32_t)stream->classes[STREAM_METADATA], RECORD_NOT_LOGGED);
    at = bytes_put32(at, version);
    at = bytes_put32(at, controller);
    at = bytes_put32(at, stream->host);
    at = bytes_put32(at, 1); /* experimentId */
    *at++ = 0;               /* debugMode */
    at = bytes_put64(at, 0); /* timeOffset */
    at = bytes_put32(at, unit);
    at = bytes_put64(at, 0); /* numberOfRecords */
    stream->used = (size_t)(at - stream->buffer);
}

void stream_restart(struct stream *stream, const char *hello)
{
    stream_taken(stream);
    stream->next_id = 0;
    if (stream->names.of != NULL)
        memset(stream->names.of, 0, stream->names.capacity * sizeof(*stream->names.of));
    if (stream->causes.of != NULL)
        memset(stream->causes.of, 0, stream->causes.capacity * sizeof(*stream->causes.of));
    if (stream->pairs != NULL)
        memset(stream->pairs, 0, stream->pair_capacity * sizeof(*stream->pairs));
    stream_put_text(stream, hello);
    for (int i = 0; i < STREAM_CLASSES; i++)
        stream->classes[i] = announce_text(stream, record_type(types[i])->name);
    stream->host = announce_text(stream, stream->source->host);
    stream->session = announce_text(stream, STREAM_NO_SESSION);
    put_metadata(stream);
}

/* The type of a record in the buffer. */
static const struct record_type *type_of(const struct stream *stream, uint32_t class)
{
    for (int i = 0; i < STREAM_CLASSES; i++)
        if (stream->classes[i] == class)
            return record_type(types[i]);
    return NULL;
}

uint64_t stream_records_behind(const struct stream *stream, size_t byte)
{
    uint64_t records = 0;
    size_t at = 0;

    while (at < stream->used) {
        const struct record_type *type;

        if (bytes_get32(stream->buffer + at) == UINT32_MAX) {
            at += HEAD + bytes_get32(stream->buffer + at + 8);
            continue;
        }
        type = type_of(stream, bytes_get32(stream->buffer + at));
        assert(type != NULL);
        at += HEAD + type->size;
        records += at > byte && type->role != ROLE_TRACE_METADATA && type->role != ROLE_METADATA;
    }
    return records;
}

/* The registry id of a text, announced if it is not yet; without memory to remember that, it is
 * announced each time. */
static uint32_t id_of(
    struct stream *stream, struct stream_ids *ids, const struct texts *texts, uint32_t number)
{
    const struct text *text = texts_get(texts, number);
    uint32_t id;

    if (number >= ids->capacity) {
        uint32_t capacity = (number | 255u) * 2;
        uint32_t *of = realloc(ids->of, capacity * sizeof(*of));

        if (of == NULL)
            return announce(stream, text->bytes, text->size);
        memset(of + ids->capacity, 0, (capacity - ids->capacity) * sizeof(*of));
        ids->of = of;
        ids->capacity = capacity;
    }
    if (ids->of[number] != NO_ID)
        return ids->of[number] - 1;
    id = announce(stream, text->bytes, text->size);
    ids->of[number] = id + 1;
    return id;
}

/* Announces the names of an operation; gives their ids as they are written. */
static struct stream_pair announce_pair(struct stream *stream, uint32_t number)
{
    const struct operations *operations = stream->source->operations;
    const struct operation *operation = operations_get(operations, number);
    struct stream_pair pair;

    pair.ids[0] =
        __builtin_bswap32(id_of(stream, &stream->names, &operations->texts, operation->name));
    pair.ids[1] =
        __builtin_bswap32(id_of(stream, &stream->names, &operations->texts, operation->component));
    if (number >= stream->pair_capacity) {
        uint32_t capacity = (number | 255u) * 2;
        struct stream_pair *pairs = realloc(stream->pairs, capacity * sizeof(*pairs));

        if (pairs == NULL)
            return pair;
        memset(
            pairs + stream->pair_capacity, 0, (capacity - stream->pair_capacity) * sizeof(*pairs));
        stream->pairs = pairs;
        stream->pair_capacity = capacity;
    }
    stream->pairs[number] = pair;
    return pair;
}

static struct stream_pair pair_of(struct stream *stream, uint32_t number)
{
    /* No name has id 0, which is the hello's: so all zero means not announced. */
    if (number < stream->pair_capacity && stream->pairs[number].ids[0] != 0)
        return stream->pairs[number];
    return announce_pair(stream, number);
}

void stream_put_trace(struct stream *stream, int64_t trace, int64_t thread, int64_t parent_trace,
    uint32_t parent_order)
{
    unsigned char *at = stream->buffer + stream->used;

    at = wire_put_head(at, (int32_t)stream->classes[STREAM_TRACE], RECORD_NOT_LOGGED);
    at = bytes_put64(at, (uint64_t)trace);
    at = bytes_put64(at, (uint64_t)thread);
    at = bytes_put32(at, stream->session);
    at = bytes_put32(at, stream->host);
    at = bytes_put64(at, (uint64_t)parent_trace);
    at = bytes_put32(at, parent_order);
    stream->used = (size_t)(at - stream->buffer);
}

void stream_put_split(struct stream *stream, int64_t at, int64_t trace, uint32_t order)
{
    unsigned char *to = stream->buffer + stream->used;

    to = wire_put_head(to, (int32_t)stream->classes[STREAM_SPLIT], RECORD_NOT_LOGGED);
    to = bytes_put64(to, (uint64_t)at);
    to = bytes_put64(to, (uint64_t)trace);
    to = bytes_put32(to, order);
    stream->used = (size_t)(to - stream->buffer);
    stream->records++;
}

void stream_put_event(struct stream *stream, enum stream_class class, int64_t at, int64_t trace,
    uint32_t order, uint32_t operation, uint32_t cause)
{
    struct stream_pair pair = pair_of(stream, operation);
    uint32_t cause_id = 0;
    unsigned char *to;

    if (class == STREAM_FAILED)
        cause_id = id_of(stream, &stream->causes, stream->source->causes, cause);
    to = stream->buffer + stream->used;
    to = wire_put_head(to, (int32_t)stream->classes[class], RECORD_NOT_LOGGED);
    to = bytes_put64(to, (uint64_t)at);
    to = bytes_put64(to, (uint64_t)trace);
    to = bytes_put32(to, order);
    memcpy(to, &pair, sizeof(pair));
    to += sizeof(pair);
    if (class == STREAM_FAILED)
        to = bytes_put32(to, cause_id);
    stream->used = (size_t)(to - stream->buffer);
    stream->records++;
}
