/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The API's description (OpenAPI 3.1), from the tables of routes, verbs and parameters. Any thread.
 */
#ifndef KIEKER_WEB_OPENAPI_H
#define KIEKER_WEB_OPENAPI_H

#include "web/exchange.h"

void openapi_handle(struct exchange *exchange);

/* A new reference, or NULL when memory is short. */
json_t *openapi_describe(void);

#endif
