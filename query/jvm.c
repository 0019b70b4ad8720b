/* SPDX-License-Identifier: Apache-2.0 */
#include "query/jvm.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "record/bytes.h"
#include "record/pattern.h"
#include "record/types.h"
#include "record/wire.h"

#define TEXT_MAX 4096u /* bytes of a name or value */
#define VALUES_MAX 1000u
#define ENTRY_HEAD 12u

const char *const jvm_actions = "activate, deactivate, set, add and remove";

/* What has been announced so far. */
struct encoding {
    struct buffer *stream, fields;
    const char *texts[VALUES_MAX + 8];
    int32_t count;
    int failed;
};

/* The text's id; announced when it is new. */
static int32_t announce(struct encoding *encoding, const char *text)
{
    size_t length = strlen(text);
    unsigned char *entry;

    for (int32_t id = 0; id < encoding->count; id++)
        if (strcmp(encoding->texts[id], text) == 0)
            return id;
    entry = malloc(ENTRY_HEAD + length);
    if (entry == NULL) {
        encoding->failed = 1;
        return 0;
    }
    wire_put_entry(entry, encoding->count, text, length);
    encoding->failed |= buffer_append(encoding->stream, entry, ENTRY_HEAD + length) < 0;
    free(entry);
    encoding->texts[encoding->count] = text;
    return encoding->count++;
}

/* A record of these texts, up to a NULL; with an array behind them if the type has one: of `count`
 * values. */
static void put_record(struct encoding *encoding, enum record_id type, const char *const *texts,
    const char *const *values, size_t count)
{
    const struct record_type *known = record_type(type);
    int32_t class = announce(encoding, known->name);
    unsigned char bytes[12];

    encoding->fields.size = 0;
    for (; *texts != NULL; texts++) {
        bytes_put32(bytes, (uint32_t)announce(encoding, *texts));
        encoding->failed |= buffer_append(&encoding->fields, bytes, 4) < 0;
    }
    if (values != NULL) {
        bytes_put32(bytes, (uint32_t)count);
        encoding->failed |= buffer_append(&encoding->fields, bytes, 4) < 0;
        for (size_t i = 0; i < count; i++) {
            bytes_put32(bytes, (uint32_t)announce(encoding, values[i]));
            encoding->failed |= buffer_append(&encoding->fields, bytes, 4) < 0;
        }
    }
    wire_put_head(bytes, class, -1);
    encoding->failed |= buffer_append(encoding->stream, bytes, sizeof(bytes)) < 0;
    encoding->failed |=
        buffer_append(encoding->stream, encoding->fields.bytes, encoding->fields.size) < 0;
}

static int refuse(char *error, size_t error_size, const char *sentence)
{
    snprintf(error, error_size, "%s", sentence);
    return -1;
}

static int check(const struct jvm_order *order, char *error, size_t error_size)
{
    if (!pattern_is_kiekers(order->pattern, error, error_size))
        return -1;
    if (order->value_count > VALUES_MAX)
        return refuse(error, error_size, "there can be at most 1000 values at a time");
    if (order->name != NULL && strlen(order->name) > TEXT_MAX)
        return refuse(error, error_size, "a name can have at most 4096 bytes");
    for (size_t i = 0; i < order->value_count; i++)
        if (strlen(order->values[i]) > TEXT_MAX)
            return refuse(error, error_size, "a value can have at most 4096 bytes");
    return 0;
}

static void put_each(struct encoding *encoding, enum record_id type, const struct jvm_order *order)
{
    for (size_t i = 0; i < order->value_count; i++)
        put_record(encoding, type,
            (const char *const[]){order->pattern, order->name, order->values[i], NULL}, NULL, 0);
}

/* Which records an order is. 0, or -1. */
static int put_order(
    struct encoding *encoding, const struct jvm_order *order, char *error, size_t error_size)
{
    const char *const pattern[] = {order->pattern, NULL};
    const char *const named[] = {order->pattern, order->name, NULL};
    const char *action = order->action, *const none[] = {NULL};
    int takes_values =
        strcmp(action, "set") == 0 || strcmp(action, "add") == 0 || strcmp(action, "remove") == 0;

