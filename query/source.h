/* SPDX-License-Identifier: Apache-2.0 */
/* Where kieker-query's answers come from: a database, or a running collector's API. They are the
 * same answers. */
#ifndef KIEKER_QUERY_SOURCE_H
#define KIEKER_QUERY_SOURCE_H

#include "query/verb.h"

struct source;

/* Where to look, as it was given; each may be NULL. */
struct place {
    const char *database, *server;
    const char *ca, *token_file; /* see remote */
    unsigned timeout;            /* ms that an answer may take; 0: as long as it takes */
    int salvage;                 /* the database may be damaged: it is for an export */
};

/*
 * Opens the server, if one is given, else the database; of both NULL: what the environment says,
 * else the default database. NULL with the sentence in `error`; with `salvage` that has also, when
 * it succeeds, what is left out already, or is empty.
 */
struct source *source_open(const struct place *place, char *error, size_t error_size);
void source_close(struct source *source);

/* The server's address without a slash behind, or NULL if it is a database. */
const char *source_server(const struct source *source);

/* As request_answer; status may also be 503: the server is not there. */
json_t *source_answer(struct source *source, struct request *request);

/* The database's file, or NULL. */
const char *source_database(const struct source *source);

/* As the `write` of the request's verb. */
int source_write(struct source *source, struct request *request, struct outlet *outlet);

/*
 * Puts the request's verb to a running collector; of no server given: what the environment says,
 * else that of this machine. With `change` (names and values, up to a NULL) it changes something.
 * The answer, or NULL after request_refuse.
 */
json_t *source_ask(const struct place *place, struct request *request, const char *const *change);

/* For source.c: a server. */
struct remote {
    char *url; /* no slash behind */
    char *ca;  /* file with the authorities to believe; NULL: the system's */
    char *token;
    size_t token_size;
    unsigned timeout; /* ms; 0: none */
};
json_t *remote_answer(const struct remote *remote, struct request *request);
json_t *remote_change(
    const struct remote *remote, struct request *request, const char *const *change);
int remote_write(const struct remote *remote, struct request *request, struct outlet *outlet);

#endif
