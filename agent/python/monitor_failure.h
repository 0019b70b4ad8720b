/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of which it is known that an exception has ended them before it is known which: their ends
 * are put off until the interpreter shows the exception, which it does next of all. One a thread.
 */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_FAILURE_H
#define KIEKER_AGENT_PYTHON_MONITOR_FAILURE_H

#include "agent/core/probe.h"
#include "agent/python/module.h"

#define MONITOR_CAUSE_UNSEEN "(its cause was not seen)"

struct monitor_failure {
    int is_expected;
    uint32_t operation;
};

extern PROBE_THREAD struct monitor_failure monitor_failure;

/* That call of the operation has been ended by an exception. */
void monitor_failure_expect(uint32_t operation);

/* Ends the call that is waiting for its cause; it is `exception`, or NULL if that was never seen.
 */
void monitor_failure_end(PyObject *exception);

/* The same, if there is one. */
static inline void monitor_failure_settle(PyObject *exception)
{
    if (__builtin_expect(monitor_failure.is_expected, 0))
        monitor_failure_end(exception);
}

#endif
