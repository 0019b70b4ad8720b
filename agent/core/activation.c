/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/activation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/clock.h"
#include "agent/core/rings.h"

#define PORTION 256u /* operations that are looked at without letting others add some */

/* Guarded by the lock of the operations, of which a process has one table. */
static struct activation_rule own[ACTIVATION_RULES_MAX], *told;
static unsigned own_count, told_count;

/* Whether some operation is not wanted and its probes still record. */
static _Atomic int unsettled;

static int is_unwanted(const struct operation *operation)
{
    return atomic_load(&operation->off_at) != UINT64_MAX &&
           atomic_load(&operation->on_at) == UINT64_MAX;
}

static int fits(const struct activation_rule *rule, const char *full)
{
    return pattern_fits(rule->pattern, full);
}

static void name(const struct operations *operations, const struct operation *operation,
    char full[2 * OPERATIONS_NAME_MAX + 2])
{
    snprintf(full, 2 * OPERATIONS_NAME_MAX + 2, "%s.%s",
        texts_get(&operations->texts, operation->component)->bytes,
        texts_get(&operations->texts, operation->name)->bytes);
}

/* What the latest rule says that fits; -1: none does. */
static int verdict(const struct activation_rule *rules, unsigned count, const char *full)
{
    while (count-- > 0)
        if (fits(&rules[count], full))
            return rules[count].on;
    return -1;
}

/* Whether an operation is to be recorded. */
static int is_wanted(const char *full)
{
    int said = verdict(told, told_count, full);

    return (said >= 0 ? said : verdict(own, own_count, full)) != 0;
}

/* The operation's probes record nothing from now on, or record again. */
static void switch_probes(struct operation *operation, int off)
{
    atomic_store(&operation->is_off, (uint8_t)off);
    atomic_fetch_add(&rings.switched, 1);
}

static void set(struct operation *operation, int on)
{
    if (on && is_unwanted(operation)) {
        atomic_store(&operation->on_at, clock_ticks());
        switch_probes(operation, 0);
    } else if (!on && !is_unwanted(operation)) {
        atomic_store(&operation->off_at, clock_ticks());
        atomic_store(&operation->on_at, UINT64_MAX);
        atomic_store(&unsettled, 1);
    }
}

void activation_apply(const struct operations *operations, struct operation *operation)
{
    char full[2 * OPERATIONS_NAME_MAX + 2];

    if (own_count == 0 && told_count == 0)
        return;
    name(operations, operation, full);
    if (is_wanted(full))
        return;
    set(operation, 0);
    /* No call of it is open. */
    operation->was_off = 1;
    atomic_store(&operation->is_off, 1);
}

void activation_rule_fini(struct activation_rule *rule)
{
    pattern_free(rule->pattern);
    free(rule->text);
}

int activation_rule_init(
    struct activation_rule *rule, const char *text, int on, char *error, size_t error_size)
{
    *rule = (struct activation_rule){.on = on, .pattern = pattern_new(text, error, error_size)};
    if (rule->pattern == NULL)
        return -1;
    rule->text = strdup(text);
    if (rule->text != NULL)
        return 0;
    snprintf(error, error_size, "memory is short");
    activation_rule_fini(rule);
    return -1;
}

/* Appends a rule in the place of an equal one. 0, or -1 when there are too many. */
static int add_rule(const struct activation_rule *rule)
{
    for (unsigned i = 0; i < own_count; i++) {
        if (strcmp(own[i].text, rule->text) == 0) {
            activation_rule_fini(&own[i]);
            memmove(&own[i], &own[i + 1], (own_count - i - 1) * sizeof(*own));
            own_count--;
            break;
        }
    }
    if (own_count == ACTIVATION_RULES_MAX)
        return -1;
    own[own_count++] = *rule;
    return 0;
}

int activation_set(
    struct operations *operations, const char *text, int on, char *error, size_t error_size)
{
    char full[2 * OPERATIONS_NAME_MAX + 2];
    struct activation_rule rule;
    int found = 0;

    if (activation_rule_init(&rule, text, on, error, error_size) < 0)
        return -1;
    pthread_mutex_lock(&operations->lock);
    if (add_rule(&rule) < 0) {
        pthread_mutex_unlock(&operations->lock);
        activation_rule_fini(&rule);
        snprintf(error, error_size, "there are %u patterns already", ACTIVATION_RULES_MAX);
        return -1;
    }
    for (uint32_t i = 0; i < atomic_load(&operations->count); i++) {
        struct operation *operation = operations_of_sender(operations, i);

        name(operations, operation, full);
        if (fits(&rule, full)) {
            set(operation, is_wanted(full));
            found++;
        }
    }
    pthread_mutex_unlock(&operations->lock);
    return found;
}

/* Goes through some operations; with their lock held. */
static void obey_some(
    struct operations *operations, uint32_t from, uint32_t to, struct activation_seen *seen)
{
    char full[2 * OPERATIONS_NAME_MAX + 2];

    for (uint32_t i = from; i < to; i++) {
        struct operation *operation = operations_of_sender(operations, i);
        int on;

        name(operations, operation, full);
        on = is_wanted(full);
        set(operation, on);
        seen->operations++;
        seen->off += on == 0;
        seen->latest += told_count > 0 && fits(&told[told_count - 1], full);
    }
}

void activation_obey(struct operations *operations, struct activation_rule *rules, unsigned count,
    struct activation_seen *seen)
{
    struct activation_rule *before;
    unsigned before_count;
    uint32_t at = 0;

    *seen = (struct activation_seen){.operations = 0};
    pthread_mutex_lock(&operations->lock);
    before = told;
    before_count = told_count;
    told = rules;
    told_count = count;
    for (;;) {
        uint32_t all = atomic_load(&operations->count);
        uint32_t to = all - at < PORTION ? all : at + PORTION;

        obey_some(operations, at, to, seen);
        at = to;
        if (at == all)
            break;
        pthread_mutex_unlock(&operations->lock);
        pthread_mutex_lock(&operations->lock);
    }
    pthread_mutex_unlock(&operations->lock);
    for (unsigned i = 0; i < before_count; i++)
        activation_rule_fini(&before[i]);
    free(before);
}

void activation_settle(struct operations *operations)
{
    int left = 0;

    if (!atomic_load_explicit(&unsettled, memory_order_relaxed))
        return;
    atomic_store(&unsettled, 0);
    for (uint32_t i = 0; i < atomic_load(&operations->count); i++) {
        struct operation *operation = operations_of_sender(operations, i);

        if (!is_unwanted(operation) || atomic_load(&operation->is_off))
            continue;
        operation->was_off = 1;
        if (operation->open > 0) {
            left = 1;
            continue;
        }
        switch_probes(operation, 1);
        /* It may have been wanted again meanwhile. */
        if (!is_unwanted(operation))
            switch_probes(operation, 0);
    }
    if (left)
        atomic_store(&unsettled, 1);
}
