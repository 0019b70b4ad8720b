/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of a program as the interpreter itself tells of them, without a change to any code:
 * from Python 3.12 on the events of sys.monitoring (monitor_events.c), before that the profiling
 * hook (monitor_profile.c). kieker/monitor.py sets them up.
 */
#ifndef KIEKER_AGENT_PYTHON_MONITOR_H
#define KIEKER_AGENT_PYTHON_MONITOR_H

#include "agent/python/module.h"

/* Methods of the module: monitor_callbacks, or monitor_profile, monitor_adopt and
 * monitor_is_displaced. */
extern PyMethodDef monitor_methods[];

#endif
