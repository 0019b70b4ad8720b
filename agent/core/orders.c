/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/orders.h"

#include <stdio.h>
#include <stdlib.h>

#include "agent/core/say.h"

/* Of this process, as the rules are; a forked child goes on with it. */
static uint64_t obeyed;

static void forget(struct orders *orders)
{
    for (unsigned i = 0; i < orders->count; i++)
        activation_rule_fini(&orders->rules[i]);
    free(orders->rules);
    orders->rules = NULL;
    orders->count = 0;
    orders->list = 0;
}

void orders_fini(struct orders *orders)
{
    forget(orders);
}

void orders_begin(struct orders *orders)
{
    forget(orders);
    orders->is_answer_due = 0;
}

static uint64_t list_of(const char *pairs)
{
    struct talk_pair pair;

    while (talk_next(&pairs, &pair))
        if (talk_has_key(&pair, "list"))
            return strtoull(pair.value, NULL, 10);
    return 0;
}

static void gather(struct orders *orders, const char *pairs, int on)
{
    char error[256];
    struct talk_pair pair;

    while (orders->list != 0 && talk_next(&pairs, &pair)) {
        if (!talk_has_key(&pair, "pattern") || orders->count == TALK_PATTERNS_MAX)
            continue;
        if (orders->rules == NULL)
            orders->rules = calloc(TALK_PATTERNS_MAX, sizeof(*orders->rules));
        if (orders->rules == NULL)
            return;
        /* The collector has tried it: it may be a later one, that knows more of patterns. */
        if (activation_rule_init(
                &orders->rules[orders->count], pair.value, on, error, sizeof(error)) == 0)
            orders->count++;
        else
            say("the collector's pattern %s is left out: %s", pair.value, error);
    }
}

int orders_take(struct orders *orders, struct operations *operations, const char *text)
{
    const char *pairs;

    if ((pairs = talk_is(text, TALK_PROBES)) != NULL) {
        forget(orders);
        orders->list = list_of(pairs);
        return 1;
    }
    if ((pairs = talk_is(text, TALK_ACTIVATE)) != NULL)
        return gather(orders, pairs, 1), 1;
    if ((pairs = talk_is(text, TALK_DEACTIVATE)) != NULL)
        return gather(orders, pairs, 0), 1;
    if ((pairs = talk_is(text, TALK_OBEY)) == NULL)
        return 0;
    if (orders->list == 0 || list_of(pairs) != orders->list)
        return 1;
    activation_obey(operations, orders->rules, orders->count, &orders->seen);
    obeyed = orders->list;
    orders->rules = NULL;
    orders->count = 0;
    orders->list = 0;
    orders->is_answer_due = 1;
    return 1;
}

int orders_answer(struct orders *orders, char *text, size_t size)
{
    if (!orders->is_answer_due)
        return 0;
    orders->is_answer_due = 0;
    snprintf(text, size, TALK_OBEYED " list=%llu operations=%llu off=%llu latest=%llu",
        (unsigned long long)obeyed, (unsigned long long)orders->seen.operations,
        (unsigned long long)orders->seen.off, (unsigned long long)orders->seen.latest);
    return 1;
}

uint64_t orders_obeyed(void)
{
    return obeyed;
}
