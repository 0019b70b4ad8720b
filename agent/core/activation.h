/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switching operations on and off while the program runs. A call that is under way when its
 * operation is switched off is recorded to its end; then the probes of the operation do nothing
 * any more but to look at a flag.
 */
#ifndef KIEKER_AGENT_CORE_ACTIVATION_H
#define KIEKER_AGENT_CORE_ACTIVATION_H

#include "agent/core/operations.h"
#include "record/pattern.h"

#define ACTIVATION_RULES_MAX 1024u

struct activation_rule {
    int on;
    char *text;
    struct pattern *pattern;
};

/* 0, or -1 with a sentence. */
int activation_rule_init(
    struct activation_rule *rule, const char *text, int on, char *error, size_t error_size);
void activation_rule_fini(struct activation_rule *rule);

/*
 * Switches all operations, those of now and of later, that the pattern means (record/pattern.h).
 * The latest rule that fits an operation holds. How many of those that there are fit it; -1 with a
 * sentence. Any thread.
 */
int activation_set(
    struct operations *operations, const char *text, int on, char *error, size_t error_size);

struct activation_seen {
    uint64_t operations, off; /* that there are; of these, that are not recorded any more */
    uint64_t latest;          /* that fit the last rule */
};

/*
 * The collector's rules, in the place of those it has given before: they go before the program's
 * own. Takes the array (heap) over. The sender's thread.
 */
void activation_obey(struct operations *operations, struct activation_rule *rules, unsigned count,
    struct activation_seen *seen);

/* Applies the rules to an operation that has just been made. With its table's lock held. */
void activation_apply(const struct operations *operations, struct operation *operation);

/* The sender's, when it has taken what there was: switches the probes off of operations that are
 * not wanted and have no open call. */
void activation_settle(struct operations *operations);

#endif
