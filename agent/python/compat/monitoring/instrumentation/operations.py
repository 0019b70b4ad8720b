# SPDX-License-Identifier: Apache-2.0
"""A function's events, for programs that send them themselves before and after they call it."""

from monitoring.controller import SingleMonitoringController
from monitoring.record.trace.operation.operationevent import AfterOperationEvent, AfterOperationFailedEvent, BeforeOperationEvent
from monitoring.traceregistry import TraceRegistry

monitoring_controller = SingleMonitoringController()
trace_reg = TraceRegistry()


def _send(kind, function, *more):
    # The trace comes first, as it takes time.
    trace = trace_reg.get_trace()
    if trace is None:
        trace = trace_reg.register_trace()
        monitoring_controller.new_monitoring_record(trace)
    outermost = function.__qualname__.partition(".")[0]
    component = function.__module__ if outermost == function.__name__ else "%s.%s" % (function.__module__, outermost)
    now = monitoring_controller.time_source_controller.get_time()
    monitoring_controller.new_monitoring_record(kind(now, trace.trace_id, trace.get_next_order_id(), function.__name__, component, *more))


def before_operation_event(func):
    _send(BeforeOperationEvent, func)


# The name that the pack gives it.
brefore_operation_event = before_operation_event


def after_operation_event(func):
    _send(AfterOperationEvent, func)


def after_operation_failed_event(func, exception):
    _send(AfterOperationFailedEvent, func, repr(exception))
