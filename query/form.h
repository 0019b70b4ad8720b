/* SPDX-License-Identifier: Apache-2.0 */
/* The forms in which an answer is written: JSON, a row a line, CSV, or what the verb prints. */
#ifndef KIEKER_QUERY_FORM_H
#define KIEKER_QUERY_FORM_H

#include <stdio.h>

#include "query/table.h"
#include "query/verb.h"

/* Writes an answer in the form of that name (one of the verb's `formats`) to page->out. */
void form_write(
    const char *form, const struct request *request, const json_t *answer, struct page *page);

/* A field of CSV, as in RFC 4180. */
void form_put_field(FILE *out, const char *text);

/* The form's media type. */
const char *form_type(const char *form);

/* Whether it is read by people, and fitted to what they look at. */
int form_is_text(const char *form);

#endif
