/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of which it is known that an exception has ended them before it is known which: their ends
 * are put off until the interpreter shows the exception, which it does next of all.
 */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_FAILURE_H
#define KIEKER_AGENT_PYTHON_MONITOR_FAILURE_H

#include "agent/python/monitor_task.h"

#define MONITOR_CAUSE_UNSEEN "(its cause was not seen)"
#define MONITOR_FAILURES                                                                           \
    4 /* a function of the program, the C function that called it, to spare                        \
       */

/* What is said of an exception. */
struct monitor_cause {
    uint32_t number;
    int is_seen, is_exit; /* GeneratorExit */
};

/* Of NULL: an exception that was not seen. */
struct monitor_cause monitor_cause_of(PyObject *exception);

struct monitor_failures {
    unsigned count;
    struct monitor_failure {
        struct monitor_operation operation;
        enum monitor_kind kind;
        struct monitor_task_end end; /* of a coroutine or asynchronous generator */
    } waiting[MONITOR_FAILURES];
};

extern PROBE_THREAD struct monitor_failures monitor_failures;

/* That call has been ended by an exception, and is the innermost of all that are not waiting
 * already. `end` is for a kind that rests (monitor_kind_rests) alone. */
void monitor_failure_expect(
    const struct monitor_operation *operation, enum monitor_kind kind, struct monitor_task_end end);

/* Ends the calls that are waiting, for that cause. */
void monitor_failure_settle(struct monitor_cause cause);

/* Ends a call that an exception ends, now. What ends because nobody wants it any more has not
 * failed. */
void monitor_failure_now(const struct monitor_operation *operation, enum monitor_kind kind,
    struct monitor_task_end end, struct monitor_cause cause);

#endif
