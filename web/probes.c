/* SPDX-License-Identifier: Apache-2.0 */
#include "web/probes.h"

#include <netinet/in.h>
#include <string.h>

#include "web/private.h"

/* Whether the request comes from this machine. */
static int is_local(const struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *peer = info ? info->client_addr : NULL;
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)peer;
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)peer;

    if (peer && peer->sa_family == AF_INET)
        return ntohl(four->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (peer && peer->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&six->sin6_addr) ||
               (IN6_IS_ADDR_V4MAPPED(&six->sin6_addr) &&
                   six->sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
    return 0;
}

/* Why nothing may be changed; NULL: it may. Who comes here has said the token, where there is one.
 */
static const char *refusal(const struct exchange *x)
{
    if (!x->web->config.may_change)
        return "this collector does not let its probes be switched (--http-changes no)";
    if (x->web->config.token == NULL && !is_local(x))
        return "without a token (--http-token) probes can be switched from the collector's machine "
               "alone";
    return NULL;
}

static const char *argument(const struct exchange *x, const char *name)
{
    const char *value = MHD_lookup_connection_value(x->connection, MHD_GET_ARGUMENT_KIND, name);

    return value ? value : "";
}

static void show(struct exchange *x)
{
    json_t *answer = x->web->config.show_probes(x->web->config.context);
    char *bytes;

    json_object_set_new(answer, "may_change", json_boolean(refusal(x) == NULL));
    bytes = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    exchange_give(x, EXCHANGE_JSON, bytes, bytes ? strlen(bytes) : 0);
}

void probes_handle(struct exchange *x)
{
    const char *why = refusal(x), *pattern = argument(x, "pattern");
    json_t *is_utf8;
    char error[700];
    int status;

    if (!x->is_post) {
        show(x);
        return;
    }
    is_utf8 = json_string(pattern);
    json_decref(is_utf8);
    if (why)
        exchange_refuse(x, MHD_HTTP_FORBIDDEN, "%s", why);
    else if (exchange_header(x, PROBES_HEADER) == NULL)
        exchange_refuse(x, MHD_HTTP_FORBIDDEN,
            "a change needs the header " PROBES_HEADER ": yes, which other sites' pages cannot "
            "send; `kieker-query probes` does all this");
    else if (is_utf8 == NULL)
        exchange_refuse(x, MHD_HTTP_BAD_REQUEST, "the pattern is not UTF-8");
    else if ((status = x->web->config.order_probes(
                  x->web->config.context, argument(x, "action"), pattern, error, sizeof(error))))
        exchange_refuse(x, (unsigned)status, "%s", error);
    else
        show(x);
}
