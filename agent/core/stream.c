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
#define LOOSE_TEXTS (1u << 16)

void stream_init(struct stream *stream, const struct stream_source *source)
{
    memset(stream, 0, sizeof(*stream));
    stream->source = source;
    texts_init(&stream->loose_texts, LOOSE_TEXTS);
}

void stream_fini(struct stream *stream)
{
    free(stream->names.of);
    free(stream->causes.of);
    free(stream->signatures.of);
    free(stream->loose.of);
    free(stream->scratch.of);
    free(stream->pairs);
    texts_fini(&stream->loose_texts);
    memset(stream, 0, sizeof(*stream));
}

uint32_t stream_announce(struct stream *stream, const char *bytes, size_t size)
{
    uint32_t id = stream->next_id++;
    unsigned char *at = stream->buffer + stream->used;

    stream->used = (size_t)(wire_put_entry(at, (int32_t)id, bytes, size) - stream->buffer);
    return id;
}

void stream_put_text(struct stream *stream, const char *text)
{
    size_t size = strlen(text);

    stream_announce(stream, text, size < STREAM_TEXT_MAX ? size : STREAM_TEXT_MAX);
}

static uint32_t announce_text(struct stream *stream, const char *text)
{
    stream_put_text(stream, text);
    return stream->next_id - 1;
}

uint32_t stream_id(
    struct stream *stream, struct stream_ids *ids, uint32_t number, const char *bytes, size_t size)
{
    uint32_t id;

    if (number >= ids->capacity) {
        uint32_t capacity = (number | 255u) * 2;
        uint32_t *of = realloc(ids->of, capacity * sizeof(*of));

        /* Without memory to remember the id, the text is announced each time. */
        if (of == NULL)
            return stream_announce(stream, bytes, size);
        memset(of + ids->capacity, 0, (capacity - ids->capacity) * sizeof(*of));
        ids->of = of;
        ids->capacity = capacity;
    }
    if (ids->of[number] != NO_ID)
        return ids->of[number] - 1;
    id = stream_announce(stream, bytes, size);
    ids->of[number] = id + 1;
    return id;
}

void stream_announce_class(struct stream *stream, enum record_id type)
{
    uint32_t id = announce_text(stream, record_type(type)->name);

    stream->classes[type] = id;
    wire_put_head(stream->heads[type].bytes, (int32_t)id, RECORD_NOT_LOGGED);
}

static void put_metadata(struct stream *stream)
{
    uint32_t version = announce_text(stream, PACKAGE_VERSION),
             controller = announce_text(stream, "KIEKER");
    uint32_t unit = announce_text(stream, "NANOSECONDS");
    unsigned char *at = stream_put_head(stream, RECORD_KIEKER_METADATA);

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

static void forget(struct stream_ids *ids)
{
    if (ids->of != NULL)
        memset(ids->of, 0, ids->capacity * sizeof(*ids->of));
}

void stream_restart(struct stream *stream)
{
    stream_taken(stream);
    stream->next_id = STREAM_FIRST_ID;
    memset(stream->classes, 0, sizeof(stream->classes));
    forget(&stream->names);
    forget(&stream->causes);
    forget(&stream->signatures);
    forget(&stream->loose);
    forget(&stream->scratch);
    if (stream->pairs != NULL)
        memset(stream->pairs, 0, stream->pair_capacity * sizeof(*stream->pairs));
    stream->host = announce_text(stream, stream->source->host);
    stream->session = announce_text(stream, STREAM_NO_SESSION);
    put_metadata(stream);
}

/* The type of a record in the buffer. */
static const struct record_type *type_of(const struct stream *stream, uint32_t class)
{
    for (int i = 0; i < RECORD_TYPES; i++)
        if (stream->classes[i] == class)
            return record_type((enum record_id)i);
    return NULL;
}

/* The bytes of a record's fields. */
static size_t size_of(const struct record_type *type, const unsigned char *fields)
{
    struct record record = {.type = type, .fields = fields};
    struct record_cursor cursor = {.record = &record};

    if (!type->arrays)
        return type->size;
    while (record_next_value(&cursor))
        ;
    return (size_t)(cursor.next - fields);
}

void stream_item(const struct stream *stream, const unsigned char *at, struct stream_item *item)
{
    if (bytes_get32(at) == UINT32_MAX) {
        *item = (struct stream_item){.end = at + HEAD + bytes_get32(at + 8)};
        return;
    }
    item->type = type_of(stream, bytes_get32(at));
    assert(item->type != NULL);
    item->fields = at + HEAD;
    item->end = item->fields + size_of(item->type, item->fields);
    item->is_counted = stream_counts(item->type);
}
