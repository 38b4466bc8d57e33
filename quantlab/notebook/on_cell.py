"""`%%on TOPIC`: the body of a cell becomes a handler with `event` in scope.

The body is compiled once, as a function over the notebook's own variables: what it assigns is
assigned in the notebook, `event` is its own, so two events never mix and comprehensions see
it; `await` and an early `return` work. It must not run anything by itself.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import symtable
from collections.abc import Callable
from typing import Any, cast

import msgspec

from quantlab.bus import Overflow
from quantlab.errors import UsageError
from quantlab.notebook.parse import words_of

USAGE = "%%on TOPIC [drop_oldest|drop_new|conflate|fail]"
ERRORS = "ql.bus.errors() has the tracebacks of handlers"
NAME = "on_event"


class OnLine(msgspec.Struct, frozen=True, kw_only=True):
    """What the line of a `%%on` cell asks for."""

    topic: str
    overflow: Overflow = Overflow.DROP_OLDEST


def parse_line(line: str) -> OnLine:
    """The topic and what to do when events come faster than the handler takes them."""
    words = words_of(line)
    if not words:
        raise UsageError(f"say which topic: {USAGE}, for example %%on market.trade.BTCUSDT; {ERRORS}")
    if len(words) > 2:
        raise UsageError(f"cannot read {' '.join(words[2:])[:40]!r}: {USAGE}; {ERRORS}")
    if len(words) == 1:
        return OnLine(topic=words[0])
    if words[1] not in list(Overflow):
        close = difflib.get_close_matches(words[1], list(Overflow), n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UsageError(f"unknown overflow {words[1][:40]!r}; {hint}{USAGE}; {ERRORS}")
    return OnLine(topic=words[0], overflow=Overflow(words[1]))


def watched(topic: str) -> str | None:
    """The symbol whose streams this topic needs, None where it names none (or all)."""
    parts = topic.split(".")
    one_symbol = len(parts) == 3 and parts[0] == "market" and parts[2] not in ("*", ">")
    return parts[2] if one_symbol else None


def compile_handler(body: str, *, filename: str, namespace: dict[str, Any]) -> Callable[[object], Any]:
    """The handler `on_event(event)`; a coroutine function where the body awaits.

    Args:
        body: Python as IPython has transformed it. Its lines are numbered from 2: line 1 of
            the cell is the magic's own.
        filename: Where tracebacks find the source.
        namespace: The notebook's variables: the handler's globals.

    Raises:
        SyntaxError: As Python says it, with the cell's line.
        UsageError: An empty body, or one that yields.
    """
    tree = ast.parse("\n" + body, filename)
    if not tree.body:
        raise UsageError("the cell under %%on is empty; write what to do with event")
    assigned = sorted(_assigned(tree, "\n" + body, filename) - {"event"})
    statements = [each for each in map(_Unannotated().visit, tree.body) if each is not None]
    if assigned:
        statements.insert(0, ast.copy_location(ast.Global(names=assigned), tree.body[0]))
    try:
        handler = _function("def", statements, filename, namespace)
    except SyntaxError as error:
        if "await" not in str(error) and "async" not in str(error):
            raise
        handler = _function("async def", statements, filename, namespace)
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise UsageError("a handler cannot yield; append to a list, or publish on ql.bus")
    return handler


def shown_at_the_cell(error: SyntaxError) -> UsageError:
    """The same as one of ours: the line of the cell and a caret, without the way we took to it."""
    mistake = UsageError(f"line {error.lineno} of the cell: {error.msg}")
    if error.text:
        text = error.text.rstrip("\n")
        mistake.add_note(f"    {text}")
        mistake.add_note("    " + " " * max(0, (error.offset or 1) - 1) + "^")
    return mistake


def _function(
    keyword: str, statements: list[ast.stmt], filename: str, namespace: dict[str, Any]
) -> Callable[[object], Any]:
    module = ast.parse(f"{keyword} {NAME}(event): pass")
    cast("ast.FunctionDef | ast.AsyncFunctionDef", module.body[0]).body = statements
    made: dict[str, Any] = {}
    exec(compile(module, filename, "exec"), namespace, made)  # noqa: S102  # the user's own cell
    handler: Callable[[object], Any] = made[NAME]
    return handler


def _assigned(tree: ast.Module, source: str, filename: str) -> set[str]:
    """Every name that the body binds outside of functions and classes of its own."""
    table = symtable.symtable(source, filename, "exec")
    bound = {
        symbol.get_name()
        for symbol in table.get_symbols()
        if symbol.is_assigned() or symbol.is_imported() or symbol.is_namespace()
    }
    walrus = {node.target.id for node in ast.walk(tree) if isinstance(node, ast.NamedExpr)}
    return bound | walrus


class _Unannotated(ast.NodeTransformer):
    """`x: int = 1` becomes `x = 1`: a name cannot be annotated and global at once."""

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt | None:
        if not isinstance(node.target, ast.Name):
            return node
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        return ast.copy_location(ast.Assign(targets=[node.target], value=node.value), node)

    def visit(self, node: ast.AST) -> Any:
        """Functions and classes of the body's own keep their annotations."""
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return node
        return super().visit(node)
