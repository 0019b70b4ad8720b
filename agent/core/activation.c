/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/core/activation.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/core/clock.h"
#include "agent/core/rings.h"

struct rule {
    int on;
    char *pattern;
};

/* Guarded by the lock of the operations, of which a process has one table. */
static struct rule rules[ACTIVATION_RULES_MAX];
static unsigned rules_count;

/* Whether some operation is not wanted and its probes still record. */
static _Atomic int unsettled;

static int fits(
    const struct operations *operations, const struct operation *operation, const struct rule *rule)
{
    char full[2 * OPERATIONS_NAME_MAX + 2];

    snprintf(full, sizeof(full), "%s.%s",
        texts_get(&operations->texts, operation->component)->bytes,
        texts_get(&operations->texts, operation->name)->bytes);
    return fnmatch(rule->pattern, full, FNM_NOESCAPE) == 0;
}

static int is_unwanted(const struct operation *operation)
{
    return atomic_load(&operation->off_at) != UINT64_MAX &&
           atomic_load(&operation->on_at) == UINT64_MAX;
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
    for (unsigned i = rules_count; i > 0; i--) {
        if (fits(operations, operation, &rules[i - 1])) {
            set(operation, rules[i - 1].on);
            if (!rules[i - 1].on) {
                /* No call of it is open. */
                operation->was_off = 1;
                atomic_store(&operation->is_off, 1);
            }
            return;
        }
    }
}

/* Appends a rule in place of an equal one. */
static struct rule *add_rule(const char *pattern, int on)
{
    char *copy = NULL;

    for (unsigned i = 0; i < rules_count; i++) {
        if (strcmp(rules[i].pattern, pattern) == 0) {
            copy = rules[i].pattern;
            memmove(&rules[i], &rules[i + 1], (rules_count - i - 1) * sizeof(*rules));
            rules_count--;
            break;
        }
    }
    if (copy == NULL && rules_count < ACTIVATION_RULES_MAX)
        copy = strdup(pattern);
    if (copy == NULL)
        return NULL;
    rules[rules_count] = (struct rule){on, copy};
    return &rules[rules_count++];
}

int activation_set(struct operations *operations, const char *pattern, int on)
{
    const struct rule *rule;
    int found = 0;

    pthread_mutex_lock(&operations->lock);
    rule = add_rule(pattern, on);
    for (uint32_t i = 0; rule != NULL && i < atomic_load(&operations->count); i++) {
        struct operation *operation = operations_of_sender(operations, i);

        if (fits(operations, operation, rule)) {
            set(operation, on);
            found++;
        }
    }
    pthread_mutex_unlock(&operations->lock);
    return rule != NULL ? found : -1;
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
