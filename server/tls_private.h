/* SPDX-License-Identifier: Apache-2.0 */
/* What tls.c and tls_server.c share; not for others. */
#ifndef KIEKER_SERVER_TLS_PRIVATE_H
#define KIEKER_SERVER_TLS_PRIVATE_H

#include <openssl/types.h>

#include "server/tls.h"

struct tls_server {
    char *certificate, *key, *client_ca;
    SSL_CTX *context;
};

#endif
