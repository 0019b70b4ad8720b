# SPDX-License-Identifier: Apache-2.0
"""The same with the number of the object whose method is called."""

from monitoring.record.trace.operation.operationevent import CallOperationEvent


class _ObjectEvent:

    def __init__(self, timestamp, trace_id, order_index, operation_sig, class_sig, object_id):
        self.timestamp = timestamp
        self.trace_id = trace_id
        self.order_index = order_index
        self.operation_sig = operation_sig
        self.class_sig = class_sig
        self.object_id = object_id

    def serialize(self, serializer):
        self._serialize_event(serializer)
        serializer.put_int(self.object_id)

    def _serialize_event(self, serializer):
        serializer.put_long(self.timestamp)
        serializer.put_long(self.trace_id)
        serializer.put_int(self.order_index)
        serializer.put_string(self.operation_sig)
        serializer.put_string(self.class_sig)


class BeforeOperationObjectEvent(_ObjectEvent):
    """A call begins."""


class AfterOperationObjectEvent(_ObjectEvent):
    """A call ends."""


class AfterOperationFailedObjectEvent(_ObjectEvent):
    """A call ends by an exception, which is given as text."""

    def __init__(self, timestamp, trace_id, order_index, operation_sig, class_sig, cause, object_id):
        super().__init__(timestamp, trace_id, order_index, operation_sig, class_sig, object_id)
        self.cause = cause

    def serialize(self, serializer):
        self._serialize_event(serializer)
        serializer.put_string(self.cause)
        serializer.put_int(self.object_id)


# The name that the pack gives it.
AfteFailerOperationObjectEvent = AfterOperationFailedObjectEvent


class CallOperationObjectEvent(CallOperationEvent):
    """An operation calls another one; the objects of both."""

    def __init__(self, timestamp, trace_id, order_index, caller_operation_sig, caller_class_sig, callee_operation_sig, callee_class_sig,
                 object_id, callee_object_id):
        super().__init__(timestamp, trace_id, order_index, caller_operation_sig, caller_class_sig, callee_operation_sig, callee_class_sig)
        self.object_id = object_id
        self.callee_object_id = callee_object_id

    def serialize(self, serializer):
        super().serialize(serializer)
        serializer.put_int(self.object_id)
        serializer.put_int(self.callee_object_id)
