/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/tls_private.h"
#include "query/secret.h"

/* As few calls as may be for what lies in the socket; given back while nothing comes. */
#define READ_AHEAD ((size_t)64 << 10)

/* A key with a passphrase is refused: nobody is there to be asked. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return 0;
}

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    return text ? text : "it cannot be read";
}

static int refuse(const char *option, const char *path, char *error, size_t error_size)
{
    snprintf(error, error_size, "%.600s cannot be used: %s (--%s)", path,
        access(path, R_OK) != 0 ? strerror(errno) : reason(), option);
    ERR_clear_error();
    return -1;
}

static int use_key(
    const struct tls_server *server, SSL_CTX *context, char *error, size_t error_size)
{
    const char *path = server->key ? server->key : server->certificate;
    size_t size;
    char *pem = secret_read(path, &size, error, error_size);
    BIO *bio = pem ? BIO_new_mem_buf(pem, (int)size) : NULL;
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    int used = key && SSL_CTX_use_PrivateKey(context, key) == 1;

    EVP_PKEY_free(key);
    BIO_free(bio);
    secret_free(pem, pem ? size : 0);
    if (used)
        return 0;
    return pem ? refuse("tls-key", path, error, error_size) : -1;
}

static int use_client_ca(const char *path, SSL_CTX *context, char *error, size_t error_size)
{
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);

    if (names == NULL || SSL_CTX_load_verify_locations(context, path, NULL) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        return refuse("tls-client-ca", path, error, error_size);
    }
    SSL_CTX_set_client_CA_list(context, names);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return 0;
}

static SSL_CTX *context_new(const struct tls_server *server, char *error, size_t error_size)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    int done = -1;

    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        snprintf(error, error_size, "TLS cannot be begun: %s", reason());
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                     SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
    /*
     * A ticket would be something written that a client never reads: closing then resets the
     * connection, and what it has sent last is lost.
     */
    SSL_CTX_set_num_tickets(context, 0);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_default_read_buffer_len(context, READ_AHEAD);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, server->certificate) != 1)
        refuse("tls-cert", server->certificate, error, error_size);
    else if (use_key(server, context, error, error_size) == 0)
        done = server->client_ca ? use_client_ca(server->client_ca, context, error, error_size) : 0;
    if (done == 0)
        return context;
    SSL_CTX_free(context);
    return NULL;
}

static char *copy(const char *text)
{
    return text && *text ? strdup(text) : NULL;
}

struct tls_server *tls_server_new(
    const char *certificate, const char *key, const char *client_ca, char *error, size_t error_size)
{
    struct tls_server *server = calloc(1, sizeof(*server));

    snprintf(error, error_size, "memory is short");
    if (server == NULL)
        return NULL;
    server->certificate = copy(certificate);
    server->key = copy(key);
    server->client_ca = copy(client_ca);
    if (server->certificate)
        server->context = context_new(server, error, error_size);
    if (server->context)
        return server;
    tls_server_free(server);
    return NULL;
}

int tls_server_reload(struct tls_server *server, char *error, size_t error_size)
{
    SSL_CTX *context = context_new(server, error, error_size);

    if (context == NULL)
        return -1;
    /* Connections hold on to the one that they began with. */
    SSL_CTX_free(server->context);
    server->context = context;
    return 0;
}

void tls_server_free(struct tls_server *server)
{
    if (server == NULL)
        return;
    SSL_CTX_free(server->context);
    free(server->certificate);
    free(server->key);
    free(server->client_ca);
    free(server);
}
