/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collector's patterns of what is to be recorded (record/talk.h): gathered as they come, obeyed
 * once their list is whole, and answered. The sender's thread; what is obeyed is the process's.
 */
#ifndef KIEKER_AGENT_CORE_ORDERS_H
#define KIEKER_AGENT_CORE_ORDERS_H

#include "agent/core/activation.h"
#include "record/talk.h"

struct orders {
    uint64_t list; /* being gathered; 0: none */
    struct activation_rule *rules;
    unsigned count;
    int is_answer_due;
    struct activation_seen seen;
};

void orders_fini(struct orders *orders);

/* A new connection: what is half gathered is worth nothing, what was to be answered, too. */
void orders_begin(struct orders *orders);

/* Takes a text of the collector's: 1 if it is one of these, else 0. */
int orders_take(struct orders *orders, struct operations *operations, const char *text);

/* The answer that is due, once: 1; 0 when none is. */
int orders_answer(struct orders *orders, char *text, size_t size);

/* The list that is being obeyed, for the hello; 0: none. */
uint64_t orders_obeyed(void);

#endif
