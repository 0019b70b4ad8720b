# SPDX-License-Identifier: Apache-2.0
"""What there is one of in a process."""

import inspect

from monitoring.controller import SingleMonitoringController
from monitoring.traceregistry import TraceRegistry

trace_reg = TraceRegistry()
monitoring_controller = SingleMonitoringController()


def is_method_or_function(x):
    return inspect.isfunction(x) or inspect.ismethod(x)


def __getattr__(name):
    if name == "transformer":
        from tools.ModuleTransformer import ModuleTransformer

        globals()[name] = ModuleTransformer()
        return globals()[name]
    raise AttributeError("module %r has no attribute %r" % (__name__, name))
