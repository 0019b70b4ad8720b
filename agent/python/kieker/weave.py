# SPDX-License-Identifier: Apache-2.0
"""Puts probes into functions: the syntax tree of a module in, the module's code with probes as constants out.

A woven function's body is

    try:
        -probe
        ...the body as it was...
    finally:
        ~probe

where probe is a constant; what the operators mean is in agent/python/probes.h. The compiler copies ~probe to every way out and
thereby unwinds loops, with statements and finally clauses as the language says; on the way of an exception it becomes +probe (finish.py).
There is no assignment, no name and no line in it that was not there before.

Where the function can be suspended it has further operators, of agent/python/suspendable.h: a value that is yielded, and the one that is
sent for it, pass through the probe, and what is awaited, yielded from, entered or gone through asynchronously is asked of it.
"""

import _ast
import opcode
import sys

from kieker import _kieker, finish, lambdas, suspension

# The compiler takes 20 blocks inside one another; the probes need some.
_BLOCKS_MAX = 17

# The flag of compile() for a syntax tree.
_ONLY_AST = 0x400

# Positions of nodes that belong to no line: the compiler then goes by the instruction before. Python 3.9 needs a real one.
_HAS_NO_LINE = sys.version_info >= (3, 10)

# Lambdas are woven, too; set before anything is.
with_lambdas = False

_code_type = type((lambda: None).__code__)

# The first instruction of a function, from Python 3.11 on.
_RESUME = opcode.opmap.get("RESUME")

_FUNCTIONS = (_ast.FunctionDef, _ast.AsyncFunctionDef)
_BLOCKS = (_ast.Try, _ast.With, _ast.For, _ast.While, _ast.AsyncWith, _ast.AsyncFor, getattr(_ast, "TryStar", _ast.Try))
_WITHOUT_CODE = (_ast.Global, _ast.Nonlocal)


def codes(code):
    """All code objects in code, itself included."""
    yield code
    for constant in code.co_consts:
        if type(constant) is _code_type:
            yield from codes(constant)


def _first_lines(plain):
    """The line of each function's first instruction behind RESUME, by (first line, name)."""
    lines = {}
    for code in codes(plain):
        at = next((i for i in range(0, len(code.co_code), 2) if code.co_code[i] == _RESUME), None)
        if at is not None:
            lines[code.co_firstlineno, code.co_name] = next((line for start, end, line in code.co_lines() if start <= at + 2 < end), None)
    return lines


def _first_line(node):
    return min([node.lineno] + [decorator.lineno for decorator in getattr(node, "decorator_list", ())])


