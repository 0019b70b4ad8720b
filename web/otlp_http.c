/* SPDX-License-Identifier: Apache-2.0 */
#include "web/otlp_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#include "web/otlp_batch.h"
#include "web/private.h"

#define RETRY_SECONDS "1"

enum { RPC_INVALID_ARGUMENT = 3, RPC_UNAVAILABLE = 14 };

/* Counts what all bodies take. 0, or -1 when it would be too much. */
static int reserve(struct web *web, size_t more)
{
    if (atomic_fetch_add(&web->body_bytes, more) + more <= OTLP_BODIES_MAX)
        return 0;
    atomic_fetch_sub(&web->body_bytes, more);
    return -1;
}

static void drop(struct web *web, struct body *body)
{
    atomic_fetch_sub(&web->body_bytes, body->capacity);
    free(body->bytes);
    body->bytes = NULL;
    body->size = body->capacity = 0;
}

/* Room for `size` bytes in all. 0, or the status of a refusal. */
static unsigned make_room(struct web *web, struct body *body, size_t size)
{
    size_t capacity = body->capacity ? body->capacity : 4096;
    char *bytes;

    if (size > OTLP_BODY_MAX)
        return MHD_HTTP_CONTENT_TOO_LARGE;
    while (capacity < size)
        capacity *= 2;
    if (capacity == body->capacity)
        return 0;
    if (reserve(web, capacity - body->capacity) < 0)
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    bytes = realloc(body->bytes, capacity);
    if (bytes == NULL) {
        atomic_fetch_sub(&web->body_bytes, capacity - body->capacity);
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    }
    body->bytes = bytes;
    body->capacity = capacity;
    return 0;
}

/* What is refused is read to its end all the same: then the client reads why. */
void otlp_http_body(struct exchange *x, const char *bytes, size_t size)
{
    if (!x->is_post || strcmp(x->path, OTLP_PATH) != 0)
        return;
    if (x->body.refused)
        return;
    x->body.refused = make_room(x->web, &x->body, x->body.size + size);
    if (x->body.refused) {
        drop(x->web, &x->body);
        return;
    }
    memcpy(x->body.bytes + x->body.size, bytes, size);
    x->body.size += size;
}

void otlp_http_forget(struct exchange *x)
{
    drop(x->web, &x->body);
}

/* Unpacks gzip. 0, or the status of a refusal. */
static unsigned unpack(struct web *web, struct body *body)
{
    struct body out = {0};
    z_stream stream = {.next_in = (Bytef *)body->bytes, .avail_in = (uInt)body->size};
    unsigned refused = 0;
    int result = Z_OK;

    if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK)
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    while (result == Z_OK && refused == 0) {
        if (out.size == out.capacity)
            refused = out.size == OTLP_BODY_MAX ? MHD_HTTP_CONTENT_TOO_LARGE
                                                : make_room(web, &out, out.size + 1);
        if (refused)
            break;
        stream.next_out = (Bytef *)out.bytes + out.size;
        stream.avail_out = (uInt)(out.capacity - out.size);
        result = inflate(&stream, Z_NO_FLUSH);
        out.size = out.capacity - stream.avail_out;
    }
    if (refused == 0 && (result != Z_STREAM_END || stream.avail_in > 0))
        refused = result == Z_MEM_ERROR ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_BAD_REQUEST;
    inflateEnd(&stream);
    drop(web, body);
    *body = out;
    if (refused)
        drop(web, body);
    return refused;
}

/* A field of protobuf that holds bytes; returns the place behind it. */
static char *put_bytes(char *to, unsigned field, const char *bytes, size_t size)
{
    size_t left = size;

    *to++ = (char)(field << 3 | 2);
    for (; left >= 0x80; left >>= 7)
        *to++ = (char)(left | 0x80);
    *to++ = (char)left;
    memcpy(to, bytes, size);
    return to + size;
}

static char *put_number(char *to, unsigned field, uint64_t value)
{
    *to++ = (char)(field << 3);
    for (; value >= 0x80; value >>= 7)
        *to++ = (char)(value | 0x80);
    *to++ = (char)value;
    return to;
}

static void give(struct exchange *x, const char *type, const char *bytes, size_t size)
{
    char *copy = malloc(size + 1);

    if (copy)
        memcpy(copy, bytes, size);
    exchange_give(x, type, copy, size);
}

static void give_json(struct exchange *x, json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    json_decref(object);
    exchange_give(x, EXCHANGE_JSON, text, text ? strlen(text) : 0);
}

