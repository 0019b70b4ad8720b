/* SPDX-License-Identifier: Apache-2.0 */
/* The writers `tcp://HOST:PORT` and `tls://HOST:PORT`: a collector. */
#ifndef KIEKER_AGENT_CORE_WRITER_TCP_H
#define KIEKER_AGENT_CORE_WRITER_TCP_H

#include <netdb.h>
#include <stdint.h>

#include "agent/core/answers.h"
#include "agent/core/descriptor.h"
#include "agent/core/tls.h"

#define WRITER_CONNECT_NS                                                                          \
    2000000000u /* how long an answer to a connection request is waited for                        \
                 */
#define WRITER_HOST_MAX 256u

struct writer_tcp {
    char host[WRITER_HOST_MAX], port[8];
    struct descriptor socket; /* kept from one connection to the next */
    int family;               /* of `socket` */
    uint64_t deadline;        /* of the connection request, CLOCK_MONOTONIC */
    struct addrinfo *addresses, *address;
    struct answers answers; /* on this connection */
    struct tls tls;
};

/*
 * Of an address in digits the socket is opened by writer_init, before the observed program runs: so
 * it never has a number that one of the program's descriptors would have had.
 */
extern const struct writer_kind writer_tcp;

/* The same by TLS; behind the port there may be a ? and options, see tls_init. */
extern const struct writer_kind writer_tls;

#endif
