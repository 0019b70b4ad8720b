/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "web/patience.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#define LOOK_MS 250

/* A connection. In the list are those that a request is awaited of, who waits longest first. */
struct guest {
    struct guest *previous, *next;
    int fd, is_listed;
    int64_t since, until; /* ms */
};

struct patience {
    unsigned most, request_ms;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct guest *first, *last;
    unsigned count; /* of all, but those that were closed here */
    uint64_t closed;
    int stopping;
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

/* With the lock held, as the next three. */
static void take_out(struct patience *p, struct guest *guest)
{
    if (!guest->is_listed)
        return;
    *(guest->previous ? &guest->previous->next : &p->first) = guest->next;
    *(guest->next ? &guest->next->previous : &p->last) = guest->previous;
    guest->is_listed = 0;
}

static void put_in(struct patience *p, struct guest *guest, int64_t milliseconds)
{
    take_out(p, guest);
    guest->since = now_ms();
    guest->until = guest->since + milliseconds;
    guest->previous = p->last;
    guest->next = NULL;
    *(p->last ? &p->last->next : &p->first) = guest;
    p->last = guest;
    guest->is_listed = 1;
    pthread_cond_signal(&p->wake);
}

/* The descriptor is closed by the HTTP thread, which sees the connection's end. */
static void show_out(struct patience *p, struct guest *guest)
{
    take_out(p, guest);
    shutdown(guest->fd, SHUT_RDWR);
    guest->fd = -1;
    p->count--;
    p->closed++;
}

static void show_out_late(struct patience *p)
{
    int64_t now = now_ms();

    for (struct guest *guest = p->first, *next; guest; guest = next) {
        next = guest->next;
        if (now >= guest->until)
            show_out(p, guest);
    }
}

static void *run(void *context)
{
    struct patience *p = context;

    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        struct timespec until;

        if (p->first == NULL) {
            pthread_cond_wait(&p->wake, &p->lock);
            continue;
        }
        show_out_late(p);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        while (!p->stopping && pthread_cond_timedwait(&p->wake, &p->lock, &until) == 0)
            continue;
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

struct patience *patience_start(unsigned most, unsigned request_ms)
{
    struct patience *p = calloc(1, sizeof(*p));
    pthread_condattr_t monotonic;

    if (p == NULL)
        return NULL;
    p->most = most;
    p->request_ms = request_ms;
    pthread_mutex_init(&p->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&p->thread, NULL, run, p) != 0) {
        pthread_cond_destroy(&p->wake);
        pthread_mutex_destroy(&p->lock);
        free(p);
        return NULL;
    }
    pthread_setname_np(p->thread, "patience");
    return p;
}

static struct guest *guest_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void welcome(struct patience *p, struct MHD_Connection *connection, void **place)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct guest *guest = info ? calloc(1, sizeof(*guest)) : NULL;

    *place = guest; /* without memory it is not waited for: MHD's own timeout stays */
    if (guest == NULL)
        return;
    guest->fd = info->connect_fd;
    pthread_mutex_lock(&p->lock);
    if (++p->count > p->most - p->most / PATIENCE_LEFT && p->first)
        show_out(p, p->first);
    put_in(p, guest, p->request_ms);
    pthread_mutex_unlock(&p->lock);
}

void patience_on_connection(void *context, struct MHD_Connection *connection, void **place,
    enum MHD_ConnectionNotificationCode what)
{
    struct patience *p = context;
    struct guest *guest = *place;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        welcome(p, connection, place);
        return;
    }
    if (guest == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    take_out(p, guest);
    p->count -= guest->fd >= 0;
    pthread_mutex_unlock(&p->lock);
    free(guest);
    *place = NULL;
}

/* Waits for the guest so long; 0: no more. */
static void wait_for(struct patience *p, struct MHD_Connection *connection, int64_t milliseconds)
{
    struct guest *guest = guest_of(connection);

    if (guest == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    if (milliseconds == 0)
        take_out(p, guest);
    else if (guest->fd >= 0)
        put_in(p, guest, milliseconds);
    pthread_mutex_unlock(&p->lock);
}

void patience_head(struct patience *p, struct MHD_Connection *connection)
{
    wait_for(p, connection, p->request_ms);
}

void patience_whole(struct patience *p, struct MHD_Connection *connection)
{
    wait_for(p, connection, 0);
}

void patience_answered(struct patience *p, struct MHD_Connection *connection)
{
    wait_for(p, connection, PATIENCE_IDLE_MS);
}

uint64_t patience_closed(struct patience *p)
{
    uint64_t closed;

    pthread_mutex_lock(&p->lock);
    closed = p->closed;
    pthread_mutex_unlock(&p->lock);
    return closed;
}

void patience_stop(struct patience *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = 1;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}
