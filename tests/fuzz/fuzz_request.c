/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request of the HTTP API: the first byte says which verb, then come lines of name=value, as a
 * client may send them (its HTTP library has taken off the percent signs). Asked of a small
 * database. What must hold: an answer or a refusal with a sentence, never "our fault"; JSON can be
 * read as JSON; who follows `next` gets each trace once.
 */
#include "tests/fuzz/input.h"
#include "tests/fuzz/small_store.h"

#include "query/verb.h"

static struct store_reader *reader;

static void open_reader(void)
{
    char error[512];
    int missing;

    reader = store_read(small_store(), error, sizeof(error), &missing);
    if (reader == NULL)
        fprintf(stderr, "%s\n", error);
    must(reader != NULL);
}

static const struct verb *choose(uint8_t byte)
{
    unsigned count = 0;

    while (verbs[count])
        count++;
    return verbs[byte % count];
}

static void set_all(struct request *request, struct input *input)
{
    while (input_left(input) > 0) {
        char *line = input_text(input, '\n'), *value = strchr(line, '=');

        if (value)
            *value++ = '\0';
        must((request_set(request, line, value) == 0) == (request->status == 0));
        free(line);
    }
}

static void check_reply(const struct request *request, const struct reply *reply)
{
    json_error_t error;
    json_t *json;

    must(reply->bytes != NULL && reply->type != NULL);
    must(reply->status == 200 || reply->status == 400 || reply->status == 404);
    must((reply->status == 200) == (request->status == 0));
    if (strcmp(reply->type, "application/json") != 0)
        return;
    json = json_loadb(reply->bytes, reply->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    must(json != NULL);
    if (reply->status != 200)
        must(json_string_length(json_object_get(json, "error")) > 0);
    json_decref(json);
}

/* All pages of the same question: as many rows as it says there are. */
static void follow(const struct request *request)
{
    uint64_t total = 0, rows = 0;
    char token[64] = "";

    for (unsigned page = 0; page <= SMALL_STORE_TRACES; page++) {
        struct request next = *request;
        json_t *answer;
        const char *more;

        next.arena = (struct arena){0};
        next.given &= ~(PARAM_BIT(PARAM_NEXT) | PARAM_BIT(PARAM_OFFSET));
        if (token[0] != '\0')
            must(request_set(&next, "next", token) == 0);
        answer = request_answer(&next, reader);
        must(answer != NULL);
        rows += json_array_size(json_object_get(answer, "rows"));
        total = (uint64_t)json_integer_value(json_object_get(answer, "total"));
        more = json_string_value(json_object_get(answer, "next"));
        snprintf(token, sizeof(token), "%s", more ? more : "");
        json_decref(answer);
        request_fini(&next);
        if (token[0] == '\0')
            break;
    }
    must(token[0] == '\0' && rows == total);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input input = {bytes, bytes + size};
    struct request request;
    struct reply reply;
    int can_follow;

    if (reader == NULL)
        open_reader();
    request_init(&request, choose(input_byte(&input)), SMALL_STORE_NOW);
    set_all(&request, &input);
    can_follow = request.status == 0 && strcmp(request.verb->name, "traces") == 0 &&
                 !request_has(&request, PARAM_SLOWEST) && !request_has(&request, PARAM_LATEST);
    request_reply(&request, reader, &reply);
    check_reply(&request, &reply);
    free(reply.bytes);
    if (can_follow && request.status == 0)
        follow(&request);
    request_fini(&request);
    return 0;
}
