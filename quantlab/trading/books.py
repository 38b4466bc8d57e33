"""What the account's executions came to: fills, positions, profit, and up to where the venue's are known.

Pure and exact. An execution moves a position once, whoever tells it and however often.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.position import Fill, Position
from quantlab.trading.amounts import ZERO, add, subtract, times
from quantlab.trading.attribution import Strategies
from quantlab.trading.ledger import Fills, Holding, Positions
from quantlab.trading.quality import Markouts, Slippage


class Books:
    """Every execution of the account's orders, and what they add up to.

    Args:
        instruments: What the venue lists.
        price: The market's price of a symbol (quote asset), None where there is none.

    Attributes:
        fills, positions: Tables.
        strategies: Whose fills they are, and what each earned.
        slippage, markouts: How well the fills were priced.
    """

    def __init__(self, instruments: Mapping[str, Instrument], price: Callable[[str], Decimal | None]) -> None:
        self._instruments = instruments
        self._holdings: dict[str, Holding] = {}
        self.fills, self.positions = Fills(), Positions(self._holdings, price)
        self.strategies, self.slippage, self.markouts = Strategies(price), Slippage(), Markouts(price)
        self._profit: dict[str, tuple[Decimal, Decimal]] = {}  # realised and cost, by quote asset
        self._trades: dict[tuple[str, int], Fill] = {}
        self._reconciled: dict[str, int] = {}
        self._heard: dict[str, dict[int, int]] = {}  # by symbol: orders, and their newest trade since then

    def new_fill(self, report: ExecutionReport) -> Fill | None:
        """The execution that a report tells; None where it tells none, or one that is booked already."""
        if report.trade_id < 0 or report.last_quantity <= 0:
            return None
        if (report.symbol, report.trade_id) in self._trades:
            return None
        return Fill(
            symbol=report.symbol,
            side=report.side,
            price=report.last_price,
            quantity=report.last_quantity,
            quote_quantity=times(report.last_quantity, report.last_price),
            commission=report.commission,
            commission_asset=report.commission_asset,
            is_maker=report.is_maker,
            client_order_id=report.client_order_id,
            order_id=report.order_id,
            trade_id=report.trade_id,
            time_ms=report.transact_ms,
        )

    def book(self, fill: Fill) -> Position:
        """Add a fill of `new_fill` to everything; the position that it leaves."""
        holding = self._holdings.setdefault(fill.symbol, Holding())
        before = holding.realised, holding.cost
        holding.book(fill)
        self._earn(fill.symbol, subtract(holding.realised, before[0]), subtract(holding.cost, before[1]))
        self.fills.append(fill)
        self._trades[fill.symbol, fill.trade_id] = fill
        newest = self._heard.setdefault(fill.symbol, {})
        newest[fill.order_id] = max(fill.trade_id, newest.get(fill.order_id, -1))
        self.strategies.book(fill)
        self.slippage.book(fill)
        self.markouts.watch(fill)
        self.positions[fill.symbol] = position = holding.position(fill.symbol)
        return position

    def held(self, symbol: str) -> Decimal:
        """The signed position of a symbol (base asset)."""
        holding = self._holdings.get(symbol)
        return holding.quantity if holding else ZERO

    def profit(self, quote: str) -> tuple[Decimal, Decimal]:
        """Realised profit, and what the positions cost, of all symbols of one quote asset; without fees."""
        return self._profit.get(quote, (ZERO, ZERO))

    def _earn(self, symbol: str, realised: Decimal, cost: Decimal) -> None:
        instrument = self._instruments.get(symbol)
        if instrument is not None:
            known = self.profit(instrument.quote)
            self._profit[instrument.quote] = add(known[0], realised), add(known[1], cost)

    # -- what reconciliation reads

    def reconciled_to(self, symbol: str) -> int | None:
        """The trade id up to which reconciliation has seen all of our trades; None before the first."""
        return self._reconciled.get(symbol)

    @property
    def reconciled_symbols(self) -> frozenset[str]:
        """The symbols whose trades reconciliation follows."""
        return frozenset(self._reconciled)

    @property
    def heard(self) -> frozenset[tuple[str, int]]:
        """The orders, by symbol and the venue's id, of the fills that came after the last reconciliation."""
        return frozenset((symbol, order) for symbol, orders in self._heard.items() for order in orders)

    def fill_of(self, symbol: str, trade_id: int) -> Fill | None:
        """The fill that a trade was booked as."""
        return self._trades.get((symbol, trade_id))

    def has_booked(self, symbol: str, trade_id: int) -> bool:
        """True where the trade moved a position already."""
        return (symbol, trade_id) in self._trades

    def mark_reconciled(self, symbol: str, trade_id: int) -> None:
        """All our trades up to `trade_id` are booked, or belong to the time before this session."""
        heard = self._heard.get(symbol, {})
        self._heard[symbol] = {order: newest for order, newest in heard.items() if newest > trade_id}
        self._reconciled[symbol] = max(trade_id, self._reconciled.get(symbol, -1))
