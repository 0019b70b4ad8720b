/* SPDX-License-Identifier: Apache-2.0 */
#include "web/secure.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "query/secret.h"

#define CHAIN_MAX 16 /* certificates: the server's, and those that signed it */

#define KEPT_SECONDS 300 /* longer than a connection may take to begin */

struct identity {
    struct identity *before; /* connections may still be beginning with it */
    time_t replaced_at;      /* by the clock that only goes on; 0: not yet */
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned count;
    gnutls_privkey_t key;
};

struct secure {
    char *certificate_path, *key_path;
    struct identity *_Atomic identity;
};

/* GnuTLS hands its callback nothing of ours. */
static struct secure *_Atomic current;

static void identity_free(struct identity *identity)
{
    for (unsigned i = 0; i < identity->count; i++)
        gnutls_pcert_deinit(&identity->chain[i]);
    if (identity->key)
        gnutls_privkey_deinit(identity->key);
    free(identity);
}

static int refuse(
    const struct secure *s, const char *what, int failed, char *error, size_t error_size)
{
    snprintf(error, error_size,
        "HTTPS cannot be spoken with the certificate %.300s and the key %.300s: %s: %s",
        s->certificate_path, s->key_path, what, gnutls_strerror(failed));
    return -1;
}

/* Whether they are a pair. */
static int check_pair(const gnutls_datum_t *certificate, const gnutls_datum_t *key)
{
    gnutls_certificate_credentials_t both;
    int failed = gnutls_certificate_allocate_credentials(&both);

    if (failed < 0)
        return failed;
    failed =
        gnutls_certificate_set_x509_key_mem2(both, certificate, key, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_certificate_free_credentials(both);
    return failed < 0 ? failed : 0;
}

static int fill(const struct secure *s, struct identity *identity,
    const gnutls_datum_t *certificate, const gnutls_datum_t *key, char *error, size_t error_size)
{
    unsigned count = CHAIN_MAX;
    int failed = gnutls_pcert_list_import_x509_raw(
        identity->chain, &count, certificate, GNUTLS_X509_FMT_PEM, 0);

    if (failed < 0)
        return refuse(s, "the certificate cannot be read as PEM", failed, error, error_size);
    identity->count = count;
    failed = gnutls_privkey_init(&identity->key);
    if (failed >= 0)
        failed = gnutls_privkey_import_x509_raw(identity->key, key, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (failed < 0)
        return refuse(s, "the key cannot be read as PEM", failed, error, error_size);
    failed = check_pair(certificate, key);
    if (failed < 0)
        return refuse(s, "they do not belong together", failed, error, error_size);
    return 0;
}

static gnutls_datum_t datum(char *bytes, size_t size)
{
    return (gnutls_datum_t){(unsigned char *)bytes, (unsigned)size};
}

/* Frees those before it that no connection can be beginning with any more. */
static void forget_old(struct identity *newest)
{
    struct identity *identity = newest->before, **link = &newest->before;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (identity)
        identity->replaced_at = now.tv_sec;
    while ((identity = *link) != NULL)
        if (now.tv_sec - identity->replaced_at > KEPT_SECONDS) {
            *link = identity->before;
            identity_free(identity);
        } else {
            link = &identity->before;
        }
}

static int load(struct secure *s, char *error, size_t error_size)
{
    struct identity *identity = calloc(1, sizeof(*identity));
    gnutls_datum_t certificate = {0};
    size_t key_size = 0;
    char *key = secret_read(s->key_path, &key_size, error, error_size);
    int failed, done = -1;

    if (identity == NULL)
        snprintf(error, error_size, "memory is short");
    if (identity && key) {
        failed = gnutls_load_file(s->certificate_path, &certificate);
        if (failed < 0) {
            refuse(s, "the certificate cannot be read", failed, error, error_size);
        } else {
            gnutls_datum_t key_datum = datum(key, key_size);

            done = fill(s, identity, &certificate, &key_datum, error, error_size);
            gnutls_free(certificate.data);
        }
    }
    secret_free(key, key_size);
    if (done == 0) {
        identity->before = s->identity;
        forget_old(identity);
        s->identity = identity;
    } else if (identity) {
        identity_free(identity);
    }
    return done;
}

struct secure *secure_open(const char *certificate, const char *key, char *error, size_t error_size)
{
    struct secure *s = calloc(1, sizeof(*s));

    snprintf(error, error_size, "memory is short");
    if (s == NULL)
        return NULL;
    s->certificate_path = strdup(certificate);
    s->key_path = strdup(key);
    if (s->certificate_path && s->key_path && load(s, error, error_size) == 0) {
        current = s;
        return s;
    }
    secure_close(s);
    return NULL;
}

int secure_reload(struct secure *s, char *error, size_t error_size)
{
    return load(s, error, error_size);
}

void secure_close(struct secure *s)
{
    struct identity *identity, *before;

    if (s == NULL)
        return;
    if (current == s)
        current = NULL;
    for (identity = s->identity; identity; identity = before) {
        before = identity->before;
        identity_free(identity);
    }
    free(s->certificate_path);
    free(s->key_path);
    free(s);
}

static int on_certificate(gnutls_session_t session, const gnutls_datum_t *authorities,
    int authority_count, const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
    gnutls_pcert_st **chain, unsigned *count, gnutls_privkey_t *key)
{
    struct secure *s = current;
    struct identity *identity = s ? s->identity : NULL;

    (void)session, (void)authorities, (void)authority_count;
    (void)algorithms, (void)algorithm_count;
    if (identity == NULL)
        return -1;
    *chain = identity->chain;
    *count = identity->count;
    *key = identity->key;
    return 0;
}

void *secure_callback(void)
{
    gnutls_certificate_retrieve_function2 *callback = on_certificate;

    return (void *)(uintptr_t)callback;
}
