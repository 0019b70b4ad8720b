/* SPDX-License-Identifier: Apache-2.0 */
/* The web's own: what handlers may use of it. */
#ifndef KIEKER_WEB_PRIVATE_H
#define KIEKER_WEB_PRIVATE_H

#include <stdatomic.h>

#include "web/events.h"
#include "web/patience.h"
#include "web/workers.h"

#define WEB_SOCKETS_MAX 8

struct web {
    struct web_config config; /* strings are our own copies */
    char host_name[256];      /* of this machine */
    const char *known_names[3];
    struct workers *workers;
    struct events *events;
    struct patience *patience;
    atomic_uint unanswered; /* that workers have or had, and whose answer is not out yet */
    struct MHD_Daemon *daemons[WEB_SOCKETS_MAX]; /* one a socket */
    unsigned daemon_count;
    atomic_size_t body_bytes; /* of all requests under way, see otlp_http.h */
};

#endif
