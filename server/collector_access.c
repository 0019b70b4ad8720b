/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a collector's start that say who may do what: its own privileges, keys and token. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/collector.h"
#include "server/log.h"
#include "server/privileges.h"

static int is_given(const char *text)
{
    return text && *text;
}

int collector_harden(struct collector *c)
{
    privileges_harden((int)c->settings.core_dumps);
    return 0;
}

static int refuse(struct collector *c, const char *sentence)
{
    snprintf(c->error, sizeof(c->error), "%s", sentence);
    return -1;
}

int collector_load_keys(struct collector *c)
{
    const struct settings *s = &c->settings;

    if (!is_given(s->http_cert) && is_given(s->http_key))
        return refuse(c, "--http-key needs the certificate that it belongs to: --http-cert FILE");
    if (!is_given(s->tls_cert) && (is_given(s->tls_key) || is_given(s->tls_client_ca)))
        return refuse(c, "--tls-key and --tls-client-ca need a certificate: --tls-cert FILE");
    if (is_given(s->http_token) &&
        (c->token = token_open(s->http_token, c->error, sizeof(c->error))) == NULL)
        return -1;
    if (is_given(s->http_cert) &&
        (c->secure = secure_open(s->http_cert, is_given(s->http_key) ? s->http_key : s->http_cert,
             c->error, sizeof(c->error))) == NULL)
        return -1;
    if (is_given(s->tls_cert) && (c->tls = tls_server_new(s->tls_cert, s->tls_key, s->tls_client_ca,
                                      c->error, sizeof(c->error))) == NULL)
        return -1;
    return 0;
}

void collector_reload_keys(struct collector *c)
{
    char error[1200];

    if (c->token && token_reload(c->token, error, sizeof(error)) < 0)
        log_error("collector", log_field("event", "the token stays as it was"),
            log_field("error", error));
    if (c->secure && secure_reload(c->secure, error, sizeof(error)) < 0)
        log_error("collector", log_field("event", "the certificate of HTTPS stays as it was"),
            log_field("error", error));
    if (c->tls && tls_server_reload(c->tls, error, sizeof(error)) < 0)
        log_error("collector", log_field("event", "the certificate of records stays as it was"),
            log_field("error", error));
}

void collector_forget_keys(struct collector *c)
{
    tls_server_free(c->tls);
    secure_close(c->secure);
    token_close(c->token);
}

int collector_drop_privileges(struct collector *c)
{
    return is_given(c->settings.user)
               ? privileges_drop(c->settings.user, c->error, sizeof(c->error))
               : 0;
}

/* Whether a machine beside this one can reach one of them. */
static int is_exposed(const struct sockets *sockets)
{
    for (unsigned i = 0; i < sockets->count; i++) {
        struct sockaddr_storage address = {0};
        socklen_t length = sizeof(address);
        const struct sockaddr_in *four = (const struct sockaddr_in *)(void *)&address;
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(void *)&address;

        if (getsockname(sockets->fds[i], (struct sockaddr *)&address, &length) < 0)
            continue;
        if (address.ss_family == AF_INET && ntohl(four->sin_addr.s_addr) >> 24 != IN_LOOPBACKNET)
            return 1;
        if (address.ss_family == AF_INET6 && !IN6_IS_ADDR_LOOPBACK(&six->sin6_addr))
            return 1;
    }
    return 0;
}

int collector_warn(struct collector *c)
{
    int exposed =
        is_exposed(&c->http_sockets) || is_exposed(&c->sockets) || is_exposed(&c->tls_sockets);
    struct stat status;

    if (geteuid() == 0)
        log_event(exposed ? LOG_WARN : LOG_INFO, "collector",
            log_field(
                "event", "runs as root, and needs nothing that only root may do: --user NAME"));
    if (is_exposed(&c->http_sockets) && c->token == NULL)
        log_warn("http",
            log_field("event", "whoever reaches --http-listen can read all that is recorded: set a "
                               "token (--http-token FILE), or listen at 127.0.0.1"));
    if (is_exposed(&c->http_sockets) && c->secure == NULL)
        log_warn(
            "http", log_field("event", "what the page shows goes over the network unencrypted: "
                                       "see --http-cert, or put a proxy before it"));
    if (is_exposed(&c->sockets))
        log_warn("listener",
            log_field("event", "whoever reaches --listen can send records, unencrypted: see "
                               "--tls-cert and --tls-listen, or listen at 127.0.0.1"));
    if (is_exposed(&c->tls_sockets) && !is_given(c->settings.tls_client_ca))
        log_warn(
            "listener", log_field("event", "whoever reaches --tls-listen can send records: see "
                                           "--tls-client-ca"));
    if (stat(c->database, &status) == 0 && status.st_mode & (S_IRWXG | S_IRWXO))
        log_info("collector",
            log_field("event", "users other than its owner may read the database: chmod 600, if "
                               "that is not meant"),
            log_field("database", c->database));
    return 0;
}
