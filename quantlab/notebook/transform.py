"""Put `await` before our magics, so that `%ql buy ...` waits without freezing the loop.

An input transformer for IPython: it reads the cell after IPython's own transformations, finds
calls of our magics in a scope that may await, and inserts text. It must never touch anything
else: no other magic, no string, no cell that does not parse.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from typing import TypeGuard

OURS = {"run_line_magic": ("ql", "quantlab"), "run_cell_magic": ("on",)}
TIMERS = frozenset({"time", "timeit", "prun"})  # IPython's; they compile a cell of their own, without await


def add_await(lines: list[str]) -> list[str]:
    """The same lines, with `await ` before each of our magics that may be awaited.

    Text, not a tree: IPython decides from the text whether a cell needs its event loop.
    """
    source = "".join(lines)
    if not any(name in source for name in OURS) or _under_a_timer():
        return lines
    try:
        places = list(_places(ast.parse(source)))
    except SyntaxError:
        return lines
    return _insert(source, places) if places else lines


def install(transformers: list[object]) -> None:
    """Add the transformer, once: one of the same name (from before a reload) is replaced."""
    remove(transformers)
    transformers.append(add_await)


def remove(transformers: list[object]) -> None:
    """Take it out again, by name: a reloaded module has another function object."""
    transformers[:] = [each for each in transformers if not _is_ours(each)]


def _is_ours(transformer: object) -> bool:
    name, module = getattr(transformer, "__name__", ""), getattr(transformer, "__module__", "")
    return (name, module) == (add_await.__name__, __name__)


def _places(node: ast.AST, *, may_await: bool = True) -> Iterator[tuple[int, int]]:
    """Where (line, byte column) our calls stand as a whole statement or the value it assigns.

    IPython writes no other place; a call inside a larger expression is somebody's own code.
    """
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        may_await = False
    elif isinstance(node, ast.AsyncFunctionDef):
        may_await = True
    elif isinstance(node, ast.Expr | ast.Assign | ast.AnnAssign | ast.AugAssign):
        if may_await and _calls_us(node.value):
            yield node.value.lineno, node.value.col_offset
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _places(child, may_await=may_await)


def _calls_us(node: ast.expr | None) -> TypeGuard[ast.Call]:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    return (
        isinstance(function, ast.Attribute)
        and function.attr in OURS
        and isinstance(function.value, ast.Call)
        and isinstance(function.value.func, ast.Name)
        and function.value.func.id == "get_ipython"
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in OURS[function.attr]
    )


def _insert(source: str, places: Iterable[tuple[int, int]]) -> list[str]:
    lines = source.split("\n")  # not splitlines: the parser counts "\n" only
    for number, column in sorted(places, reverse=True):
        line = lines[number - 1].encode()
        lines[number - 1] = (line[:column] + b"await " + line[column:]).decode()
    return "\n".join(lines).splitlines(keepends=True)


def _under_a_timer() -> bool:
    """True while %%time, %timeit or %prun transform the line that they time."""
    frame = sys._getframe(1)  # noqa: SLF001  # no public way to ask who transforms
    while frame.f_back is not None:
        frame = frame.f_back
        code = frame.f_code
        if code.co_name in TIMERS and code.co_filename.endswith("execution.py"):
            return True
    return False