    if (takes_values && (order->name == NULL || order->value_count == 0))
        return refuse(
            error, error_size, "say which parameter, and its values: set PATTERN NAME VALUE...");
    if (strcmp(action, "deactivate") == 0 && order->name != NULL)
        return refuse(error, error_size, "what is deactivated has no parameters");
    if (strcmp(action, "activate") == 0 && order->name == NULL) {
        put_record(encoding, RECORD_ACTIVATION, pattern, NULL, 0);
    } else if (strcmp(action, "activate") == 0) {
        put_record(encoding, RECORD_ACTIVATION_PARAMETER, named, none, 0);
        put_each(encoding, RECORD_ADD_PARAMETER_VALUE, order);
    } else if (strcmp(action, "deactivate") == 0) {
        put_record(encoding, RECORD_DEACTIVATION, pattern, NULL, 0);
    } else if (strcmp(action, "set") == 0) {
        put_record(encoding, RECORD_UPDATE_PARAMETER, named, order->values, order->value_count);
    } else if (strcmp(action, "add") == 0) {
        put_each(encoding, RECORD_ADD_PARAMETER_VALUE, order);
    } else if (strcmp(action, "remove") == 0) {
        put_each(encoding, RECORD_REMOVE_PARAMETER_VALUE, order);
    } else {
        snprintf(error, error_size, "\"%.40s\" is nothing that Kieker's JVM knows; it knows %s",
            action, jvm_actions);
        return -1;
    }
    return 0;
}

int jvm_encode(const struct jvm_order *order, struct buffer *stream, char *error, size_t error_size)
{
    struct encoding encoding = {.stream = stream};
    int result = check(order, error, error_size);

    if (result == 0)
        result = put_order(&encoding, order, error, error_size);
    buffer_fini(&encoding.fields);
    if (result == 0 && encoding.failed)
        return refuse(error, error_size, "memory is short");
    return result;
}

/* A connected socket, or -1 with errno. */
static int connect_to(const struct addrinfo *to)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), failure = 0;
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof(failure);

    if (fd < 0)
        return -1;
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
        return fd;
    if (errno != EINPROGRESS)
        failure = errno;
    else if (poll(&wait, 1, JVM_CONNECT_MS) <= 0)
        failure = ETIMEDOUT;
    else
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size);
    if (failure == 0)
        return fd;
    close(fd);
    errno = failure;
    return -1;
}

/* 0, or -1 with errno. */
static int send_all(int fd, const struct buffer *stream)
{
    struct pollfd wait = {.fd = fd, .events = POLLOUT};

    for (size_t at = 0; at < stream->size;) {
        ssize_t sent = send(fd, stream->bytes + at, stream->size - at, MSG_NOSIGNAL);

        if (sent > 0) {
            at += (size_t)sent;
        } else if (errno != EAGAIN && errno != EINTR) {
            return -1;
        } else if (poll(&wait, 1, JVM_TAKEN_MS) <= 0) {
            errno = ETIMEDOUT;
            return -1;
        }
    }
    return shutdown(fd, SHUT_WR);
}

/* Whether the other side closes, as it does when it has read everything. */
static int wait_for_close(int fd)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    char byte;

    return poll(&wait, 1, JVM_TAKEN_MS) > 0 && recv(fd, &byte, 1, 0) == 0;
}

static int resolve(const char *address, struct addrinfo **found, char *error, size_t error_size)
{
    const char *colon = strrchr(address, ':'), *end = colon;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char host[256];
    int failure;
    long port = colon != NULL ? strtol(colon + 1, NULL, 10) : 0;

    if (colon == NULL || colon == address || port < 1 || port > 65535 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        snprintf(error, error_size,
            "\"%.100s\" is no address: write HOST:PORT, where the port is what the JVM has as "
            "kieker.monitoring.tcp.remote.port",
            address);
        return -1;
    }
    if (*address == '[' && colon[-1] == ']') {
        address++;
        end--;
    }
    snprintf(host, sizeof(host), "%.*s", (int)(end - address), address);
    failure = getaddrinfo(host, colon + 1, &hints, found);
    if (failure == 0)
        return 0;
    snprintf(error, error_size, "%.200s: %s", host, gai_strerror(failure));
    return -1;
}

int jvm_send(const char *address, const struct buffer *stream, char *error, size_t error_size)
{
    struct addrinfo *all;
    int fd = -1, result = -1;

    if (resolve(address, &all, error, error_size) < 0)
        return -1;
    for (const struct addrinfo *to = all; to != NULL && fd < 0; to = to->ai_next)
        fd = connect_to(to);
    freeaddrinfo(all);
    if (fd < 0) {
        snprintf(error, error_size,
            "no JVM listens at %.200s (%s): it does with kieker.monitoring.tcp=true, "
            "kieker.monitoring.tcp.remote.port and "
            "kieker.monitoring.adaptiveMonitoring.enabled=true",
            address, strerror(errno));
        return -1;
    }
    if (send_all(fd, stream) == 0)
        result = wait_for_close(fd);
    else
        snprintf(error, error_size, "%.200s did not take it: %s", address, strerror(errno));
    close(fd);
    return result;
}
