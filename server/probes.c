/* SPDX-License-Identifier: Apache-2.0 */
#include "server/probes.h"

#include <event2/event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "record/wire.h"
#include "server/clock.h"
#include "server/log.h"
#include "server/probes_private.h"

#define REFUSED_REQUEST 400
#define REFUSED_UNKNOWN 404
#define ENTRY_HEAD 12u
#define TEXT_MAX (64u + 3u * PATTERN_MAX)

struct probes_agent {
    struct probes_agent *previous, *next;
    uint64_t stream, list; /* list: that it obeys */
    uint64_t operations, off, latest;
    char peer[96];
    struct hello hello;
};

struct probes {
    char *file;
    int fd; /* whoever changes something tells the loop by it */
    struct event *change;
    void (*on_change)(void *context);
    void *context;
    struct probes_message *message; /* the loop's; of some list */
    pthread_mutex_t changing; /* held by who changes the list, also while its file is written */
    pthread_mutex_t lock;     /* of all below; never held while a disk works: the loop takes it */
    uint64_t list;            /* a number for these patterns; greater than all before */
    struct probes_list rules;
    struct probes_agent *agents;
    char problem[900];
};

static uint64_t next_list(const struct probes *probes)
{
    uint64_t now = (uint64_t)clock_now();

    /* Agents may know one of a collector that was here before. */
    return now > probes->list ? now : probes->list + 1;
}

struct probes *probes_open(const char *file, char *error, size_t error_size)
{
    struct probes *probes = calloc(1, sizeof(*probes));

    snprintf(error, error_size, "memory is short");
    if (probes == NULL)
        return NULL;
    probes->fd = -1;
    pthread_mutex_init(&probes->changing, NULL);
    pthread_mutex_init(&probes->lock, NULL);
    probes->file = strdup(file);
    probes->list = next_list(probes);
    if (probes->file && probes_file_read(file, &probes->rules, error, error_size) == 0)
        return probes;
    probes_close(probes);
    return NULL;
}

static void on_event(evutil_socket_t fd, short what, void *context)
{
    struct probes *probes = context;
    uint64_t count;

    (void)what;
    if (read(fd, &count, sizeof(count)) > 0)
        probes->on_change(probes->context);
}

int probes_start(
    struct probes *probes, struct event_base *base, void (*on_change)(void *context), void *context)
{
    probes->on_change = on_change;
    probes->context = context;
    probes->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (probes->fd >= 0)
        probes->change = event_new(base, probes->fd, EV_READ | EV_PERSIST, on_event, probes);
    return probes->change && event_add(probes->change, NULL) == 0 ? 0 : -1;
}

void probes_stop(struct probes *probes)
{
    if (probes == NULL || probes->change == NULL)
        return;
    event_free(probes->change);
    probes->change = NULL;
}

void probes_close(struct probes *probes)
{
    if (probes == NULL)
        return;
    probes_stop(probes);
    if (probes->fd >= 0)
        close(probes->fd);
    probes_message_drop(probes->message);
    pthread_mutex_destroy(&probes->lock);
    pthread_mutex_destroy(&probes->changing);
    free(probes->file);
    free(probes);
}

static void wake(struct probes *probes)
{
    uint64_t one = 1;

    /* As intake.c: it fails only when the loop is about to read it anyway. */
    if (probes->fd >= 0 && write(probes->fd, &one, sizeof(one)) < 0)
        return;
}

int probes_reload(struct probes *probes, char *error, size_t error_size)
{
    struct probes_list *read = calloc(1, sizeof(*read));
    int result = -1;

    /* Nobody may change what is being read: his change would be undone. */
    pthread_mutex_lock(&probes->changing);
    if (read == NULL)
        snprintf(error, error_size, "memory is short");
    else
        result = probes_file_read(probes->file, read, error, error_size);
    pthread_mutex_lock(&probes->lock);
    if (result == 0) {
        probes->rules = *read;
        probes->list = next_list(probes);
        probes->problem[0] = '\0';
    }
    pthread_mutex_unlock(&probes->lock);
    pthread_mutex_unlock(&probes->changing);
    free(read);
    if (result == 0)
        wake(probes);
    return result;
}

/* With both locks held. 0, or a status with a sentence. */
static int change(
    struct probes *probes, const char *action, const char *pattern, char *error, size_t error_size)
{
    int on = strcmp(action, "activate") == 0, failed;

