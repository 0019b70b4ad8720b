# SPDX-License-Identifier: Apache-2.0
"""What a record's serialize() writes to: text, bytes, or (what the agent takes) values."""

import struct


class _Serializer:
    """One method a type of field, all made of put_value(value, format of struct)."""

    def put_boolean(self, boolean):
        self.put_value(boolean, "?")

    def put_byte(self, value):
        self.put_value(value, "b")

    def put_char(self, value):
        self.put_value(value, "c")

    def put_short(self, value):
        self.put_value(value, "h")

    def put_int(self, value):
        self.put_value(value, "i")

    def put_long(self, value):
        self.put_value(value, "q")

    def put_float(self, value):
        self.put_value(value, "f")

    def put_double(self, value):
        self.put_value(value, "d")

    def put_string(self, value):
        self.put_value(value, "s")


class Values(_Serializer):
    """A record's values in order, as the agent takes them: int, float, bool and str."""

    def __init__(self):
        self.values = []

    def put_value(self, value, kind):
        self.values.append(str(value) if kind in "sc" else value)

    def put(self, value):
        self.values.append(value)


class Serializer(_Serializer):
    """Fields of a line of text, each with its semicolon, appended to a list."""

    def __init__(self, string_byte):
        self.string_byte = string_byte

    def put_value(self, value, kind):
        self.put(value)

    def put(self, value):
        self.string_byte.append(value if value == "\n" else "%s; " % value)

    def pack(self):
        raise NotImplementedError("text is not packed; it is what was appended to the list")


class BinarySerializer(_Serializer):
    """Fields as they are on the wire. string_registry.get_id(text) gives the numbers that stand for strings."""

    def __init__(self, buffer, string_registry):
        self.buffer = buffer
        self.string_registry = string_registry
        self.format_string = "!"

    def put_value(self, value, kind):
        self.buffer.append(self.string_registry.get_id(value) if kind == "s" else value)
        self.format_string += "i" if kind == "s" else kind

    def pack(self):
        """The bytes of everything since the last call."""
        packed = struct.pack(self.format_string, *self.buffer)
        self.format_string = "!"
        self.buffer.clear()
        return packed
