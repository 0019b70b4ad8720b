/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/writer_tcp.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/core/clock.h"
#include "agent/core/writer.h"

#define CLOSED_BY_PROGRAM "the program has closed the connection"
#define WAIT_MS 50 /* how often a wait looks whether it should go on */

static int is_tls(const struct writer *writer)
{
    return writer->tcp.tls.library != NULL;
}

/* All bytes of a connection pass through these two: as many as can pass now, 0 if none can, -1 with
 * `error` when the connection has ended or broke. */

static ssize_t transmit(struct writer *writer, const unsigned char *bytes, size_t size)
{
    ssize_t sent;

    if (is_tls(writer)) {
        writer_lock(writer);
        sent = tls_send(&writer->tcp.tls, bytes, size, writer->error, sizeof(writer->error));
        writer_unlock(writer);
        return sent;
    }
    sent = send(writer->tcp.socket.fd, bytes, size, MSG_NOSIGNAL);
    if (sent >= 0)
        return sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    return writer_refuse(writer, strerror(errno), "");
}

static ssize_t receive(struct writer *writer, unsigned char *bytes, size_t size)
{
    ssize_t got;
    int ended = 0;

    if (is_tls(writer)) {
        writer_lock(writer);
        got = tls_receive(
            &writer->tcp.tls, bytes, size, &ended, writer->error, sizeof(writer->error));
        writer_unlock(writer);
        writer->has_ended = ended;
        return got;
    }
    got = recv(writer->tcp.socket.fd, bytes, size, MSG_DONTWAIT);
    if (got > 0)
        return got;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    writer->has_ended = got == 0;
    return writer_refuse(writer, got == 0 ? "it has closed the connection" : strerror(errno), "");
}

/* What there is of the events; 0: nothing within that time. */
static short wait_for(struct writer *writer, short events, int ms)
{
    struct pollfd wait = {.fd = writer->tcp.socket.fd, .events = events};

    return poll(&wait, 1, ms) > 0 ? wait.revents : 0;
}

static int parse(struct writer *writer, const char *host)
{
    const char *colon = strrchr(host, ':'), *end = colon;
    long port = colon != NULL ? strtol(colon + 1, NULL, 10) : 0;

    if (colon == NULL || colon == host || port < 1 || port > 65535 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1))
        return writer_refuse(writer,
            writer->kind == &writer_tls ? "the writer must look like tls://HOST:PORT"
                                        : "the writer must look like tcp://HOST:PORT",
            "");
    if (host[0] == '[' && colon[-1] == ']') {
        host++;
        end--;
    }
    if ((size_t)(end - host) >= sizeof(writer->tcp.host))
        return writer_refuse(writer, "the writer's host name is too long", "");
    memcpy(writer->tcp.host, host, (size_t)(end - host));
    snprintf(writer->tcp.port, sizeof(writer->tcp.port), "%ld", port);
    return 0;
}

static void close_socket(struct writer *writer)
{
    writer_lock(writer);
    descriptor_close(&writer->tcp.socket);
    writer_unlock(writer);
}

/* Sees to it that `fd` is a socket of that family, not connected. 0 or -1. */
static int prepare_socket(struct writer *writer, int family)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    int taken;

    if (descriptor_is_ours(&writer->tcp.socket) && writer->tcp.family == family &&
        connect(writer->tcp.socket.fd, &none, sizeof(none)) == 0)
        return 0;
    close_socket(writer);
    writer_lock(writer);
    writer->tcp.family = family;
    taken = descriptor_take(
        &writer->tcp.socket, socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    writer_unlock(writer);
    return taken == 0 ? 0 : writer_refuse(writer, strerror(errno), "");
}

/* 0, or -1 with `error`. */
static int resolve(struct writer *writer, int flags)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    int failure;

    if (writer->tcp.addresses != NULL)
        return 0;
    failure = getaddrinfo(writer->tcp.host, writer->tcp.port, &hints, &writer->tcp.addresses);
    if (failure == 0)
        return 0;
    writer->tcp.addresses = NULL;
    return writer_refuse(writer, writer->tcp.host, gai_strerror(failure));
}

