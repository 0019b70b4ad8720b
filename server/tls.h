/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS on the sockets of clients that send records: the certificate, and what is read and written of
 * one connection. Sockets are non-blocking; the socket stays the caller's. The loop's thread.
 */
#ifndef KIEKER_SERVER_TLS_H
#define KIEKER_SERVER_TLS_H

#include <stddef.h>
#include <sys/types.h>

struct tls_server;
struct tls;

/*
 * PEM files: the certificate with those that signed it behind, its key (NULL: in the same file),
 * and the authorities one of which must have signed a client's certificate (NULL: clients need
 * none). NULL with a sentence.
 */
struct tls_server *tls_server_new(const char *certificate, const char *key, const char *client_ca,
    char *error, size_t error_size);

/* Reads the files again, for connections from now on. 0; -1 with a sentence: all stays as it was.
 */
int tls_server_reload(struct tls_server *server, char *error, size_t error_size);
void tls_server_free(struct tls_server *server);

/* A connection that has just been accepted. NULL when memory is short. */
struct tls *tls_new(struct tls_server *server, int fd);

enum tls_step { TLS_DONE, TLS_WANTS_READ, TLS_WANTS_WRITE, TLS_FAILED };

/* Goes on with the handshake. Nothing is read or written before it is done. */
enum tls_step tls_handshake(struct tls *tls);

/*
 * As recv and send: 0 at an end in order; -1 with errno, EPROTO: tls_error says it. tls_read fills
 * the room as far as it can.
 */
ssize_t tls_read(struct tls *tls, void *bytes, size_t room);
ssize_t tls_write(struct tls *tls, const void *bytes, size_t size);

/* Whether tls_read has more to say though the socket may have nothing: an event would not come. */
int tls_has_more(const struct tls *tls);

/* Why it failed, a sentence. */
const char *tls_error(const struct tls *tls);

/* Who the client's certificate says it is, or "". */
const char *tls_client(const struct tls *tls);

/* Says good-bye if it gets through at once, and frees it; NULL is fine. */
void tls_free(struct tls *tls);

#endif