    if (strcmp(action, "reset") == 0) {
        probes->rules.count = 0;
        return 0;
    }
    if (!on && strcmp(action, "deactivate") != 0 && strcmp(action, "forget") != 0) {
        snprintf(error, error_size,
            "\"%.40s\" is no action; there are activate, deactivate, forget and reset", action);
        return REFUSED_REQUEST;
    }
    if (*pattern == '\0') {
        snprintf(error, error_size, "%s needs a pattern, such as 'shop.Catalog.*'", action);
        return REFUSED_REQUEST;
    }
    if (strcmp(action, "forget") == 0) {
        failed = probes_list_take(&probes->rules, pattern);
        if (failed)
            snprintf(error, error_size,
                "no pattern \"%.100s\" is in force; `kieker-query probes` lists them", pattern);
        return failed ? REFUSED_UNKNOWN : 0;
    }
    failed = probes_list_put(&probes->rules, pattern, on, (int64_t)clock_now(), error, error_size);
    return failed ? REFUSED_REQUEST : 0;
}

/* The list is in force; may it outlive us. Nobody changes it meanwhile. */
static void keep_list(struct probes *probes)
{
    char problem[sizeof(probes->problem)] = "";

    probes_file_write(probes->file, &probes->rules, problem, sizeof(problem));
    pthread_mutex_lock(&probes->lock);
    memcpy(probes->problem, problem, sizeof(problem));
    pthread_mutex_unlock(&probes->lock);
    if (problem[0])
        log_error("probes", log_field("event", problem));
}

int probes_order(
    struct probes *probes, const char *action, const char *given, char *error, size_t error_size)
{
    const char *begin = given + strspn(given, " \t");
    char pattern[PATTERN_MAX + 2];
    size_t length = strlen(begin);
    int status;

    while (length > 0 && (begin[length - 1] == ' ' || begin[length - 1] == '\t'))
        length--;
    /* One that is too long stays so, and is refused for it. */
    snprintf(pattern, sizeof(pattern), "%.*s",
        (int)(length > PATTERN_MAX ? PATTERN_MAX + 1 : length), begin);
    pthread_mutex_lock(&probes->changing);
    pthread_mutex_lock(&probes->lock);
    status = change(probes, action, pattern, error, error_size);
    if (status == 0)
        probes->list = next_list(probes);
    pthread_mutex_unlock(&probes->lock);
    if (status == 0) {
        wake(probes);
        keep_list(probes);
        log_info("probes", log_field("event", action), log_field("pattern", pattern));
    }
    pthread_mutex_unlock(&probes->changing);
    return status;
}

/* Showing */

static json_t *number_text(uint64_t number)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    return json_string(text);
}

/* What a client has said of itself need not be UTF-8. */
static json_t *clean_text(const char *text)
{
    json_t *string = json_string(text);

    return string ? string : json_string("?");
}

static json_t *show_rule(const struct probes_rule *rule)
{
    return json_pack("{s:s, s:o, s:o}", "state", rule->on ? "active" : "inactive", "pattern",
        clean_text(rule->pattern), "since_at",
        rule->since ? number_text((uint64_t)rule->since) : json_null());
}

static json_t *show_agent(const struct probes *probes, const struct probes_agent *agent)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:I}", "stream",
        number_text(agent->stream), "peer", clean_text(agent->peer), "run",
        clean_text(agent->hello.run), "program", clean_text(agent->hello.program), "pid",
        clean_text(agent->hello.pid), "obeys", agent->list == probes->list, "operations",
        (json_int_t)agent->operations, "off", (json_int_t)agent->off, "latest",
        (json_int_t)agent->latest);
}

json_t *probes_show(struct probes *probes)
{
    json_t *rows = json_array(), *agents = json_array();
    json_int_t count = 0, obeying = 0, latest = 0;
    json_t *answer;

    pthread_mutex_lock(&probes->lock);
    for (unsigned i = 0; i < probes->rules.count; i++)
        json_array_append_new(rows, show_rule(&probes->rules.rules[i]));
    for (const struct probes_agent *agent = probes->agents; agent; agent = agent->next) {
        if (count++ < PROBES_AGENTS_SHOWN)
            json_array_append_new(agents, show_agent(probes, agent));
        obeying += agent->list == probes->list;
        latest += (json_int_t)agent->latest;
    }
    answer = json_pack("{s:o, s:i, s:b, s:n, s:o, s:o, s:I, s:I, s:I, s:s?}", "rows", rows, "total",
        (int)probes->rules.count, "truncated", 0, "next", "list", number_text(probes->list),
        "agents", agents, "agents_total", count, "agents_obeying", obeying, "latest_operations",
        latest, "problem", probes->problem[0] ? probes->problem : NULL);
    pthread_mutex_unlock(&probes->lock);
    return answer;
}

