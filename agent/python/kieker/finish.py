# SPDX-License-Identifier: Apache-2.0
"""What the compiler cannot be told about a woven function, changed in its bytecode.

The probe comes last among the constants, so that all others keep their places. On the way of an exception the probe's ~ becomes +.
And that way leaves the frame at the instruction that raised, not at the end of the function: the place is put on the stack with the
exception (bit 0 of an entry's last number in the exception table, CPython's Objects/exception_handling_notes.txt), and RERAISE is told where it lies.
"""

import opcode
import sys

from kieker import _kieker

_code_type = type((lambda: None).__code__)
_ops = opcode.opmap
_CONSTANTS = frozenset(opcode.hasconst)
_LOAD_CONST, _EXTENDED_ARG, _INVERT, _RERAISE = (_ops[name] for name in ("LOAD_CONST", "EXTENDED_ARG", "UNARY_INVERT", "RERAISE"))


def _positive():
    """The instruction for +."""
    if "UNARY_POSITIVE" in _ops:
        return bytes((_ops["UNARY_POSITIVE"], 0))
    try:
        names = opcode._intrinsic_1_descs
    except AttributeError:
        import _opcode

        names = _opcode.get_intrinsic1_descs()
    return bytes((_ops["CALL_INTRINSIC_1"], names.index("INTRINSIC_UNARY_POSITIVE")))


POSITIVE = _positive()
# Where RERAISE finds the place of the instruction that raised; 0: it cannot.
_PLACE = 2 if sys.version_info >= (3, 11) else sys.version_info >= (3, 10)


def finish(code):
    """The code, and that of functions in it, finished."""
    constants = [finish(constant) if type(constant) is _code_type else constant for constant in code.co_consts]
    at = next((i for i, constant in enumerate(constants) if type(constant) is str and constant.startswith(_kieker.PLACEHOLDER)), None)
    if at is None:
        return code.replace(co_consts=tuple(constants))
    instructions = bytearray(code.co_code)
    changes = _change_exit(code, instructions, at)
    # Beyond that an instruction may need more room for the constant's number.
    if len(constants) <= 256:
        constants.append(constants.pop(at))
        for i in range(0, len(instructions), 2):
            if instructions[i] in _CONSTANTS:
                number = instructions[i + 1]
                instructions[i + 1] = len(constants) - 1 if number == at else number - (number > at)
        at = len(constants) - 1
    code = code.replace(co_consts=tuple(constants), co_code=bytes(instructions), **changes)
    if code.co_name == "<lambda>":
        from kieker import lambdas

        return lambdas.with_exit(code, at)
    return code


def _change_exit(code, instructions, probe):
    """Changes the instructions of the way of an exception out of the function; what else of the code changes with it."""
    invert, begin = _exit(instructions, probe)
    if invert is None:
        return {}
    reraise = invert + 4
    instructions[invert:invert + 2] = POSITIVE
    if _PLACE:
        instructions[reraise + 1] = _PLACE
    if _PLACE != 2:
        return {}
    changed = []
    for start, length, target, depth, has_place in entries(code.co_exceptiontable):
        if target == begin:
            has_place = 1
        elif begin <= start <= reraise:
            depth += 1
        changed.append((start, length, target, depth, has_place))
    return {"co_exceptiontable": table(changed), "co_stacksize": code.co_stacksize + 1}


def _exit(instructions, probe):
    """Where the probe's ~ is on the way of an exception, and where that way begins; None for both if there is none."""
    number = extended = 0
    begin = None
    for i in range(0, len(instructions) - 5, 2):
        op, argument = instructions[i], instructions[i + 1]
        if op == _EXTENDED_ARG:
            begin = i if begin is None else begin
            extended = (extended | argument) << 8
            continue
        if op == _LOAD_CONST:
            number = extended | argument
            begin = i if begin is None else begin
            if number == probe and instructions[i + 2] == _INVERT and instructions[i + 6:i + 7] == bytes((_RERAISE,)):
                # PUSH_EXC_INFO comes before.
                return i + 2, begin - 2 if _PLACE == 2 else begin
        extended, begin = 0, None
    return None, None


def entries(encoded):
    """An exception table's entries: (start, length, target, depth, whether the place is put on the stack); offsets in bytes."""
    numbers, value = [], 0
    for byte in encoded:
        value = value << 6 | byte & 0x3F
        if not byte & 0x40:
            numbers.append(value)
            value = 0
    for i in range(0, len(numbers), 4):
        start, length, target, last = numbers[i:i + 4]
        yield 2 * start, 2 * length, 2 * target, last >> 1, last & 1


def table(rows):
    """The reverse."""
    encoded = bytearray()
    for start, length, target, depth, has_place in rows:
        _put(encoded, start // 2, 0x80)
        _put(encoded, length // 2)
        _put(encoded, target // 2)
        _put(encoded, depth << 1 | has_place)
    return bytes(encoded)


def _put(encoded, number, first=0):
    """Appends a number, six bits a byte, the highest first."""
    shift = 0
    while number >> shift + 6:
        shift += 6
    while shift:
        encoded.append(first | 0x40 | number >> shift & 0x3F)
        first, shift = 0, shift - 6
    encoded.append(first | number & 0x3F)
