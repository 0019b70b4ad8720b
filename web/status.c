/* SPDX-License-Identifier: Apache-2.0 */
#include "web/status.h"

#include <stdlib.h>
#include <string.h>

int status_is_asked(const struct request *request)
{
    const char *format = request_text(request, PARAM_FORMAT);

    return strcmp(request->verb->name, "status") == 0 && request->status == 0 &&
           (format == NULL || strcmp(format, "json") == 0);
}

static json_t *now_doing(const struct web_config *config)
{
    json_t *probes = config->show_probes(config->context), *doing;
    struct figures figures;

    config->figures(config->context, &figures);
    doing = json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:s?}", "listening",
        config->records_address, "connections", (json_int_t)figures.connections, "records",
        (json_int_t)figures.records, "spans", (json_int_t)figures.spans, "spans_rejected",
        (json_int_t)figures.spans_rejected, "span_requests_refused",
        (json_int_t)figures.span_requests_refused, "queue_bytes", (json_int_t)figures.queue_bytes,
        "paused", figures.paused != 0, "disk_full", figures.disk_full != 0, "problem",
        figures.problem[0] ? figures.problem : NULL);
    json_object_set(doing, "patterns", json_object_get(probes, "total")); /* of probes */
    json_decref(probes);
    return doing;
}

void status_reply(struct request *request, struct store_reader *reader,
    const struct web_config *config, struct reply *reply)
{
    json_t *answer = request_answer(request, reader);

    if (answer == NULL) {
        request_reply(request, reader, reply); /* says why */
        return;
    }
    json_object_set_new(
        json_array_get(json_object_get(answer, "rows"), 0), "collector", now_doing(config));
    reply->bytes = json_dumps(answer, JSON_COMPACT);
    reply->size = reply->bytes ? strlen(reply->bytes) : 0;
    reply->type = "application/json";
    reply->status = reply->bytes ? 200 : 500;
    json_decref(answer);
}
