/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the sender's bytes go: `tcp://HOST:PORT`, or nowhere (`null`). Used by the sender's thread
 * alone, but for writer_lock, writer_unlock and writer_disown, which fork needs.
 */
#ifndef KIEKER_AGENT_CORE_WRITER_H
#define KIEKER_AGENT_CORE_WRITER_H

#include <netdb.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WRITER_CONNECT_NS                                                                          \
    2000000000u /* how long an answer to a connection request is waited for                        \
                 */
#define WRITER_HOST_MAX 256u

struct writer {
    enum writer_kind { WRITER_NULL, WRITER_TCP } kind;
    char host[WRITER_HOST_MAX], port[8];
    pthread_mutex_t lock; /* held while `fd` changes */
    int fd;               /* -1: none; kept from one connection to the next */
    dev_t device; /* what `fd` is as long as it is ours: programs close descriptors that they did
                     not open */
    ino_t inode;
    enum writer_state { WRITER_IDLE, WRITER_CONNECTING, WRITER_CONNECTED } state;
    int family;        /* of `fd` */
    uint64_t deadline; /* of the connection request, CLOCK_MONOTONIC */
    struct addrinfo *addresses, *address;
    uint64_t bytes;                   /* written in all */
    char error[WRITER_HOST_MAX + 64]; /* why the last call failed */
};

/*
 * Takes the writer that `text` names: 0, or -1 and `error` says what is wrong with it. Of an
 * address in digits the socket is opened here and now, before the observed program runs: so it
 * never has a number that one of the program's descriptors would have had.
 */
int writer_init(struct writer *writer, const char *text);
void writer_fini(struct writer *writer);

/* Begins or continues to connect, without waiting but for the resolver: 1 connected, 0 not yet, -1
 * failed. */
int writer_connect(struct writer *writer);

/*
 * Writes everything; waits while the peer does not take it, until *give_up (CLOCK_MONOTONIC;
 * UINT64_MAX: for ever), which another thread may change meanwhile. 0, or -1 with the bytes that
 * were taken in *written.
 */
int writer_write(struct writer *writer, const unsigned char *bytes, size_t size,
    const _Atomic uint64_t *give_up, size_t *written);

/* 1; 0 when the peer has ended the connection, -1 when it broke. What the peer sends is read and
 * thrown away. */
int writer_is_alive(struct writer *writer);

/* Ends the connection in order: until `give_up` it is waited for that the peer has everything. 0,
 * or -1 if it has not. */
int writer_finish(struct writer *writer, uint64_t give_up);

/* Ends the connection at once, or the attempt to make one. */
void writer_drop(struct writer *writer);

void writer_lock(struct writer *writer);
void writer_unlock(struct writer *writer);

/* In a forked child: closes the child's copy of the connection; the parent's stays as it is. */
void writer_disown(struct writer *writer);

#endif
