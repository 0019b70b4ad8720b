# SPDX-License-Identifier: Apache-2.0
"""Calls as the interpreter itself tells of them: nothing is woven, and functions that are written in C can be seen, too.

From Python 3.12 on by sys.monitoring, before by the profiling hook; the events go to C functions (agent/python/monitor_events.c and
monitor_profile.c).
"""

import atexit
import gc
import sys

from kieker import _kieker
from kieker.names import module_name

_NAME = "kieker"

# The tools of sys.monitoring in the order in which they are asked for. Debuggers, coverage and profilers have numbers of their own (0, 1, 2), and
# refuse to work where theirs is taken.
_TOOLS = (5, 4, 3, 2)


def start(selection, c_functions=False):
    """Begins to observe the modules of the selection (hook.Selection), from now on for as long as the process lives."""

    def select(names, path):
        name = module_name(names)
        return name if selection.has(name, path) else None

    if hasattr(sys, "monitoring"):
        _start_events(sys.monitoring, select, c_functions)
    else:
        _start_profile(select, c_functions)


def _start_events(monitoring, select, c_functions):
    tool = next((tool for tool in _TOOLS if monitoring.get_tool(tool) is None), None)
    if tool is None:
        _kieker.say("nothing is observed: all tools of sys.monitoring are taken, by %s" % ", ".join(
            str(monitoring.get_tool(tool)) for tool in sorted(_TOOLS)))
        return
    monitoring.use_tool_id(tool, _NAME)
    wanted = 0
    for name, callback in _kieker.monitor_callbacks(select, monitoring.DISABLE, c_functions):
        event = getattr(monitoring.events, name)
        monitoring.register_callback(tool, event, callback)
        # These come with CALL.
        if name not in ("C_RETURN", "C_RAISE"):
            wanted |= event
    monitoring.set_events(tool, wanted)
    atexit.register(_say_if_displaced, lambda: monitoring.get_tool(tool) != _NAME or monitoring.get_events(tool) != wanted)


def _start_profile(select, c_functions):
    _kieker.monitor_profile(select, c_functions)
    if sys.version_info < (3, 11):
        # Code does not know its qualified name. That of modules which come later is taken from them.
        for thing in gc.get_objects():
            if type(thing) is type(start):
                _kieker.monitor_adopt(thing.__code__, thing.__globals__, thing.__qualname__)
    atexit.register(_say_if_displaced, _kieker.monitor_is_displaced)


def _say_if_displaced(is_displaced):
    if is_displaced():
        _kieker.say("calls are missing: the program has put something else in the place of the agent's monitor")
