/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which probes are on and off: the patterns in force, and the agents that are told of them.
 *
 *   GET  /api/v1/probes    {"rows": [{"state": "inactive", "pattern": "shop.*", "since_at": T},
 * ...], in their order, of which the last that fits an operation counts; "agents":
 *                          [{"stream", "peer", "run", "program", "pid", "obeys", "operations",
 *                          "off", "latest"}, ...], at most 100; "agents_total", "agents_obeying",
 *                          "latest_operations": operations that fit the last pattern, of all
 *                          agents; "may_change": whether who asks may; "problem": null, or a
 *                          sentence}
 *   POST /api/v1/probes?action=activate|deactivate|forget|reset&pattern=P
 *                          the same, after the change; with the header PROBES_HEADER, which no page
 *                          of another site can send
 *
 * Only where the collector may be changed (--http-changes): with the token, or without one from
 * this machine. Any thread.
 */
#ifndef KIEKER_WEB_PROBES_H
#define KIEKER_WEB_PROBES_H

#include "web/exchange.h"

#define PROBES_PATH "/api/v1/probes"
#define PROBES_HEADER "Kieker-Change"

void probes_handle(struct exchange *exchange);

#endif
