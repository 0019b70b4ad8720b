/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OTLP/HTTP, traces alone: a post of protobuf or JSON, gzip or not, is read and handed over whole.
 * The answer is in the request's encoding: an ExportTraceServiceResponse, or a google.rpc.Status
 * with the sentence. Who is to try again is told when.
 */
#ifndef KIEKER_WEB_OTLP_HTTP_H
#define KIEKER_WEB_OTLP_HTTP_H

#include "web/exchange.h"

#define OTLP_PATH "/v1/traces" /* OTLP's own */
#define OTLP_PROTOBUF "application/x-protobuf"

#define OTLP_BODIES_MAX (16u << 20) /* bytes of all requests that are under way */

/* A piece of what a post carries: kept if it is for us, otherwise nothing is done. */
void otlp_http_body(struct exchange *exchange, const char *bytes, size_t size);

void otlp_http_handle(struct exchange *exchange);
void otlp_http_forget(struct exchange *exchange);

#endif