def _statements(node):
    """The lists of statements directly below a node."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        nodes = getattr(node, field, None)
        if type(nodes) is list:
            yield nodes


def _depth(statements):
    """How many blocks lie inside one another below, functions and classes left out."""
    deepest = 0
    for node in statements:
        if isinstance(node, _FUNCTIONS + (_ast.ClassDef,)):
            continue
        own = 0
        if isinstance(node, (_ast.With, _ast.AsyncWith)):
            own = len(node.items)
        elif isinstance(node, (_ast.For, _ast.While, _ast.AsyncFor)):
            own = 1
        elif isinstance(node, _BLOCKS):
            own = 3
        for below in _statements(node):
            deepest = max(deepest, own + _depth(below))
    return deepest


class Weaver:
    """Weaves one module. After weave(), operations are what the placeholders in the tree stand for."""

    def __init__(self, module, only=None, first_lines=None):
        """only: a set of (first line, name) of functions. first_lines: what _first_lines gives for the module as it was, if that is known."""
        self._module = module
        self._only = only
        self._first_lines = first_lines or {}
        self.operations = []

    def weave(self, tree):
        """Changes the tree of a module."""
        self._visit(tree, (), ())

    def table(self):
        """The operations as bind() takes them, see agent/python/code.h."""
        parts, before = [], None
        for name, component, kind in self.operations:
            if component != before:
                parts.append(_row(suspension.KINDS, component))
                before = component
            parts.append(_row(kind, name))
        return b"".join(parts)

    def _visit(self, node, classes, functions):
        # classes: names up to the innermost class; functions: names below it.
        for below in _statements(node):
            for child in below:
                if with_lambdas and isinstance(child, _ast.stmt):
                    self._weave_lambdas(lambdas.within(child), classes, functions)
                if isinstance(child, _FUNCTIONS):
                    self._visit(child, classes, functions + (child.name,))
                    self._weave(child, classes, functions)
                elif isinstance(child, _ast.ClassDef):
                    outer = classes
                    for name in functions:
                        outer += (name, "<locals>")
                    self._visit(child, outer + (child.name,), ())
                elif isinstance(child, _ast.stmt) or hasattr(child, "body"):
                    self._visit(child, classes, functions)

    def _weave(self, node, classes, functions):
        if self._only is not None and (_first_line(node), node.name) not in self._only:
            return
        if _depth(node.body) > _BLOCKS_MAX:
            return
        index = len(self.operations)
        kind = suspension.mark(node, _placeholder(index))
        operation = ".<locals>.".join(functions + (node.name,))
        self.operations.append((operation, ".".join((self._module,) + classes), kind))
        _wrap(node, index, self._first_lines.get((_first_line(node), node.name)))


    def _weave_lambdas(self, nodes, classes, functions):
        for node in list(nodes):
            self._weave_lambdas(lambdas.inside(node), classes, functions + ("<lambda>",))
            if lambdas.can_be_woven(node) and (self._only is None or (node.lineno, "<lambda>") in self._only):
                lambdas.wrap(node, _placeholder(len(self.operations)))
                name = ".<locals>.".join(functions + ("<lambda>",))
                self.operations.append((name, ".".join((self._module,) + classes), suspension.FUNCTION))


def _row(kind, text):
    # The name of a file need not be valid Unicode.
    text = text.encode("utf-8", "backslashreplace")
    return bytes((kind,)) + len(text).to_bytes(4, "little") + text


def _placeholder(index):
    return "%s%d" % (_kieker.PLACEHOLDER, index)


def _probe(operator, index, place):
    constant = _ast.Constant(value=_placeholder(index), kind=None, **place)
    return _ast.Expr(value=_ast.UnaryOp(op=operator(), operand=constant, **place), **place)


def _place(line):
    if line is None:
        return {"lineno": -1, "end_lineno": -1, "col_offset": -1, "end_col_offset": -1}
    return {"lineno": line, "end_lineno": line, "col_offset": 0, "end_col_offset": 0}


def _end_clauses(body, end):
    """Lets each except clause in which the body ends return by itself. From there Python 3.12 would jump back to what the probe adds to the end."""
    last = body[-1]
    if isinstance(last, _ast.Try) and not last.finalbody:
        for clause in last.handlers:
            _end_clauses(clause.body, end)
            if not isinstance(clause.body[-1], (_ast.Return, _ast.Raise)):
                clause.body.append(_ast.Return(value=None, **end))
        _end_clauses(last.orelse or last.body, end)
    elif isinstance(last, _ast.If):
        for branch in filter(None, (last.body, last.orelse)):
            _end_clauses(branch, end)
    elif hasattr(last, "cases"):
        for case in last.cases:
            _end_clauses(case.body, end)


def _wrap(node, index, begin):
    body = node.body
    first = body[0]
    documented = isinstance(first, _ast.Expr) and isinstance(first.value, _ast.Constant) and type(first.value.value) is str
    kept, body = body[:documented], body[documented:]
    if not body:
        body = [_ast.Pass(**_place(node.lineno))]
    # The line of the first instruction that there was: so that a debugger sees no other than before.
    begin = _place(begin or next((_first_line(s) for s in body if not isinstance(s, _WITHOUT_CODE)), _first_line(body[0])))
    # The end takes the line of whatever it follows. For that, falling off the end must be a way of its own out of each branch.
    end = _place(None if _HAS_NO_LINE else body[-1].end_lineno)
    if sys.version_info[:2] == (3, 12):
        _end_clauses(body, end)
    if not isinstance(body[-1], (_ast.Return, _ast.Raise)):
        body = body + [_ast.Return(value=None, **end)]
    enter, leave = _probe(_ast.USub, index, begin), _probe(_ast.Invert, index, end)
    node.body = kept + [_ast.Try(body=[enter] + body, handlers=[], orelse=[], finalbody=[leave], **begin)]


def weave(source, plain, module, only=None):
    """The woven code of a module with placeholders, and its operations: (code, operations), see _kieker.bind.

    source is the text of which plain is the code, and module the name for the component; only restricts it to functions
    given as (first line, name). Raises what the compiler raises.
    """
    tree = _kieker.compile_quietly(source, plain.co_filename, _ONLY_AST)
    weaver = Weaver(module, only, _first_lines(plain) if _RESUME is not None else None)
    weaver.weave(tree)
    return finish.finish(_kieker.compile_quietly(tree, plain.co_filename)), weaver.table()
