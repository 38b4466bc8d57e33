"""`ql.portfolio`: what our orders came to, as tables."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from quantlab.frames import Rows
from quantlab.notebook.faces import Face, Lazy, Listing
from quantlab.notebook.table import Table, of_frame
from quantlab.topics import Difference

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.trading.equity import EquityHistory


class PortfolioFace(Face):
    """What our orders came to."""

    __slots__ = ()

    @property
    def fills(self) -> Listing:
        """Executions of our orders, oldest first."""
        return Listing(self._engine, lambda engine: engine.portfolio.fills, "fills")

    @property
    def positions(self) -> Listing:
        """The net of our fills, by symbol."""
        return Listing(self._engine, lambda engine: engine.portfolio.positions, "positions")

    @property
    def balances(self) -> Listing:
        """Free and locked, by asset."""
        return Listing(self._engine, lambda engine: engine.portfolio.balances, "balances")

    @property
    def equity(self) -> EquityHistory:
        """What the account was worth: `.frame()` over time, `.plot()` as a picture."""
        return self._engine().portfolio.equity

    @property
    def strategies(self) -> Listing:
        """Position and profit of each strategy, by symbol."""
        return Listing(self._engine, lambda engine: engine.portfolio.strategies, "strategies")

    @property
    def slippage(self) -> Listing:
        """What orders cost more than the market's price when they were decided."""
        return Listing(self._engine, lambda engine: engine.portfolio.slippage, "slippage")

    @property
    def markouts(self) -> Listing:
        """Where the market went after each fill."""
        return Listing(self._engine, lambda engine: engine.portfolio.markouts, "markouts")

    @property
    def exposure(self) -> tuple[Decimal | None, Decimal | None]:
        """Gross and net exposure of all symbols, in the account's currency; None where not known."""
        return self._engine().portfolio.exposure

    def reconcile(self) -> Lazy[Rows[Difference]]:
        """Compare our books with the venue's now: `await` it. What differed, and was put right or not."""
        return Lazy("reconciliation with the venue", self._reconcile)

    async def _reconcile(self) -> Rows[Difference]:
        return Rows(await self._engine().compare(), of=Difference)

    def frame(self) -> pd.DataFrame:
        """The positions as a pandas frame."""
        return self.positions.frame()

    def table(self) -> Table:
        return of_frame(self.positions.frame(), title="positions", empty="no position; see also .balances")
