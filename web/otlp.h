/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What OpenTelemetry's exporters send (OTLP/HTTP, an ExportTraceServiceRequest of
 * opentelemetry-proto 1.x), as protobuf or as JSON, into spans. A span's host is its resource's
 * host.name, or service.name; its component is service.name/SCOPE; it has failed if its status says
 * so, with the exception that it has recorded, or the status's message, as the cause.
 */
#ifndef KIEKER_WEB_OTLP_H
#define KIEKER_WEB_OTLP_H

#include "analysis/spans.h"

#define OTLP_BODY_MAX (8u << 20)  /* bytes of one request, unpacked */
#define OTLP_JSON_MAX (48u << 20) /* what one may take in memory while it is read as JSON */

/* Why a request is not read. */
enum otlp_fault { OTLP_FINE, OTLP_BAD, OTLP_LARGE, OTLP_SHORT /* of memory: try again */ };

struct otlp {
    /* Takes a span; its texts are lent. -1 ends the reading. */
    int (*take)(void *context, const struct span *span);
    void *context;
    /* counted: */
    uint64_t taken, rejected; /* rejected: without a trace's id, or one of its own */
    enum otlp_fault fault;
    char error[200];
};

/* 0; -1 with the fault and a sentence when it is no such request, or a span is not taken. */
int otlp_read_protobuf(struct otlp *otlp, const void *bytes, size_t size);
int otlp_read_json(struct otlp *otlp, const char *text, size_t size);

/* The rest is for otlp_*.c alone. */

#define OTLP_TEXT_MAX 1024 /* bytes of a name or cause; what is longer is cut */

/* What spans have in common. */
struct otlp_place {
    char service[OTLP_TEXT_MAX], host[OTLP_TEXT_MAX], scope[OTLP_TEXT_MAX];
};

/* A span as it was read. */
struct otlp_span {
    struct span span;
    size_t trace_size, id_size, parent_size; /* as they came */
    int has_error;
    char name[OTLP_TEXT_MAX], message[OTLP_TEXT_MAX];
    char exception_type[OTLP_TEXT_MAX], exception_message[OTLP_TEXT_MAX];
};

/* Copies a text, cut between characters; a zero byte ends it. */
void otlp_copy(char to[OTLP_TEXT_MAX], const char *text, size_t length);

/* An attribute of a resource, of an exception. */
void otlp_resource_attribute(
    struct otlp_place *place, const char *key, size_t key_length, const char *text, size_t length);
void otlp_exception_attribute(
    struct otlp_span *span, const char *key, size_t key_length, const char *text, size_t length);

/* Says why it is not read. -1. */
int otlp_fail(struct otlp *otlp, enum otlp_fault fault, const char *sentence);

/* Takes it if it is whole. 0, or -1 when the reading is to end. */
int otlp_give(struct otlp *otlp, const struct otlp_place *place, struct otlp_span *span);

#endif
