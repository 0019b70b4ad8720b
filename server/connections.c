/* SPDX-License-Identifier: Apache-2.0 */
#include "server/connection.h"

#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "server/clock.h"
#include "server/log.h"
#include "server/shortage.h"

void connections_on_end(struct connections *set, void (*on_end)(void *context), void *context)
{
    set->on_end = on_end;
    set->context = context;
}

static void on_change(void *context)
{
    struct connections *set = context;

    for (struct connection *c = set->first; c; c = c->next)
        if (c->agent)
            connection_tell(c);
}

int connections_obey(struct connections *set, struct probes *probes)
{
    set->probes = probes;
    return probes_start(probes, set->base, on_change, set);
}

size_t connections_count(const struct connections *set)
{
    return set->count;
}

size_t connections_tls_count(const struct connections *set)
{
    return set->tls_count;
}

static void on_read(evutil_socket_t fd, short what, void *context)
{
    struct connection *c = context;

    (void)fd;
    if (what & EV_TIMEOUT) {
        connection_end(c, WIRE_FINE, NULL); /* one that was to hang up */
        return;
    }
    if (intake_is_paused(c->set->intake)) {
        /*
         * Only those that have something to say are taken out of the loop: the idle ones need no
         * call each.
         */
        event_del(c->event);
        c->is_resting = 1;
        c->next_resting = c->set->resting;
        c->set->resting = c;
        return;
    }
    connection_read(c);
}

static void on_resume(void *context)
{
    struct connections *set = context;

    while (set->resting) {
        struct connection *c = set->resting;

        set->resting = c->next_resting;
        c->next_resting = NULL;
        c->is_resting = 0;
        shortage_of(event_add(c->event, NULL), "reading a client again");
        connection_look_again(c);
    }
}

struct connections *connections_new(struct event_base *base, struct intake *intake,
    const struct settings *settings, struct live *live)
{
    struct connections *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return NULL;
    set->base = base;
    set->intake = intake;
    set->settings = settings;
    set->live = live;
    set->read_size = (size_t)settings->read_buffer;
    set->buffer = malloc(REST_SMALL + set->read_size);
    set->sessions = sessions_new(base, intake, settings, live);
    if (set->buffer == NULL || set->sessions == NULL) {
        connections_free(set);
        return NULL;
    }
    intake_on_resume(intake, on_resume, set);
    intake_on_stored(intake, connection_stored, set);
    return set;
}

/*
 * A peer whose machine is gone without a word is noticed after some minutes; one that is just
 * silent stays. What is said to agents is little, and they wait for the last of it when they end.
 */
static void set_up(int fd)
{
    int on = 1, idle = 120, interval = 30, probes = 6;

    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int connections_add(struct connections *set, int fd, struct tls *tls, const struct sockaddr *peer)
{
    struct connection *c = calloc(1, sizeof(*c));
    struct event *event = c ? event_new(set->base, fd, EV_READ | EV_PERSIST, on_read, c) : NULL;

    if (event == NULL || event_add(event, NULL) < 0) {
        if (event)
            event_free(event);
        free(c);
        tls_free(tls);
        close(fd);
        set->live->own.lost[WIRE_SHORT - 1].count++;
        log_error("connection", log_field("event", "refused: memory is short"));
        return -1;
    }
    set_up(fd);
    socket_name(peer, c->peer, sizeof(c->peer));
    c->opened = clock_now();
    c->set = set;
    c->fd = fd;
    c->tls = tls;
    c->event = event;
    wire_init(&c->wire);
    c->wire.registry.entries_max = (uint32_t)set->settings->strings;
    c->wire.registry.text_max = (uint32_t)set->settings->string_length;
    connection_link(c);
    log_debug("connection", log_field("event", "opened"), log_field("peer", c->peer),
        log_field("certificate", tls ? tls_client(tls) : ""));
    intake_fed(set->intake);
    connection_look_again(c);
    return 0;
}

/*
 * No more than what lies in the socket now, or a client that goes on sending would keep the
 * collector from stopping.
 */
static void drain(struct connection *c)
{
    int left = 0;
    ssize_t got = 1;

    if (ioctl(c->fd, FIONREAD, &left) < 0)
        left = 0;
    while (got > 0 && left > 0) {
        got = connection_read(c);
        left -= (int)got;
    }
    /*
     * Nothing is left but perhaps its end, which tells a stream that is whole from one that we cut.
     */
    if (got < 0 || connection_read(c) < 0)
        return;
    if (c->session)
        connection_leave(c); /* its stream goes on with the next start */
    else
        connection_end(c, LOSS_STOPPED, "the collector stops");
}

void connections_drain(struct connections *set)
{
    set->on_end = NULL;
    intake_drain(set->intake);
    while (set->first)
        drain(set->first);
}

void connections_free(struct connections *set)
{
    if (set == NULL)
        return;
    while (set->leaving)
        connection_free(set->leaving);
    sessions_free(set->sessions);
    free(set->buffer);
    free(set);
}
