/* SPDX-License-Identifier: Apache-2.0 */
#include "query/answer.h"
#include "query/param.h"
#include "query/verb.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void request_init(struct request *request, const struct verb *verb, int64_t now)
{
    memset(request, 0, sizeof(*request));
    request->verb = verb;
    request->now = now;
}

void request_fini(struct request *request)
{
    arena_fini(&request->arena);
}

json_t *request_refuse(struct request *request, int status, const char *format, ...)
{
    va_list arguments;

    if (request->status != 0)
        return NULL;
    request->status = status;
    va_start(arguments, format);
    vsnprintf(request->error, sizeof(request->error), format, arguments);
    va_end(arguments);
    return NULL;
}

/* "traces has no parameter "hots"; did you mean host?", or else the list of those it has. */
static void refuse_unknown(struct request *request, const char *name)
{
    const struct param *nearest = NULL;
    unsigned best = UINT32_MAX;
    char list[400];
    size_t used = 0;

    list[0] = '\0';
    for (int i = 0; i < PARAMS; i++) {
        unsigned distance = param_distance(name, params[i].name);

        if (!(request->verb->takes & PARAM_BIT(i)))
            continue;
        if (distance < best) {
            best = distance;
            nearest = &params[i];
        }
        if (used < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", params[i].name);
    }
    if (nearest != NULL && param_is_near(name, best))
        request_refuse(request, 400, "%s has no parameter \"%.80s\"; did you mean %s?",
            request->verb->name, name, nearest->name);
    else if (nearest != NULL)
        request_refuse(request, 400, "%s has no parameter \"%.80s\"; it has%s", request->verb->name,
            name, list);
    else
        request_refuse(
            request, 400, "%s has no parameter \"%.80s\"; it has none", request->verb->name, name);
}

int request_set(struct request *request, const char *name, const char *value)
{
    const struct param *param = param_find(name);
    enum param_id id;
    const char *choice, *copy;
    int64_t number;

    if (request->status != 0)
        return -1;
    if (param == NULL || !(request->verb->takes & PARAM_BIT(param - params))) {
        refuse_unknown(request, name);
        return -1;
    }
    id = (enum param_id)(param - params);
    if (param->bare && (value == NULL || *value == '\0')) {
        request->values[id].text = "";
        request->values[id].number = param->type == TYPE_FLAG ? 1 : (int64_t)request->verb->limit;
        request->given |= PARAM_BIT(id);
        return 0;
    }
    if (value == NULL) {
        request_refuse(
            request, 400, "%s needs a value; write for example %s", name, param->example);
        return -1;
    }
    if (param_parse(param, request->verb, request->now, value, &number, &choice, request->error,
            sizeof(request->error)) < 0) {
        request->status = 400;
        return -1;
    }
    copy = choice == value ? arena_copy(&request->arena, value, strlen(value) + 1) : choice;
    if (copy == NULL) {
        request_refuse(request, 500, "memory is short");
        return -1;
    }
    request->values[id].text = copy;
    request->values[id].number = number;
    request->given |= PARAM_BIT(id);
    return 0;
}

int request_has(const struct request *request, enum param_id param)
{
    return (request->given & PARAM_BIT(param)) != 0;
}

const char *request_text(const struct request *request, enum param_id param)
{
    return request_has(request, param) ? request->values[param].text : NULL;
}

int64_t request_number(const struct request *request, enum param_id param, int64_t otherwise)
{
    return request_has(request, param) ? request->values[param].number : otherwise;
}

uint64_t request_limit(const struct request *request)
{
    return (uint64_t)request_number(request, PARAM_LIMIT, (int64_t)request->verb->limit);
}

struct store_filter request_filter(const struct request *request)
{
    struct store_filter filter = store_filter_all;

    filter.run = request_text(request, PARAM_RUN);
    filter.host = request_text(request, PARAM_HOST);
    filter.operation = request_text(request, PARAM_OP);
    filter.component = request_text(request, PARAM_COMPONENT);
    filter.root = request_text(request, PARAM_ROOT);
    filter.since = request_number(request, PARAM_SINCE, 0);
    filter.until = request_number(request, PARAM_UNTIL, 0);
    filter.min_duration = request_number(request, PARAM_MIN, 0);
    filter.max_duration = request_number(request, PARAM_MAX, 0);
    filter.min_calls = (uint64_t)request_number(request, PARAM_MIN_CALLS, 0);
    filter.failed = request_number(request, PARAM_FAILED, 0) != 0;
    filter.roots = request_number(request, PARAM_ROOTS, 0) != 0;
    filter.state = request_number(request, PARAM_INCOMPLETE, 0) ? STATE_NOT_COMPLETE : STATE_ANY;
    if (request_has(request, PARAM_STATE))
        filter.state = trace_state_find(request_text(request, PARAM_STATE));
    filter.class = (uint32_t)request_number(request, PARAM_CLASS, 0);
    filter.caller = request_text(request, PARAM_CALLER);
    filter.callee = request_text(request, PARAM_CALLEE);
    filter.caller_component = request_text(request, PARAM_CALLER_COMPONENT);
    filter.callee_component = request_text(request, PARAM_CALLEE_COMPONENT);
    return filter;
}

int request_check(struct request *request)
{
    for (int i = 0; i < PARAMS; i++)
        if ((request->verb->needs & PARAM_BIT(i)) && !request_has(request, (enum param_id)i)) {
            request_refuse(request, 400, "%s needs %s (%s); write for example %s",
                request->verb->name, params[i].name, params[i].doc, params[i].example);
            return -1;
        }
    if (request_has(request, PARAM_SINCE) && request_has(request, PARAM_UNTIL) &&
        request_number(request, PARAM_SINCE, 0) > request_number(request, PARAM_UNTIL, 0))
        request_refuse(request, 400, "since is later than until: nothing lies between");
    if (request_has(request, PARAM_MAX) &&
        request_number(request, PARAM_MIN, 0) > request_number(request, PARAM_MAX, 0))
        request_refuse(request, 400, "min is longer than max: nothing lies between");
    return request->status == 0 ? 0 : -1;
}

void request_note_end(struct request *request, const struct store_reader *reader)
{
    if (request->status == 0 || !store_reader_was_ended(reader))
        return;
    request->status = 503;
    snprintf(request->error, sizeof(request->error), "%s", store_reader_error(reader));
}

json_t *request_answer(struct request *request, struct store_reader *reader)
{
    uint64_t left_out;
    json_t *answer;

    if (request->status != 0 || request_check(request) < 0)
        return NULL;
    if (request->verb->answer == NULL)
        return request_refuse(request, 400,
            "%s gives no rows but a whole file: it has forms of its "
            "own, see kieker-query help %s",
            request->verb->name, request->verb->name);
    store_left_out(reader); /* by a query before this one, which failed */
    answer = request->verb->answer(request, reader);
    left_out = store_left_out(reader);
    if (answer != NULL && left_out > 0)
        answer_put(&answer, "damaged", answer_number(left_out));
    if (answer == NULL)
        request_refuse(request, 500, "memory is short"); /* unless the verb has said what it was */
    request_note_end(request, reader);
    return answer;
}
