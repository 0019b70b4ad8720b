/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KIEKER_WEB_ASSETS_H
#define KIEKER_WEB_ASSETS_H

/*
 * The dashboard's files, embedded. web/embed.py writes the table from what web/ui/build.mjs has put
 * out. A build without the dashboard has an empty table. All of it is constant: any thread, never
 * freed.
 */

#include <stddef.h>

struct asset {
    const char *path; /* as requested: "/index.html", "/app.1a2b3c4d.js" */
    const char *type; /* the value of Content-Type */
    const char *etag; /* with its quotes; from the content, so equal content has an equal tag */
    int immutable;    /* the name holds a hash of the content: may be cached for ever */
    const unsigned char *plain;
    size_t plain_size;
    const unsigned char *gzip; /* NULL when compression gains nothing (PNG, WOFF2) */
    size_t gzip_size;
};

/* Sorted by path (strcmp). */
extern const struct asset assets[];
extern const size_t assets_count;

#endif
