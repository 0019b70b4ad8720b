/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a request believes to speak to. A page of another site can have its name point to this
 * machine (DNS rebinding) and then read all that is served here, but its requests still carry its
 * own name in Host. So names must be known; addresses are no names, and fine. Any thread.
 */
#ifndef KIEKER_WEB_HOST_H
#define KIEKER_WEB_HOST_H

/*
 * Whether a request with this Host may be answered. `known`: names with commas between, besides
 * localhost; lists may be NULL. No Host at all is fine: no browser sends such a request.
 */
int host_is_known(const char *host, const char *const *known, unsigned known_count);

/*
 * Whether a request's Origin is the server itself, as its Host says; by HTTP or HTTPS, for a proxy
 * may stand between. Without Origin no other page made it, or one that only reads: 1, too.
 */
int host_is_origin(const char *host, const char *origin);

#endif
