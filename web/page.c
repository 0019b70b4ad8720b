/* SPDX-License-Identifier: Apache-2.0 */
#include "web/page.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "web/assets.h"

#define FOR_EVER "public, max-age=31536000, immutable"
#define ASK_AGAIN "no-cache"

static const char no_dashboard[] =
    "This collector was built without its dashboard. The API is there all the same: "
    "/api/v1/status, /api/v1/traces, /api/v1/openapi.json.\n";

static int compare(const void *path, const void *asset)
{
    return strcmp(path, ((const struct asset *)asset)->path);
}

static const struct asset *find(const char *path)
{
    return assets_count ? bsearch(path, assets, assets_count, sizeof(*assets), compare) : NULL;
}

/* "gzip", "deflate, gzip;q=0.5", "*": but not with q=0. */
int page_takes_gzip(const char *accept)
{
    while (accept && *accept) {
        size_t length, name;

        accept += strspn(accept, ", \t");
        length = strcspn(accept, ",");
        name = strcspn(accept, "; \t,");
        if ((name == 4 && strncasecmp(accept, "gzip", 4) == 0) || (name == 1 && *accept == '*')) {
            const char *q = memchr(accept, '=', length);

            return q == NULL || strtod(q + 1, NULL) > 0;
        }
        accept += length;
    }
    return 0;
}

int page_has_tag(const char *list, const char *etag)
{
    size_t length = strlen(etag);

    while (list && *list) {
        list += strspn(list, ", \t");
        if (*list == '*')
            return 1;
        if (strncmp(list, "W/", 2) == 0)
            list += 2;
        if (strncmp(list, etag, length) == 0)
            return 1;
        list += strcspn(list, ",");
    }
    return 0;
}

static void send_asset(struct exchange *x, const struct asset *asset)
{
    int gzip = asset->gzip && page_takes_gzip(exchange_header(x, MHD_HTTP_HEADER_ACCEPT_ENCODING));

    exchange_lend(x, asset->type, gzip ? asset->gzip : asset->plain,
        gzip ? asset->gzip_size : asset->plain_size);
    x->answer.encoding = gzip ? "gzip" : NULL;
    x->answer.etag = asset->etag;
    x->answer.cache = asset->immutable ? FOR_EVER : ASK_AGAIN;
    if (page_has_tag(exchange_header(x, MHD_HTTP_HEADER_IF_NONE_MATCH), asset->etag)) {
        x->answer.status = MHD_HTTP_NOT_MODIFIED;
        x->answer.size = 0;
    }
}

void page_handle(struct exchange *x)
{
    const struct asset *asset = find(x->path);
    const char *name = strrchr(x->path, '/');

    if (asset == NULL && name && strchr(name, '.') == NULL) {
        asset = find("/index.html");
        if (asset == NULL) {
            exchange_lend(x, EXCHANGE_TEXT, no_dashboard, sizeof(no_dashboard) - 1);
            return;
        }
    }
    if (asset)
        send_asset(x, asset);
    else
        exchange_refuse(x, MHD_HTTP_NOT_FOUND,
            "there is no %.200s here; the dashboard is at /, the API at /api/v1/", x->path);
}
