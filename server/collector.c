/* SPDX-License-Identifier: Apache-2.0 */
#include "server/collector.h"

#include "config.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/probes.h"
#include "server/ready.h"
#include "server/spans_intake.h"

#define OTHER_DESCRIPTORS 64 /* for all but clients and HTTP */

static int fail(struct collector *c, const char *sentence)
{
    if (c->error[0] == '\0')
        snprintf(c->error, sizeof(c->error), "%s", sentence);
    return -1;
}

int collector_open_log(struct collector *c)
{
    log_set_level((enum log_level)c->settings.log_level);
    if (c->settings.log && log_open(c->settings.log) < 0) {
        snprintf(c->error, sizeof(c->error), "the log %.900s cannot be opened: %s (--log)",
            c->settings.log, strerror(errno));
        return -1;
    }
    return 0;
}

/*
 * How many clients there may be: every one takes a descriptor, so as many of these as we may have
 * are taken.
 */
static size_t most_connections(const struct collector *c)
{
    struct rlimit limit;
    rlim_t others = OTHER_DESCRIPTORS + (rlim_t)c->settings.http_connections;
    size_t most = (size_t)c->settings.max_connections;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return most;
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > others + most)
        return most;
    most = limit.rlim_cur > others + 1 ? (size_t)(limit.rlim_cur - others) : 1;
    log_warn("listener",
        log_field("event",
            "fewer clients than --max-connections: raise the limit of open files (ulimit -n)"),
        log_field("max_connections", most));
    return most;
}

/* Before anything is made: whoever finds the port taken has changed nothing. */
int collector_open_sockets(struct collector *c)
{
    if (sockets_open(&c->sockets, c->settings.listen, (unsigned)c->settings.port, "listen", "port",
            c->error, sizeof(c->error)) < 0)
        return -1;
    if (c->settings.tls_cert && c->settings.tls_cert[0] &&
        sockets_open(&c->tls_sockets, c->settings.tls_listen, (unsigned)c->settings.tls_port,
            "tls-listen", "tls-port", c->error, sizeof(c->error)) < 0)
        return -1;
    return sockets_open(&c->http_sockets, c->settings.http_listen, (unsigned)c->settings.http_port,
        "http-listen", "http-port", c->error, sizeof(c->error));
}

/* What we say of the file is read in other directories, too. */
static void take_full_path(struct collector *c)
{
    char *full = realpath(c->database, NULL);

    if (full) {
        free(c->database);
        c->database = full;
    }
}

int collector_open_store(struct collector *c)
{
    c->database = c->settings.database && c->settings.database[0] ? strdup(c->settings.database)
                                                                  : store_default_location();
    if (c->database == NULL)
        return fail(c, "there is no home directory for the database: say where it is to be with "
                       "--database FILE");
    if (model_init(&c->model) < 0)
        return fail(c, "memory is short");
    c->store = store_open(c->database, (enum store_durability)c->settings.durability, &c->model,
        &c->start, c->error, sizeof(c->error));
    if (c->store == NULL)
        return fail(c, "the database cannot be opened");
    take_full_path(c);
    return 0;
}

/* The patterns lie beside the database, unless told otherwise. */
static int open_probes(struct collector *c)
{
    char *file = NULL;

    if (c->settings.probes && c->settings.probes[0])
        file = strdup(c->settings.probes);
    else if (asprintf(&file, "%s.probes", c->database) < 0)
        file = NULL;
    if (file == NULL)
        return fail(c, "memory is short");
    c->probes = probes_open(file, c->error, sizeof(c->error));
    free(file);
    return c->probes ? 0 : -1;
}

int collector_start_intake(struct collector *c)
{
    struct event_config *no_lock = event_config_new();

    if (open_probes(c) < 0) {
        event_config_free(no_lock);
        return -1;
    }
    live_init(&c->live);
    pthread_mutex_init(&c->figures_lock, NULL);
    /* One thread alone touches the loop: others speak to it through a descriptor. */
    if (no_lock) {
        event_config_set_flag(no_lock, EVENT_BASE_FLAG_NOLOCK);
        c->base = event_base_new_with_config(no_lock);
        event_config_free(no_lock);
    }
    if (c->base)
        c->intake = intake_start(c->base, c->store, &c->model, &c->start, &c->settings, &c->live);
    if (c->intake) {
        c->connections = connections_new(c->base, c->intake, &c->settings, &c->live);
        c->spans = spans_intake_new(c->base, c->intake);
    }
    return c->connections && c->spans && connections_obey(c->connections, c->probes) == 0
               ? 0
               : fail(c, "memory, threads or descriptors are short");
}

