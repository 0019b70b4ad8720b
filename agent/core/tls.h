/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for the connection to a collector. OpenSSL is loaded when the first one is wanted: a program
 * that sends records otherwise has nothing to do with it. Used by the sender's thread alone, and
 * under the writer's lock, which fork takes: so no copy of a process begins in the midst of it.
 */
#ifndef KIEKER_AGENT_CORE_TLS_H
#define KIEKER_AGENT_CORE_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct tls_library;

struct tls {
    const struct tls_library *library; /* NULL: the connection is plain */
    void *context, *connection;
    int is_agreed; /* the handshake is done */
};

/*
 * From options "ca=FILE&cert=FILE&key=FILE&beside=FILE" in any order, values percent-encoded, each
 * may be missing: the authorities to believe, else the system's; a certificate of our own and its
 * key, else in the same file; and a library that the program may load later, which then decides
 * which OpenSSL it is. 0, or -1 with the sentence.
 */
int tls_init(struct tls *tls, const char *options, char *error, size_t error_size);
void tls_fini(struct tls *tls);

/* Goes on to agree with the peer, whose certificate must be for that host (a name, or an address):
 * 1 agreed, 0 not yet, -1 with the sentence. */
int tls_agree(struct tls *tls, int fd, const char *host, char *error, size_t error_size);

/* As send and recv that do not wait: bytes; 0 none now, -1 with the sentence. *ended: the peer has
 * ended it in order. */
ssize_t tls_send(struct tls *tls, const void *bytes, size_t size, char *error, size_t error_size);
ssize_t tls_receive(
    struct tls *tls, void *bytes, size_t size, int *ended, char *error, size_t error_size);

/* Says that nothing more will be sent. */
void tls_end(struct tls *tls);

/* Forgets the connection; the next tls_agree begins a new one. */
void tls_drop(struct tls *tls);

/* The same in a forked child, where the connection is the parent's. */
void tls_disown(struct tls *tls);

#endif
