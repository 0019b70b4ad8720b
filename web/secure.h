/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate and the key that HTTPS is spoken with; one pair a process. They can be read again
 * while it runs: connections begin with the new ones from then on.
 */
#ifndef KIEKER_WEB_SECURE_H
#define KIEKER_WEB_SECURE_H

#include <stddef.h>

/* What is agreed on: TLS 1.2 or later, nothing that is known to be weak. */
#define SECURE_PRIORITIES "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

struct secure;

/* PEM files: the certificate with those that signed it behind, and its key. NULL with a sentence.
 */
struct secure *secure_open(
    const char *certificate, const char *key, char *error, size_t error_size);

/* Reads the files again. 0; -1 with a sentence: it stays as it was. */
int secure_reload(struct secure *secure, char *error, size_t error_size);

/* When nobody speaks with it any more. */
void secure_close(struct secure *secure);

/* For MHD_OPTION_HTTPS_CERT_CALLBACK. */
void *secure_callback(void);

#endif
