/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that listen: one or several addresses on one port, IPv4 and IPv6. Any thread. */
#ifndef KIEKER_SERVER_SOCKETS_H
#define KIEKER_SERVER_SOCKETS_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>

#define SOCKETS_MAX 8
#define SOCKET_NAME_MAX (INET6_ADDRSTRLEN + sizeof("[%4294967295]:65535"))

struct sockets {
    int fds[SOCKETS_MAX]; /* non-blocking */
    unsigned count, port;
};

/*
 * Listens at `port` (0: any, for all the same) of each of `addresses`, which have commas between.
 * 0; -1 with a sentence that says what to do, with --`listen_option` and --`port_option`: then
 * nothing is open.
 */
int sockets_open(struct sockets *sockets, const char *addresses, unsigned port,
    const char *listen_option, const char *port_option, char *error, size_t error_size);
void sockets_close(struct sockets *sockets);

/* "127.0.0.1:10133, [::1]:10133" */
void sockets_describe(const struct sockets *sockets, char *out, size_t size);

/*
 * An address a client on this machine can use: "127.0.0.1:10133", also where all addresses are
 * listened at.
 */
void sockets_nearest(const struct sockets *sockets, char *out, size_t size);

/* "127.0.0.1:41022", "[::1]:41022" */
void socket_name(const struct sockaddr *address, char *out, size_t size);

#endif
