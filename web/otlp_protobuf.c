/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of fields are those of opentelemetry-proto 1.x; protobuf's encoding is described at
 * protobuf.dev/programming-guides/encoding. */
#include "web/otlp.h"

#include <string.h>

enum wire_type { VARINT, FIXED64, BYTES, GROUP, GROUP_END, FIXED32 };

struct message {
    const unsigned char *at, *end;
};

struct field {
    unsigned number;
    enum wire_type type;
    uint64_t value;        /* of VARINT, FIXED64, FIXED32 */
    struct message inside; /* of BYTES */
};

static int take_varint(struct message *message, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && message->at < message->end; shift += 7) {
        unsigned char byte = *message->at++;

        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80)
            return 0;
    }
    return -1;
}

/* Little-endian. */
static int take_fixed(struct message *message, size_t size, uint64_t *value)
{
    if ((size_t)(message->end - message->at) < size)
        return -1;
    *value = 0;
    for (size_t i = size; i-- > 0;)
        *value = *value << 8 | message->at[i];
    message->at += size;
    return 0;
}

/* 1 and the next field; 0 at the end; -1 when these bytes are none. */
static int next(struct message *message, struct field *field)
{
    uint64_t key, length;

    if (message->at == message->end)
        return 0;
    if (take_varint(message, &key) < 0 || key >> 3 == 0 || key >> 3 > UINT32_MAX)
        return -1;
    *field = (struct field){.number = (unsigned)(key >> 3), .type = (enum wire_type)(key & 7)};
    switch (field->type) {
    case VARINT:
        return take_varint(message, &field->value) < 0 ? -1 : 1;
    case FIXED64:
        return take_fixed(message, 8, &field->value) < 0 ? -1 : 1;
    case FIXED32:
        return take_fixed(message, 4, &field->value) < 0 ? -1 : 1;
    case BYTES:
        if (take_varint(message, &length) < 0 || length > (size_t)(message->end - message->at))
            return -1;
        field->inside = (struct message){message->at, message->at + length};
        message->at += length;
        return 1;
    default: /* groups are of older days */
        return -1;
    }
}

static int is_bytes(const struct field *field, unsigned number)
{
    return field->number == number && field->type == BYTES;
}

static const char *text_of(const struct message *message)
{
    return message->at == message->end ? "" : (const char *)message->at;
}

static size_t size_of(const struct message *message)
{
    return (size_t)(message->end - message->at);
}

/* KeyValue: key 1, value 2, an AnyValue whose text is 1. What is no text is left out. */
static int read_pair(struct message pair, struct message *key, struct message *text)
{
    struct field field, value;
    int got, more = 0;

    *key = *text = (struct message){pair.end, pair.end};
    while ((got = next(&pair, &field)) > 0)
        if (is_bytes(&field, 1))
            *key = field.inside;
        else if (is_bytes(&field, 2))
            while ((more = next(&field.inside, &value)) > 0)
                if (is_bytes(&value, 1))
                    *text = value.inside;
    return got < 0 || more < 0 ? -1 : 0;
}

/* Resource: attributes 1. */
static int read_resource(struct message resource, struct otlp_place *place)
{
    struct message key, text;
    struct field field;
    int got;

    while ((got = next(&resource, &field)) > 0)
        if (is_bytes(&field, 1)) {
            if (read_pair(field.inside, &key, &text) < 0)
                return -1;
            otlp_resource_attribute(
                place, text_of(&key), size_of(&key), text_of(&text), size_of(&text));
        }
    return got;
}

/* Event: name 2, attributes 3. */
static int read_event(struct message event, struct otlp_span *span)
{
    struct message key, text, name = {NULL, NULL}, whole = event;
    struct field field;
    int got;

    while ((got = next(&whole, &field)) > 0)
        if (is_bytes(&field, 2))
            name = field.inside;
    if (got < 0 || size_of(&name) != 9 || memcmp(name.at, "exception", 9) != 0)
        return got;
    while ((got = next(&event, &field)) > 0)
        if (is_bytes(&field, 3)) {
            if (read_pair(field.inside, &key, &text) < 0)
                return -1;
            otlp_exception_attribute(
                span, text_of(&key), size_of(&key), text_of(&text), size_of(&text));
        }
    return got;
}

