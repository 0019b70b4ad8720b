/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "server/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/shortage.h"

#define TURN 64 /* clients accepted in a row, then those who are there have their turn */
#define SAY_AGAIN (60 * CLOCK_SECOND)

/* A socket that clients come to. */
struct door {
    struct listener *listener;
    struct event *event;
    int greets;
};

struct listener {
    struct connections *connections;
    struct greetings *greetings; /* or NULL */
    struct live *live;
    size_t most;
    struct door doors[2 * SOCKETS_MAX];
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
        shortage_of(event_add(l->doors[i].event, NULL), "taking clients again");
}

static void on_again(evutil_socket_t fd, short what, void *context)
{
    (void)fd;
    (void)what;
    accept_again(context);
}

static size_t clients(const struct listener *l)
{
    return connections_count(l->connections) + (l->greetings ? greetings_count(l->greetings) : 0);
}

static void on_end(void *context)
{
    struct listener *l = context;

    if (clients(l) < l->most)
        accept_again(l);
}

/*
 * Accepts nobody at the door (or, if it is not the door's own matter, at any) until a client has
 * left, or for a second. Says so, but not again and again where clients come and go.
 */
static void rest(struct listener *l, int only_greeted, const char *why)
{
    static const struct timeval second = {1, 0};
    int64_t now = clock_monotonic();

    for (unsigned i = 0; i < l->count; i++)
        if (!only_greeted || l->doors[i].greets)
            event_del(l->doors[i].event);
    l->resting = 1;
    l->live->own.accept_pauses++;
    shortage_of(evtimer_add(l->again, &second), "setting a timer");
    if (l->said_at != 0 && now - l->said_at < SAY_AGAIN)
        return;
    l->said_at = now;
    log_warn("listener", log_field("event", "further clients wait until one leaves"),
        log_field("connections", clients(l)), log_field("reason", why));
}

static int is_full(const struct door *door)
{
    return door->greets && greetings_are_full(door->listener->greetings);
}

/* 1: a client was accepted; 0: nobody is waiting; -1: none can be accepted, `why` says so. */
static int accept_one(const struct door *door, const char **why)
{
    struct listener *l = door->listener;
    struct sockaddr_storage peer;
    socklen_t length = sizeof(peer);
    int client;

    if (clients(l) >= l->most)
        return *why = "as many clients as --max-connections allows", -1;
    if (is_full(door))
        return *why = "as many clients by TLS as --tls-connections allows", -1;
    client = accept4(
        event_get_fd(door->event), (struct sockaddr *)&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client >= 0 && door->greets)
        greetings_add(l->greetings, client, (struct sockaddr *)&peer);
    else if (client >= 0)
        connections_add(l->connections, client, NULL, (struct sockaddr *)&peer);
    if (client >= 0)
        return 1;
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
    const struct door *door = context;
    const char *why = NULL;
    int got = 1;

    (void)fd;
    (void)what;
    for (int i = 0; i < TURN && got > 0; i++)
        got = accept_one(door, &why);
    if (got < 0)
        rest(door->listener, is_full(door) && clients(door->listener) < door->listener->most, why);
}

static void release(struct listener *l)
{
    for (unsigned i = 0; i < l->count; i++)
        event_free(l->doors[i].event);
    if (l->again)
        event_free(l->again);
    free(l);
}

static int open_doors(
    struct listener *l, struct event_base *base, const struct sockets *sockets, int greets)
{
    for (unsigned i = 0; i < sockets->count; i++) {
        struct door *door = &l->doors[l->count];

        *door = (struct door){l, NULL, greets};
        door->event = event_new(base, sockets->fds[i], EV_READ | EV_PERSIST, on_accept, door);
        if (door->event == NULL)
            return -1;
        l->count++;
        if (event_add(door->event, NULL) < 0)
            return -1;
    }
    return 0;
}

struct listener *listener_start(struct event_base *base, const struct sockets *sockets,
    struct connections *connections, const struct sockets *tls_sockets, struct greetings *greetings,
    size_t most, struct live *live)
{
    struct listener *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return NULL;
    l->connections = connections;
    l->greetings = greetings;
    l->live = live;
    l->most = most;
    l->again = evtimer_new(base, on_again, l);
    if (l->again == NULL || open_doors(l, base, sockets, 0) < 0 ||
        open_doors(l, base, tls_sockets, 1) < 0) {
        release(l);
        return NULL;
    }
    connections_on_end(connections, on_end, l);
    if (greetings)
        greetings_on_end(greetings, on_end, l);
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

        while (accept_one(&l->doors[i], &why) > 0)
            continue;
    }
    if (l->greetings)
        greetings_drain(l->greetings);
    release(l);
}
