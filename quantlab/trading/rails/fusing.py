"""One function made of many: their own source, one after the other, with what they share reckoned once.

Pure. Expressions come folded (`folding`); here are the statements, in the Python that the rails are written
in. The fields of the object that all of them read become local variables. Whatever is not understood raises
`NotUnderstood`, or ends the function where it stands: it never guesses.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any, TypeAlias

from quantlab.trading.rails.folding import FROZEN, Folding
from quantlab.trading.rails.sources import Code, Known, NotUnderstood, Scope, Value, Whole, given, name_of

Returned: TypeAlias = Callable[[ast.expr, Scope], object]


class Fuser(Folding):
    """Writes the statements of the function, in `body`.

    Args:
        inlined, operators: See `Folding`.
        ending: What ends the function without an answer.
    """

    def __init__(self, inlined: str, operators: Mapping[Any, ast.operator], ending: ast.stmt) -> None:
        super().__init__(inlined, operators)
        self.body: list[ast.stmt] = []
        self._ending = ending
        self._count = itertools.count()
        self._varying: set[str] = set()  # variables that change: never another name for something
        self._depth = 0  # of branches around what is written

    # -- functions

    def write(self, function: FunctionType, arguments: Sequence[Value], returned: Returned) -> None:
        """Write a function in; `returned(expression, scope)` writes what each return of it is for.

        A return is the way out of a loop that runs once, where anything stands behind it.
        """
        scope = Scope(function, arguments)
        outer, self.body = self.body, []
        depth, scope.depth = self._depth, self._depth
        self._statements(scope.body, scope, returned)
        self._depth = depth
        written, self.body = self.body, outer
        while written and isinstance(written[-1], ast.Break):
            written.pop()
        if any(isinstance(each, ast.Break) for one in written for each in _inside(one)):
            written = [ast.While(test=ast.Constant(value=True), body=[*written, ast.Break()], orelse=[])]
        self.body += written

    def value_of(self, function: FunctionType, arguments: Sequence[Value]) -> Value:
        """What it gives: an expression where it comes to no more than one, else a variable."""
        result, found = self._fresh(), list[Value]()

        def returned(node: ast.expr, scope: Scope) -> None:
            found.append(self.value(node, scope))
            self._assign(result, found[-1])

        self.write(function, [self.hold(each) for each in arguments], returned)
        match self.body:
            case [*_, ast.Assign(targets=[ast.Name(id=name)])] if name == result and len(found) == 1:
                self.body.pop()
                return found[0]
        return Code(name_of(result), given=bool(found) and all(map(given, found)))

    # -- statements

    def _statements(self, body: Sequence[ast.stmt], scope: Scope, returned: Returned) -> bool:
        """Write them; True where nothing comes behind: all ways through them end."""
        return any(self._statement(each, scope, returned) for each in body)

    def _statement(self, node: ast.stmt, scope: Scope, returned: Returned) -> bool:
        match node:
            case ast.Return(value=ast.IfExp(test=test, body=one, orelse=other)):
                return self._branch(test, [ast.Return(value=one)], [ast.Return(value=other)], scope, returned)
            case ast.Return(value=ast.expr() as value):
                returned(value, scope)
                self.body.append(ast.Break())
                scope.left = scope.left or self._depth > scope.depth
                return True
            case ast.Raise():
                self.body.append(self._ending)
                return True
            case ast.If(test=ast.BoolOp(op=ast.And(), values=[head, *others]), body=body, orelse=[]):
                rest = others[0] if len(others) == 1 else ast.BoolOp(op=ast.And(), values=others)
                return self._branch(head, [ast.If(test=rest, body=body, orelse=[])], [], scope, returned)
            case ast.If(test=test, body=body, orelse=orelse):
                return self._branch(test, body, orelse, scope, returned)
            case ast.Assign(
                targets=[ast.Tuple() as names], value=ast.IfExp(test=test, body=one, orelse=other)
            ):
                first, second = (ast.Assign(targets=[names], value=each) for each in (one, other))
                return self._branch(test, [first], [second], scope, returned)
            case ast.Assign(targets=targets, value=value):
                self._assignment(targets, value, scope)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                self._assignment([target], ast.BinOp(left=name_of(name), op=op, right=value), scope)
            case ast.Expr(value=ast.Call() as call):
                self.value(call, scope)
            case _:
                raise NotUnderstood(ast.unparse(node))
        return False

    def _branch(
        self,
        test: ast.expr,
        body: Sequence[ast.stmt],
        orelse: Sequence[ast.stmt],
        scope: Scope,
        returned: Returned,
    ) -> bool:
        """Write the branch that is known to be taken, or both."""
        asked = self.value(test, scope)
        if isinstance(asked, Known):
            return self._statements(body if asked.value else orelse, scope, returned)
        self._hold_names([*body, *orelse], scope)
        outer, blocks, ends = self.body, list[list[ast.stmt]](), list[bool]()
        self._depth += 1
        depth = self._depth
        for each in (body, orelse):
            self.body = []
            try:
                ends.append(self._statements(each, scope, returned))
            except NotUnderstood:
                self.body, self._depth, self._certain = [self._ending], depth, True
                ends.append(True)
            blocks.append(self.body)
        self._depth -= not scope.left  # what comes behind a way out is on one branch, too
        self.body = outer
        if blocks[0]:
            self.body.append(ast.If(test=self.node(asked), body=blocks[0], orelse=blocks[1]))
        elif blocks[1]:
            without = ast.UnaryOp(op=ast.Not(), operand=self.node(asked))
            self.body.append(ast.If(test=without, body=blocks[1], orelse=[]))
        return all(ends)

    def _hold_names(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        """Whatever one of the branches assigns is a variable from here on."""
        for name in sorted(_assigned(body) - scope.held.keys()):
            scope.held[name] = variable = self._fresh()
            self._varying.add(variable)
            if name in scope.own:
                self._assign(variable, scope.own[name])
            scope.own[name] = Code(name_of(variable))

    def _assignment(self, targets: Sequence[ast.expr], value: ast.expr, scope: Scope) -> None:
        match targets, value:
            case [ast.Tuple(elts=names)], ast.Tuple(elts=values):
                if {ast.unparse(each) for each in names} & {ast.unparse(each) for each in values}:
                    raise NotUnderstood("names that change places")
                found = [self.hold(self.value(each, scope)) for each in values]
                for name, held in zip(names, found, strict=True):
                    self._store(name, held, scope)
            case _:
                held = self.hold(self.value(value, scope))
                for target in targets:
                    self._store(target, held, scope)

    def _store(self, target: ast.expr, value: Value, scope: Scope) -> None:
        match target:
            case ast.Name(id=name) if name in scope.held:
                self._assign(scope.held[name], value)
            case ast.Name(id=name):
                scope.own[name] = value
            case ast.Attribute(value=ast.Name(id=owner), attr=attr):
                whole = scope.find(owner)
                if not isinstance(whole, Whole):
                    raise NotUnderstood(ast.unparse(target))
                if self._depth:  # on another way it is left out: there, reading it must fail
                    self._assign(f"{whole.name}_{attr}", value)
                    always = given(value) and (attr not in whole.fields or given(whole.fields[attr]))
                    value = Code(name_of(f"{whole.name}_{attr}"), given=always)
                whole.fields[attr] = value
            case _:
                raise NotUnderstood(ast.unparse(target))

    def _assign(self, variable: str, value: Value) -> None:
        target = ast.Name(id=variable, ctx=ast.Store())
        self.body.append(ast.Assign(targets=[target], value=self.node(value)))

    # -- variables

    def hold(self, value: Value) -> Value:
        """A variable, or what costs no more than one."""
        if self.stable(value):
            return value
        variable = self._fresh()
        self._assign(variable, value)
        return Code(name_of(variable), given=given(value))

    def stable(self, value: Value) -> bool:
        """It is known, a variable that never changes, or a field that costs as little."""
        match value:
            case Code(node=ast.Name(id=name)):
                return name not in self._varying
            case Code(node=ast.Attribute(value=ast.Name(id=name))):
                return name == FROZEN
            case Code():
                return False
        return True

    def _fresh(self) -> str:
        return f"v{next(self._count)}"


def _assigned(body: Sequence[ast.stmt]) -> set[str]:
    """Names that are assigned somewhere in it."""
    nodes = (node for each in body for node in ast.walk(each))
    return {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _inside(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below, but for what lies in a loop of its own."""
    yield node
    if not isinstance(node, ast.While):
        for each in ast.iter_child_nodes(node):
            yield from _inside(each)