static int init(struct writer *writer, const char *address)
{
    writer->tcp.socket = DESCRIPTOR_NONE;
    if (parse(writer, address) != 0)
        return -1;
    if (resolve(writer, AI_NUMERICHOST) == 0)
        prepare_socket(writer, writer->tcp.addresses->ai_family);
    return 0;
}

static int init_tls(struct writer *writer, const char *address)
{
    const char *options = strchrnul(address, '?');
    char *peer = strndup(address, (size_t)(options - address));
    int result = -1;

    writer->tcp.socket = DESCRIPTOR_NONE;
    if (peer == NULL || asprintf(&writer->name, "tls://%s", peer) < 0)
        writer_refuse(writer, "out of memory", "");
    else if (init(writer, peer) == 0)
        result = tls_init(&writer->tcp.tls, *options == '?' ? options + 1 : "", writer->error,
            sizeof(writer->error));
    free(peer);
    return result;
}

static void fini(struct writer *writer)
{
    tls_fini(&writer->tcp.tls);
    close_socket(writer);
    if (writer->tcp.addresses != NULL)
        freeaddrinfo(writer->tcp.addresses);
    writer->tcp.addresses = NULL;
}

static void drop(struct writer *writer)
{
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    tls_drop(&writer->tcp.tls);
    if (!descriptor_is_ours(&writer->tcp.socket) ||
        connect(writer->tcp.socket.fd, &none, sizeof(none)) != 0)
        close_socket(writer);
}

/* Asks the next address for a connection. 0 asked, -1 when there is none left to ask. */
static int ask(struct writer *writer)
{
    for (; writer->tcp.address != NULL; writer->tcp.address = writer->tcp.address->ai_next) {
        const struct addrinfo *to = writer->tcp.address;

        if (prepare_socket(writer, to->ai_family) != 0)
            continue;
        if (connect(writer->tcp.socket.fd, to->ai_addr, to->ai_addrlen) == 0 ||
            errno == EINPROGRESS) {
            writer->tcp.deadline = clock_steady() + WRITER_CONNECT_NS;
            writer->state = WRITER_CONNECTING;
            return 0;
        }
        writer_refuse(writer, strerror(errno), "");
    }
    return -1;
}

/* 1 the peer is who it should be, 0 not yet, -1 refused. */
static int agree(struct writer *writer)
{
    int agreed;

    if (!is_tls(writer))
        return 1;
    writer_lock(writer);
    agreed = tls_agree(&writer->tcp.tls, writer->tcp.socket.fd, writer->tcp.host, writer->error,
        sizeof(writer->error));
    writer_unlock(writer);
    if (agreed == 0 && clock_steady() >= writer->tcp.deadline)
        return writer_refuse(writer, "TLS could not be agreed on in time", "");
    return agreed;
}

