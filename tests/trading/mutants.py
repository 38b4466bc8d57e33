"""Planted mistakes: every rail with one comparison, sign, word or answer turned round, one at a time.

A mutant is made from the rail's own source and takes the rail's place in the decision; `kills` says whether
one of the tables' cases then has another answer.
"""

from __future__ import annotations

import ast
import copy
import inspect
import sys
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from quantlab.trading.rails import Rail

COMPARISONS = {
    ast.LtE: ast.Lt, ast.Lt: ast.LtE, ast.GtE: ast.Gt, ast.Gt: ast.GtE, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
TURNED = {ast.LtE: ast.Gt, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE}
CALLS = {"add": "subtract", "subtract": "add", "times": "add", "max": "min", "min": "max"}


def mutants(rail: Rail) -> Iterator[tuple[str, Rail]]:
    """What was changed, in words, and the rail with that change."""
    yield f"{rail.__name__}: asks nothing", lambda _: (True, "asks nothing")
    yield f"{rail.__name__}: denies everything", lambda _: (False, "denies everything")
    tree = ast.parse(textwrap.dedent(inspect.getsource(rail)))
    places = [node for node in ast.walk(tree) if _changes(node)]
    for index, place in enumerate(places):
        for number, (words, _) in enumerate(_changes(place)):
            changed = copy.deepcopy(tree)
            node = [each for each in ast.walk(changed) if _changes(each)][index]
            _changes(node)[number][1]()
            yield f"{rail.__name__}: line {place.lineno}: {words}", _compiled(changed, rail)


def _changes(node: ast.AST) -> list[tuple[str, Callable[[], object]]]:
    """Each change that makes sense of a node, and how to make it."""
    match node:
        case ast.Compare(ops=[op]):
            kinds = [kind for table in (COMPARISONS, TURNED) if (kind := table.get(type(op)))]
            return [
                (f"{type(op).__name__} to {kind.__name__}", lambda kind=kind: _set_op(node, kind))
                for kind in kinds
            ]
        case ast.BoolOp(op=op):
            kind = ast.Or if isinstance(op, ast.And) else ast.And
            return [(f"to {kind.__name__}", lambda: setattr(node, "op", kind()))]
        case ast.Constant(value=bool() as value):
            return [(f"{value} to {not value}", lambda: setattr(node, "value", not value))]
        case ast.Constant(value=int() as value):
            return [(f"{value} to {value + 1}", lambda: setattr(node, "value", value + 1))]
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            return [(f"{name} to {CALLS[name]}", lambda: setattr(node.func, "id", CALLS[name]))]
        case ast.BinOp(op=ast.Add()):
            return [("+ to -", lambda: setattr(node, "op", ast.Sub()))]
        case ast.UnaryOp(op=ast.Not()):
            return [("without not", lambda: setattr(node, "op", ast.UAdd()))]
        case ast.Return(value=ast.Tuple(elts=[ast.Compare(), *_])):
            return [("always allows", lambda: node.value.elts.__setitem__(0, ast.Constant(True)))]
    return []


def _set_op(node: ast.Compare, kind: type[ast.cmpop]) -> None:
    node.ops = [kind()]


def _compiled(tree: ast.AST, rail: Rail) -> Rail:
    module = sys.modules[rail.__module__]
    space: dict[str, Any] = dict(vars(module))
    exec(compile(ast.fix_missing_locations(tree), "mutant", "exec"), space)
    made: Rail = space[rail.__name__]
    return made
