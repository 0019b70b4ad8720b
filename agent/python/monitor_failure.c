/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/python/monitor_failure.h"

#include <string.h>

#include "agent/python/cause.h"

PROBE_THREAD struct monitor_failures monitor_failures;

struct monitor_cause monitor_cause_of(PyObject *exception)
{
    struct monitor_cause cause = {0, exception != NULL, 0};

    if (!agent_is_running())
        return cause;
    if (exception == NULL) {
        cause.number = agent_cause(MONITOR_CAUSE_UNSEEN, strlen(MONITOR_CAUSE_UNSEEN));
        return cause;
    }
    cause.number = cause_of(exception);
    cause.is_exit = PyErr_GivenExceptionMatches(exception, PyExc_GeneratorExit);
    return cause;
}

/* Whether a call of that kind has ended by being closed, rather than failed. What C code makes of a
 * generator's exception without showing it is the end of a close(). */
static int is_closed(enum monitor_kind kind, struct monitor_cause cause)
{
    if (kind == MONITOR_FUNCTION)
        return 0;
    return cause.is_exit || (!cause.is_seen && kind == MONITOR_GENERATOR);
}

void monitor_failure_now(const struct monitor_operation *operation, enum monitor_kind kind,
    struct monitor_task_end end, struct monitor_cause cause)
{
    if (agent_is_running() && !is_closed(kind, cause) &&
        (!monitor_kind_rests(kind) || monitor_task_is_active(end.frame)))
        monitor_failed(operation, cause.number);
    monitor_task_leave(operation, kind, end);
}

void monitor_failure_expect(
    const struct monitor_operation *operation, enum monitor_kind kind, struct monitor_task_end end)
{
    if (monitor_failures.count == MONITOR_FAILURES)
        monitor_failure_settle(monitor_cause_of(NULL));
    monitor_failures.waiting[monitor_failures.count++] =
        (struct monitor_failure){*operation, kind, end};
}

void monitor_failure_settle(struct monitor_cause cause)
{
    for (unsigned i = 0; i < monitor_failures.count; i++) {
        struct monitor_failure *failure = &monitor_failures.waiting[i];

        monitor_failure_now(&failure->operation, failure->kind, failure->end, cause);
    }
    monitor_failures.count = 0;
}
