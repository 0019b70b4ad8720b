/* SPDX-License-Identifier: Apache-2.0 */
/* Records of any type, which do not come from probes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/stream.h"
#include "record/bytes.h"
#include "record/record.h"
#include "record/wire.h"

#define TEXT_KEPT 256u /* bytes of a text that is remembered by its stream */
#define STRINGS_MAX (STREAM_LOOSE_MAX / 4)

static const unsigned width[] = {
    [FIELD_BOOL] = 1, [FIELD_I32] = 4, [FIELD_I64] = 8, [FIELD_F64] = 8};

/* An id that the next record uses again: number `number` of this record's. */
static uint32_t scratch_id(struct stream *stream, uint32_t number, const char *bytes, size_t size)
{
    uint32_t used = stream->next_id, id = stream_id(stream, &stream->scratch, number, bytes, size);
    unsigned char *at = stream->buffer + stream->used;

    if (stream->next_id == used)
        stream->used = (size_t)(wire_put_entry(at, (int32_t)id, bytes, size) - stream->buffer);
    return id;
}

/*
 * Texts are remembered as long as they are short and not too many: others would fill the memory on
 * both sides of the stream. Those get ids that mean something else in the next record.
 */
static uint32_t announce(struct stream *stream, uint32_t *scratches, const char *bytes, size_t size)
{
    uint32_t number = size <= TEXT_KEPT ? texts_add(&stream->loose_texts, bytes, size) : TEXTS_NONE;

    return number != TEXTS_NONE ? stream_id(stream, &stream->loose, number, bytes, size)
                                : scratch_id(stream, (*scratches)++, bytes, size);
}

/* The strings of a field: *count of them; gives where they begin. */
static const unsigned char *strings_of(
    enum record_field_type type, const unsigned char *at, uint32_t *count)
{
    *count = type == FIELD_STR ? 1 : bytes_get32(at);
    return type == FIELD_STR ? at : at + 4;
}

/* Announces all strings of the values; their ids, in order. */
static void announce_strings(
    struct stream *stream, const struct record_type *type, const unsigned char *at, uint32_t *ids)
{
    uint32_t scratches = 0, count;

    for (unsigned i = 0; i < type->field_count; i++) {
        enum record_field_type field = type->fields[i].type;

        if (field != FIELD_STR && field != FIELD_STRS) {
            at += width[field];
            continue;
        }
        for (at = strings_of(field, at, &count); count > 0; count--) {
            uint32_t size = bytes_get32(at);

            *ids++ = announce(stream, &scratches, (const char *)at + 4, size);
            at += 4 + size;
        }
    }
}

void stream_put_loose(
    struct stream *stream, enum record_id id, const unsigned char *values, size_t size)
{
    const struct record_type *type = record_type(id);
    uint32_t ids[STRINGS_MAX], *next = ids, count;
    const unsigned char *at = values;
    unsigned char *to;

    assert(size <= STREAM_LOOSE_MAX && STREAM_BYTES - stream->used >= stream_loose_room(size));
    announce_strings(stream, type, values, ids);
    to = stream_put_head(stream, id);
    for (unsigned i = 0; i < type->field_count; i++) {
        enum record_field_type field = type->fields[i].type;

        if (field != FIELD_STR && field != FIELD_STRS) {
            memcpy(to, at, width[field]);
            to += width[field];
            at += width[field];
            continue;
        }
        at = strings_of(field, at, &count);
        if (field == FIELD_STRS)
            to = bytes_put32(to, count);
        for (; count > 0; count--) {
            to = bytes_put32(to, *next++);
            at += 4 + bytes_get32(at);
        }
    }
    assert(at == values + size);
    stream->used = (size_t)(to - stream->buffer);
    stream->records += stream_counts(type);
}
