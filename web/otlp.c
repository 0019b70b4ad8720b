/* SPDX-License-Identifier: Apache-2.0 */
#include "web/otlp.h"

#include <stdio.h>
#include <string.h>

void otlp_copy(char to[OTLP_TEXT_MAX], const char *text, size_t length)
{
    size_t size = strnlen(text, length);

    if (size >= OTLP_TEXT_MAX) {
        size = OTLP_TEXT_MAX - 1;
        while (size > 0 && ((unsigned char)text[size] & 0xC0) == 0x80)
            size--;
    }
    memcpy(to, text, size);
    to[size] = '\0';
}

static int is(const char *key, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(key, word, length) == 0;
}

void otlp_resource_attribute(
    struct otlp_place *place, const char *key, size_t key_length, const char *text, size_t length)
{
    if (is(key, key_length, "service.name"))
        otlp_copy(place->service, text, length);
    else if (is(key, key_length, "host.name"))
        otlp_copy(place->host, text, length);
}

void otlp_exception_attribute(
    struct otlp_span *span, const char *key, size_t key_length, const char *text, size_t length)
{
    if (is(key, key_length, "exception.type"))
        otlp_copy(span->exception_type, text, length);
    else if (is(key, key_length, "exception.message"))
        otlp_copy(span->exception_message, text, length);
}

static int is_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return 0;
    return 1;
}

/* "type: message" as far as either is there. */
static void put_cause(const struct otlp_span *span, char *cause, size_t size)
{
    const char *message = span->exception_message[0] ? span->exception_message : span->message;

    if (span->exception_type[0] && message[0])
        snprintf(cause, size, "%s: %s", span->exception_type, message);
    else
        snprintf(cause, size, "%s",
            span->exception_type[0] ? span->exception_type
            : message[0]            ? message
                                    : "error");
}

int otlp_fail(struct otlp *otlp, enum otlp_fault fault, const char *sentence)
{
    otlp->fault = fault;
    snprintf(otlp->error, sizeof(otlp->error), "%s", sentence);
    return -1;
}

int otlp_give(struct otlp *otlp, const struct otlp_place *place, struct otlp_span *span)
{
    char component[2 * OTLP_TEXT_MAX], cause[2 * OTLP_TEXT_MAX + 2];

    if (span->trace_size != SPAN_TRACE_SIZE || span->id_size != SPAN_ID_SIZE ||
        is_zero(span->span.trace, SPAN_TRACE_SIZE) || is_zero(span->span.id, SPAN_ID_SIZE)) {
        otlp->rejected++;
        return 0;
    }
    snprintf(component, sizeof(component), "%s%s%s",
        place->service[0] ? place->service : "unknown_service", place->scope[0] ? "/" : "",
        place->scope);
    put_cause(span, cause, sizeof(cause));
    span->span.has_parent =
        span->parent_size == SPAN_ID_SIZE && !is_zero(span->span.parent, SPAN_ID_SIZE);
    span->span.operation = span->name[0] ? span->name : "(no name)";
    span->span.component = component;
    span->span.host = place->host[0]      ? place->host
                      : place->service[0] ? place->service
                                          : "unknown_service";
    span->span.cause = span->has_error ? cause : NULL;
    otlp->taken++;
    if (otlp->take(otlp->context, &span->span) == 0)
        return 0;
    return otlp_fail(otlp, OTLP_SHORT, "no more spans can be taken now: try again later");
}
