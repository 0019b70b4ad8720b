/* SPDX-License-Identifier: Apache-2.0 */
/* Switches probes on and off: of our agents through their collector, or of a JVM with Kieker. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "query/answer.h"
#include "query/jvm.h"
#include "query/table.h"

#define OBEY_STEP_NS 20000000 /* between looks at who obeys */
#define OBEY_STEPS 100

static const char *const formats[] = {"json", "ndjson", "csv", "text", NULL};

static const struct column columns[] = {
    {"state", "state", CELL_WORD, 1},
    {"pattern", "pattern", CELL_NAME, 2},
    {"since_at", "since", CELL_TIME, 3},
    {NULL, NULL, CELL_NAME, 0},
};

static json_int_t number_of(const json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

/* Asks again, until all agents obey, but not for long. */
static json_t *wait_for_agents(struct request *request, const struct worksite *site, json_t *answer)
{
    static const struct timespec step = {.tv_nsec = OBEY_STEP_NS};

    for (int i = 0; answer != NULL && i < OBEY_STEPS; i++) {
        if (number_of(answer, "agents_obeying") >= number_of(answer, "agents_total"))
            break;
        nanosleep(&step, NULL);
        json_decref(answer);
        answer = site->server(site->place, request, NULL);
    }
    return answer;
}

static void say_agents(const json_t *answer, int is_change)
{
    long long all = number_of(answer, "agents_total"), obey = number_of(answer, "agents_obeying");
    const char *problem = json_string_value(json_object_get(answer, "problem"));

    if (json_array_size(json_object_get(answer, "rows")) == 0)
        fputs("No pattern is in force: all that agents observe is recorded.\n", stderr);
    if (all == 0)
        fputs("No agent is connected; those that come will obey.\n", stderr);
    else if (obey == all)
        fprintf(stderr,
            all == 1 ? "The one agent that is connected obeys.\n"
                     : "All %lld agents that are connected obey.\n",
            all);
    else
        fprintf(stderr, "%lld of %lld agents that are connected obey so far.\n", obey, all);
    if (is_change && all > 0 && obey == all)
        fprintf(stderr, "%lld operation%s fit%s the pattern.\n",
            (long long)number_of(answer, "latest_operations"),
            number_of(answer, "latest_operations") == 1 ? "" : "s",
            number_of(answer, "latest_operations") == 1 ? "s" : "");
    if (problem != NULL)
        fprintf(stderr, "kieker-query: %s\n", problem);
}

/* The agents' own patterns. */
static json_t *ask_collector(
    struct request *request, const struct worksite *site, const char *action)
{
    const char *pattern = site->word_count > 1 ? site->words[1] : "";
    const char *const change[] = {"action", action, "pattern", pattern, NULL};
    int is_change = strcmp(action, "list") != 0;
    json_t *answer;

    if (strcmp(action, "set") == 0 || strcmp(action, "add") == 0 || strcmp(action, "remove") == 0 ||
        site->word_count > 2)
        return request_refuse(request, 400,
            "Parameters are for probes of a JVM with Kieker, at --jvm HOST:PORT: agents of Python "
            "have none");
    if (!is_change && site->word_count > 1)
        return request_refuse(request, 400, "list takes no word behind it");
    answer = site->server(site->place, request, is_change ? change : NULL);
    if (is_change)
        answer = wait_for_agents(request, site, answer);
    if (answer != NULL)
        say_agents(answer, is_change && *pattern != '\0' && strcmp(action, "forget") != 0);
    return answer;
}

static json_t *ask_jvm(struct request *request, const struct worksite *site, const char *action)
{
    const char *address = request_text(request, PARAM_JVM);
    struct jvm_order order = {action, site->word_count > 1 ? site->words[1] : "",
        site->word_count > 2 ? site->words[2] : NULL, site->words + 3,
        site->word_count > 3 ? site->word_count - 3 : 0};
    struct buffer stream = {0};
    char error[700];
    int status = 400, sent;

    sent = jvm_encode(&order, &stream, error, sizeof(error));
    if (sent == 0) {
        status = 503;
        sent = jvm_send(address, &stream, error, sizeof(error));
    }
    buffer_fini(&stream);
    if (sent < 0)
        return request_refuse(request, status, "%s", error);
    fprintf(stderr,
        sent > 0 ? "%s has read it; it does not answer.\n"
                 : "%s has it, but has not read it yet: it serves one connection at a time.\n",
        address);
    return json_pack("{s:[], s:i, s:b, s:n}", "rows", "total", 0, "truncated", 0, "next");
}

static json_t *ask(struct request *request, const struct worksite *site)
{
    const char *action = site->word_count > 0 ? site->words[0] : "list";

    if (request_has(request, PARAM_JVM))
        return ask_jvm(request, site, action);
    return ask_collector(request, site, strcmp(action, "status") == 0 ? "list" : action);
}

static void print(const struct request *request, const json_t *answer, struct page *page)
{
    (void)request;
    if (json_array_size(json_object_get(answer, "rows")) > 0)
        table_print(page, columns, json_object_get(answer, "rows"));
}

const struct verb verb_probes = {
    .name = "probes",
    .doc = "what agents record and what not: list, activate PATTERN, deactivate PATTERN, forget "
           "PATTERN, reset",
    .noun = "patterns",
    .takes = PARAM_BIT(PARAM_ACTION) | PARAM_BIT(PARAM_JVM) | PARAM_BIT(PARAM_FORMAT),
    .here = PARAM_BIT(PARAM_ACTION) | PARAM_BIT(PARAM_JVM),
    .argument = PARAM_ACTION,
    .many = 1,
    .formats = formats,
    .columns = columns,
    .rows = "state pattern since_at",
    .ask = ask,
    .print = print,
};
