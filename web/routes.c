/* SPDX-License-Identifier: Apache-2.0 */
#include "web/routes.h"

#include <string.h>
#include <time.h>

#include "web/guard.h"
#include "web/metrics.h"
#include "web/openapi.h"
#include "web/otlp_http.h"
#include "web/page.h"
#include "web/private.h"
#include "web/probes.h"

#define VERBS "/api/v1/"

static int64_t now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    return at.tv_sec * INT64_C(1000000000) + at.tv_nsec;
}

/* A parameter of the query: "a=b", or "a" with no value. */
static enum MHD_Result on_parameter(void *context, enum MHD_ValueKind kind, const char *name,
    size_t name_size, const char *value, size_t value_size)
{
    struct exchange *x = context;

    (void)kind;
    if (strlen(name) != name_size || (value && strlen(value) != value_size))
        request_refuse(&x->request, MHD_HTTP_BAD_REQUEST,
            "a parameter holds a zero byte: %%00 can be in none");
    else
        request_set(&x->request, name, value);
    return x->request.status ? MHD_NO : MHD_YES;
}

static void handle_verb(struct exchange *x)
{
    const char *name = x->path + sizeof(VERBS) - 1;
    const struct verb *verb = verb_find(name), *nearest = verb ? NULL : verb_nearest(name);

    if (verb == NULL && nearest)
        exchange_refuse(x, MHD_HTTP_NOT_FOUND, "there is no %s%.100s; did you mean %s%s?", VERBS,
            name, VERBS, nearest->name);
    else if (verb == NULL)
        exchange_refuse(x, MHD_HTTP_NOT_FOUND,
            "there is no %s%.100s; %sopenapi.json lists what there is", VERBS, name, VERBS);
    if (verb == NULL)
        return;
    request_init(&x->request, verb, now());
    MHD_get_connection_values_n(x->connection, MHD_GET_ARGUMENT_KIND, on_parameter, x);
    if (x->request.status)
        exchange_refuse(x, (unsigned)x->request.status, "%s", x->request.error);
    else
        workers_submit(x->web->workers, x);
}

static void handle_health(struct exchange *x)
{
    struct figures figures;

    x->web->config.figures(x->web->config.context, &figures);
    /* Asked without the token, where there is one: so no path, for whoever may ask. */
    if (figures.problem[0] && x->web->config.token)
        exchange_refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE, "nothing can be stored at the moment");
    else if (figures.problem[0])
        exchange_refuse(x, MHD_HTTP_SERVICE_UNAVAILABLE, "nothing can be stored at the moment: %s",
            figures.problem);
    else
        exchange_lend(x, EXCHANGE_TEXT, "ok\n", 3);
}

const struct route routes[] = {
    {"/api/v1/openapi.json", EXCHANGE_JSON, NULL, "This description", openapi_handle},
    {"/api/v1/events", "text/event-stream", NULL,
        "Server-sent events: `summary` at most twice a second, with an id; `missed` after a pause "
        "too long to make up for",
        events_handle},
    {PROBES_PATH, EXCHANGE_JSON, NULL,
        "The patterns that say which operations are recorded, and the agents that obey them",
        probes_handle},
    {PROBES_PATH, EXCHANGE_JSON, "post",
        "Changes them: action (activate, deactivate, forget, reset) and pattern, with the header " PROBES_HEADER,
        probes_handle},
    {VERBS, EXCHANGE_JSON, NULL, "The verbs of kieker-query, with its filters as parameters",
        handle_verb},
    {"/metrics", "text/plain", NULL, "The collector's own figures for Prometheus", metrics_handle},
    {GUARD_LOGIN, EXCHANGE_JSON, "post",
        "The token as Authorization: Bearer; sets a cookie that stands for it", guard_login},
    {OTLP_PATH, OTLP_PROTOBUF, "post",
        "OpenTelemetry's spans, an ExportTraceServiceRequest as protobuf or JSON; the answer is in "
        "the same encoding",
        otlp_http_handle},
    {"/healthz", "text/plain", NULL, "200 `ok` while all that comes is stored, 503 otherwise",
        handle_health},
    {"/", "text/html", NULL, "The dashboard", page_handle},
    {0},
};

static int fits(const struct route *route, const char *path)
{
    size_t length = strlen(route->path);

    return route->path[length - 1] == '/' ? strncmp(path, route->path, length) == 0
                                          : strcmp(path, route->path) == 0;
}

void routes_handle(struct exchange *x)
{
    for (const struct route *route = routes; route->path; route++)
        if (fits(route, x->path)) {
            route->handle(x);
            return;
        }
    exchange_refuse(x, MHD_HTTP_BAD_REQUEST, "a path begins with /");
}
