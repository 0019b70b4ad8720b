/* SPDX-License-Identifier: Apache-2.0 */
#include "web/web.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "web/guard.h"
#include "web/otlp_http.h"
#include "web/private.h"
#include "web/routes.h"

#define STILL_SECONDS 75u     /* of a connection on which nothing moves, see also patience.h */
#define STOP_PATIENCE_MS 1000 /* for clients that do not take their answers */

#define TEXT_OF(number) TEXT(number)
#define TEXT(number) #number

/*
 * On every answer. Scripts and styles come from here alone; WebAssembly is for the graph's layout.
 */
static const struct {
    const char *name, *value;
} headers[] = {
    {"Content-Security-Policy",
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src "
        "'self'; style-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; "
        "form-action 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
    if (value)
        MHD_add_response_header(response, name, value);
}

/* The one place that speaks HTTP. */
static enum MHD_Result send_answer(struct exchange *x)
{
    struct answer *answer = &x->answer;
    struct MHD_Response *response = answer->stream;
    char tag[80];
    enum MHD_Result queued;

    answer->stream = NULL;
    if (response == NULL) {
        response = answer->owned ? MHD_create_response_from_buffer(
                                       answer->size, answer->owned, MHD_RESPMEM_MUST_FREE)
                                 : MHD_create_response_from_buffer(answer->size,
                                       (void *)(uintptr_t)answer->bytes, MHD_RESPMEM_PERSISTENT);
        if (response == NULL)
            return MHD_NO;
        answer->owned = NULL;
    }
    for (size_t i = 0; i < sizeof(headers) / sizeof(*headers); i++)
        add_header(response, headers[i].name, headers[i].value);
    add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->type);
    add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, answer->cache);
    add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, answer->encoding);
    if (answer->etag) {
        /* Weak: the same tag stands for the compressed bytes, too. */
        snprintf(tag, sizeof(tag), "W/%s", answer->etag);
        add_header(response, MHD_HTTP_HEADER_ETAG, tag);
        add_header(response, MHD_HTTP_HEADER_VARY, MHD_HTTP_HEADER_ACCEPT_ENCODING);
    }
    if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
        add_header(response, MHD_HTTP_HEADER_ALLOW,
            strcmp(x->path, OTLP_PATH) == 0 ? "POST" : "GET, HEAD");
    if (answer->status == MHD_HTTP_UNAUTHORIZED)
        add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (answer->status == MHD_HTTP_TOO_MANY_REQUESTS)
        add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, TEXT_OF(TOKEN_FAILURES_SECONDS));
    add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, answer->retry);
    add_header(response, MHD_HTTP_HEADER_SET_COOKIE, answer->cookie);
    queued = MHD_queue_response(x->connection, answer->status, response);
    MHD_destroy_response(response);
    return queued;
}

static struct exchange *exchange_new(
    struct web *web, struct MHD_Connection *connection, const char *path)
{
    struct exchange *x = calloc(1, sizeof(*x));

    if (x) {
        x->web = web;
        x->connection = connection;
        x->path = path;
    }
    return x;
}

/*
 * Called for a request's head, then for what it carries, then without more; and again after a
 * suspension.
 */
static enum MHD_Result on_request(void *context, struct MHD_Connection *connection,
    const char *path, const char *method, const char *version, const char *body, size_t *body_size,
    void **state)
{
    struct exchange *x = *state;

    (void)version;
    if (x == NULL) {
        x = *state = exchange_new(context, connection, path);
        if (x == NULL)
            return MHD_NO;
        patience_head(x->web->patience, connection);
        /* Refused at once: nobody needs to send us a body first. */
        return guard_refuses(x, method) ? send_answer(x) : MHD_YES;
    }
    if (*body_size > 0) {
        otlp_http_body(x, body, *body_size);
        *body_size = 0;
        return MHD_YES;
    }
    if (!x->is_waiting) {
        patience_whole(x->web->patience, connection);
        routes_handle(x);
        if (x->is_waiting)
            return MHD_YES;
    }
    return send_answer(x);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
    enum MHD_RequestTerminationCode how)
{
    (void)context;
    (void)how;
    if (*state) {
        struct exchange *x = *state;

        if (x->is_waiting)
            atomic_fetch_sub(&x->web->unanswered, 1);
        patience_answered(x->web->patience, connection);
        exchange_free(x);
    }
    *state = NULL;
}

