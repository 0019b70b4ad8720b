/* SPDX-License-Identifier: Apache-2.0 */
/* Where kieker-query puts an answer that is written as it is found: a file, a directory, standard
 * output. */
#ifndef KIEKER_QUERY_OUTLET_H
#define KIEKER_QUERY_OUTLET_H

#include "query/source.h"

/*
 * Writes the answer to a request of a verb with `write`, says on standard error what is left out,
 * and on a terminal how far it has come. 0; 1 when something is left out; -1: see the request's
 * status and error.
 */
int outlet_write(struct source *source, struct request *request);

#endif
