/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "server/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/log.h"

#define TURN 64 /* clients accepted in a row, then those who are there have their turn */
#define SAY_AGAIN (60 * CLOCK_SECOND)

struct listener {
    struct connections *connections;
    struct live *live;
    size_t most;
    struct event *events[SOCKETS_MAX];
    unsigned count;
    struct event *again; /* tries once more after a while */
    int resting;
    int64_t said_at; /* when the log said last that clients wait; 0: never */
};

static void accept_again(struct listener *l)
{
    if (!l->resting)
        return;
    l->resting = 0;
    evtimer_del(l->again);
    for (unsigned i = 0; i < l->count; i++)
        event_add(l->events[i], NULL);
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    accept_again(context);
}

static void on_end(void *context)
{
    struct listener *l = context;

    if (connections_count(l->connections) < l->most)
        accept_again(l);
}

/*
 * Accepts nobody until a client has left, or for a second. Says so, but not again and again where
 * clients come and go.
 */
static void rest(struct listener *l, const char *why)
{
    static const struct timeval second = {1, 0};
    int64_t now = clock_monotonic();

    for (unsigned i = 0; i < l->count; i++)
        event_del(l->events[i]);
    l->resting = 1;
    l->live->own.accept_pauses++;
    evtimer_add(l->again, &second);
    if (l->said_at != 0 && now - l->said_at < SAY_AGAIN)
        return;
    l->said_at = now;
    log_warn("listener", log_field("event", "further clients wait until one leaves"),
        log_field("connections", connections_count(l->connections)), log_field("reason", why));
}

/* 1: a client was accepted; 0: nobody is waiting; -1: none can be accepted, `why` says so. */
static int accept_one(struct listener *l, int fd, const char **why)
{
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    int client;

    if (connections_count(l->connections) >= l->most)
        return *why = "as many clients as --max-connections allows", -1;
    client = accept4(fd, (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0) {
        connections_add(l->connections, client, (struct sockaddr *)&peer);
        return 1;
    }
    switch (errno) {
    case EAGAIN:
        return 0;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return *why = strerror(errno), -1;
    default: /* of a client that has gone again: others may wait */
        return 1;
    }
}

static void on_accept(evutil_socket_t fd, short what, void *context)
{
    struct listener *l = context;
    const char *why = NULL;
    int got = 1;

    (void)what;
    for (int i = 0; i < TURN && got > 0; i++)
        got = accept_one(l, fd, &why);
    if (got < 0)
        rest(l, why);
}

static void release(struct listener *l)
{
    for (unsigned i = 0; i < l->count; i++)
        event_free(l->events[i]);
    if (l->again)
        event_free(l->again);
    free(l);
}

struct listener *listener_start(struct event_base *base, const struct sockets *sockets,
    struct connections *connections, size_t most, struct live *live)
{
    struct listener *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->connections = connections;
    l->live = live;
    l->most = most;
    l->again = evtimer_new(base, on_again, l);
    while (l->again && l->count < sockets->count) {
        struct event *event =
            event_new(base, sockets->fds[l->count], EV_READ | EV_PERSIST, on_accept, l);

        if (event == NULL)
            break;
        l->events[l->count++] = event;
        event_add(event, NULL);
    }
    if (l->again == NULL || l->count < sockets->count) {
        release(l);
        return NULL;
    }
    connections_on_end(connections, on_end, l);
    return l;
}

void listener_set_most(struct listener *l, size_t most)
{
    l->most = most;
    on_end(l);
}

void listener_stop(struct listener *l)
{
    if (l == NULL)
        return;
    connections_on_end(l->connections, NULL, NULL);
    for (unsigned i = 0; i < l->count; i++) {
        const char *why;

        while (accept_one(l, event_get_fd(l->events[i]), &why) > 0)
            continue;
    }
    release(l);
}
