"""What we hold and what is under way: fills, positions, balances, reservations.

Pure: no clock, no socket, no bus. Only an execution that the venue reported moves a position, and
each one moves it once. A reservation shrinks with the fills that were booked, and nothing but a
final state releases it: what an order may still trade is always counted. All sums are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import ExecutionReport, OrderRequest, Side
from quantlab.domain.position import AccountInfo, AccountPosition, Balance, Fill, Position
from quantlab.trading.amounts import ZERO, add, subtract, times
from quantlab.trading.decision import Exposure, TradingState
from quantlab.trading.ledger import Balances, Fills, Holding, Positions
from quantlab.trading.order import amended
from quantlab.trading.reservations import Reservation
from quantlab.trading.states import FINAL_STATUSES


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What one report or account update changed."""

    fill: Fill | None = None
    position: Position | None = None
    balances: tuple[Balance, ...] = ()
    changed: bool = False


class Portfolio:
    """The account's state for the rails. `sequence` grows with each change."""

    def __init__(self, instruments: Mapping[str, Instrument] | None = None) -> None:
        self.instruments: dict[str, Instrument] = dict(instruments or {})
        self.fills = Fills()
        self.positions = Positions()
        self.balances = Balances()
        self.sequence = 0
        self._holdings: dict[str, Holding] = {}
        self._reservations: dict[str, Reservation] = {}
        self._under_way: dict[tuple[str, str], tuple[Decimal, Decimal]] = {}  # (symbol, side): base, quote
        self._pairs: dict[str, list[Reservation]] = {}
        self._counted: dict[str, tuple[Decimal, Decimal]] = {}  # what a pair stands for in those sums
        self._trades: dict[tuple[str, int], Fill] = {}
        self._lacking: set[str] = set()  # orders of which the venue traded more than we have booked
        self._reconciled: dict[str, int] = {}
        self._balance_ms: dict[str, int] = {}

    def reserve(self, request: OrderRequest, *, pair: str = "") -> None:
        """Count an order of ours, from before it is sent, with all it may trade.

        Two orders of one `pair`, of one symbol and side, count as the larger of what they may still
        trade: the venue ends the one when the other begins to.
        """
        if request.client_order_id in self._reservations:
            raise ValueError(f"order {request.client_order_id!r} is reserved already")
        self.sequence += 1
        self._keep(
            request.client_order_id,
            Reservation(
                symbol=request.symbol,
                side=request.side.value,
                quantity=request.quantity,
                quote_quantity=request.quote_quantity,
                pair=pair,
            ),
        )

    def release(self, client_order_id: str) -> None:
        """The order is proven to be over; what the venue traded of it and we lack stays counted."""
        reservation = self._reservations.get(client_order_id)
        if reservation is not None and reservation.live:
            self.sequence += 1
            self._change(reservation, live=False)

    def apply(
        self, event: ExecutionReport | AccountPosition | AccountInfo, *, live: bool | None = None
    ) -> Moved:
        """Fold a report or the account's balances in; what was seen before changes nothing.

        Args:
            event: From the user stream or from reconciliation.
            live: Whether the order may still trade, where the caller knows better than the
                report's status alone (`orders.Orders` does). A final order never revives by itself.
        """
        if isinstance(event, ExecutionReport):
            return self._apply_report(event, live=live)
        return self._apply_balances(event.balances, event.updated_ms)

    def exposure_for(
        self,
        request: OrderRequest,
        *,
        reference_price: Decimal | None,
        price_age_ms: int | None,
        orders_last_second: int | None,
        trading_state: str = TradingState.ACTIVE,
    ) -> Exposure:
        """What the rails decide `request` on. Costs the same however many orders there are."""
        buying, buying_quote = self._under_way.get((request.symbol, Side.BUY.value), (ZERO, ZERO))
        selling, selling_quote = self._under_way.get((request.symbol, Side.SELL.value), (ZERO, ZERO))
        holding = self._holdings.get(request.symbol)
        return Exposure(
            instrument=self.instruments.get(request.symbol),
            reference_price=reference_price,
            price_age_ms=price_age_ms,
            position=holding.quantity if holding else ZERO,
            buying=buying,
            selling=selling,
            buying_quote=buying_quote,
            selling_quote=selling_quote,
            orders_last_second=orders_last_second,
            trading_state=trading_state,
        )

    def reserved(self, client_order_id: str) -> Reservation | None:
        """What is reserved for an order, None where nothing ever was."""
        return self._reservations.get(client_order_id)

    def missing(self, client_order_id: str) -> Decimal:
        """How much of an order (base asset) the venue traded without our having its fills."""
        reservation = self._reservations.get(client_order_id)
        return reservation.missing if reservation else ZERO

    def booked(self, client_order_id: str) -> Decimal:
        """How much of an order (base asset) has arrived as fills."""
        reservation = self._reservations.get(client_order_id)
        return reservation.booked if reservation else ZERO

    def reconciled_to(self, symbol: str) -> int | None:
        """The trade id up to which reconciliation has seen all of our trades; None before the first."""
        return self._reconciled.get(symbol)

    @property
    def lacking(self) -> frozenset[str]:
        """The orders of which the venue traded more than we have booked, by client id."""
        return frozenset(self._lacking)

    def balance_ms(self, asset: str) -> int | None:
        """The venue's time of what we know of a balance; None before it was ever told."""
        return self._balance_ms.get(asset)

    def fill_of(self, symbol: str, trade_id: int) -> Fill | None:
        """The fill that a trade was booked as."""
        return self._trades.get((symbol, trade_id))

    @property
    def reconciled_symbols(self) -> frozenset[str]:
        """The symbols whose trades reconciliation follows."""
        return frozenset(self._reconciled)

    def seed(self, reports: Iterable[ExecutionReport], marks: Mapping[str, int]) -> None:
        """Book the fills that earlier sessions reported, before anything else: we still hold them.

        Reconciliation then asks for the trades after `marks` (by symbol, the last trade that an
        earlier reconciliation had seen): what traded while no kernel ran is found, and what is
        booked already does not count twice.
        """
        for report in reports:
            if (fill := self._new_fill(report)) is not None:
                self._book(fill)
        for symbol, trade_id in marks.items():
            self.mark_reconciled(symbol, trade_id)

    def has_booked(self, symbol: str, trade_id: int) -> bool:
        """True where the trade moved a position already."""
        return (symbol, trade_id) in self._trades

    def mark_reconciled(self, symbol: str, trade_id: int) -> None:
        """All our trades up to `trade_id` are booked, or belong to the time before this session."""
        self._reconciled[symbol] = max(trade_id, self._reconciled.get(symbol, -1))

    def _apply_report(self, report: ExecutionReport, *, live: bool | None) -> Moved:
        fill = self._new_fill(report)
        reservation = self._reservations.get(report.client_order_id)
        if live is None:
            live = report.status not in FINAL_STATUSES and (reservation is None or reservation.live)
        if reservation is None:  # placed elsewhere or before this session: earlier fills are not ours to book
            before = max(subtract(report.cumulative_quantity, fill.quantity if fill else ZERO), ZERO)
            reservation = Reservation(
                symbol=report.symbol, side=report.side, quantity=report.quantity,
                earlier=before, booked=before, live=live,
            )  # fmt: skip
            self._keep(report.client_order_id, reservation)
            news = True
        else:
            grown = report.cumulative_quantity > reservation.cumulative
            cut = amended(report, reservation.quantity)
            news = grown or reservation.live != live or cut is not None
        if fill is None and not news:
            return Moved()
        self.sequence += 1
        self._change(
            reservation,
            live=live,
            quantity=amended(report, reservation.quantity),
            cumulative=max(reservation.cumulative, report.cumulative_quantity),
            cumulative_quote=max(reservation.cumulative_quote, report.cumulative_quote),
            fill=fill,
        )
        (self._lacking.add if reservation.missing else self._lacking.discard)(report.client_order_id)
        return Moved(fill=fill, position=self._book(fill) if fill else None, changed=True)

    def _new_fill(self, report: ExecutionReport) -> Fill | None:
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

    def _book(self, fill: Fill) -> Position:
        holding = self._holdings.setdefault(fill.symbol, Holding())
        holding.book(fill)
        self.fills.append(fill)
        self._trades[fill.symbol, fill.trade_id] = fill
        self.positions[fill.symbol] = position = holding.position(fill.symbol)
        return position

    def _apply_balances(self, balances: tuple[Balance, ...], updated_ms: int) -> Moved:
        newer = [each for each in balances if updated_ms >= self._balance_ms.get(each.asset, 0)]
        changed = tuple(each for each in newer if self.balances.get(each.asset) != each)
        for each in newer:
            self._balance_ms[each.asset] = updated_ms
            self.balances[each.asset] = each
        self.sequence += bool(changed)
        return Moved(balances=changed, changed=bool(changed))

    def _keep(self, client_order_id: str, reservation: Reservation) -> None:
        self._reservations[client_order_id] = reservation
        if reservation.pair:
            self._pairs.setdefault(reservation.pair, []).append(reservation)
        self._count(reservation, ZERO, ZERO)

    def _change(
        self,
        reservation: Reservation,
        *,
        live: bool,
        quantity: Decimal | None = None,
        cumulative: Decimal | None = None,
        cumulative_quote: Decimal | None = None,
        fill: Fill | None = None,
    ) -> None:
        base, quote = reservation.base, reservation.quote
        reservation.live = live
        if quantity is not None:
            reservation.quantity = quantity
        if cumulative is not None and cumulative_quote is not None:
            reservation.cumulative, reservation.cumulative_quote = cumulative, cumulative_quote
        if fill is not None:
            reservation.booked = add(reservation.booked, fill.quantity)
            reservation.booked_quote = add(reservation.booked_quote, fill.quote_quantity)
        self._count(reservation, base, quote)

    def _count(self, reservation: Reservation, base_before: Decimal, quote_before: Decimal) -> None:
        """Carry one reservation's change into the running sums of its symbol and side."""
        key, after = (reservation.symbol, reservation.side), (reservation.base, reservation.quote)
        if reservation.pair:
            both = self._pairs[reservation.pair]
            base_before, quote_before = self._counted.get(reservation.pair, (ZERO, ZERO))
            after = max(each.base for each in both), max(each.quote for each in both)
            self._counted[reservation.pair] = after
        base, quote = self._under_way.get(key, (ZERO, ZERO))
        self._under_way[key] = (
            add(base, subtract(after[0], base_before)),
            add(quote, subtract(after[1], quote_before)),
        )
