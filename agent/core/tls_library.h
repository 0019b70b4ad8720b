/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL, loaded when it is needed. Its functions are declared here as those of 1.1 and 3 are, so
 * that the agent can be built where its headers are not, and runs with either.
 */
#ifndef KIEKER_AGENT_CORE_TLS_LIBRARY_H
#define KIEKER_AGENT_CORE_TLS_LIBRARY_H

#include <stddef.h>
#include <stdint.h>

typedef int tls_passphrase(char *out, int size, int writing, void *context);

/* F(result, name, parameters); each becomes a member of its own name. */
#define TLS_FUNCTIONS(F)                                                                           \
    F(void, ERR_clear_error, (void))                                                               \
    F(unsigned long, ERR_peek_last_error, (void))                                                  \
    F(const char *, ERR_reason_error_string, (unsigned long code))                                 \
    F(int, OPENSSL_init_ssl, (uint64_t options, const void *settings))                             \
    F(long, SSL_CTX_ctrl, (void *context, int command, long number, void *pointer))                \
    F(void, SSL_CTX_free, (void *context))                                                         \
    F(int, SSL_CTX_load_verify_locations,                                                          \
        (void *context, const char *file, const char *directory))                                  \
    F(void *, SSL_CTX_new, (const void *method))                                                   \
    F(void, SSL_CTX_set_default_passwd_cb, (void *context, tls_passphrase *passphrase))            \
    F(int, SSL_CTX_set_default_verify_paths, (void *context))                                      \
    F(void, SSL_CTX_set_verify, (void *context, int mode, void *callback))                         \
    F(int, SSL_CTX_use_PrivateKey_file, (void *context, const char *file, int form))               \
    F(int, SSL_CTX_use_certificate_chain_file, (void *context, const char *file))                  \
    F(long, SSL_ctrl, (void *connection, int command, long number, void *pointer))                 \
    F(int, SSL_do_handshake, (void *connection))                                                   \
    F(void, SSL_free, (void *connection))                                                          \
    F(void *, SSL_get0_param, (void *connection))                                                  \
    F(int, SSL_get_error, (const void *connection, int result))                                    \
    F(long, SSL_get_verify_result, (const void *connection))                                       \
    F(void *, SSL_new, (void *context))                                                            \
    F(int, SSL_read, (void *connection, void *bytes, int size))                                    \
    F(int, SSL_set1_host, (void *connection, const char *name))                                    \
    F(void, SSL_set_connect_state, (void *connection))                                             \
    F(int, SSL_set_fd, (void *connection, int fd))                                                 \
    F(int, SSL_shutdown, (void *connection))                                                       \
    F(int, SSL_write, (void *connection, const void *bytes, int size))                             \
    F(const void *, TLS_client_method, (void))                                                     \
    F(int, X509_VERIFY_PARAM_set1_ip_asc, (void *parameters, const char *address))                 \
    F(const char *, X509_verify_cert_error_string, (long code))

struct tls_library {
#define MEMBER(result, name, parameters) result(*name) parameters;
    TLS_FUNCTIONS(MEMBER)
#undef MEMBER
};

/* Their arguments and results, as they are called in OpenSSL. */
enum {
    SSL_CTRL_MODE = 33,
    SSL_CTRL_SET_TLSEXT_HOSTNAME = 55,
    SSL_CTRL_SET_MIN_PROTO_VERSION = 123,
    SSL_ERROR_WANT_READ = 2,
    SSL_ERROR_WANT_WRITE = 3,
    SSL_ERROR_ZERO_RETURN = 6,
    SSL_FILETYPE_PEM = 1,
    SSL_MODE_ENABLE_PARTIAL_WRITE = 1,
    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 2,
    SSL_VERIFY_PEER = 1,
    TLS1_2_VERSION = 0x0303,
    TLSEXT_NAMETYPE_host_name = 0,
    X509_V_OK = 0
};

/*
 * Loads it, once a process; for good. `beside`: a library to be loaded first, whose own OpenSSL is
 * taken then, or NULL. NULL with the sentence.
 */
const struct tls_library *tls_library_load(const char *beside, char *error, size_t error_size);

#endif
