/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/core/tls_library.h"

/* Nobody is there to be asked. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
    (void)out, (void)size, (void)writing, (void)context;
    return 0;
}

static int refuse(
    const struct tls_library *l, const char *what, const char *path, char *error, size_t error_size)
{
    const char *reason = access(path, R_OK) != 0
                             ? strerror(errno)
                             : l->ERR_reason_error_string(l->ERR_peek_last_error());

    snprintf(error, error_size, "%s %s cannot be used: %s", what, path,
        reason != NULL ? reason : "it cannot be read");
    l->ERR_clear_error();
    return -1;
}

struct files {
    char *ca, *cert, *key, *beside;
};

static int hexadecimal(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* %XX as the byte, in place. */
static void decode(char *text)
{
    char *out = text;

    for (; *text != '\0'; text++) {
        if (*text == '%' && hexadecimal(text[1]) >= 0 && hexadecimal(text[2]) >= 0) {
            *out++ = (char)(hexadecimal(text[1]) << 4 | hexadecimal(text[2]));
            text += 2;
        } else {
            *out++ = *text;
        }
    }
    *out = '\0';
}

/* Takes the options apart, in place. 0, or -1 with the sentence. */
static int find_files(char *options, struct files *files, char *error, size_t error_size)
{
    const struct {
        const char *name;
        char **value;
    } known[] = {{"ca", &files->ca}, {"cert", &files->cert}, {"key", &files->key},
        {"beside", &files->beside}};
    char *state = NULL;

    for (char *pair = strtok_r(options, "&", &state); pair != NULL;
         pair = strtok_r(NULL, "&", &state)) {
        char *equals = strchr(pair, '=');
        size_t i = 0;

        if (equals != NULL)
            *equals = '\0';
        while (i < sizeof(known) / sizeof(*known) && strcmp(pair, known[i].name) != 0)
            i++;
        if (equals == NULL || i == sizeof(known) / sizeof(*known)) {
            snprintf(
                error, error_size, "the writer tls:// takes ca=, cert= and key=, not %.60s", pair);
            return -1;
        }
        decode(equals + 1);
        *known[i].value = equals[1] != '\0' ? equals + 1 : NULL;
    }
    return 0;
}

