"""`ql.strategies`: start, stop and look at what trades by itself. No rule is here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from quantlab.bus import Overflow, Topic
from quantlab.notebook.faces import Face
from quantlab.notebook.table import Table, of_frame

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.engine.running import Running
    from quantlab.trading.strategy import Strategy


class StrategiesFace(Face):
    """Strategies that the engine runs. Running a cell again replaces the one of the same name."""

    __slots__ = ()

    def run(
        self,
        strategy: Strategy,
        topics: Sequence[Topic[Any] | str] | Topic[Any] | str = (),
        *,
        name: str = "",
        overflow: Overflow = Overflow.DROP_OLDEST,
    ) -> Running:
        """Start a strategy on the events of `topics`; `quantlab.trading.strategy` has the protocol.

        What it wants goes through the desk and the rails, under its name (its class's by default).
        """
        return self._engine().strategies.run(strategy, topics, name=name, overflow=overflow)

    def stop(self, name: str | None = None, *, cancel: bool = False) -> None:
        """Stop one, or all; its orders stay as they are, unless `cancel`."""
        self._engine().strategies.stop(name, cancel=cancel)

    def __getitem__(self, name: str) -> Running:
        return self._engine().strategies[name]

    def frame(self) -> pd.DataFrame:
        """One row per strategy: its state, its counts, and why it stopped."""
        return self._engine().strategies.frame()

    def table(self) -> Table:
        return of_frame(self.frame(), title="strategies", empty="none was started: ql.strategies.run(...)")
