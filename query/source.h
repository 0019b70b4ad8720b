/* SPDX-License-Identifier: Apache-2.0 */
/* Where kieker-query's answers come from: a database, or a running collector's API. They are the
 * same answers. */
#ifndef KIEKER_QUERY_SOURCE_H
#define KIEKER_QUERY_SOURCE_H

#include "query/verb.h"

struct source;

/*
 * Opens the server, if one is given, else the database; of both NULL: what the environment says,
 * else the default database. NULL with the sentence in `error`.
 */
struct source *source_open(
    const char *database, const char *server, char *error, size_t error_size);
void source_close(struct source *source);

/* The server's address without a slash behind, or NULL if it is a database. */
const char *source_server(const struct source *source);

/* As request_answer; status may also be 503: the server is not there. */
json_t *source_answer(struct source *source, struct request *request);

/* For source.c: the same of a server. `url` has no slash behind. */
json_t *remote_answer(const char *url, struct request *request);

#endif