/* 1 answered, 0 not yet, -1 refused. */
static int answer(struct writer *writer)
{
    struct pollfd wait = {.fd = writer->tcp.socket.fd, .events = POLLOUT};
    int failure = 0, one = 1, agreed;
    socklen_t size = sizeof(failure);

    if (!descriptor_is_ours(&writer->tcp.socket))
        return writer_refuse(writer, CLOSED_BY_PROGRAM, "");
    if (poll(&wait, 1, 0) <= 0) {
        if (clock_steady() < writer->tcp.deadline)
            return 0;
        failure = ETIMEDOUT;
    } else if (getsockopt(writer->tcp.socket.fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) {
        failure = errno;
    }
    if (failure != 0)
        return writer_refuse(writer, strerror(failure), "");
    setsockopt(writer->tcp.socket.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    agreed = agree(writer);
    if (agreed == 1)
        answers_begin(&writer->tcp.answers);
    return agreed;
}

static int connect_on(struct writer *writer)
{
    if (writer->state == WRITER_IDLE) {
        if (resolve(writer, 0) != 0)
            return -1;
        writer->tcp.address = writer->tcp.addresses;
        if (ask(writer) != 0)
            return -1;
    }
    for (;;) {
        int answered = answer(writer);

        if (answered >= 0)
            return answered;
        writer_drop(writer);
        writer->tcp.address = writer->tcp.address->ai_next;
        if (ask(writer) != 0)
            return -1;
    }
}

static int hear(struct writer *writer, char *text)
{
    struct answers *answers = &writer->tcp.answers;
    int found;

    if (!descriptor_is_ours(&writer->tcp.socket))
        return writer_refuse(writer, CLOSED_BY_PROGRAM, "");
    while ((found = answers_next(answers, text)) == 0) {
        size_t room;
        unsigned char *bytes = answers_room(answers, &room);
        ssize_t got = receive(writer, bytes, room);

        if (got <= 0)
            return (int)got;
        answers_put(answers, (size_t)got);
    }
    return found == 1 ? 1 : writer_refuse(writer, "it answers with what is no text of ours", "");
}

static void wait_to_hear(struct writer *writer, unsigned ms)
{
    wait_for(writer, POLLIN, (int)ms);
}

static int write_all(struct writer *writer, const unsigned char *bytes, size_t size,
    const _Atomic uint64_t *give_up, size_t *written)
{
    while (*written < size) {
        ssize_t sent = transmit(writer, bytes + *written, size - *written);

        if (sent < 0)
            return -1;
        *written += (size_t)sent;
        if (sent > 0)
            continue;
        if (clock_steady() >= atomic_load(give_up))
            return writer_refuse(writer, "it did not take the records in time", "");
        if (wait_for(writer, POLLOUT | POLLIN, WAIT_MS) & POLLIN)
            return 0;
    }
    return 0;
}

static void end(struct writer *writer)
{
    tls_end(&writer->tcp.tls);
    shutdown(writer->tcp.socket.fd, SHUT_WR);
}

static int finish(struct writer *writer, uint64_t give_up)
{
    char text[TALK_TEXT_MAX + 1];
    int left = 0, heard = 0;

    /* What is sent after a plain close can still be lost to a reset, and then nobody would say so.
     */
    while (heard >= 0) {
        if (ioctl(writer->tcp.socket.fd, SIOCOUTQ, &left) != 0)
            left = 0;
        if (left == 0 || clock_steady() >= give_up)
            break;
        heard = hear(writer, text);
        if (heard == 0)
            wait_for(writer, POLLIN, 1);
    }
    /* A close with something unread resets the connection. */
    while (heard >= 0 && (heard = hear(writer, text)) == 1)
        ;
    close_socket(writer);
    return left == 0 || writer->has_ended ? 0 : -1;
}

static void disown(struct writer *writer)
{
    tls_disown(&writer->tcp.tls);
    descriptor_close(&writer->tcp.socket);
}

const struct writer_kind writer_tcp = {
    .form = "tcp://HOST:PORT",
    .prefix = "tcp://",
    .absent = "no collector at",
    .until = "there is one",
    .present = "the collector at",
    .back = "is there: records are sent from now on",
    .init = init,
    .fini = fini,
    .connect = connect_on,
    .hear = hear,
    .write = write_all,
    .end = end,
    .wait = wait_to_hear,
    .finish = finish,
    .drop = drop,
    .disown = disown,
};

const struct writer_kind writer_tls = {
    .form = "tls://HOST:PORT",
    .prefix = "tls://",
    .absent = "no collector at",
    .until = "there is one",
    .present = "the collector at",
    .back = "is there: records are sent from now on",
    .init = init_tls,
    .fini = fini,
    .connect = connect_on,
    .hear = hear,
    .write = write_all,
    .end = end,
    .wait = wait_to_hear,
    .finish = finish,
    .drop = drop,
    .disown = disown,
};
