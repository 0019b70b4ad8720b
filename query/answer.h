/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs build their answers with. A value that cannot be made (memory) or an object that
 * is gone is NULL, and everything passes NULL on: whoever builds an answer looks once, at the end.
 * References are handed over, never shared.
 */
#ifndef KIEKER_QUERY_ANSWER_H
#define KIEKER_QUERY_ANSWER_H

#include "query/verb.h"

/* The length of the UTF-8 sequence at `at`, or 0 if there is none that is well formed. */
size_t answer_sequence(const unsigned char *at, size_t left);

/* A text that came from a client; what is not UTF-8 in it becomes U+FFFD. */
json_t *answer_text(const char *text, size_t length);

json_t *answer_number(uint64_t number); /* at most INT64_MAX */
json_t *answer_id(uint64_t id); /* a string: 64 bits do not fit the numbers of JSON readers */
json_t *answer_at(int64_t ns);  /* likewise; null for 0, a time that is not known */

/* Puts a value into the object; when either is NULL or it fails, the object is given up and *object
 * becomes NULL. */
void answer_put(json_t **object, const char *key, json_t *value);
void answer_put_text(json_t **object, const char *key, const char *text);

/* Appends a value to the array, in the same manner. */
void answer_add(json_t **array, json_t *value);

/* "calls" to "max_ns", the keys common to everything that has statistics. */
void answer_put_stats(json_t **object, const struct call_stats *stats);

/* {"rows": rows, "total": total, "truncated": truncated, "next": next}; `next` NULL: null. */
json_t *answer_rows(json_t *rows, uint64_t total, int truncated, const char *next);

/* After a query that failed: the reader's sentence goes into the request as its error. Returns
 * NULL. */
json_t *answer_failed(struct request *request, struct store_reader *reader);

#endif
