/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/core/clock.h"

#define DESCRIPTOR 500 /* numbers from here on are rarely in use */
#define CLOSED_BY_PROGRAM "the program has closed the connection"
#define WAIT_MS 50 /* how often a wait looks whether it should go on */

static int refuse(struct writer *writer, const char *what, const char *why)
{
    snprintf(writer->error, sizeof(writer->error), "%s%s%s", what, why[0] != '\0' ? ": " : "", why);
    return -1;
}

static int parse_tcp(struct writer *writer, const char *text)
{
    const char *host = text + strlen("tcp://"), *colon = strrchr(host, ':'), *end = colon;
    long port = colon != NULL ? strtol(colon + 1, NULL, 10) : 0;

    if (colon == NULL || colon == host || port < 1 || port > 65535 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return refuse(writer, "the writer must look like tcp://HOST:PORT", "");
    if (host[0] == '[' && colon[-1] == ']') {
        host++;
        end--;
    }
    if ((size_t)(end - host) >= sizeof(writer->host))
        return refuse(writer, "the writer's host name is too long", "");
    memcpy(writer->host, host, (size_t)(end - host));
    snprintf(writer->port, sizeof(writer->port), "%ld", port);
    return 0;
}

/* Whether the descriptor is still the one that was opened here. */
static int is_ours(const struct writer *writer)
{
    struct stat now;

    return writer->fd >= 0 && fstat(writer->fd, &now) == 0 && now.st_dev == writer->device &&
           now.st_ino == writer->inode;
}

static void close_socket(struct writer *writer)
{
    writer_lock(writer);
    if (is_ours(writer))
        close(writer->fd);
    writer->fd = -1;
    writer_unlock(writer);
}

/* A socket for addresses of that family, out of the way of the program's own descriptors. -1 for
 * none. */
static int open_socket(int family)
{
    int low = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), high;
    struct rlimit limit = {.rlim_cur = 0};

    if (low < 0)
        return -1;
    getrlimit(RLIMIT_NOFILE, &limit);
    high = fcntl(low, F_DUPFD_CLOEXEC,
        limit.rlim_cur > 2 * DESCRIPTOR ? DESCRIPTOR : (int)limit.rlim_cur / 2);
    if (high < 0)
        return low;
    close(low);
    return high;
}

/* Sees to it that `fd` is a socket of that family, not connected. 0 or -1. */
static int prepare_socket(struct writer *writer, int family)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    struct stat opened = {0};

    if (is_ours(writer) && writer->family == family &&
        connect(writer->fd, &none, sizeof(none)) == 0)
        return 0;
    close_socket(writer);
    writer_lock(writer);
    writer->fd = open_socket(family);
    writer->family = family;
    if (writer->fd >= 0)
        fstat(writer->fd, &opened);
    writer->device = opened.st_dev;
    writer->inode = opened.st_ino;
    writer_unlock(writer);
    return writer->fd >= 0 ? 0 : refuse(writer, strerror(errno), "");
}

/* 0, or -1 with `error`. */
static int resolve(struct writer *writer, int flags)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    int failure;

    if (writer->addresses != NULL)
        return 0;
    failure = getaddrinfo(writer->host, writer->port, &hints, &writer->addresses);
    if (failure == 0)
        return 0;
    writer->addresses = NULL;
    return refuse(writer, writer->host, gai_strerror(failure));
}

int writer_init(struct writer *writer, const char *text)
{
    memset(writer, 0, sizeof(*writer));
    pthread_mutex_init(&writer->lock, NULL);
    writer->fd = -1;
    if (strcmp(text, "null") == 0) {
        writer->kind = WRITER_NULL;
        return 0;
    }
    writer->kind = WRITER_TCP;
    if (strncmp(text, "tcp://", strlen("tcp://")) != 0)
        return refuse(writer, "the writer must be tcp://HOST:PORT, null or inactive", "");
    if (parse_tcp(writer, text) != 0)
        return -1;
    if (resolve(writer, AI_NUMERICHOST) == 0)
        prepare_socket(writer, writer->addresses->ai_family);
    return 0;
}

void writer_fini(struct writer *writer)
{
    close_socket(writer);
    if (writer->addresses != NULL)
        freeaddrinfo(writer->addresses);
    writer->addresses = NULL;
    pthread_mutex_destroy(&writer->lock);
}

void writer_drop(struct writer *writer)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    if (!is_ours(writer) || connect(writer->fd, &none, sizeof(none)) != 0)
        close_socket(writer);
    writer->state = WRITER_IDLE;
}

