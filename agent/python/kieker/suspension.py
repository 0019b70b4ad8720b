# SPDX-License-Identifier: Apache-2.0
"""Marks where a function can be suspended: at yield, yield from, await, async with and async for, in its syntax tree.

What stands in for the value there is given by a probe's operators, see agent/python/suspendable.h. A nested function, a
lambda or a generator expression is suspended by itself: of it only the parts count that the function evaluates, such as defaults.
"""

import _ast

FUNCTION, GENERATOR, COROUTINE, ASYNC_GENERATOR, KINDS = range(5)

_SCOPES = (_ast.FunctionDef, _ast.AsyncFunctionDef, _ast.ClassDef, _ast.Lambda)
_COMPREHENSIONS = (_ast.ListComp, _ast.SetComp, _ast.DictComp)
_TRIES = (_ast.Try, getattr(_ast, "TryStar", _ast.Try))
# The parts of a nested function or class that are evaluated where it stands.
_OUTER_PARTS = ("decorator_list", "args", "bases", "keywords", "defaults", "kw_defaults")


def mark(function, placeholder):
    """Changes the body of a function; gives its kind."""
    marker = _Marker(placeholder)
    function.body = marker.all(function.body)
    if isinstance(function, _ast.AsyncFunctionDef):
        return ASYNC_GENERATOR if marker.yields else COROUTINE
    return GENERATOR if marker.yields else FUNCTION


class _Marker:
    def __init__(self, placeholder):
        self._placeholder = placeholder
        self.yields = 0

    def all(self, nodes):
        return [self.one(node) for node in nodes]

    def one(self, node):
        """The node with what is below it marked, or what stands in its place."""
        if not isinstance(node, _ast.AST):
            return node
        if isinstance(node, _SCOPES + (_ast.arguments,)):
            self._fields(node, _OUTER_PARTS)
        elif isinstance(node, _ast.GeneratorExp):
            self._fields(node.generators[0], ("iter",))
        elif isinstance(node, _TRIES):
            self._try(node)
        else:
            self._fields(node, node._fields)
        special = _SPECIAL.get(type(node))
        return node if special is None else special(self, node)

    def _fields(self, node, names):
        for name in names:
            value = getattr(node, name, None)
            if type(value) is list:
                value[:] = self.all(value)
            elif isinstance(value, _ast.AST):
                setattr(node, name, self.one(value))

    def _try(self, node):
        before = self.yields
        self._fields(node, ("body",))
        if self.yields > before:
            # An exception that is thrown into the function comes out of a yield, and the function sees it here first.
            for handler in node.handlers:
                self._thrown(handler.body)
            if node.finalbody:
                self._thrown(node.finalbody)
        self._fields(node, ("handlers", "orelse", "finalbody"))

    def _thrown(self, body):
        place = _place(body[0])
        probe = self._apply(_ast.BitAnd, place, self._probe(place), place)
        body.insert(0, _ast.Expr(value=probe, **place))

    def _yield(self, node):
        self.yields += 1
        place = _place(node)
        value = _ast.Constant(value=None, kind=None, **place) if node.value is None else node.value
        first = _place(value)
        node.value = self._apply(_ast.BitOr, first, value, place)
        return self._apply(_ast.MatMult, first, node, place)

    def _yield_from(self, node):
        self.yields += 1
        node.value = self._apply(_ast.RShift, _place(node.value), node.value, _place(node))
        return node

    def _await(self, node):
        node.value = self._apply(_ast.RShift, _place(node.value), node.value, _place(node))
        return node

    def _with(self, node):
        for item in node.items:
            place = _place(item.context_expr)
            item.context_expr = self._apply(_ast.Mod, place, item.context_expr, place)
        return node

    def _for(self, node):
        place = _place(node.iter)
        node.iter = self._apply(_ast.FloorDiv, place, node.iter, place)
        return node

    def _comprehension(self, node):
        return self._for(node) if node.is_async else node

    def _probe(self, place):
        return _ast.Constant(value=self._placeholder, kind=None, **place)

    def _apply(self, operator, probe_place, value, place):
        """probe OPERATOR value; probe_place is that of the first instruction there was, so that tracers see no other line."""
        return _ast.BinOp(left=self._probe(probe_place), op=operator(), right=value, **place)


_SPECIAL = {
    _ast.Yield: _Marker._yield,
    _ast.YieldFrom: _Marker._yield_from,
    _ast.Await: _Marker._await,
    _ast.AsyncWith: _Marker._with,
    _ast.AsyncFor: _Marker._for,
    _ast.comprehension: _Marker._comprehension,
}


def _place(node):
    line = min([node.lineno] + [decorator.lineno for decorator in getattr(node, "decorator_list", ())])
    return {"lineno": line, "end_lineno": node.end_lineno, "col_offset": node.col_offset, "end_col_offset": node.end_col_offset}
