/* SPDX-License-Identifier: Apache-2.0 */
#include "server/sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void socket_name(const struct sockaddr *address, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)address;
    const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)address;

    if (address->sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&six->sin6_addr)) {
        inet_ntop(AF_INET, &six->sin6_addr.s6_addr[12], host, sizeof(host));
        snprintf(out, size, "%s:%u", host, ntohs(six->sin6_port));
    } else if (address->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &six->sin6_addr, host, sizeof(host));
        snprintf(out, size, "[%s]:%u", host, ntohs(six->sin6_port));
    } else {
        inet_ntop(AF_INET, &four->sin_addr, host, sizeof(host));
        snprintf(out, size, "%s:%u", host, ntohs(four->sin_port));
    }
}

static void set_port(struct sockaddr *address, unsigned port)
{
    if (address->sa_family == AF_INET6)
        ((struct sockaddr_in6 *)(void *)address)->sin6_port = htons((uint16_t)port);
    else
        ((struct sockaddr_in *)(void *)address)->sin_port = htons((uint16_t)port);
}

static unsigned port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
        return 0;
    return ntohs(address.ss_family == AF_INET6
                     ? ((struct sockaddr_in6 *)(void *)&address)->sin6_port
                     : ((struct sockaddr_in *)(void *)&address)->sin_port);
}

/* A socket that listens, or -1 with errno. `alone`: "::" then takes IPv4 too. */
static int listen_at(const struct addrinfo *info, unsigned port, int alone)
{
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1, only_six = !alone, kept;

    if (fd < 0)
        return -1;
    set_port(info->ai_addr, port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (info->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_six, sizeof(only_six));
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    kept = errno;
    close(fd);
    errno = kept;
    return -1;
}

struct attempt {
    const char *host, *listen_option, *port_option;
    unsigned port;
    int alone;
    char *error;
    size_t error_size;
};

static void explain(const struct attempt *try, int why)
{
    if (why == EADDRINUSE)
        snprintf(try->error, try->error_size,
            "port %u of %s is taken by another program (ss -ltnp sport = :%u says which): choose "
            "another with --%s, or 0 for any that is free",
            try->port, try->host, try->port, try->port_option);
    else if (why == EACCES)
        snprintf(try->error, try->error_size,
            "port %u of %s needs privileges: choose one above 1023 with --%s", try->port, try->host,
            try->port_option);
    else if (why == EADDRNOTAVAIL || why == EAFNOSUPPORT)
        snprintf(try->error, try->error_size,
            "%s is no address of this machine: choose one with --%s (ip address lists them)",
            try->host, try->listen_option);
    else
        snprintf(try->error, try->error_size, "cannot listen at port %u of %s: %s", try->port,
            try->host, strerror(why));
}

/*
 * Every address of one name; one that this machine lacks (IPv6 of localhost, say) matters only if
 * there is no other.
 */
static int open_host(struct sockets *sockets, const struct attempt *try)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    int failed = getaddrinfo(try->host, NULL, &hints, &list), why = 0, opened = 0;

    if (failed) {
        snprintf(try->error, try->error_size, "\"%.100s\" is no address: %s (--%s)", try->host,
            gai_strerror(failed), try->listen_option);
        return -1;
    }
    for (const struct addrinfo *info = list; info && sockets->count < SOCKETS_MAX;
         info = info->ai_next) {
        int fd = listen_at(info, sockets->port, try->alone);

        if (fd >= 0) {
            sockets->fds[sockets->count++] = fd;
            sockets->port = port_of(fd);
            opened = 1;
        } else if (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT) {
            why = errno;
            break;
        } else {
            why = opened ? 0 : errno;
        }
    }
    freeaddrinfo(list);
    if (opened && (why == 0 || why == EADDRNOTAVAIL || why == EAFNOSUPPORT))
        return 0;
    explain(try, why);
    return -1;
}

int sockets_open(struct sockets *sockets, const char *addresses, unsigned port,
    const char *listen_option, const char *port_option, char *error, size_t error_size)
{
    char *copy = strdup(addresses), *state = NULL;
    struct attempt try = {
        NULL, listen_option, port_option, port, strchr(addresses, ',') == NULL, error, error_size};
    int done = 0;

    *sockets = (struct sockets){.port = port};
    for (char *host = copy ? strtok_r(copy, ", ", &state) : NULL; host && done == 0;
         host = strtok_r(NULL, ", ", &state)) {
        size_t length = strlen(host);

        /* As in a URL. */
        if (host[0] == '[' && host[length - 1] == ']') {
            host[length - 1] = '\0';
            host++;
        }
        try.host = host;
        done = open_host(sockets, &try);
    }
    if (done == 0 && sockets->count == 0) {
        snprintf(error, error_size, "--%s names no address: 127.0.0.1 is one", listen_option);
        done = -1;
    }
    free(copy);
    if (done < 0)
        sockets_close(sockets);
    return done;
}

void sockets_close(struct sockets *sockets)
{
    while (sockets->count > 0)
        close(sockets->fds[--sockets->count]);
}

void sockets_describe(const struct sockets *sockets, char *out, size_t size)
{
    size_t used = 0;

    *out = '\0';
    for (unsigned i = 0; i < sockets->count && used < size; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);
        char name[SOCKET_NAME_MAX];

        if (getsockname(sockets->fds[i], (struct sockaddr *)&address, &length) < 0)
            continue;
        socket_name((struct sockaddr *)&address, name, sizeof(name));
        used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "", name);
    }
}

void sockets_nearest(const struct sockets *sockets, char *out, size_t size)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    struct sockaddr_in *four = (struct sockaddr_in *)(void *)&address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)(void *)&address;

    *out = '\0';
    if (sockets->count == 0 ||
        getsockname(sockets->fds[0], (struct sockaddr *)&address, &length) < 0)
        return;
    if (address.ss_family == AF_INET && four->sin_addr.s_addr == htonl(INADDR_ANY))
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else if (address.ss_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr))
        six->sin6_addr = in6addr_loopback;
    socket_name((struct sockaddr *)&address, out, size);
}