static void get_figures(void *context, struct figures *figures)
{
    struct collector *c = context;

    pthread_mutex_lock(&c->figures_lock);
    if (c->intake)
        intake_figures(c->intake, figures);
    else
        *figures = c->last_figures;
    pthread_mutex_unlock(&c->figures_lock);
    spans_intake_figures(c->spans, figures);
    figures->http_complaints = atomic_load(&c->http_complaints);
}

static int take_spans(void *context, struct otlp_batch *batch)
{
    struct collector *c = context;

    return spans_intake_put(c->spans, batch);
}

static void spans_refused(void *context)
{
    struct collector *c = context;

    spans_intake_refused(c->spans);
}

static json_t *show_probes(void *context)
{
    struct collector *c = context;

    return probes_show(c->probes);
}

static int order_probes(
    void *context, const char *action, const char *pattern, char *error, size_t error_size)
{
    struct collector *c = context;

    return probes_order(c->probes, action, pattern, error, error_size);
}

static void web_complains(void *context, const char *sentence)
{
    struct collector *c = context;
    uint64_t left_out;

    atomic_fetch_add(&c->http_complaints, 1);
    if (log_may(&c->web_pace, &left_out))
        log_debug("http", log_field("error", sentence), log_field("left_out", left_out));
}

int collector_start_web(struct collector *c)
{
    struct web_config config = {
        .fds = c->http_sockets.fds,
        .fd_count = c->http_sockets.count,
        .listen = c->settings.http_listen,
        .names = c->settings.http_names,
        .port = c->http_sockets.port,
        .token = c->token,
        .secure = c->secure,
        .database = c->database,
        .connections = (unsigned)c->settings.http_connections,
        .workers = (unsigned)c->settings.http_workers,
        .event_clients = (unsigned)c->settings.event_clients,
        .request_ms = (unsigned)(c->settings.http_request_timeout / CLOCK_MS),
        .query_ms = (unsigned)(c->settings.query_timeout / CLOCK_MS),
        .figures = get_figures,
        .complain = web_complains,
        .take_spans = take_spans,
        .spans_refused = spans_refused,
        .show_probes = show_probes,
        .order_probes = order_probes,
        .may_change = c->settings.http_changes != 0,
        .context = c,
    };

    sockets_nearest(&c->sockets, config.records_address, sizeof(config.records_address));
    c->web = web_start(&config, c->error, sizeof(c->error));
    return c->web ? 0 : -1;
}

int collector_start_listening(struct collector *c)
{
    if (c->tls)
        c->greetings = greetings_new(c->base, c->tls, c->connections, &c->settings, &c->live);
    if (c->greetings || c->tls == NULL)
        c->listener = listener_start(c->base, &c->sockets, c->connections, &c->tls_sockets,
            c->greetings, most_connections(c), &c->live);
    return c->listener ? 0 : fail(c, "memory is short");
}

static void on_stop(evutil_socket_t number, short what, void *context)
{
    struct collector *c = context;

    (void)what;
    log_info("collector", log_field("event", "stopping"),
        log_field("signal", number == SIGINT ? "INT" : "TERM"),
        log_field("connections", connections_count(c->connections)));
    event_base_loopbreak(c->base);
}

/* Takes over what can be changed while it runs; says what cannot. */
static void apply(struct collector *c, struct settings *now)
{
    for (const struct option *option = options; option->name; option++) {
        char before[1200], after[1200];

        settings_value(&c->settings, option, before, sizeof(before));
        settings_value(now, option, after, sizeof(after));
        if (strcmp(before, after) == 0)
            continue;
        if (option->live)
            settings_set(&c->settings, option, after, before, sizeof(before));
        log_info("collector",
            log_field(
                "event", option->live ? "option changed" : "option changes with the next start"),
            log_field("option", option->name), log_field("value", after));
    }
    log_set_level((enum log_level)c->settings.log_level);
    listener_set_most(c->listener, most_connections(c));
    intake_reload(c->intake);
}

static void on_reload(evutil_socket_t number, short what, void *context)
{
    struct collector *c = context;
    struct settings now = {0};
    enum settings_action action;
    char error[1200];

    (void)number;
    (void)what;
    if (log_reopen() < 0)
        log_error("collector", log_field("event", "the log cannot be opened anew"),
            log_field("error", strerror(errno)));
    collector_reload_keys(c);
    if (probes_reload(c->probes, error, sizeof(error)) < 0)
        log_error("probes", log_field("event", "the patterns stay as they were"),
            log_field("error", error));
    if (settings_load(&now, c->argc, c->argv, &action, error, sizeof(error)) < 0)
        log_error("collector", log_field("event", "the configuration stays as it was"),
            log_field("error", error));
    else
        apply(c, &now);
    settings_fini(&now);
}

