# SPDX-License-Identifier: Apache-2.0
"""The records: what a program may make itself and hand to a controller."""

from monitoring.record.trace.operation.objectoperationevent import (
    AfterOperationFailedObjectEvent,
    AfterOperationObjectEvent,
    BeforeOperationObjectEvent,
    CallOperationObjectEvent,
)
from monitoring.record.trace.operation.operationevent import (
    AfterOperationEvent,
    AfterOperationFailedEvent,
    BeforeOperationEvent,
    CallOperationEvent,
)
from monitoring.record.trace.tracemetadata import TraceMetadata

__all__ = [
    "AfterOperationEvent", "AfterOperationFailedEvent", "AfterOperationFailedObjectEvent", "AfterOperationObjectEvent", "BeforeOperationEvent",
    "BeforeOperationObjectEvent", "CallOperationEvent", "CallOperationObjectEvent", "OperationExecutionRecord", "TraceMetadata",
]


class OperationExecutionRecord:
    """A whole call, in one record."""

    def __init__(self, operation_signature, session_id, trace_id, tin, tout, hostname, eoi, ess):
        self.operation_signature = "noOperation" if operation_signature is None else operation_signature
        self.session_id = "<no-session-id>" if session_id is None else session_id
        self.trace_id = trace_id
        self.tin = tin
        self.tout = tout
        self.hostname = "<default-host>" if hostname is None else hostname
        self.eoi = eoi
        self.ess = ess

    def serialize(self, serializer):
        serializer.put_string(self.operation_signature)
        serializer.put_string(self.session_id)
        serializer.put_long(self.trace_id)
        serializer.put_long(self.tin)
        serializer.put_long(self.tout)
        serializer.put_string(self.hostname)
        serializer.put_int(self.eoi)
        serializer.put_int(self.ess)
