"""`ql`, the one name in the notebook: what the engine knows, and what it can be asked to do.

No rule and no secret is here; everything that acts becomes a command for the desk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from quantlab.bus import Overflow, Subscription, Topic
from quantlab.notebook import views
from quantlab.notebook.faces import Face, HealthFace, Lazy, MarketFace
from quantlab.notebook.learning import LearnFace
from quantlab.notebook.ordering import OrdersFace
from quantlab.notebook.portfolio_face import PortfolioFace
from quantlab.notebook.rails_face import RailsFace
from quantlab.notebook.recording import RecorderFace
from quantlab.notebook.strategies import StrategiesFace
from quantlab.notebook.table import Table, of_frame
from quantlab.trading.reruns import outside_cells

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.engine import Engine
    from quantlab.notebook.panel import Panel


class BusFace(Face):
    """The event bus. A cell's subscriptions are replaced when the cell runs again."""

    __slots__ = ("_owner",)

    def __init__(self, engine: Callable[[], Engine], owner: Callable[[], str]) -> None:
        super().__init__(engine)
        self._owner = owner

    def subscribe(
        self,
        topic: Topic[Any] | str,
        handler: Callable[[Any], Any] | None = None,
        *,
        overflow: Overflow | str = Overflow.DROP_OLDEST,
        **options: Any,
    ) -> Subscription:
        """As `Bus.subscribe`; what the handler prints lands under this cell.

        Options: `capacity=1024`, `key=None`, `timeout_s=1.0`, `inline=False`, `run="loop"` ("thread" for a
        handler that blocks), `concurrency=1`, `name=""`.
        """
        options.setdefault("owner", self._owner())
        options.setdefault("context", outside_cells())
        engine = self._engine()
        with engine.wire.masked():
            return engine.bus.subscribe(topic, handler, overflow=overflow, **options)

    def publish(self, topic: Topic[Any], event: Any) -> int:
        """Put an event in every mailbox; never waits. Returns its sequence number.

        An Interrupt of the cell strikes before it or after it, never half-way through the mailboxes.
        """
        engine = self._engine()
        with engine.wire.masked():
            return engine.bus.publish(topic, event)

    def publish_threadsafe(self, topic: Topic[Any], event: Any) -> None:
        """As `publish`, from any thread: delivered in the next turn of the kernel's loop."""
        engine = self._engine()
        with engine.wire.masked():
            engine.bus.publish_threadsafe(topic, event)

    def resume(self, name: str) -> int:
        """Give quarantined subscriptions of this name their events again; how many there were."""
        engine = self._engine()
        with engine.wire.masked():
            return engine.bus.resume(name)

    def declare(self, *topics: Topic[Any]) -> None:
        """Make topics of your own known."""
        self._engine().bus.declare(*topics)

    def errors(self) -> list[str]:
        """The last tracebacks of handlers."""
        return self._engine().bus.errors()

    def hand_off(self) -> dict[str, int]:
        """What came over from the wire's thread so far, and what was conflated or dropped before it came."""
        return self._engine().wire.counters()

    def settle(self) -> Lazy[None]:
        """Return when every mailbox is empty and no handler runs: `await` it."""
        return Lazy("every mailbox empty", self._engine().bus.settle)

    def frame(self) -> pd.DataFrame:
        """One row per subscription, with its counts."""
        frame: pd.DataFrame = self._engine().bus.frame()
        return frame

    def table(self) -> Table:
        table, counts = of_frame(self.frame(), title="subscriptions", empty="nobody listens"), self.hand_off()
        if not (counts["conflated"] or counts["dropped"]):
            return table
        note = f"before they came here: {counts['conflated']:,} conflated, {counts['dropped']:,} dropped"
        return msgspec.structs.replace(table, notes=(*table.notes, note))


class Ql(Face):
    """quantlab in this notebook. `%ql help` lists the magics; tables have `.frame()`."""

    __slots__ = ("_owner", "_panel", "_widget")

    def __init__(
        self,
        engine: Callable[[], Engine],
        owner: Callable[[], str],
        *,
        widget: Callable[[], Any],
        panel: Callable[[], Panel],
    ) -> None:
        super().__init__(engine)
        self._owner, self._widget, self._panel = owner, widget, panel

    def panel(self) -> Panel:
        """Health, orders, subscriptions, limits, rails and an order ticket, live, in tabs."""
        return self._panel()

    @property
    def bus(self) -> BusFace:
        """Typed topics: subscribe and publish."""
        return BusFace(self._engine, self._owner)

    @property
    def orders(self) -> OrdersFace:
        """Buy, sell, cancel, and every order of the session."""
        return OrdersFace(self._engine, lambda engine: engine.orders, "orders")

    @property
    def portfolio(self) -> PortfolioFace:
        """Fills, positions, balances."""
        return PortfolioFace(self._engine)

    @property
    def rails(self) -> RailsFace:
        """The limits that orders are held to."""
        return RailsFace(self._engine)

    @property
    def health(self) -> HealthFace:
        """Is the venue fit to trade on, and why not."""
        return HealthFace(self._engine, self._widget)

    @property
    def market(self) -> MarketFace:
        """Symbols and books."""
        return MarketFace(self._engine)

    @property
    def strategies(self) -> StrategiesFace:
        """What trades by itself: run, stop, frame."""
        return StrategiesFace(self._engine)

    @property
    def learn(self) -> LearnFace:
        """Models on the stream: River's, fed by the bus, scored as they go."""
        return LearnFace(self._engine)

    @property
    def recorder(self) -> RecorderFace:
        """Records chosen topics and raw frames, also while a cell blocks; reads recordings back."""
        return RecorderFace(self._engine)

    @property
    def binance(self) -> Any:
        """The venue's own reads, typed: `await ql.binance.klines("BTCUSDT", "1m")`."""
        return self._engine().binance

    def table(self) -> Table:
        return views.status(self._engine().status())
