/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_failure.h"

#include <string.h>

#include "agent/core/agent.h"
#include "agent/python/cause.h"

PROBE_THREAD struct monitor_failure monitor_failure;

void monitor_failure_expect(uint32_t operation)
{
    monitor_failure_settle(NULL);
    monitor_failure = (struct monitor_failure){1, operation};
}

void monitor_failure_end(PyObject *exception)
{
    struct monitor_failure failure = monitor_failure;

    monitor_failure.is_expected = 0;
    if (agent_is_running())
        probe_failed(failure.operation,
            exception != NULL ? cause_of(exception)
                              : agent_cause(MONITOR_CAUSE_UNSEEN, strlen(MONITOR_CAUSE_UNSEEN)));
    probe_leave(failure.operation);
}
