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

#define WRITTEN_MAX (32u << 20) /* of an answer that a server keeps until it is whole */

struct bounded {
    struct buffer bytes;
    int is_full;
};

static ssize_t on_write(void *context, const char *bytes, size_t size)
{
    struct bounded *bounded = context;

    bounded->is_full |= size > WRITTEN_MAX - bounded->bytes.size;
    return bounded->is_full || buffer_append(&bounded->bytes, bytes, size) < 0 ? 0 : (ssize_t)size;
}

/* An answer that is written as it is found: here into memory, up to a bound. */
static void reply_written(struct request *request, struct store_reader *reader, struct reply *reply)
{
    struct bounded bounded = {0};
    struct outlet outlet = {
        .out = fopencookie(&bounded, "w", (cookie_io_functions_t){.write = on_write})};
    int failed = 1;

    if (request->given & request->verb->here)
        request_refuse(request, 400, "This is for kieker-query alone: a server writes no files");
    if (outlet.out != NULL) {
        if (request->status == 0 && request_check(request) == 0)
            request->verb->write(request, reader, &outlet);
        failed = ferror(outlet.out);
        failed |= fclose(outlet.out) != 0;
    }
    if (bounded.is_full)
        request_refuse(request, 400,
            "The answer is larger than the %u MiB that a server gives: narrow it down, for example "
            "with since or id, or ask the database itself: kieker-query %s --database FILE",
            WRITTEN_MAX >> 20, request->verb->name);
    else if (failed)
        request_refuse(request, 500, "memory is short");
    if (outlet.lost > 0)
        request_refuse(request, 500,
            "The database is damaged; what can be read gives kieker-query %s --database FILE",
            request->verb->name);
    request_note_end(request, reader);
    if (request->status == 0 && buffer_append(&bounded.bytes, "", 1) == 0)
        *reply =
            (struct reply){200, outlet.type, (char *)bounded.bytes.bytes, bounded.bytes.size - 1};
    else
        buffer_fini(&bounded.bytes);
}

static void reply_answer(struct request *request, struct store_reader *reader, struct reply *reply)
{
    json_t *answer = request_answer(request, reader);
    const char *form = request_text(request, PARAM_FORMAT) != NULL
                           ? request_text(request, PARAM_FORMAT)
                           : request->verb->formats[0];
    struct page page = {.utf8 = 1, .header = 1, .fold = 1};

    reply->type = form_type(form);
    if (answer == NULL)
        return;
    page.out = open_memstream(&reply->bytes, &reply->size);
    if (page.out != NULL) {
        form_write(form, request, answer, &page);
        /* A stream that had no room once may have it again when it is closed. */
        page.failed |= ferror(page.out);
        if (fclose(page.out) != 0 || page.failed)
            request_refuse(request, 500, "memory is short");
    }
    json_decref(answer);
}

void request_reply(struct request *request, struct store_reader *reader, struct reply *reply)
{
    *reply = (struct reply){.status = 200};
    if (request->verb->work != NULL)
        request_refuse(request, 400, "This is for kieker-query alone: it works on the database");
    else if (request->verb->write != NULL)
        reply_written(request, reader, reply);
    else
        reply_answer(request, reader, reply);
    if (request->status != 0) {
        free(reply->bytes);
        *reply = (struct reply){request->status, form_type("json"), refusal(request), 0};
        reply->size = reply->bytes == NULL ? 0 : strlen(reply->bytes);
    }
    if (reply->bytes == NULL)
        reply->status = 500;
}