/* Status: message 2, code 3, of which 2 is an error. */
static int read_status(struct message status, struct otlp_span *span)
{
    struct field field;
    int got;

    while ((got = next(&status, &field)) > 0)
        if (is_bytes(&field, 2))
            otlp_copy(span->message, text_of(&field.inside), size_of(&field.inside));
        else if (field.number == 3 && field.type == VARINT)
            span->has_error = field.value == 2;
    return got;
}

static void copy_id(unsigned char *to, size_t most, const struct message *id, size_t *size)
{
    *size = size_of(id);
    if (*size == most)
        memcpy(to, id->at, most);
}

/* Span: trace_id 1, span_id 2, parent_span_id 4, name 5, start_time_unix_nano 7,
 * end_time_unix_nano 8, events 11, status 15. */
static int read_span(struct message message, struct otlp_span *span)
{
    struct field field;
    int got, result = 0;

    memset(span, 0, sizeof(*span));
    while (result >= 0 && (got = next(&message, &field)) > 0) {
        if (is_bytes(&field, 1))
            copy_id(span->span.trace, SPAN_TRACE_SIZE, &field.inside, &span->trace_size);
        else if (is_bytes(&field, 2))
            copy_id(span->span.id, SPAN_ID_SIZE, &field.inside, &span->id_size);
        else if (is_bytes(&field, 4))
            copy_id(span->span.parent, SPAN_ID_SIZE, &field.inside, &span->parent_size);
        else if (is_bytes(&field, 5))
            otlp_copy(span->name, text_of(&field.inside), size_of(&field.inside));
        else if (field.number == 7 && field.type == FIXED64)
            span->span.start = (int64_t)field.value;
        else if (field.number == 8 && field.type == FIXED64)
            span->span.end = (int64_t)field.value;
        else if (is_bytes(&field, 11))
            result = read_event(field.inside, span);
        else if (is_bytes(&field, 15))
            result = read_status(field.inside, span);
    }
    return result < 0 ? -1 : got;
}

/* ScopeSpans: scope 1 (its name 1), spans 2. The scope may come behind its spans. */
static int read_scope_spans(struct otlp *otlp, struct message message, struct otlp_place *place)
{
    struct message whole = message;
    struct otlp_span span;
    struct field field, inside;
    int got;

    place->scope[0] = '\0';
    while ((got = next(&whole, &field)) > 0)
        if (is_bytes(&field, 1))
            while ((got = next(&field.inside, &inside)) > 0)
                if (is_bytes(&inside, 1))
                    otlp_copy(place->scope, text_of(&inside.inside), size_of(&inside.inside));
    if (got < 0)
        return -1;
    while ((got = next(&message, &field)) > 0)
        if (is_bytes(&field, 2) &&
            (read_span(field.inside, &span) < 0 || otlp_give(otlp, place, &span) < 0))
            return -1;
    return got;
}

/* ResourceSpans: resource 1, scope_spans 2. */
static int read_resource_spans(struct otlp *otlp, struct message message)
{
    struct message whole = message;
    struct otlp_place place = {0};
    struct field field;
    int got;

    while ((got = next(&whole, &field)) > 0)
        if (is_bytes(&field, 1) && read_resource(field.inside, &place) < 0)
            return -1;
    if (got < 0)
        return -1;
    while ((got = next(&message, &field)) > 0)
        if (is_bytes(&field, 2) && read_scope_spans(otlp, field.inside, &place) < 0)
            return -1;
    return got;
}

/* ExportTraceServiceRequest: resource_spans 1. */
int otlp_read_protobuf(struct otlp *otlp, const void *bytes, size_t size)
{
    struct message message = {bytes, (const unsigned char *)bytes + size};
    struct field field;
    int got;

    otlp->fault = OTLP_FINE;
    otlp->error[0] = '\0';
    while ((got = next(&message, &field)) > 0)
        if (is_bytes(&field, 1) && read_resource_spans(otlp, field.inside) < 0) {
            got = -1;
            break;
        }
    if (got < 0 && otlp->fault == OTLP_FINE)
        otlp_fail(otlp, OTLP_BAD, "this is no ExportTraceServiceRequest in protobuf's encoding");
    return got;
}
