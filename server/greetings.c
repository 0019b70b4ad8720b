/* SPDX-License-Identifier: Apache-2.0 */
#include "server/greetings.h"

#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/sockets.h"

struct greeting {
    struct greetings *set;
    struct greeting *previous, *next;
    struct event *event;
    struct tls *tls;
    int fd;
    int64_t deadline; /* clock_monotonic */
    struct sockaddr_storage peer;
};

struct greetings {
    struct event_base *base;
    struct tls_server *server;
    struct connections *connections;
    const struct settings *settings;
    struct live *live;
    struct greeting *first;
    size_t count;
    struct log_pace failures;
    void (*on_end)(void *context);
    void *context;
};

struct greetings *greetings_new(struct event_base *base, struct tls_server *server,
    struct connections *connections, const struct settings *settings, struct live *live)
{
    struct greetings *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    set->base = base;
    set->server = server;
    set->connections = connections;
    set->settings = settings;
    set->live = live;
    return set;
}

void greetings_on_end(struct greetings *set, void (*on_end)(void *context), void *context)
{
    set->on_end = on_end;
    set->context = context;
}

size_t greetings_count(const struct greetings *set)
{
    return set->count;
}

int greetings_are_full(const struct greetings *set)
{
    return set->count + connections_tls_count(set->connections) >=
           (size_t)set->settings->tls_connections;
}

/* Forgets the greeting; its socket and what is spoken there are somebody else's by now, or closed.
 */
static void forget(struct greeting *g)
{
    struct greetings *set = g->set;

    *(g->previous ? &g->previous->next : &set->first) = g->next;
    if (g->next)
        g->next->previous = g->previous;
    set->count--;
    event_free(g->event);
    free(g);
}

/* Whoever reaches the port can fail as often as he likes. */
static void log_end(struct greeting *g, int loss, const char *error)
{
    char peer[SOCKET_NAME_MAX];
    uint64_t left_out;

    if (!log_may(&g->set->failures, &left_out))
        return;
    socket_name((struct sockaddr *)&g->peer, peer, sizeof(peer));
    {
        const struct log_field fields[] = {log_field("event", loss_name(loss)),
            log_field("peer", peer), log_field("error", error), log_field("left_out", left_out)};

        log_write(
            loss == LOSS_STOPPED ? LOG_INFO : LOG_WARN, "connection", fields, left_out ? 4 : 3);
    }
}

static void give_up(struct greeting *g, int loss, const char *error)
{
    struct greetings *set = g->set;

    log_end(g, loss, error);
    set->live->own.lost[loss - 1].count++;
    live_publish(set->live);
    tls_free(g->tls);
    close(g->fd);
    forget(g);
    if (set->on_end)
        set->on_end(set->context);
}

/* Waits for the socket, but not beyond the deadline. */
static void wait_for(struct greeting *g, short what)
{
    int64_t left = g->deadline - clock_monotonic();
    struct timeval until = {0, 1};

    if (left > 1000)
        until = (struct timeval){left / CLOCK_SECOND, left % CLOCK_SECOND / 1000};
    event_assign(g->event, g->set->base, g->fd, what, event_get_callback(g->event), g);
    if (event_add(g->event, &until) < 0)
        give_up(g, WIRE_SHORT, "memory is short");
}

static void go_on(struct greeting *g)
{
    struct greetings *set = g->set;

    event_del(g->event);
    switch (tls_handshake(g->tls)) {
    case TLS_DONE:
        connections_add(set->connections, g->fd, g->tls, (struct sockaddr *)&g->peer);
        forget(g);
        break;
    case TLS_WANTS_READ:
        wait_for(g, EV_READ);
        break;
    case TLS_WANTS_WRITE:
        wait_for(g, EV_WRITE);
        break;
    case TLS_FAILED:
        give_up(g, LOSS_TLS, tls_error(g->tls));
        break;
    }
}

static void on_event(evutil_socket_t fd, short what, void *context)
{
    struct greeting *g = context;

    (void)fd;
    (void)what;
    /* Also of one that sends byte by byte. */
    if (clock_monotonic() >= g->deadline)
        give_up(g, LOSS_TLS, "the handshake took longer than --tls-handshake-timeout");
    else
        go_on(g);
}

void greetings_add(struct greetings *set, int fd, const struct sockaddr *peer)
{
    struct greeting *g = calloc(1, sizeof(*g));

    if (g) {
        g->tls = tls_new(set->server, fd);
        g->event = event_new(set->base, fd, EV_READ, on_event, g);
    }
    if (g == NULL || g->tls == NULL || g->event == NULL) {
        if (g && g->event)
            event_free(g->event);
        if (g)
            tls_free(g->tls);
        free(g);
        close(fd);
        set->live->own.lost[WIRE_SHORT - 1].count++;
        log_error("connection", log_field("event", "refused: memory is short"));
        return;
    }
    g->set = set;
    g->fd = fd;
    memcpy(&g->peer, peer,
        peer->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    g->deadline = clock_monotonic() + set->settings->tls_handshake_timeout;
    g->next = set->first;
    if (set->first)
        set->first->previous = g;
    set->first = g;
    set->count++;
    wait_for(g, EV_READ);
}

void greetings_drain(struct greetings *set)
{
    set->on_end = NULL;
    for (struct greeting *g = set->first, *next; g; g = next) {
        next = g->next;
        go_on(g);
    }
    while (set->first)
        give_up(set->first, LOSS_STOPPED, "the collector stops");
}

void greetings_free(struct greetings *set)
{
    free(set);
}
