"""What an expression of our own source comes to, as far as that is known before it is ever called.

Pure. Names are looked up now, comparisons of what is known are made now, and what hangs on them is left out;
functions of this package are put in the place of their calls. What is not understood raises `NotUnderstood`.
"""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
from collections.abc import Mapping, Sequence
from enum import Enum
from types import FunctionType, ModuleType
from typing import Any

from quantlab.trading.rails.sources import (
    Code,
    Known,
    NotUnderstood,
    Scope,
    Value,
    Whole,
    give_up,
    given,
    is_expression,
    name_of,
)

ATOMS = frozenset({type(None), bool, int, str})
FROZEN = "limits"  # reading a field of it again costs as little as a variable


class Folding:
    """Folds expressions; `space` are the names that the code they come to needs.

    Args:
        inlined: Functions whose module's name begins so are put in; others are called.
        operators: Functions of two arguments that an operator stands for.
    """

    def __init__(self, inlined: str, operators: Mapping[Any, ast.operator]) -> None:
        self.space: dict[str, Any] = {"give_up": give_up}
        self._inlined, self._operators = inlined, operators
        self._certain = True  # this part of an expression is worked out in any case

    def hold(self, value: Value) -> Value:
        """The value as something that may be read again and again at no cost."""
        raise NotImplementedError

    def stable(self, value: Value) -> bool:
        """It is that already."""
        raise NotImplementedError

    def value_of(self, function: FunctionType, arguments: Sequence[Value]) -> Value:
        """What a function gives, put in here."""
        raise NotImplementedError

    def node(self, value: Value) -> ast.expr:
        """The expression that gives a value."""
        match value:
            case Code(node=node):
                return node
            case Known(value=known) if type(known) in ATOMS:
                return ast.Constant(value=known)
            case Known(value=known):
                name = f"known_{id(known)}"
                self.space[name] = known
                return name_of(name)
        raise NotUnderstood(f"{value.name} as a value")

    def nodes(self, values: Sequence[Value]) -> list[ast.expr]:
        """The expressions that give them."""
        return [self.node(each) for each in values]

    def value(self, node: ast.expr, scope: Scope) -> Value:
        """What an expression comes to."""
        match node:
            case ast.Constant(value=constant):
                return Known(constant)
            case ast.Name(id=name):
                return scope.find(name)
            case ast.Attribute(value=owner, attr=attr):
                return self._attribute(self.value(owner, scope), attr)
            case ast.Call():
                return self._call(node, scope)
            case ast.BoolOp(op=op, values=values):
                return self._either(values, scope, until=isinstance(op, ast.Or))
            case ast.IfExp(test=test, body=one, orelse=other):
                return self._if(self.value(test, scope), one, other, scope)
        parts = [self.value(each, scope) for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
        return self._made(node, parts)

    def _made(self, node: ast.expr, parts: list[Value]) -> Value:
        """An expression of parts that are all worked out, one after the other."""
        match node:
            case ast.UnaryOp(op=ast.Not()) if isinstance(parts[0], Known):
                return Known(not parts[0].value)
            case ast.UnaryOp(op=op):
                return Code(ast.UnaryOp(op=op, operand=self.node(parts[0])), given=True)
            case ast.BinOp(op=op):
                left, right = self.nodes(parts)
                return Code(ast.BinOp(left=left, op=op, right=right), given=True)
            case ast.Compare(ops=ops):
                return self._compare(parts, ops)
            case ast.Tuple():
                known = [each.value for each in parts if isinstance(each, Known)]
                if len(known) == len(parts):
                    return Known(tuple(known))
                return Code(ast.Tuple(elts=self.nodes(parts), ctx=ast.Load()), given=True)
            case ast.Subscript():
                owner, index = self.nodes(parts)
                return Code(ast.Subscript(value=owner, slice=index, ctx=ast.Load()))
        raise NotUnderstood(ast.unparse(node))

    def _attribute(self, owner: Value, attr: str) -> Value:
        match owner:
            case Whole(fields=fields) if attr in fields:
                return fields[attr]
            case Known(value=ModuleType() | Enum() | type() | tuple() as known):
                return Known(getattr(known, attr))
        return Code(ast.Attribute(value=self.node(owner), attr=attr, ctx=ast.Load()))

    def _either(self, values: Sequence[ast.expr], scope: Scope, *, until: bool) -> Value:
        """`or` (until True), or `and` (until False), without what is known to change nothing."""
        left, certain = list[Value](), self._certain
        try:
            for number, each in enumerate(values, 1):
                found = self.value(each, scope)
                decides = isinstance(found, Known) and bool(found.value) is until
                if isinstance(found, Known) and not decides and number < len(values):
                    continue
                left.append(found)
                self._certain = False
                if decides:
                    break
        finally:
            self._certain = certain
        if len(left) == 1:
            return left[0]
        return Code(ast.BoolOp(op=ast.Or() if until else ast.And(), values=self.nodes(left)))

    def _if(self, asked: Value, one: ast.expr, other: ast.expr, scope: Scope) -> Value:
        if isinstance(asked, Known):
            return self.value(one if asked.value else other, scope)
        certain, self._certain = self._certain, False
        try:
            both = [self.value(each, scope) for each in (one, other)]
        finally:
            self._certain = certain
        node = ast.IfExp(test=self.node(asked), body=self.node(both[0]), orelse=self.node(both[1]))
        return Code(node, given=all(map(given, both)))

    def _compare(self, sides: Sequence[Value], ops: Sequence[ast.cmpop]) -> Value:
        none = [isinstance(each, Known) and each.value is None for each in sides]
        if isinstance(ops[0], ast.Is | ast.IsNot) and any(none):
            others = [each for each, is_none in zip(sides, none, strict=True) if not is_none]
            if all(isinstance(each, Known) or given(each) for each in others):
                return Known(all(none) is isinstance(ops[0], ast.Is))
        left, *right = self.nodes(sides)
        node = ast.Compare(left=left, ops=list(ops), comparators=right)
        if all(isinstance(each, Known) for each in sides):
            expression = ast.fix_missing_locations(ast.Expression(body=node))
            return Known(eval(compile(expression, "<folded>", "eval"), self.space))  # noqa: S307  # our own source
        return Code(node, given=True)

    def _call(self, node: ast.Call, scope: Scope) -> Value:
        if node.keywords:
            raise NotUnderstood(ast.unparse(node))
        called, arguments = self._called(node.func, scope)
        arguments += [self.value(each, scope) for each in node.args]
        match called:
            case Known(value=FunctionType() as function) if function.__module__.startswith(self._inlined):
                if self._certain or (is_expression(function) and all(map(self.stable, arguments))):
                    return self.value_of(function, arguments)
                if any(isinstance(each, Whole) for each in arguments):
                    return Code(ast.Call(func=name_of("give_up"), args=[], keywords=[]))
            case Known(value=builtins.type) if isinstance(arguments[0], Whole):
                return Known(arguments[0].kind)
            case Known(value=builtins.max) if all(map(self.stable, arguments[1:])) or self._certain:
                return functools.reduce(self._larger, arguments)
        nodes = self.nodes(arguments)
        operator = self._operators.get(called.value) if isinstance(called, Known) else None
        if operator is not None:
            return Code(ast.BinOp(left=nodes[0], op=operator, right=nodes[1]), given=True)
        return Code(ast.Call(func=self.node(called), args=nodes, keywords=[]))

    def _larger(self, one: Value, other: Value) -> Value:
        """`max` of the two, without a call."""
        if not self._certain and not (self.stable(one) and self.stable(other)):
            return Code(ast.Call(func=self.node(Known(max)), args=self.nodes([one, other]), keywords=[]))
        left, right = self.nodes([self.hold(one), self.hold(other)])
        test = ast.Compare(left=right, ops=[ast.Gt()], comparators=[left])
        return Code(ast.IfExp(test=test, body=right, orelse=left), given=True)

    def _called(self, node: ast.expr, scope: Scope) -> tuple[Value, list[Value]]:
        """What is called, and the object whose method it is."""
        if isinstance(node, ast.Attribute):
            owner = self.value(node.value, scope)
            if isinstance(owner, Whole):
                return Known(inspect.getattr_static(owner.kind, node.attr)), [owner]
        return self.value(node, scope), []
