/* SPDX-License-Identifier: Apache-2.0 */
#include "query/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t answer_sequence(const unsigned char *at, size_t left)
{
    size_t length = *at < 0x80   ? 1
                    : *at < 0xC2 ? 0
                    : *at < 0xE0 ? 2
                    : *at < 0xF0 ? 3
                    : *at < 0xF5 ? 4
                                 : 0;

    if (length == 0 || length > left)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    if ((at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] > 0x9F) ||
        (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] > 0x8F))
        return 0;
    return length;
}

json_t *answer_text(const char *text, size_t length)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    const unsigned char *at = (const unsigned char *)text, *end = at + length;
    size_t well, size = 0;
    char *copy;
    json_t *value;

    while (at < end && (well = answer_sequence(at, (size_t)(end - at))) != 0)
        at += well;
    if (at == end)
        return json_stringn_nocheck(text, length);
    copy = malloc(length * (sizeof(replacement) - 1));
    if (copy == NULL)
        return NULL;
    for (at = (const unsigned char *)text; at < end;) {
        well = answer_sequence(at, (size_t)(end - at));
        if (well != 0) {
            memcpy(copy + size, at, well);
            size += well;
            at += well;
        } else {
            memcpy(copy + size, replacement, sizeof(replacement) - 1);
            size += sizeof(replacement) - 1;
            at++;
        }
    }
    value = json_stringn_nocheck(copy, size);
    free(copy);
    return value;
}

json_t *answer_number(uint64_t number)
{
    return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

json_t *answer_id(uint64_t id)
{
    char text[24];

    return json_stringn_nocheck(text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, id));
}

json_t *answer_at(int64_t ns)
{
    char text[24];

    if (ns == 0)
        return json_null();
    return json_stringn_nocheck(text, (size_t)snprintf(text, sizeof(text), "%" PRId64, ns));
}

void answer_put(json_t **object, const char *key, json_t *value)
{
    if (json_object_set_new_nocheck(*object, key, value) < 0) {
        json_decref(*object);
        *object = NULL;
    }
}

void answer_put_text(json_t **object, const char *key, const char *text)
{
    answer_put(object, key, text == NULL ? json_null() : answer_text(text, strlen(text)));
}

void answer_add(json_t **array, json_t *value)
{
    if (json_array_append_new(*array, value) < 0) {
        json_decref(*array);
        *array = NULL;
    }
}

void answer_put_stats(json_t **object, const struct call_stats *stats)
{
    answer_put(object, "calls", answer_number(stats->calls));
    answer_put(object, "failed", answer_number(stats->failed));
    answer_put(object, "total_ns", answer_number(stats->total));
    answer_put(object, "self_ns", answer_number(stats->self));
    answer_put(object, "min_ns", json_integer(stats->minimum));
    answer_put(
        object, "mean_ns", answer_number(stats->calls == 0 ? 0 : stats->total / stats->calls));
    answer_put(object, "p50_ns", json_integer(stats->p50));
    answer_put(object, "p95_ns", json_integer(stats->p95));
    answer_put(object, "p99_ns", json_integer(stats->p99));
    answer_put(object, "max_ns", json_integer(stats->maximum));
}

json_t *answer_rows(json_t *rows, uint64_t total, int truncated, const char *next)
{
    json_t *answer = json_object();

    answer_put(&answer, "rows", rows);
    answer_put(&answer, "total", answer_number(total));
    answer_put(&answer, "truncated", json_boolean(truncated));
    answer_put_text(&answer, "next", next);
    return answer;
}

json_t *answer_failed(struct request *request, struct store_reader *reader)
{
    return request_refuse(request, 500, "%s", store_reader_error(reader));
}
