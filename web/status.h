/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verb `status`, asked of a collector: beside what is stored, what it is doing now, as
 * "collector" in the row. Any thread.
 */
#ifndef KIEKER_WEB_STATUS_H
#define KIEKER_WEB_STATUS_H

#include "query/verb.h"
#include "web/web.h"

/* Whether the request is one for status_reply: of status, as JSON. */
int status_is_asked(const struct request *request);

/* As request_reply. */
void status_reply(struct request *request, struct store_reader *reader,
    const struct web_config *config, struct reply *reply);

#endif
