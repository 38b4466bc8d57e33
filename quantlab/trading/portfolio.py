"""What we hold and what is under way: fills, positions, balances, reservations.

Pure: no clock, no socket, no bus. Only an execution that the venue reported moves a position, and
each one moves it once. A reservation shrinks with the fills that were booked, and nothing but a
final state releases it: what an order may still trade is always counted. All sums are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from quantlab.domain.orders import ExecutionReport, OrderRequest
from quantlab.domain.position import AccountInfo, AccountPosition, Balance, Fill, Position, Transfer
from quantlab.trading.amounts import ZERO, subtract
from quantlab.trading.order import amended
from quantlab.trading.reading import Reading
from quantlab.trading.reservations import Reservation
from quantlab.trading.states import FINAL_STATUSES
from quantlab.trading.working import promise_of

ALGO = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What one report or account update changed."""

    fill: Fill | None = None
    position: Position | None = None
    balances: tuple[Balance, ...] = ()
    changed: bool = False


class Portfolio(Reading):
    """The account's state for the rails, and everything that changes it; see `Reading`."""

    # -- what happens

    def reserve(self, request: OrderRequest, *, pair: str = "") -> None:
        """Count an order of ours, from before it is sent, with all it may trade.

        Two orders of one `pair`, of one symbol and side, count as the larger of what they may still
        trade: the venue ends the one when the other begins to.
        """
        if request.client_order_id in self._reservations:
            raise ValueError(f"order {request.client_order_id!r} is reserved already")
        self.sequence += 1
        mark = self._exposures.price(request.symbol)
        one = Reservation(
            symbol=request.symbol,
            side=request.side.value,
            quantity=request.quantity,
            quote_quantity=request.quote_quantity,
            pair=pair,
            price=request.price,
            mark=mark,
            algo=request.type in ALGO,
            iceberg=request.iceberg_quantity is not None,
        )
        self._promise(request.client_order_id, one)
        self._reservations.keep(request.client_order_id, one)
        self._expose(request.symbol)
        if mark is not None:
            self.slippage.expect(request.client_order_id, mark)

    def release(self, client_order_id: str) -> None:
        """The order is proven to be over; what the venue traded of it and we lack stays counted."""
        self._account.promises.drop(client_order_id)
        reservation = self._reservations.get(client_order_id)
        if reservation is not None and reservation.live:
            self.sequence += 1
            self._reservations.change(client_order_id, live=False)
            self._expose(reservation.symbol)

    def apply(
        self,
        event: ExecutionReport | AccountPosition | AccountInfo | Transfer,
        *,
        live: bool | None = None,
    ) -> Moved:
        """Fold a report, the account's balances or a transfer in; what was seen before changes nothing.

        Args:
            event: From the user stream or from reconciliation.
            live: Whether the order may still trade, where the caller knows better than the
                report's status alone (`orders.Orders` does). A final order never revives by itself.
        """
        if isinstance(event, ExecutionReport):
            return self._apply_report(event, live=live)
        if isinstance(event, Transfer):
            news = self._account.transferred(event)
            self.sequence += news
            return Moved(changed=news)
        changed = self._account.told(event.balances, event.updated_ms)
        self.sequence += bool(changed)
        return Moved(balances=changed, changed=bool(changed))

    def mark(self, symbol: str, price: Decimal, time_ms: int) -> None:
        """The market's price of a symbol (quote asset) at the venue's `time_ms`.

        Positions, exposure and equity are worth what it says from here on. An unchanged price is free.
        """
        self.markouts.passed(symbol, price, time_ms)
        if self._exposures.mark(symbol, price):
            instrument = self.instruments.get(symbol)
            if instrument is not None:
                self._account.value(instrument.base)
                self._account.value(instrument.quote)

    def seed(self, reports: Iterable[ExecutionReport], marks: Mapping[str, int]) -> None:
        """Book the fills that earlier sessions reported, before anything else: we still hold them.

        Reconciliation then asks for the trades after `marks` (by symbol, the last trade that an
        earlier reconciliation had seen): what traded while no kernel ran is found, and what is
        booked already does not count twice.
        """
        for report in reports:
            if (fill := self.books.new_fill(report)) is not None:
                self.books.book(fill)
                self._expose(fill.symbol)
        for symbol, trade_id in marks.items():
            self.books.mark_reconciled(symbol, trade_id)

    def sample(self, now_ms: int) -> None:
        """Note what the account is worth at `now_ms` (UTC): the peak, the day's start, the history."""
        self._account.settle_transfers()
        realised, unrealised = self.profit
        self.equity.note(
            now_ms,
            equity=self.equity_now,
            priced=self._account.worth.priced,
            unpriced=tuple(sorted(self._account.worth.unpriced)),
            realised=realised,
            unrealised=unrealised,
            gross=self.exposure[0],
        )

    # -- how

    def _apply_report(self, report: ExecutionReport, *, live: bool | None) -> Moved:
        fill = self.books.new_fill(report)
        reservation = self._reservations.get(report.client_order_id)
        cut = None
        if live is None:
            live = report.status not in FINAL_STATUSES and (reservation is None or reservation.live)
        if reservation is None:
            reservation = self._found(report, fill, live=live)
            news = True
        else:
            cut = amended(report, reservation.quantity)
            grown = report.cumulative_quantity > reservation.cumulative
            news = grown or reservation.live != live or cut is not None
            self._account.reported(report.client_order_id, report.transact_ms)
        if fill is None and not news:
            return Moved()
        self.sequence += 1
        self._reservations.change(
            report.client_order_id,
            live=live,
            quantity=cut,
            cumulative=(report.cumulative_quantity, report.cumulative_quote),
            booked=(fill.quantity, fill.quote_quantity) if fill else (ZERO, ZERO),
        )
        position = self.books.book(fill) if fill else None
        self._expose(report.symbol)
        return Moved(fill=fill, position=position, changed=True)

    def _found(self, report: ExecutionReport, fill: Fill | None, *, live: bool) -> Reservation:
        """An order placed elsewhere or before this session: its earlier fills are not ours to book."""
        before = max(subtract(report.cumulative_quantity, fill.quantity if fill else ZERO), ZERO)
        reservation = Reservation(
            symbol=report.symbol, side=report.side, quantity=report.quantity, earlier=before, booked=before,
            live=live, price=report.price or None, mark=self._exposures.price(report.symbol),
            algo=report.type in ALGO,
        )  # fmt: skip
        self._reservations.keep(report.client_order_id, reservation)
        return reservation

    def _expose(self, symbol: str) -> None:
        """Carry what is held of a symbol and under way in it into the exposures."""
        (buying, buying_quote), (selling, selling_quote) = self._reservations.sums(symbol)
        held = self.books.held(symbol)
        self._exposures.hold(symbol, (held, buying, selling, buying_quote, selling_quote))

    def _promise(self, client_order_id: str, one: Reservation) -> None:
        """What the venue will lock for it; of a pair only once."""
        instrument = self.instruments.get(one.symbol)
        if instrument is None:
            return
        asset, amount = promise_of(one, instrument)
        if (first := self._reservations.beside(one.pair)) is not None:
            amount = max(subtract(amount, promise_of(first, instrument)[1]), ZERO)
        self._account.promises.make(client_order_id, asset, amount)
