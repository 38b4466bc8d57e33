"""The magics `%ql`, `%quantlab` and `%%on`: parse a line, build one command, hand it over.

No rule lives in a magic. What acts returns the desk's lazy handle, what only looks returns a
`View`; both can be awaited, which `transform` does for every line magic of ours.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from traitlets import Bool, Unicode, observe

from quantlab.bus import Overflow
from quantlab.domain.market import BookView
from quantlab.domain.order_lists import AnyRequest
from quantlab.errors import QuantlabError
from quantlab.notebook import building, controlling, learning, lines, on_cell, parse, recording, views, whatif
from quantlab.notebook.faces import Face
from quantlab.notebook.table import Act, Table, View
from quantlab.trading.decision import Decision
from quantlab.trading.rails import RAILS
from quantlab.trading.reruns import outside_cells

if TYPE_CHECKING:
    from quantlab.notebook.extension import Notebook

T = TypeVar("T")


@magics_class
class QuantlabMagics(Magics):
    """Trading research in this notebook; `%ql help` lists what there is."""

    name = Unicode("ql", help="The notebook's name for quantlab.").tag(config=True)
    deterministic = Bool(
        False, help="Fixed seed, clock and ids; the paper market moves only on request. Restarts the engine."
    ).tag(config=True)

    shell: Any

    def __init__(self, shell: Any, notebook: Notebook) -> None:
        self._notebook = notebook
        super().__init__(shell)

    @line_magic
    def ql(self, line: str) -> Any:
        """%ql SUBCOMMAND ...: `%ql help` lists them; `# comments` are stripped."""
        return self._run(parse.parse(line))

    @line_magic
    def quantlab(self, line: str) -> Any:
        """%quantlab SUBCOMMAND ...: the long form of %ql."""
        return self._run(parse.parse(line))

    @cell_magic
    def on(self, line: str, cell: str) -> Any:
        """%%on TOPIC [OVERFLOW]: the cell becomes a handler with `event` in scope.

        Running the cell again replaces it. OVERFLOW says what happens when events come faster
        than it takes them: drop_oldest (the default), drop_new, fail, or conflate, which keeps the
        newest of each name, for example of each symbol's best price. What a handler
        raises is in `ql.bus.errors()`.
        """
        asked = on_cell.parse_line(line)
        shell, notebook = self.shell, self._notebook
        body = shell.transform_cell(cell)
        source = f"%%on {line}\n{body}"
        filename = shell.compile.cache(source, shell.execution_count, raw_code=source)
        try:
            handler = on_cell.compile_handler(body, filename=filename, namespace=shell.user_ns)
        except SyntaxError as error:
            raise on_cell.shown_at_the_cell(error) from None
        owner = notebook.owner() or f"%%on {asked.topic} {hashlib.sha256(cell.encode()).hexdigest()[:8]}"
        bus = notebook.engine.bus
        bus.drop_owner(owner)
        conflates = asked.overflow is Overflow.CONFLATE
        bus.subscribe(
            asked.topic,
            handler,
            overflow=asked.overflow,
            key=bus.by_name(asked.topic) if conflates else None,
            name=f"%%on {asked.topic}",
            owner=owner,
            context=outside_cells(),
        )

        async def watch() -> str:
            symbol = on_cell.watched(asked.topic)
            if symbol is not None:
                try:
                    await notebook.engine.market.watch(symbol)
                except BaseException:
                    bus.drop_owner(owner)
                    raise
            return f"on {asked.topic}: subscribed"

        return View(lambda: f"on {asked.topic}: subscribed", views.message, fetch=watch)

    def _run(self, asked: lines.Line) -> Any:
        ql = self._notebook.ql
        match asked:
            case (
                lines.Place()
                | lines.Pair()
                | lines.Chain()
                | lines.Amend()
                | lines.Replace()
                | lines.Flatten()
            ):
                return self._trade(asked)
            case lines.Cancel():
                return Act(ql.orders.cancel(asked.target), views.cancelled)
            case lines.Again() | lines.Resume() | lines.ChangeLimits() | lines.Override():
                return controlling.change(self._notebook, asked)
            case lines.Learn():
                return self._learn_about(asked)
            case lines.Halt():
                return self._halt(asked.reason)
            case lines.Explain():
                order = asked.order
                if isinstance(order, lines.Pair | lines.Chain):
                    return self._explain(building.listed(order))
                return self._explain(building.placed(order), reduce_only=order.reduce_only)
            case lines.WhatIf():
                changes = asked.command.changes()
                return self._view(lambda: ql.rails.replay(changes), whatif.replay_table)
            case lines.Decision():
                return self._view(lambda: ql.rails.decisions[asked.number].value, views.decision)
            case lines.Book():
                return View(lambda: None, _book, fetch=lambda: ql.market.book(asked.symbol, asked.levels))
            case lines.Record():
                action = recording.action(ql.recorder, asked)
                return self._view(action, recording.shown, wait=asked.what in ("", "start"))
            case lines.Help():
                return self._view(lambda: asked.subject, views.help_table, wait=False)
        return getattr(self, f"_{asked.what}")()

    def _trade(self, asked: lines.Trade) -> Any:
        ql = self._notebook.ql
        match asked:
            case lines.Place():
                return ql.orders.submit(building.placed(asked), reduce_only=asked.reduce_only)
            case lines.Pair() | lines.Chain():
                return Act(ql.orders.submit(building.listed(asked)), views.several)
            case lines.Amend():
                return ql.orders.amend(asked.client_order_id, asked.quantity)
            case lines.Replace():
                return ql.orders.replace(
                    asked.client_order_id,
                    quantity=asked.quantity, price=asked.price, stop=asked.stop, trailing=asked.trailing,
                )  # fmt: skip
            case lines.Flatten():
                return Act(ql.orders.flatten(asked.symbol), views.several)

    def _halt(self, reason: str) -> View[Any]:
        self._notebook.engine.halt(reason)  # at once, also where nobody awaits the line
        return self._say(f"HALTED: {reason}; no new order leaves, cancels still pass, %ql resume lifts it")

    def _arm(self) -> View[Any]:
        return self._say(controlling.arm(self._notebook.engine))

    def _arm_admin(self) -> View[Any]:
        return self._say(controlling.arm_admin(self._notebook.engine))

    def _disarm(self) -> View[Any]:
        return self._say(controlling.disarm(self._notebook.engine))

    def _status(self) -> View[Any]:
        engine = self._notebook.engine

        async def fetch() -> list[tuple[str, str]]:
            with contextlib.suppress(QuantlabError):  # a start that failed stands in the status
                await engine.ready()
            return engine.status()

        return View(engine.status, views.status, fetch=fetch)

    def _explain(self, order: AnyRequest, *, reduce_only: bool = False) -> View[Decision]:
        engine = self._notebook.engine

        async def fetch() -> Decision:
            await engine.priced(order.symbol)
            return engine.explain(order, reduce_only=reduce_only)

        return View(lambda: engine.explain(order, reduce_only=reduce_only), views.decision, fetch=fetch)

    def _health(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.health)

    def _strategies(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.strategies)

    def _orders(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.orders)

    def _positions(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.portfolio.positions)

    def _fills(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.portfolio.fills)

    def _balances(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.portfolio.balances)

    def _limits(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.rails)

    def _override(self) -> View[Any]:
        return self._view(lambda: self._notebook.ql.rails.overrides, controlling.overrides)

    def _decisions(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.rails.decisions)

    def _rails(self) -> View[Any]:
        return self._view(lambda: RAILS, views.rails)

    def _subs(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.bus)

    def _learn(self) -> View[Any]:
        return self._table(lambda: self._notebook.ql.learn)

    def _learn_about(self, asked: lines.Learn) -> Any:
        if asked.change is None:
            return self._view(lambda: self._notebook.engine.learn[asked.name], learning.scores)
        return Act(self._notebook.engine.execute(asked.change), lambda said: views.message(str(said)))

    # Views --------------------------------------------------------------------------------

    def _table(self, face: Callable[[], Face]) -> View[Face]:
        """What `ql` shows under that name, as it stands when the engine is up."""
        return self._view(face, lambda shown: shown.table())

    def _say(self, text: str) -> View[str]:
        return self._view(lambda: text, views.message, wait=False)

    def _view(self, read: Callable[[], T], render: Callable[[T], Table], *, wait: bool = True) -> View[T]:
        async def fetch() -> T:
            await self._notebook.engine.ready()
            return read()

        return View(read, render, fetch=fetch if wait else None)

    # Settings -----------------------------------------------------------------------------

    @observe("name")
    def _name_changed(self, _change: object) -> None:
        self._notebook.rename(self.name)

    @observe("deterministic")
    def _deterministic_changed(self, _change: object) -> None:
        self._notebook.restart()


def _book(view: BookView | None) -> Table:
    return views.book(view) if view else views.message("NOT READ: a book has to be awaited")
