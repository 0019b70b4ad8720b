/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collector that throws everything away, as cheaply as the kernel lets it: what the agent costs
 * with it is the agent's own. It prints the port on which it listens, and reads from all
 * connections until its standard input ends. For each line of that it prints how many bytes have
 * come so far.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define PEERS_MAX 64
#define READ_BYTES (1u << 20)

static struct pollfd polled[2 + PEERS_MAX]; /* standard input, the listening socket, connections */
static nfds_t polled_count = 2;

static int listen_anywhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int server = socket(AF_INET, SOCK_STREAM, 0);

    if (server < 0 || bind(server, (struct sockaddr *)&address, size) != 0 ||
        listen(server, PEERS_MAX) != 0 ||
        getsockname(server, (struct sockaddr *)&address, &size) != 0) {
        perror("sink");
        return -1;
    }
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return server;
}

/* The bytes that were there; 0 when the connection has ended, and it is forgotten. */
static size_t discard(nfds_t i)
{
    static char room[READ_BYTES];
    /* With MSG_TRUNC they are not even copied. */
    ssize_t got = recv(polled[i].fd, room, sizeof(room), MSG_TRUNC);

    if (got > 0)
        return (size_t)got;
    if (got < 0 && errno == EINTR)
        return 0;
    close(polled[i].fd);
    polled[i] = polled[--polled_count];
    return 0;
}

int main(void)
{
    uint64_t bytes = 0;

    polled[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    polled[1] = (struct pollfd){.fd = listen_anywhere(), .events = POLLIN};
    if (polled[1].fd < 0)
        return 1;
    while (poll(polled, polled_count, -1) >= 0 || errno == EINTR) {
        char byte;

        for (nfds_t i = polled_count; i-- > 2;)
            if (polled[i].revents != 0)
                bytes += discard(i);
        if (polled[1].revents != 0 && polled_count < sizeof(polled) / sizeof(polled[0])) {
            polled[polled_count].fd = accept(polled[1].fd, NULL, NULL);
            polled[polled_count].events = POLLIN;
            polled[polled_count].revents = 0;
            polled_count += polled[polled_count].fd >= 0;
        }
        if (polled[0].revents != 0) {
            if (read(STDIN_FILENO, &byte, 1) <= 0)
                break;
            printf("%" PRIu64 "\n", bytes);
            fflush(stdout);
        }
    }
    return 0;
}
