/* SPDX-License-Identifier: Apache-2.0 */
#include "web/exchange.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "web/otlp_http.h"

static void forget(struct answer *answer)
{
    free(answer->owned);
    free(answer->cookie);
    memset(answer, 0, sizeof(*answer));
}

void exchange_give(struct exchange *x, const char *type, char *bytes, size_t size)
{
    if (bytes == NULL) {
        static const char short_of_memory[] = "{\"error\":\"memory is short\"}";

        exchange_lend(x, EXCHANGE_JSON, short_of_memory, sizeof(short_of_memory) - 1);
        x->answer.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        return;
    }
    exchange_lend(x, type, bytes, size);
    x->answer.owned = bytes;
}

void exchange_lend(struct exchange *x, const char *type, const void *bytes, size_t size)
{
    forget(&x->answer);
    x->answer.status = MHD_HTTP_OK;
    x->answer.type = type;
    x->answer.bytes = bytes;
    x->answer.size = size;
    x->answer.cache = EXCHANGE_NO_STORE;
}

void exchange_refuse(struct exchange *x, unsigned status, const char *format, ...)
{
    char sentence[600];
    va_list args;
    json_t *error;
    char *text;

    va_start(args, format);
    vsnprintf(sentence, sizeof(sentence), format, args);
    va_end(args);
    error = json_pack("{s:o*}", "error", json_string(sentence));
    /* A sentence that quotes a request which is not UTF-8 makes no JSON: then without it. */
    text = json_object_size(error) > 0 ? json_dumps(error, JSON_COMPACT)
                                       : strdup("{\"error\":\"the request is not UTF-8\"}");
    json_decref(error);
    exchange_give(x, EXCHANGE_JSON, text, text ? strlen(text) : 0);
    if (text)
        x->answer.status = status;
}

void exchange_free(struct exchange *x)
{
    if (x->request.verb)
        request_fini(&x->request);
    otlp_http_forget(x);
    if (x->answer.stream)
        MHD_destroy_response(x->answer.stream);
    forget(&x->answer);
    free(x);
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, name);
}