static void on_complaint(void *context, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void on_complaint(void *context, const char *format, va_list args)
{
    struct web *web = context;
    char sentence[400];
    size_t length = (size_t)vsnprintf(sentence, sizeof(sentence), format, args);

    if (length > 0 && length < sizeof(sentence) && sentence[length - 1] == '\n')
        sentence[length - 1] = '\0';
    web->config.complain(web->config.context, sentence);
}

static struct MHD_Daemon *start_daemon(struct web *web, int fd)
{
    /* A copy: it is the daemon's, and closed by web_stop. */
    int copy = dup(fd);
    unsigned flags =
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem of_tls[] = {
        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, secure_callback()},
        {MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)SECURE_PRIORITIES},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_Daemon *daemon;

    if (copy < 0)
        return NULL;
    if (web->config.secure)
        flags |= MHD_USE_TLS;
    daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, web, MHD_OPTION_EXTERNAL_LOGGER,
        on_complaint, web, MHD_OPTION_LISTEN_SOCKET, copy, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, web, MHD_OPTION_CONNECTION_LIMIT, web->config.connections,
        MHD_OPTION_CONNECTION_TIMEOUT, STILL_SECONDS, MHD_OPTION_NOTIFY_CONNECTION,
        patience_on_connection, web->patience, MHD_OPTION_ARRAY,
        web->config.secure ? of_tls : of_tls + 2, MHD_OPTION_END);
    return daemon;
}

/* Own copies of the strings. */
static int copy_config(struct web *web, const struct web_config *config)
{
    web->config = *config;
    web->config.listen = strdup(config->listen);
    web->config.names = strdup(config->names ? config->names : "");
    web->config.database = strdup(config->database);
    if (gethostname(web->host_name, sizeof(web->host_name) - 1) < 0)
        web->host_name[0] = '\0';
    web->known_names[0] = web->config.listen;
    web->known_names[1] = web->config.names;
    web->known_names[2] = web->host_name;
    return web->config.listen && web->config.names && web->config.database ? 0 : -1;
}

struct web *web_start(const struct web_config *config, char *error, size_t error_size)
{
    struct web *web;

    if (config->secure && MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        snprintf(error, error_size,
            "this machine's libmicrohttpd knows no TLS: leave out --http-cert, or put a proxy "
            "before the page");
        return NULL;
    }
    web = calloc(1, sizeof(*web));
    if (web && copy_config(web, config) == 0) {
        web->workers = workers_start(&web->config);
        web->events = events_start(&web->config);
        web->patience = patience_start(web->config.connections, web->config.request_ms);
    }
    while (web && web->workers && web->events && web->patience &&
           web->daemon_count < config->fd_count && web->daemon_count < WEB_SOCKETS_MAX) {
        struct MHD_Daemon *daemon = start_daemon(web, config->fds[web->daemon_count]);

        if (daemon == NULL)
            break;
        web->daemons[web->daemon_count++] = daemon;
    }
    if (web && web->daemon_count > 0 && web->daemon_count == config->fd_count)
        return web;
    snprintf(
        error, error_size, "the page cannot be served: memory, threads or descriptors are short");
    web_stop(web);
    return NULL;
}

/* The daemons would end without sending what the workers have said last. */
static void wait_for_answers(struct web *web)
{
    for (int i = 0; i < STOP_PATIENCE_MS / 5 && atomic_load(&web->unanswered) > 0; i++)
        nanosleep(&(struct timespec){0, 5000000}, NULL);
}

void web_stop(struct web *web)
{
    int fds[WEB_SOCKETS_MAX];

    if (web == NULL)
        return;
    for (unsigned i = 0; i < web->daemon_count; i++)
        fds[i] = MHD_quiesce_daemon(web->daemons[i]);
    /* What is suspended must go on before the daemons can end. */
    workers_stop(web->workers);
    if (web->workers)
        wait_for_answers(web);
    events_stop(web->events);
    for (unsigned i = 0; i < web->daemon_count; i++) {
        MHD_stop_daemon(web->daemons[i]);
        if (fds[i] >= 0)
            close(fds[i]);
    }
    patience_stop(web->patience);
    events_free(web->events);
    free((char *)(uintptr_t)web->config.listen);
    free((char *)(uintptr_t)web->config.names);
    free((char *)(uintptr_t)web->config.database);
    free(web);
}
