/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of web/ share: one request and its answer, from its head until the answer is sent.
 * A handler fills in the answer, or sees to it that it comes later; one place alone (web.c) speaks
 * HTTP. One thread at a time: the HTTP thread, or the worker that has it meanwhile.
 */
#ifndef KIEKER_WEB_EXCHANGE_H
#define KIEKER_WEB_EXCHANGE_H

#include <microhttpd.h>

#include "query/verb.h"
#include "web/web.h"

#define EXCHANGE_JSON "application/json"
#define EXCHANGE_TEXT "text/plain; charset=utf-8"
#define EXCHANGE_NO_STORE "no-store"

struct answer {
    unsigned status;
    const char *type; /* static, as all strings here */
    const void *bytes;
    size_t size;
    char *owned; /* freed when it was sent; NULL: the bytes are constant */
    const char *cache, *encoding;
    const char *etag;            /* without W/, see page.c */
    char *cookie;                /* of Set-Cookie; freed as `owned` */
    const char *retry;           /* of Retry-After */
    struct MHD_Response *stream; /* in the place of bytes: given away */
};

struct body {
    char *bytes;
    size_t size, capacity;
    unsigned refused; /* the status; 0: all is well so far */
};

struct exchange {
    struct web *web;
    struct MHD_Connection *connection;
    const char *path;
    int is_post;
    unsigned token_changes; /* see token.h: when it was allowed */
    int is_waiting;         /* suspended: its answer comes from a worker. The HTTP thread's own */
    struct answer answer;
    struct request request; /* of a verb: begun if request.verb is there */
    struct exchange *next;  /* in the queue of workers */
    struct body body;       /* of a post, where it is looked at; see otlp_http.h */
};

/* Answers with {"error": sentence}. */
void exchange_refuse(struct exchange *exchange, unsigned status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Answers 200 with bytes that are malloc'ed, and taken over (NULL: memory was short, a 500). */
void exchange_give(struct exchange *exchange, const char *type, char *bytes, size_t size);

/* Answers 200 with constant bytes. */
void exchange_lend(struct exchange *exchange, const char *type, const void *bytes, size_t size);

void exchange_free(struct exchange *exchange);

/* A header of the request, or NULL. */
const char *exchange_header(const struct exchange *exchange, const char *name);

#endif
