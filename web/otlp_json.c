/* SPDX-License-Identifier: Apache-2.0 */
/* OTLP's JSON: protobuf's JSON mapping, but ids are hexadecimal. */
#include "web/otlp.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* 64-bit numbers are texts, but not everybody's. */
static int64_t number_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_string(value) ? (int64_t)strtoull(json_string_value(value), NULL, 10)
                                 : (int64_t)json_integer_value(value);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The size in bytes of a hexadecimal id; SIZE_MAX when it is none. */
static size_t take_id(const json_t *object, const char *key, unsigned char *to, size_t most)
{
    const char *text = text_of(object, key);
    size_t length = strlen(text);

    if (length != 2 * most)
        return length ? SIZE_MAX : 0;
    for (size_t i = 0; i < most; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);

        if (high < 0 || low < 0)
            return SIZE_MAX;
        to[i] = (unsigned char)(high << 4 | low);
    }
    return most;
}

static void read_attributes(
    const json_t *attributes, void (*take)(void *to, const char *key, const char *text), void *to)
{
    const json_t *pair;
    size_t i;

    json_array_foreach(attributes, i, pair)
    {
        const char *text =
            json_string_value(json_object_get(json_object_get(pair, "value"), "stringValue"));

        if (text)
            take(to, text_of(pair, "key"), text);
    }
}

static void take_resource(void *place, const char *key, const char *text)
{
    otlp_resource_attribute(place, key, strlen(key), text, strlen(text));
}

static void take_exception(void *span, const char *key, const char *text)
{
    otlp_exception_attribute(span, key, strlen(key), text, strlen(text));
}

static void read_status(const json_t *status, struct otlp_span *span)
{
    const json_t *code = json_object_get(status, "code");

    span->has_error =
        json_integer_value(code) == 2 ||
        (json_is_string(code) && strcmp(json_string_value(code), "STATUS_CODE_ERROR") == 0);
    otlp_copy(span->message, text_of(status, "message"), OTLP_TEXT_MAX);
}

static void read_span(const json_t *object, struct otlp_span *span)
{
    const json_t *event;
    size_t i;

    memset(span, 0, sizeof(*span));
    span->trace_size = take_id(object, "traceId", span->span.trace, SPAN_TRACE_SIZE);
    span->id_size = take_id(object, "spanId", span->span.id, SPAN_ID_SIZE);
    span->parent_size = take_id(object, "parentSpanId", span->span.parent, SPAN_ID_SIZE);
    span->span.start = number_of(object, "startTimeUnixNano");
    span->span.end = number_of(object, "endTimeUnixNano");
    otlp_copy(span->name, text_of(object, "name"), OTLP_TEXT_MAX);
    read_status(json_object_get(object, "status"), span);
    json_array_foreach(json_object_get(object, "events"), i,
        event) if (strcmp(text_of(event, "name"), "exception") == 0)
        read_attributes(json_object_get(event, "attributes"), take_exception, span);
}

static int read_resource_spans(struct otlp *otlp, const json_t *object)
{
    const json_t *scope, *item;
    struct otlp_place place = {0};
    struct otlp_span span;
    size_t i, j;

    read_attributes(
        json_object_get(json_object_get(object, "resource"), "attributes"), take_resource, &place);
    json_array_foreach(json_object_get(object, "scopeSpans"), i, scope)
    {
        otlp_copy(place.scope, text_of(json_object_get(scope, "scope"), "name"), OTLP_TEXT_MAX);
        json_array_foreach(json_object_get(scope, "spans"), j, item)
        {
            read_span(item, &span);
            if (otlp_give(otlp, &place, &span) < 0)
                return -1;
        }
    }
    return 0;
}

/*
 * About what the text takes once it is read: a few bytes of "{},{}," may become a hundred times as
 * many.
 */
static size_t memory_of(const char *text, size_t size)
{
    size_t bytes = size;

    for (size_t i = 0; i < size; i++)
        switch (text[i]) {
        case '{':
            bytes += 224;
            break;
        case '[':
            bytes += 128;
            break;
        case ':':
            bytes += 80;
            break;
        case '"':
            bytes += 40;
            break;
        case ',':
            bytes += 32;
            break;
        default:
            break;
        }
    return bytes;
}

int otlp_read_json(struct otlp *otlp, const char *text, size_t size)
{
    json_error_t why;
    json_t *request, *all, *item;
    int result = 0;
    size_t i;

    otlp->fault = OTLP_FINE;
    otlp->error[0] = '\0';
    if (memory_of(text, size) > OTLP_JSON_MAX)
        return otlp_fail(otlp, OTLP_LARGE,
            "too much JSON for one request: send fewer spans at a time, or protobuf");
    request = json_loadb(text, size, 0, &why);
    if (request == NULL) {
        otlp->fault = OTLP_BAD;
        snprintf(otlp->error, sizeof(otlp->error), "this is no JSON: line %d: %.120s", why.line,
            why.text);
        return -1;
    }
    all = json_object_get(request, "resourceSpans");
    if (!json_is_array(all) && (!json_is_object(request) || json_object_size(request) > 0)) {
        result = otlp_fail(otlp, OTLP_BAD, "there must be an array \"resourceSpans\"");
    }
    json_array_foreach(all, i, item) if (result == 0) result = read_resource_spans(otlp, item);
    json_decref(request);
    return result;
}
