/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked for: one table, from which the API's description is printed. Any thread. */
#ifndef KIEKER_WEB_ROUTES_H
#define KIEKER_WEB_ROUTES_H

#include "web/exchange.h"

struct route {
    const char *path;   /* one that ends in / stands for all below it */
    const char *type;   /* of what is answered */
    const char *method; /* NULL: GET */
    const char *doc;
    void (*handle)(struct exchange *exchange);
};

extern const struct route routes[]; /* up to a path that is NULL; the first that fits counts */

/* Answers, or has it answered later. */
void routes_handle(struct exchange *exchange);

#endif
