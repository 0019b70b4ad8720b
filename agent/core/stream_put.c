/* SPDX-License-Identifier: Apache-2.0 */
/* The records of traces. */
#include <stdlib.h>
#include <string.h>

#include "agent/core/stream.h"
#include "record/bytes.h"

#define TEXT_HEAD 12u       /* bytes in front of a text */
#define SIGNATURE_MORE 3u   /* "." and "()" */
#define NESTED ".<locals>." /* between a Python function's name and that of one in it */

_Static_assert(
    STREAM_ROOM >= 2 * (TEXT_HEAD + OPERATIONS_NAME_MAX) + TEXT_HEAD + STREAM_TEXT_MAX + 512,
    "an event fits");
_Static_assert(STREAM_TEXT_MAX >= 2 * OPERATIONS_NAME_MAX + SIGNATURE_MORE, "a signature fits");

static uint32_t text_id(
    struct stream *stream, struct stream_ids *ids, const struct texts *texts, uint32_t number)
{
    const struct text *text = texts_get(texts, number);

    return stream_id(stream, ids, number, text->bytes, text->size);
}

/* Announces the names of an operation; gives their ids as they are written. */
static struct stream_pair announce_pair(struct stream *stream, uint32_t number)
{
    const struct operations *operations = stream->source->operations;
    const struct operation *operation = operations_get(operations, number);
    struct stream_pair pair;

    pair.ids[0] =
        __builtin_bswap32(text_id(stream, &stream->names, &operations->texts, operation->name));
    pair.ids[1] = __builtin_bswap32(
        text_id(stream, &stream->names, &operations->texts, operation->component));
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
    unsigned char *at = stream_put_head(stream, RECORD_TRACE_METADATA);

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
    unsigned char *to = stream_put_head(stream, RECORD_SPLIT);

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
        cause_id = text_id(stream, &stream->causes, stream->source->causes, cause);
    to = stream_put_head(stream, (enum record_id) class);
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

/* Copies a part of a signature, without what would end it there: blanks and brackets, and in an
 * operation the dots that are not Python's between nested functions. */
static char *put_part(char *at, const struct text *part, int is_operation)
{
    for (uint32_t i = 0; i < part->size; i++) {
        char c = part->bytes[i];

        if (is_operation && strncmp(part->bytes + i, NESTED, strlen(NESTED)) == 0) {
            at = (char *)memcpy(at, NESTED, strlen(NESTED)) + strlen(NESTED);
            i += strlen(NESTED) - 1;
            continue;
        }
        if (c == '(')
            c = '[';
        else if (c == ')')
            c = ']';
        else if (c == ' ' || c == '\t' || (is_operation && c == '.'))
            c = '_';
        *at++ = c;
    }
    return at;
}

size_t stream_signature(const struct stream *stream, uint32_t number, char *signature)
{
    const struct operations *operations = stream->source->operations;
    const struct operation *operation = operations_get(operations, number);
    const struct text *component = texts_get(&operations->texts, operation->component);
    char *end = signature;

    end = put_part(end, component, 0);
    if (component->size > 0)
        *end++ = '.';
    end = put_part(end, texts_get(&operations->texts, operation->name), 1);
    *end++ = '(';
    *end++ = ')';
    return (size_t)(end - signature);
}

static uint32_t announce_signature(struct stream *stream, uint32_t number)
{
    char signature[STREAM_TEXT_MAX];
    size_t size = stream_signature(stream, number, signature);

    return stream_id(stream, &stream->signatures, number, signature, size);
}

void stream_put_execution(struct stream *stream, int64_t trace, uint32_t operation, int64_t begun,
    int64_t ended, uint32_t order, uint32_t depth)
{
    const struct stream_ids *known = &stream->signatures;
    uint32_t signature = operation < known->capacity && known->of[operation] != 0
                             ? known->of[operation] - 1
                             : announce_signature(stream, operation);
    unsigned char *to = stream_put_head(stream, RECORD_OPERATION_EXECUTION);

    to = bytes_put32(to, signature);
    to = bytes_put32(to, stream->session);
    to = bytes_put64(to, (uint64_t)trace);
    to = bytes_put64(to, (uint64_t)begun);
    to = bytes_put64(to, (uint64_t)ended);
    to = bytes_put32(to, stream->host);
    to = bytes_put32(to, order);
    to = bytes_put32(to, depth);
    stream->used = (size_t)(to - stream->buffer);
    stream->records++;
}
