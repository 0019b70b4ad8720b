/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which exception ends a call, before Python 3.12: the profiling hook is not told. The tracing hook
 * is, so its place is taken, in front of the program's own, where an exception is about to be
 * shown: until it has been, and then until the next call begins or ends, since another one may
 * follow. In between it sees lines, and hands them on.
 */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_RAISE_H
#define KIEKER_AGENT_PYTHON_MONITOR_RAISE_H

#include "agent/python/monitor_failure.h"

#if PY_VERSION_HEX < 0x030C0000

extern PROBE_THREAD int monitor_raise_is_looking;

/* Looks for an exception from now on: failures are waiting for it, or it was perhaps thrown into
 * the frame that runs. */
void monitor_raise_look(void);

/* The next event of the profiling hook has come: gives the tracing hook back. */
void monitor_raise_stop(void);

/* The latest exception that was seen in that frame since the last event of the profiling hook; 0:
 * none was. */
int monitor_raise_seen(const frame_t *frame, struct monitor_cause *cause);

#endif

#endif
