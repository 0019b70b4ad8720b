/* SPDX-License-Identifier: Apache-2.0 */
/* What kieker-query says of itself, printed from the tables of verbs, parameters and options. */
#ifndef KIEKER_QUERY_HELP_H
#define KIEKER_QUERY_HELP_H

#include "query/options.h"
#include "query/table.h"

/* The verbs and three examples; with `whole` all parameters and options too. */
void help_print(struct page *page, int whole);

/* One verb: its parameters, the columns it has, and how an answer is sorted. */
void help_print_verb(struct page *page, const struct verb *verb);

/* The versions; the schema's is in the answer of `status`, which may be NULL. */
void help_print_version(FILE *out, const json_t *status);

#endif
