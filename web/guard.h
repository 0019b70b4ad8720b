/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must not be answered: methods that are not for that path, requests for a name that is not
 * this server's, requests that a page of another site makes, and whoever lacks the token where
 * there is one. The HTTP thread.
 */
#ifndef KIEKER_WEB_GUARD_H
#define KIEKER_WEB_GUARD_H

#include "web/exchange.h"

/* Where the page gets its session: POST, with the token as Authorization. */
#define GUARD_LOGIN "/login"

/* Refuses the request if it must be: 1; else 0. */
int guard_refuses(struct exchange *exchange, const char *method);

/* Handles GUARD_LOGIN: a session for who has said the token, or the dashboard to say it. */
void guard_login(struct exchange *exchange);

#endif
