/* SPDX-License-Identifier: Apache-2.0 */
/* A request answered for the API: status, type and bytes. */
#include "query/answer.h"
#include "query/form.h"

#include <stdlib.h>
#include <string.h>

static char *refusal(const struct request *request)
{
    json_t *error = json_object();
    char *bytes;

    answer_put_text(&error, "error", request->error);
    bytes = json_dumps(error, JSON_COMPACT);
    json_decref(error);
    return bytes;
}

void request_reply(struct request *request, struct store_reader *reader, struct reply *reply)
{
    json_t *answer = request_answer(request, reader);
    const char *form = request_text(request, PARAM_FORMAT) != NULL
                           ? request_text(request, PARAM_FORMAT)
                           : request->verb->formats[0];
    struct page page = {.utf8 = 1, .header = 1, .fold = 1};

    *reply = (struct reply){.status = 200, .type = form_type(form)};
    if (answer != NULL) {
        page.out = open_memstream(&reply->bytes, &reply->size);
        if (page.out != NULL) {
            form_write(form, request, answer, &page);
            if (fclose(page.out) != 0)
                request_refuse(request, 500, "memory is short");
        }
        json_decref(answer);
    }
    if (request->status != 0) {
        free(reply->bytes);
        *reply = (struct reply){request->status, form_type("json"), refusal(request), 0};
        reply->size = reply->bytes == NULL ? 0 : strlen(reply->bytes);
    }
    if (reply->bytes == NULL)
        reply->status = 500;
}