/* Asks the next address for a connection. 0 asked, -1 when there is none left to ask. */
static int ask(struct writer *writer)
{
    for (; writer->address != NULL; writer->address = writer->address->ai_next) {
        const struct addrinfo *to = writer->address;

        if (prepare_socket(writer, to->ai_family) != 0)
            continue;
        if (connect(writer->fd, to->ai_addr, to->ai_addrlen) == 0 || errno == EINPROGRESS) {
            writer->deadline = clock_steady() + WRITER_CONNECT_NS;
            writer->state = WRITER_CONNECTING;
            return 0;
        }
        refuse(writer, strerror(errno), "");
    }
    return -1;
}

/* 1 answered, 0 not yet, -1 refused. */
static int answer(struct writer *writer)
{
    struct pollfd wait = {.fd = writer->fd, .events = POLLOUT};
    int failure = 0, one = 1;
    socklen_t size = sizeof(failure);

    if (!is_ours(writer))
        return refuse(writer, CLOSED_BY_PROGRAM, "");
    if (poll(&wait, 1, 0) <= 0) {
        if (clock_steady() < writer->deadline)
            return 0;
        failure = ETIMEDOUT;
    } else if (getsockopt(writer->fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) {
        failure = errno;
    }
    if (failure != 0)
        return refuse(writer, strerror(failure), "");
    setsockopt(writer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return 1;
}

int writer_connect(struct writer *writer)
{
    if (writer->kind == WRITER_NULL)
        writer->state = WRITER_CONNECTED;
    if (writer->state == WRITER_CONNECTED)
        return 1;
    if (writer->state == WRITER_IDLE) {
        if (resolve(writer, 0) != 0)
            return -1;
        writer->address = writer->addresses;
        if (ask(writer) != 0)
            return -1;
    }
    for (;;) {
        int answered = answer(writer);

        if (answered == 1)
            writer->state = WRITER_CONNECTED;
        if (answered >= 0)
            return answered;
        writer_drop(writer);
        writer->address = writer->address->ai_next;
        if (ask(writer) != 0)
            return -1;
    }
}

int writer_is_alive(struct writer *writer)
{
    char thrown_away[4096];
    ssize_t got;

    if (writer->kind == WRITER_NULL)
        return 1;
    if (!is_ours(writer))
        return refuse(writer, CLOSED_BY_PROGRAM, "");
    do
        got = recv(writer->fd, thrown_away, sizeof(thrown_away), MSG_DONTWAIT);
    while (got > 0 || (got < 0 && errno == EINTR));
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 1;
    refuse(writer, got == 0 ? "it has closed the connection" : strerror(errno), "");
    return got == 0 ? 0 : -1;
}

int writer_write(struct writer *writer, const unsigned char *bytes, size_t size,
    const _Atomic uint64_t *give_up, size_t *written)
{
    *written = writer->kind == WRITER_NULL ? size : 0;
    while (*written < size) {
        ssize_t sent = send(writer->fd, bytes + *written, size - *written, MSG_NOSIGNAL);

        if (sent >= 0) {
            *written += (size_t)sent;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd wait = {.fd = writer->fd, .events = POLLOUT};

            if (clock_steady() >= atomic_load(give_up))
                return refuse(writer, "it did not take the records in time", "");
            poll(&wait, 1, WAIT_MS);
        } else if (errno != EINTR) {
            return refuse(writer, strerror(errno), "");
        }
    }
    writer->bytes += size;
    return 0;
}

int writer_finish(struct writer *writer, uint64_t give_up)
{
    int left = 0, alive = 1;

    if (writer->kind == WRITER_NULL || writer->state != WRITER_CONNECTED)
        return 0;
    shutdown(writer->fd, SHUT_WR);
    /* What is sent after a plain close can still be lost to a reset, and then nobody would say so.
     */
    while (alive == 1) {
        struct pollfd wait = {.fd = writer->fd, .events = POLLIN};

        if (ioctl(writer->fd, SIOCOUTQ, &left) != 0)
            left = 0;
        if (left == 0 || clock_steady() >= give_up)
            break;
        alive = writer_is_alive(writer);
        if (alive == 1)
            poll(&wait, 1, 1);
    }
    close_socket(writer);
    writer->state = WRITER_IDLE;
    /* A peer that ends the connection in order has read to its end. */
    return left == 0 || alive == 0 ? 0 : -1;
}

void writer_lock(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
}

void writer_unlock(struct writer *writer)
{
    pthread_mutex_unlock(&writer->lock);
}

void writer_disown(struct writer *writer)
{
    if (is_ours(writer))
        close(writer->fd);
    writer->fd = -1;
}
