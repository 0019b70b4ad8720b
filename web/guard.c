/* SPDX-License-Identifier: Apache-2.0 */
#include "web/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "web/host.h"
#include "web/otlp_http.h"
#include "web/page.h"
#include "web/private.h"
#include "web/probes.h"

#define COOKIE_MAX 160

/*
 * Cookies are for all ports of a host alike: two collectors of one machine need two names. So is
 * whoever serves another port told the cookie: it holds a session, never the token.
 */
static void cookie_name(const struct exchange *x, char *out, size_t size)
{
    snprintf(out, size, "kieker_session_%u", x->web->config.port);
}

static enum token_verdict verdict(struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char name[COOKIE_MAX];
    const char *session;

    x->token_changes = token_changes(x->web->config.token);
    cookie_name(x, name, sizeof(name));
    /* Who logs in, or sends spans, says the token. */
    session = x->is_post && strcmp(x->path, PROBES_PATH) != 0
                  ? NULL
                  : MHD_lookup_connection_value(x->connection, MHD_COOKIE_KIND, name);
    return token_check(x->web->config.token, info ? info->client_addr : NULL,
        exchange_header(x, MHD_HTTP_HEADER_AUTHORIZATION), session);
}

/* 1 if it is refused for want of the token. */
static int lacks_token(struct exchange *x)
{
    switch (verdict(x)) {
    case TOKEN_RIGHT:
        return 0;
    case TOKEN_MISSING:
        exchange_refuse(x, MHD_HTTP_UNAUTHORIZED,
            "this collector wants a token, as \"Authorization: Bearer TOKEN\": kieker-query takes "
            "it from KIEKER_TOKEN or --token-file FILE, the page asks for it");
        break;
    case TOKEN_WRONG:
        exchange_refuse(x, MHD_HTTP_UNAUTHORIZED,
            "the token is wrong: the right one is in the file that the collector was started with "
            "(--http-token)");
        break;
    case TOKEN_TOO_OFTEN:
        exchange_refuse(x, MHD_HTTP_TOO_MANY_REQUESTS,
            "%d wrong tokens came from this address: try again in %d seconds", TOKEN_FAILURES,
            TOKEN_FAILURES_SECONDS);
        break;
    }
    return 1;
}

/* What tells of the observed program, or is told of it; the page's own files do not, nor does
 * /healthz. */
static int is_data(const char *path)
{
    return strncmp(path, "/api/", 5) == 0 || strcmp(path, "/api") == 0 ||
           strcmp(path, "/metrics") == 0 || strcmp(path, OTLP_PATH) == 0;
}

/*
 * Whether a page of another site makes the request, as browsers tell by either header. It could
 * not read the answer, but a query costs time.
 */
static int is_of_other_site(const struct exchange *x, const char *host)
{
    const char *site = exchange_header(x, "Sec-Fetch-Site");

    if (!host_is_origin(host, exchange_header(x, MHD_HTTP_HEADER_ORIGIN)))
        return 1;
    return site && strcasecmp(site, "same-origin") != 0 && strcasecmp(site, "none") != 0;
}

static int takes_post(const char *path)
{
    return strcmp(path, GUARD_LOGIN) == 0 || strcmp(path, OTLP_PATH) == 0 ||
           strcmp(path, PROBES_PATH) == 0;
}

int guard_refuses(struct exchange *x, const char *method)
{
    const struct web *web = x->web;
    const char *host = exchange_header(x, MHD_HTTP_HEADER_HOST);

    x->is_post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0 &&
        !(x->is_post && takes_post(x->path)))
        exchange_refuse(
            x, MHD_HTTP_METHOD_NOT_ALLOWED, "this is read with GET; nothing can be changed here");
    else if (!host_is_known(
                 host, web->known_names, sizeof(web->known_names) / sizeof(*web->known_names)))
        exchange_refuse(x, MHD_HTTP_MISDIRECTED_REQUEST,
            "this collector does not know itself as \"%.100s\": ask for localhost or its address, "
            "or start it with --http-names",
            host);
    else if ((is_data(x->path) || x->is_post) && is_of_other_site(x, host))
        exchange_refuse(x, MHD_HTTP_FORBIDDEN,
            "a page of another site may not ask here (Origin %.100s, Host %.100s): open the address "
            "itself, or read the API with a program; a proxy must pass Host on",
            exchange_header(x, MHD_HTTP_HEADER_ORIGIN) ? exchange_header(x, MHD_HTTP_HEADER_ORIGIN)
                                                       : "none",
            host ? host : "none");
    else
        return web->config.token && is_data(x->path) ? lacks_token(x) : 0;
    return 1;
}

void guard_login(struct exchange *x)
{
    char text[TOKEN_SESSION_TEXT], name[COOKIE_MAX / 2], cookie[2 * COOKIE_MAX];

    if (!x->is_post) {
        page_handle(x);
    } else if (x->web->config.token == NULL) {
        exchange_refuse(x, MHD_HTTP_NOT_FOUND, "this collector wants no token: go on without");
    } else if (!lacks_token(x)) {
        if (token_begin_session(x->web->config.token, text) < 0) {
            exchange_refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE, "the system gives no random bytes");
            return;
        }
        cookie_name(x, name, sizeof(name));
        snprintf(cookie, sizeof(cookie), "%s=%s; Path=/; HttpOnly; SameSite=Strict%s", name, text,
            x->web->config.secure ? "; Secure" : "");
        exchange_lend(x, EXCHANGE_JSON, "{}", 2);
        x->answer.cookie = strdup(cookie);
    }
}
