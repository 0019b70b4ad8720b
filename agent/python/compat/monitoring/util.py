# SPDX-License-Identifier: Apache-2.0
"""Time stamps, and the full names of record classes."""

import time

_FLOW = "kieker.common.record.flow.trace."

_PREFIXES = {
    "TraceMetadata": _FLOW,
    "BeforeOperationEvent": _FLOW + "operation.",
    "AfterOperationEvent": _FLOW + "operation.",
    "AfterOperationFailedEvent": _FLOW + "operation.",
    "CallOperationEvent": _FLOW + "operation.",
    "BeforeOperationObjectEvent": _FLOW + "operation.object.",
    "AfterOperationObjectEvent": _FLOW + "operation.object.",
    "AfterOperationFailedObjectEvent": _FLOW + "operation.object.",
    "CallOperationObjectEvent": _FLOW + "operation.object.",
    "OperationExecutionRecord": "kieker.common.record.controlflow.",
}


def get_prefix(class_name):
    """What comes before the class's name in Kieker's name of the record, with the dot; None for a class that is not Kieker's."""
    return _PREFIXES.get(class_name)


class TimeStamp:

    def get_time(self):
        """ns since 1970."""
        return time.time_ns()
