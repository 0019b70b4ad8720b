/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP side of a collector: the verbs as JSON below /api/v1, its own figures, and the
 * dashboard. It only reads the database: queries go to threads of their own, each with its own
 * reader of the database, so that a slow one holds up nothing but itself.
 */
#ifndef KIEKER_WEB_WEB_H
#define KIEKER_WEB_WEB_H

#include <jansson.h>
#include <stddef.h>

#include "web/figures.h"
#include "web/secure.h"
#include "web/token.h"

struct web;
struct otlp_batch;

struct web_config {
    const int *fds; /* sockets that listen; taken as copies, the caller's own stay open */
    unsigned fd_count;
    const char
        *listen; /* the addresses as they were configured: names among them may be asked for */
    const char *names; /* further names of this server, with commas between; or NULL */
    unsigned port;
    struct token *token;   /* wanted for all but the page's own files; NULL: none. Lent */
    struct secure *secure; /* what HTTPS is spoken with; NULL: HTTP. Lent */
    const char *database;
    char records_address[64]; /* where clients send records: "127.0.0.1:10133" */
    unsigned connections, workers, event_clients, query_ms, request_ms;
    void (*figures)(void *context, struct figures *figures); /* from any thread, until web_stop */
    void (*complain)(void *context, const char *sentence);   /* likewise */
    /*
     * Takes spans over, all or none: 0; -1 when too many wait, and they stay the caller's. From any
     * thread, until web_stop.
     */
    int (*take_spans)(void *context, struct otlp_batch *batch);
    void (*spans_refused)(void *context); /* a request for other reasons; likewise */
    /* See web/probes.h; likewise. Status of a refusal with a sentence, or 0. */
    json_t *(*show_probes)(void *context);
    int (*order_probes)(
        void *context, const char *action, const char *pattern, char *error, size_t error_size);
    int may_change; /* whether that can be ordered at all */
    void *context;
};

/* Strings of the config are copied. NULL with a sentence in `error`. */
struct web *web_start(const struct web_config *config, char *error, size_t error_size);

/*
 * Answers what is being asked, with a refusal if need be, and ends; clients that wait for events do
 * not hold it up.
 */
void web_stop(struct web *web);

#endif
