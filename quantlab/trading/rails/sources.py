"""The source of our own functions, the names in it, and what is known of a value before a call. Pure."""

from __future__ import annotations

import ast
import builtins
import functools
import inspect
from collections.abc import Sequence
from types import FunctionType, ModuleType
from typing import Any, NamedTuple, NoReturn, TypeAlias


class Known(NamedTuple):
    """A value that is the same at each call."""

    value: Any


class Code(NamedTuple):
    """An expression, worked out at each call. `given`: it is never None."""

    node: ast.expr
    given: bool = False


class Whole(NamedTuple):
    """An object that does not exist at the call: its fields do, as values of their own."""

    name: str
    fields: dict[str, Value]
    kind: type


Value: TypeAlias = "Known | Code | Whole"


class NotUnderstood(Exception):
    """Source that cannot be folded in."""


class GiveUp(Exception):
    """The function cannot tell."""


def give_up() -> NoReturn:
    """Called in place of what was not folded in."""
    raise GiveUp


class Scope:
    """The names of one function: its own, its module's, Python's."""

    def __init__(self, function: FunctionType, arguments: Sequence[Value]) -> None:
        names, self.body = source_of(function)
        self.own = dict(zip(names, arguments, strict=True))
        self.held: dict[str, str] = {}  # names that a branch assigns, and their variables
        self.depth = 0  # of the branches around it
        self.left = False  # one of its branches may have returned before
        self._outer = function.__globals__

    def find(self, name: str) -> Value:
        """What a name stands for."""
        if name in self.own:
            return self.own[name]
        for outer in (self._outer, vars(builtins)):
            if name in outer:
                return Known(outer[name])
        raise NotUnderstood(name)


@functools.cache
def _definitions(module: ModuleType | None) -> dict[str, ast.FunctionDef]:
    """The functions of a module, and those of its classes, by qualified name."""
    if module is None:
        raise NotUnderstood("a function of no module")
    found: dict[str, ast.FunctionDef] = {}
    for node in ast.parse(inspect.getsource(module)).body:
        inside, prefix = (node.body, f"{node.name}.") if isinstance(node, ast.ClassDef) else ([node], "")
        found |= {prefix + each.name: each for each in inside if isinstance(each, ast.FunctionDef)}
    return found


@functools.cache
def source_of(function: FunctionType) -> tuple[list[str], list[ast.stmt]]:
    """The names of its arguments, and its statements without the words about them."""
    tree = _definitions(inspect.getmodule(function)).get(function.__qualname__)
    if tree is None or tree.lineno != function.__code__.co_firstlineno:  # it was not read from there
        raise NotUnderstood(function)
    words = [isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant) for each in tree.body]
    body = [each for each, is_words in zip(tree.body, words, strict=True) if not is_words]
    return [each.arg for each in tree.args.args], body


def is_expression(function: FunctionType) -> bool:
    """It does no more than return an expression."""
    _, body = source_of(function)
    return len(body) == 1 and isinstance(body[0], ast.Return)


def name_of(name: str) -> ast.Name:
    """The name, to be read."""
    return ast.Name(id=name, ctx=ast.Load())


def given(value: Value) -> bool:
    """It is never None."""
    match value:
        case Known(value=known):
            return known is not None
        case Code(given=answer):
            return answer
    return True
