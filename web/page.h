/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dashboard: the embedded files, and the one page for every path that is no file, for its paths
 * are views. Any thread.
 */
#ifndef KIEKER_WEB_PAGE_H
#define KIEKER_WEB_PAGE_H

#include "web/exchange.h"

void page_handle(struct exchange *exchange);

/* Whether an Accept-Encoding (or NULL) takes gzip. */
int page_takes_gzip(const char *accept);

/* Whether an If-None-Match (or NULL) holds the tag, which has its quotes; weak ones count. */
int page_has_tag(const char *list, const char *etag);

#endif
