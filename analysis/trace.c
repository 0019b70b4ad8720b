/* SPDX-License-Identifier: Apache-2.0 */
#include "analysis/trace.h"

#include <string.h>

static const char *const states[TRACE_STATES] = {
    [TRACE_RUNNING] = "running",
    [TRACE_COMPLETE] = "complete",
    [TRACE_INCOMPLETE] = "incomplete",
    [TRACE_DAMAGED] = "damaged",
};

static const char *const flaws[FLAWS] = {"open_calls", "no_metadata", "evicted", "order_gap",
    "order_repeated", "missing_after", "orphan_after", "second_metadata", "bad_stack", "too_deep"};

const char *trace_state_name(enum trace_state state)
{
    return (unsigned)state < TRACE_STATES ? states[state] : "unknown";
}

int trace_state_find(const char *name)
{
    for (int i = 0; i < TRACE_STATES; i++)
        if (strcmp(states[i], name) == 0)
            return i;
    return -1;
}

const char *trace_flaw_name(unsigned bit)
{
    return bit < FLAWS ? flaws[bit] : "unknown";
}
