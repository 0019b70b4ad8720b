/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Switching operations on and off while the program runs. A call that is under way when its
 * operation is switched off is recorded to its end; then the probes of the operation do nothing
 * any more but to look at a flag.
 */
#ifndef KIEKER_AGENT_CORE_ACTIVATION_H
#define KIEKER_AGENT_CORE_ACTIVATION_H

#include "agent/core/operations.h"

#define ACTIVATION_RULES_MAX 1024u

/*
 * Switches all operations, those of now and of later, whose "component.operation" fits the shell
 * pattern (* also matches dots). The latest rule that fits an operation holds. How many of those
 * that there are fit it; -1 when there is no memory, or there are too many rules.
 */
int activation_set(struct operations *operations, const char *pattern, int on);

/* Applies the rules to an operation that has just been made. With its table's lock held. */
void activation_apply(const struct operations *operations, struct operation *operation);

/* The sender's, when it has taken what there was: switches the probes off of operations that are
 * not wanted and have no open call. */
void activation_settle(struct operations *operations);

#endif
