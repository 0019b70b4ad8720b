/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/tls_private.h"

struct tls {
    SSL *ssl;
    int has_more;
    char error[200], client[120];
};

struct tls *tls_new(struct tls_server *server, int fd)
{
    struct tls *tls = calloc(1, sizeof(*tls));

    if (tls)
        tls->ssl = SSL_new(server->context);
    if (tls && tls->ssl && SSL_set_fd(tls->ssl, fd) == 1) {
        SSL_set_accept_state(tls->ssl);
        return tls;
    }
    tls_free(tls);
    return NULL;
}

/* What the library's reason means for whoever runs the client or the collector. */
static const char *sentence_of(int reason)
{
    switch (reason) {
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_UNKNOWN_PROTOCOL:
    case SSL_R_UNEXPECTED_MESSAGE:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_BAD_RECORD_TYPE:
        return "the client does not speak TLS: its writer must be tls://, or use the other port";
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "the client shows no certificate, and --tls-client-ca wants one: see the agent's "
               "--writer-cert";
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return "the client speaks no TLS later than 1.1";
    case SSL_R_NO_SHARED_CIPHER:
        return "client and collector know no cipher in common";
#ifdef SSL_R_UNEXPECTED_EOF_WHILE_READING
    case SSL_R_UNEXPECTED_EOF_WHILE_READING:
        return "the connection was cut: TLS had not been ended";
#endif
    default:
        return NULL;
    }
}

/* Says why, and gives -1 with EPROTO. */
static ssize_t fail(struct tls *tls, int result)
{
    unsigned long code = ERR_peek_last_error();
    const char *sentence = sentence_of(ERR_GET_REASON(code)), *reason;
    long verified = SSL_get_verify_result(tls->ssl);

    reason = ERR_reason_error_string(code);
    if (verified != X509_V_OK)
        snprintf(tls->error, sizeof(tls->error), "the client's certificate is not accepted: %s",
            X509_verify_cert_error_string(verified));
    else if (sentence)
        snprintf(tls->error, sizeof(tls->error), "%s", sentence);
    else if (code != 0)
        snprintf(tls->error, sizeof(tls->error), "TLS failed: %s", reason ? reason : "?");
    else
        snprintf(tls->error, sizeof(tls->error), "the connection was cut: %s",
            result == SSL_ERROR_SYSCALL && errno != 0 ? strerror(errno) : "TLS had not been ended");
    ERR_clear_error();
    errno = EPROTO;
    return -1;
}

static void note_client(struct tls *tls)
{
    X509 *certificate = SSL_get_peer_certificate(tls->ssl);

    if (certificate)
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, tls->client,
            (int)sizeof(tls->client));
    X509_free(certificate);
}

enum tls_step tls_handshake(struct tls *tls)
{
    int done, result;

    ERR_clear_error();
    errno = 0;
    done = SSL_do_handshake(tls->ssl);
    if (done == 1) {
        note_client(tls);
        /* The first records may have come with the client's last message. */
        tls->has_more = 1;
        return TLS_DONE;
    }
    result = SSL_get_error(tls->ssl, done);
    if (result == SSL_ERROR_WANT_READ)
        return TLS_WANTS_READ;
    if (result == SSL_ERROR_WANT_WRITE)
        return TLS_WANTS_WRITE;
    fail(tls, result);
    return TLS_FAILED;
}

ssize_t tls_read(struct tls *tls, void *bytes, size_t room)
{
    size_t size = 0, got;
    int result;

    ERR_clear_error();
    errno = 0;
    tls->has_more = 0;
    while (size < room && SSL_read_ex(tls->ssl, (char *)bytes + size, room - size, &got) == 1)
        size += got;
    if (size == room) {
        tls->has_more = SSL_has_pending(tls->ssl);
        return (ssize_t)size;
    }
    result = SSL_get_error(tls->ssl, 0);
    if (size > 0) {
        /* The end or the failure is said when it is asked again. */
        tls->has_more = result != SSL_ERROR_WANT_READ;
        ERR_clear_error();
        return (ssize_t)size;
    }
    if (result == SSL_ERROR_ZERO_RETURN)
        return 0;
    if (result == SSL_ERROR_WANT_READ) {
        errno = EAGAIN;
        return -1;
    }
    if (result == SSL_ERROR_WANT_WRITE) {
        /* An answer that TLS itself owes, to one who does not read: it could go on for ever. */
        snprintf(tls->error, sizeof(tls->error), "the client does not read what TLS answers");
        errno = EPROTO;
        return -1;
    }
    return fail(tls, result);
}

ssize_t tls_write(struct tls *tls, const void *bytes, size_t size)
{
    size_t written = 0;
    int result;

    if (size == 0)
        return 0;
    ERR_clear_error();
    errno = 0;
    if (SSL_write_ex(tls->ssl, bytes, size, &written) == 1)
        return (ssize_t)written;
    result = SSL_get_error(tls->ssl, 0);
    if (result == SSL_ERROR_WANT_READ || result == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    return fail(tls, result);
}

int tls_has_more(const struct tls *tls)
{
    return tls->has_more;
}

const char *tls_error(const struct tls *tls)
{
    return tls->error;
}

const char *tls_client(const struct tls *tls)
{
    return tls->client;
}

void tls_free(struct tls *tls)
{
    if (tls == NULL)
        return;
    if (tls->ssl && SSL_is_init_finished(tls->ssl)) {
        ERR_clear_error();
        SSL_shutdown(tls->ssl);
    }
    SSL_free(tls->ssl);
    ERR_clear_error();
    free(tls);
}
