# SPDX-License-Identifier: Apache-2.0
"""Lambdas, by option: a lambda is one expression, so its probe is in it as (probe << probe) ^ expression: entered, evaluated, left.

An expression cannot see an exception; the way of an exception out of it is appended to the bytecode, which needs the exception table of Python 3.11.
"""

import _ast
import opcode
import sys

from kieker import finish

ARE_POSSIBLE = sys.version_info >= (3, 11)

_SHIFT = 3  # BINARY_OP's argument for <<


def within(node):
    """The lambdas in the expressions of a statement, nested statements and lambdas left out."""
    for field in node._fields:
        value = getattr(node, field, None)
        for child in value if type(value) is list else (value,):
            if isinstance(child, _ast.Lambda):
                yield child
                # Its defaults are the statement's.
                yield from within(child.args)
            elif isinstance(child, _ast.IfExp) or (isinstance(child, _ast.AST) and not hasattr(child, "body") and not isinstance(child, _ast.stmt)):
                yield from within(child)


def inside(node):
    """The lambdas directly in a lambda."""
    return within(_ast.Expr(value=node.body))


def can_be_woven(node):
    """Not one that is a generator."""
    return not any(isinstance(child, (_ast.Yield, _ast.YieldFrom)) for child in _walk(node.body))


def wrap(node, placeholder):
    body = node.body
    place = {name: getattr(body, name) for name in ("lineno", "end_lineno", "col_offset", "end_col_offset")}
    probe, again = (_ast.Constant(value=placeholder, kind=None, **place) for _ in range(2))
    entered = _ast.BinOp(left=probe, op=_ast.LShift(), right=again, **place)
    node.body = _ast.BinOp(left=entered, op=_ast.BitXor(), right=body, **place)


def _walk(node):
    yield node
    for field in node._fields:
        value = getattr(node, field, None)
        for child in value if type(value) is list else (value,):
            if isinstance(child, _ast.AST) and not isinstance(child, _ast.Lambda):
                yield from _walk(child)


def with_exit(code, probe):
    """The lambda's code with the way of an exception; probe is the number of its constant."""
    instructions = code.co_code
    begin = _begin(instructions, probe)
    load = bytes((opcode.opmap["EXTENDED_ARG"], probe >> 8)) * (probe > 255) + bytes((opcode.opmap["LOAD_CONST"], probe & 255))
    handler = len(instructions)
    way = (_op("PUSH_EXC_INFO") + load + finish.POSITIVE + _op("POP_TOP") + _op("RERAISE", 2))
    cleanup = handler + len(way)
    way += _op("COPY", 3) + _op("POP_EXCEPT") + _op("RERAISE", 1)
    entries, at = [], begin
    for entry in finish.entries(code.co_exceptiontable):
        if entry[0] > at:
            entries.append((at, entry[0] - at, handler, 0, 1))
        entries.append(entry)
        at = entry[0] + entry[1]
    if at < handler:
        entries.append((at, handler - at, handler, 0, 1))
    entries.append((handler, cleanup - handler, cleanup, 2, 1))
    return code.replace(
        co_code=instructions + way,
        co_exceptiontable=finish.table(entries),
        co_linetable=code.co_linetable + _no_lines(len(way) // 2),
        co_stacksize=max(code.co_stacksize, 5),
    )


def _op(name, argument=0):
    return bytes((opcode.opmap[name], argument))


def _begin(instructions, probe):
    """Where the call has begun: behind probe << probe and its cache entry."""
    entered = _op("LOAD_CONST", probe & 255) + _op("BINARY_OP", _SHIFT)
    at = next(i for i in range(0, len(instructions), 2) if instructions.startswith(entered, i))
    return at + len(entered) + 2


def _no_lines(units):
    """Entries of the location table (Objects/locations.md) for so many code units without a place."""
    table = bytearray()
    while units > 0:
        count = min(units, 8)
        table.append(0x80 | 15 << 3 | count - 1)
        units -= count
    return bytes(table)