int collector_take_signals(struct collector *c)
{
    static const struct {
        int number;
        event_callback_fn on_signal;
    } taken[] = {{SIGTERM, on_stop}, {SIGINT, on_stop}, {SIGHUP, on_reload}};

    for (size_t i = 0; i < sizeof(taken) / sizeof(*taken); i++) {
        c->signals[i] = evsignal_new(c->base, taken[i].number, taken[i].on_signal, c);
        if (c->signals[i] == NULL || event_add(c->signals[i], NULL) < 0)
            return fail(c, "memory is short");
    }
    return 0;
}

/* For whoever started it by hand. */
static void greet(
    const struct collector *c, const char *records, const char *by_tls, const char *page)
{
    char nearest[SOCKET_NAME_MAX];

    sockets_nearest(&c->sockets, nearest, sizeof(nearest));
    printf("kieker-collector %s\n"
           "  records   %s%s%s\n"
           "  page      %s\n"
           "  database  %s\n"
           "Watch a program:  python3 -m kieker",
        PACKAGE_VERSION, records, *by_tls ? ", by TLS " : "", by_tls, page, c->database);
    if (c->sockets.port != 10133 || strncmp(nearest, "127.0.0.1:", 10) != 0)
        printf(" --writer tcp://%s", nearest);
    printf(" yourprogram.py\n");
    fflush(stdout);
}

int collector_say_ready(struct collector *c)
{
    char records[SOCKETS_MAX * (SOCKET_NAME_MAX + 2)], address[SOCKET_NAME_MAX];
    char by_tls[sizeof(records)], page[SOCKET_NAME_MAX + sizeof("https:///")];

    sockets_describe(&c->sockets, records, sizeof(records));
    sockets_nearest(&c->http_sockets, address, sizeof(address));
    sockets_describe(&c->tls_sockets, by_tls, sizeof(by_tls));
    snprintf(page, sizeof(page), "%s://%s/", c->secure ? "https" : "http", address);
    log_info("collector", log_field("event", "ready"), log_field("version", PACKAGE_VERSION),
        log_field("records", records), log_field("by_tls", by_tls), log_field("page", page),
        log_field("database", c->database), log_field("pid", getpid()));
    c->is_ready = 1;
    if (isatty(STDOUT_FILENO))
        greet(c, records, by_tls, page);
    if (c->settings.ready_file == NULL || c->settings.ready_file[0] == '\0')
        return 0;
    return ready_write(c->settings.ready_file, c->sockets.port, c->tls_sockets.port,
        c->http_sockets.port, c->database, c->error, sizeof(c->error));
}

int collector_run(struct collector *c)
{
    return event_base_dispatch(c->base) < 0 ? fail(c, "the event loop failed") : 0;
}

/* Before the page ends: a query that takes long must not keep what has come from being stored. */
static void stop_intake(struct collector *c)
{
    struct intake *intake = c->intake;

    if (intake == NULL)
        return;
    pthread_mutex_lock(&c->figures_lock);
    intake_figures(intake, &c->last_figures);
    c->intake = NULL;
    pthread_mutex_unlock(&c->figures_lock);
    c->lost = intake_stop(intake);
}

void collector_stop(struct collector *c)
{
    if (c->settings.ready_file && c->is_ready)
        unlink(c->settings.ready_file);
    /* With our handlers gone a second signal ends the process at once. */
    for (size_t i = 0; i < sizeof(c->signals) / sizeof(*c->signals); i++)
        if (c->signals[i])
            event_free(c->signals[i]);
    listener_stop(c->listener);
    sockets_close(&c->sockets);
    sockets_close(&c->tls_sockets);
    greetings_free(c->greetings);
    if (c->connections)
        connections_drain(c->connections);
    spans_intake_stop(c->spans);
    stop_intake(c);
    connections_free(c->connections);
    probes_stop(c->probes);
    web_stop(c->web);
    probes_close(c->probes);
    spans_intake_free(c->spans);
    sockets_close(&c->http_sockets);
    collector_forget_keys(c);
    if (c->base) {
        event_base_free(c->base);
        pthread_mutex_destroy(&c->figures_lock);
        live_fini(&c->live);
    }
    if (c->store)
        store_close(c->store);
    model_fini(&c->model);
    free(c->database);
    if (c->is_ready)
        log_info("collector", log_field("event", "stopped"), log_field("lost_records", c->lost));
    log_close();
}
