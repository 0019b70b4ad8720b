/* SPDX-License-Identifier: Apache-2.0 */
/* The ready file: says what was taken, one key=value a line, for whoever started the collector. */
#ifndef KIEKER_SERVER_READY_H
#define KIEKER_SERVER_READY_H

#include <stddef.h>

/*
 * Written whole or not at all: who sees it sees all of it. `tls_port`: 0 if there is none. 0, or -1
 * with a sentence.
 */
int ready_write(const char *path, unsigned port, unsigned tls_port, unsigned http_port,
    const char *database, char *error, size_t error_size);

#endif