static void refuse(struct exchange *x, int is_json, unsigned status, const char *sentence)
{
    char bytes[1024], *at;
    int again = status == MHD_HTTP_SERVICE_UNAVAILABLE;
    int code = again ? RPC_UNAVAILABLE : RPC_INVALID_ARGUMENT;

    x->web->config.spans_refused(x->web->config.context);
    if (is_json) {
        give_json(x, json_pack("{s:i, s:s}", "code", code, "message", sentence));
    } else {
        at = put_number(bytes, 1, (uint64_t)code);
        at = put_bytes(at, 2, sentence, strnlen(sentence, 900));
        give(x, OTLP_PROTOBUF, bytes, (size_t)(at - bytes));
    }
    if (x->answer.status == MHD_HTTP_OK)
        x->answer.status = status;
    if (again)
        x->answer.retry = RETRY_SECONDS;
}

/* partial_success 1: rejected_spans 1, error_message 2. */
static void agree(struct exchange *x, int is_json, uint64_t rejected)
{
    static const char why[] = "spans without a span id, or without a trace id, are not taken";
    char inside[sizeof(why) + 32], bytes[sizeof(inside) + 16], count[24], *at;

    if (rejected == 0) {
        exchange_lend(x, is_json ? EXCHANGE_JSON : OTLP_PROTOBUF, "{}", is_json ? 2 : 0);
    } else if (is_json) {
        /* 64-bit numbers are texts in protobuf's JSON. */
        snprintf(count, sizeof(count), "%llu", (unsigned long long)rejected);
        give_json(x, json_pack("{s:{s:s, s:s}}", "partialSuccess", "rejectedSpans", count,
                         "errorMessage", why));
    } else {
        at = put_number(inside, 1, rejected);
        at = put_bytes(at, 2, why, sizeof(why) - 1);
        at = put_bytes(bytes, 1, inside, (size_t)(at - inside));
        give(x, OTLP_PROTOBUF, bytes, (size_t)(at - bytes));
    }
}

/* "TYPE", or "TYPE; charset=utf-8" */
static int is_type(const char *header, const char *type)
{
    size_t length = strlen(type);

    return header && strncasecmp(header, type, length) == 0 &&
           (header[length] == '\0' || header[length] == ';' || header[length] == ' ');
}

static const char *sentence_of(unsigned status)
{
    switch (status) {
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return "the request has more than 8 MiB: send fewer spans at a time";
    case MHD_HTTP_BAD_REQUEST:
        return "the body is not packed by gzip, or not whole";
    default:
        return "too much waits already: try again later";
    }
}

_Static_assert(OTLP_BODY_MAX == 8u << 20, "the sentence says how much");

static void read_and_hand_over(struct exchange *x, int is_json)
{
    static const unsigned statuses[] = {[OTLP_BAD] = MHD_HTTP_BAD_REQUEST,
        [OTLP_LARGE] = MHD_HTTP_CONTENT_TOO_LARGE,
        [OTLP_SHORT] = MHD_HTTP_SERVICE_UNAVAILABLE};
    const struct web_config *config = &x->web->config;
    struct otlp otlp;
    struct otlp_batch *batch =
        otlp_batch_read(&otlp, x->body.bytes ? x->body.bytes : "", x->body.size, is_json);
    uint64_t rejected;

    if (batch == NULL) {
        refuse(x, is_json, statuses[otlp.fault], otlp.error);
        return;
    }
    rejected = batch->rejected;
    if (config->take_spans(config->context, batch) < 0) {
        otlp_batch_free(batch);
        refuse(x, is_json, MHD_HTTP_SERVICE_UNAVAILABLE, sentence_of(MHD_HTTP_SERVICE_UNAVAILABLE));
        return;
    }
    agree(x, is_json, rejected);
}

void otlp_http_handle(struct exchange *x)
{
    const char *type = exchange_header(x, MHD_HTTP_HEADER_CONTENT_TYPE);
    const char *encoding = exchange_header(x, MHD_HTTP_HEADER_CONTENT_ENCODING);
    int is_json = is_type(type, EXCHANGE_JSON);
    unsigned refused = x->body.refused;

    if (!x->is_post) {
        exchange_refuse(x, MHD_HTTP_METHOD_NOT_ALLOWED,
            "spans are sent here with POST, as OpenTelemetry's exporters do (OTLP over HTTP)");
        return;
    }
    if (!is_json && !is_type(type, OTLP_PROTOBUF)) {
        refuse(x, 1, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
            "the Content-Type must be application/x-protobuf or application/json");
        return;
    }
    if (encoding && strcasecmp(encoding, "identity") != 0 && strcasecmp(encoding, "gzip") != 0) {
        refuse(x, is_json, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE,
            "the Content-Encoding can be gzip, or none");
        return;
    }
    if (refused == 0 && encoding && strcasecmp(encoding, "gzip") == 0)
        refused = unpack(x->web, &x->body);
    if (refused)
        refuse(x, is_json, refused, sentence_of(refused));
    else
        read_and_hand_over(x, is_json);
    /* The answer may take its time. */
    otlp_http_forget(x);
}
