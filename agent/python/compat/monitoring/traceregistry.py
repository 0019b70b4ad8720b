# SPDX-License-Identifier: Apache-2.0
"""Traces of records that a program makes itself. The agent's own traces, of functions that it observes, are not among them."""

import itertools
import threading

from monitoring.record.trace.tracemetadata import TraceMetadata

lock = threading.Lock()
thread_local = threading.local()

# Of all registries together. The agent's own traces have numbers far beyond these (see agent/core/sender.c).
_numbers = itertools.count(1)


class _PointTrace:
    """A place of a trace."""

    def __init__(self, trace_id, order_id):
        self.trace_id = trace_id
        self.order_id = order_id


class TraceRegistry:
    """The traces of each thread: the current one, and those around it."""

    def __init__(self):
        # thread -> _PointTrace: where its first trace comes from, for whoever starts threads.
        self.parent_trace = {}

    def get_trace(self):
        """The thread's current trace, or None."""
        return getattr(thread_local, "trace", None)

    def get_new_id(self):
        with lock:
            return next(_numbers)

    def get_and_remove_parent_trace_id(self, thread):
        with lock:
            return self.parent_trace.pop(thread, None)

    def register_trace(self):
        """Begins a trace in this thread, inside the current one if there is one; gives its TraceMetadata, which is still to be sent."""
        around = self.get_trace()
        thread = threading.current_thread()
        point = self.get_and_remove_parent_trace_id(thread)
        trace_id = self.get_new_id()
        if point is not None:
            parent = point.trace_id, point.order_id
        elif around is not None:
            parent = around.trace_id, -1
        else:
            parent = trace_id, -1
        if around is not None:
            if getattr(thread_local, "trace_stack", None) is None:
                thread_local.trace_stack = []
            thread_local.trace_stack.append(around)
        thread_local.trace = TraceMetadata(trace_id, thread.ident, None, None, *parent)
        return thread_local.trace

    def unregister_trace(self):
        """Ends the thread's current trace: the one around it is current again."""
        stack = getattr(thread_local, "trace_stack", None)
        thread_local.trace = stack.pop() if stack else None