static int fill(struct tls *tls, const struct files *files, char *error, size_t error_size)
{
    const struct tls_library *l = tls->library;
    void *context = tls->context;
    const char *key = files->key != NULL ? files->key : files->cert;

    l->SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    l->SSL_CTX_ctrl(context, SSL_CTRL_MODE,
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER, NULL);
    l->SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    l->SSL_CTX_set_default_passwd_cb(context, no_passphrase);
    l->ERR_clear_error();
    if (files->ca != NULL && l->SSL_CTX_load_verify_locations(context, files->ca, NULL) != 1)
        return refuse(l, "--writer-ca", files->ca, error, error_size);
    if (files->ca == NULL)
        l->SSL_CTX_set_default_verify_paths(context);
    if (files->cert != NULL && l->SSL_CTX_use_certificate_chain_file(context, files->cert) != 1)
        return refuse(l, "--writer-cert", files->cert, error, error_size);
    if (key != NULL && l->SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
        return refuse(l, "--writer-key", key, error, error_size);
    return 0;
}

int tls_init(struct tls *tls, const char *options, char *error, size_t error_size)
{
    struct files files = {0};
    char *copy = strdup(options);
    int done = -1;

    memset(tls, 0, sizeof(*tls));
    snprintf(error, error_size, "out of memory");
    if (copy != NULL && find_files(copy, &files, error, error_size) == 0)
        tls->library = tls_library_load(files.beside, error, error_size);
    if (tls->library != NULL) {
        tls->context = tls->library->SSL_CTX_new(tls->library->TLS_client_method());
        if (tls->context != NULL)
            done = fill(tls, &files, error, error_size);
    }
    free(copy);
    if (done != 0)
        tls_fini(tls);
    return done;
}

void tls_fini(struct tls *tls)
{
    tls_drop(tls);
    if (tls->context != NULL)
        tls->library->SSL_CTX_free(tls->context);
    memset(tls, 0, sizeof(*tls));
}

/* Says why the call with that result failed: -1; or that it only has to wait: 0. */
static int explain(struct tls *tls, int result, int *ended, char *error, size_t error_size)
{
    const struct tls_library *l = tls->library;
    int kept = errno, kind = l->SSL_get_error(tls->connection, result);
    long verified = l->SSL_get_verify_result(tls->connection);
    const char *reason = l->ERR_reason_error_string(l->ERR_peek_last_error());

    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return 0;
    *ended = kind == SSL_ERROR_ZERO_RETURN;
    if (*ended)
        snprintf(error, error_size, "it has closed the connection");
    else if (verified != X509_V_OK)
        snprintf(error, error_size,
            "its certificate is not believed, %s: see --writer-ca, and the "
            "name in the writer",
            l->X509_verify_cert_error_string(verified));
    else if (reason != NULL)
        snprintf(error, error_size, "TLS failed: %s", reason);
    else
        snprintf(error, error_size, "%s", kept ? strerror(kept) : "it has cut the connection");
    l->ERR_clear_error();
    return -1;
}

static int begin(struct tls *tls, int fd, const char *host)
{
    const struct tls_library *l = tls->library;
    unsigned char address[sizeof(struct in6_addr)];
    int named;

    tls->connection = l->SSL_new(tls->context);
    if (tls->connection == NULL || l->SSL_set_fd(tls->connection, fd) != 1)
        return -1;
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        named = l->X509_VERIFY_PARAM_set1_ip_asc(l->SSL_get0_param(tls->connection), host) == 1;
    else
        named = l->SSL_set1_host(tls->connection, host) == 1 &&
                l->SSL_ctrl(tls->connection, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                    TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host) == 1;
    l->SSL_set_connect_state(tls->connection);
    return named ? 0 : -1;
}

int tls_agree(struct tls *tls, int fd, const char *host, char *error, size_t error_size)
{
    const struct tls_library *l = tls->library;
    int result, ended = 0;

    if (tls->is_agreed)
        return 1;
    l->ERR_clear_error();
    if (tls->connection == NULL && begin(tls, fd, host) != 0) {
        snprintf(error, error_size, "TLS cannot be begun with %s", host);
        return -1;
    }
    errno = 0;
    result = l->SSL_do_handshake(tls->connection);
    tls->is_agreed = result == 1;
    return tls->is_agreed ? 1 : explain(tls, result, &ended, error, error_size);
}

static int at_most(size_t size)
{
    return size > 1u << 30 ? 1 << 30 : (int)size;
}

ssize_t tls_send(struct tls *tls, const void *bytes, size_t size, char *error, size_t error_size)
{
    int result, ended = 0;

    tls->library->ERR_clear_error();
    errno = 0;
    result = tls->library->SSL_write(tls->connection, bytes, at_most(size));
    return result > 0 ? result : explain(tls, result, &ended, error, error_size);
}

ssize_t tls_receive(
    struct tls *tls, void *bytes, size_t size, int *ended, char *error, size_t error_size)
{
    int result;

    tls->library->ERR_clear_error();
    errno = 0;
    result = tls->library->SSL_read(tls->connection, bytes, at_most(size));
    return result > 0 ? result : explain(tls, result, ended, error, error_size);
}

void tls_end(struct tls *tls)
{
    if (!tls->is_agreed)
        return;
    tls->library->ERR_clear_error();
    tls->library->SSL_shutdown(tls->connection);
}

void tls_drop(struct tls *tls)
{
    if (tls->connection != NULL)
        tls->library->SSL_free(tls->connection);
    tls_disown(tls);
}

void tls_disown(struct tls *tls)
{
    tls->connection = NULL;
    tls->is_agreed = 0;
}