/* Telling */

static size_t put_text(struct probes_message *message, size_t at, const char *text)
{
    unsigned char *end = wire_put_entry(message->bytes + at, 0, text, strlen(text));

    return (size_t)(end - message->bytes);
}

/* With the lock held. */
static struct probes_message *make_message(const struct probes *probes)
{
    const struct probes_list *rules = &probes->rules;
    struct probes_message *message =
        malloc(sizeof(*message) + (rules->count + 2) * (ENTRY_HEAD + TEXT_MAX));
    char text[TEXT_MAX];
    size_t at;

    if (message == NULL)
        return NULL;
    *message =
        (struct probes_message){.list = probes->list, .is_empty = rules->count == 0, .uses = 1};
    snprintf(text, sizeof(text), TALK_PROBES " list=%llu", (unsigned long long)probes->list);
    at = put_text(message, 0, text);
    for (unsigned i = 0; i < rules->count; i++) {
        int length = snprintf(text, sizeof(text),
            "%s pattern=", rules->rules[i].on ? TALK_ACTIVATE : TALK_DEACTIVATE);

        talk_encode(text + length, rules->rules[i].pattern);
        at = put_text(message, at, text);
    }
    snprintf(text, sizeof(text), TALK_OBEY " list=%llu", (unsigned long long)probes->list);
    message->size = put_text(message, at, text);
    return message;
}

struct probes_message *probes_message(struct probes *probes)
{
    pthread_mutex_lock(&probes->lock);
    if (probes->message == NULL || probes->message->list != probes->list) {
        probes_message_drop(probes->message);
        probes->message = make_message(probes);
    }
    pthread_mutex_unlock(&probes->lock);
    return probes->message;
}

struct probes_message *probes_message_use(struct probes_message *message)
{
    message->uses++;
    return message;
}

void probes_message_drop(struct probes_message *message)
{
    if (message && --message->uses == 0)
        free(message);
}

struct probes_agent *probes_join(
    struct probes *probes, const struct hello *hello, uint64_t stream, const char *peer)
{
    struct probes_agent *agent = calloc(1, sizeof(*agent));

    if (agent == NULL)
        return NULL;
    agent->stream = stream;
    agent->hello = *hello;
    snprintf(agent->peer, sizeof(agent->peer), "%s", peer);
    pthread_mutex_lock(&probes->lock);
    agent->list = hello->probes == 0 && probes->rules.count == 0 ? probes->list : 0;
    agent->next = probes->agents;
    if (agent->next)
        agent->next->previous = agent;
    probes->agents = agent;
    pthread_mutex_unlock(&probes->lock);
    return agent;
}

void probes_leave(struct probes *probes, struct probes_agent *agent)
{
    if (agent == NULL)
        return;
    pthread_mutex_lock(&probes->lock);
    *(agent->previous ? &agent->previous->next : &probes->agents) = agent->next;
    if (agent->next)
        agent->next->previous = agent->previous;
    pthread_mutex_unlock(&probes->lock);
    free(agent);
}

void probes_obeyed(struct probes *probes, struct probes_agent *agent, const char *pairs)
{
    struct talk_pair pair;
    uint64_t list = 0, operations = 0, off = 0, latest = 0;
    const struct {
        const char *key;
        uint64_t *number;
    } known[] = {{"list", &list}, {"operations", &operations}, {"off", &off}, {"latest", &latest}};

    while (talk_next(&pairs, &pair))
        for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
            if (talk_has_key(&pair, known[i].key))
                *known[i].number = strtoull(pair.value, NULL, 10) & INT64_MAX;
    pthread_mutex_lock(&probes->lock);
    agent->list = list;
    agent->operations = operations;
    agent->off = off;
    agent->latest = latest;
    pthread_mutex_unlock(&probes->lock);
}
