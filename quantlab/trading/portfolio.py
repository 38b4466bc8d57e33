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
from quantlab.domain.orders import ExecutionReport, OrderRequest
from quantlab.domain.position import AccountInfo, AccountPosition, Balance, Fill, Position
from quantlab.trading.amounts import ZERO, add, subtract, times
from quantlab.trading.attribution import Strategies
from quantlab.trading.decision import AccountView, Exposure, OwnOrders, TradingState
from quantlab.trading.equity import EquityHistory
from quantlab.trading.ledger import Balances, Fills, Holding, Positions
from quantlab.trading.order import amended
from quantlab.trading.quality import Markouts, Slippage
from quantlab.trading.reservations import Reservation, Reservations
from quantlab.trading.states import FINAL_STATUSES
from quantlab.trading.working import Promises, promise_of
from quantlab.trading.worth import Equity, Exposures, Rates

CURRENCY = "USDT"
ALGO = frozenset({"STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT"})


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What one report or account update changed."""

    fill: Fill | None = None
    position: Position | None = None
    balances: tuple[Balance, ...] = ()
    changed: bool = False


class Portfolio:
    """The account's state for the rails. `sequence` grows with each change of it.

    Args:
        instruments: What the venue lists; filled later where it is not known yet.
        currency: The asset in which the whole account is valued.

    Attributes:
        fills, positions, balances: Tables of the account.
        strategies: Whose fills they are, and what each earned.
        slippage, markouts: How well the fills were priced.
        equity: What the account was worth, over time.
    """

    def __init__(
        self, instruments: Mapping[str, Instrument] | None = None, *, currency: str = CURRENCY
    ) -> None:
        self.instruments: dict[str, Instrument] = dict(instruments or {})
        self._exposures = Exposures(self.instruments)
        self._rates = Rates(self._exposures, self.instruments, currency)
        self._equity = Equity(self._rates)
        self._reservations, self._promises = Reservations(self.instruments), Promises()
        self._holdings: dict[str, Holding] = {}
        self._profit: dict[str, tuple[Decimal, Decimal]] = {}  # realised and cost, by quote asset
        self.fills, self.balances = Fills(), Balances()
        self.positions = Positions(self._holdings, self._exposures.price)
        self.strategies, self.slippage = Strategies(self._exposures.price), Slippage()
        self.markouts, self.equity = Markouts(self._exposures.price), EquityHistory()
        self.sequence = 0
        self._trades: dict[tuple[str, int], Fill] = {}
        self._reconciled: dict[str, int] = {}
        self._heard: dict[str, dict[int, int]] = {}  # by symbol: orders, and their newest trade since then
        self._balance_ms: dict[str, int] = {}

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
        self._promises.drop(client_order_id)
        reservation = self._reservations.get(client_order_id)
        if reservation is not None and reservation.live:
            self.sequence += 1
            self._reservations.change(client_order_id, live=False)
            self._expose(reservation.symbol)

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

    def mark(self, symbol: str, price: Decimal, time_ms: int) -> None:
        """The market's price of a symbol (quote asset) at the venue's `time_ms`.

        Positions, exposure and equity are worth what it says from here on. An unchanged price is free.
        """
        self.markouts.passed(symbol, price, time_ms)
        if self._exposures.mark(symbol, price):
            instrument = self.instruments.get(symbol)
            if instrument is not None:
                self._equity.value(instrument.base)
                self._equity.value(instrument.quote)

    def seed(self, reports: Iterable[ExecutionReport], marks: Mapping[str, int]) -> None:
        """Book the fills that earlier sessions reported, before anything else: we still hold them.

        Reconciliation then asks for the trades after `marks` (by symbol, the last trade that an
        earlier reconciliation had seen): what traded while no kernel ran is found, and what is
        booked already does not count twice.
        """
        for report in reports:
            if (fill := self._new_fill(report)) is not None:
                self._book(fill)
                self._expose(fill.symbol)
        for symbol, trade_id in marks.items():
            self.mark_reconciled(symbol, trade_id)

    # -- what a decision reads

    def exposure_for(
        self,
        request: OrderRequest,
        *,
        reference_price: Decimal | None,
        price_age_ms: int | None,
        orders_last_second: int | None,
        trading_state: str = TradingState.ACTIVE,
    ) -> Exposure:
        """What the rails decide `request` on. Costs the same however many orders and positions there are."""
        (buying, buying_quote), (selling, selling_quote) = self._reservations.sums(request.symbol)
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
            own=self.own(request.symbol),
            account=self.account(request.symbol),
        )

    def own(self, symbol: str) -> OwnOrders:
        """Our open orders in one symbol."""
        return self._reservations.working.own(symbol)

    def account(self, symbol: str) -> AccountView:
        """The account beyond one symbol; see `AccountView`."""
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return AccountView()
        gross, net = self._exposures.elsewhere(symbol, self._rates)
        working, base = self._reservations.working, self._balance(instrument.base)
        quote = self._balance(instrument.quote)
        return AccountView(
            free_base=base.free if base else None,
            free_quote=quote.free if quote else None,
            promised_base=self._promises.of(instrument.base),
            promised_quote=self._promises.of(instrument.quote),
            held_base=add(base.free, base.locked) if base else None,
            open=working.counts.open,
            algo=working.counts.algo,
            iceberg=working.counts.iceberg,
            lists=working.counts.lists,
            open_notional=working.worth(self._rates),
            gross_elsewhere=gross,
            net_elsewhere=net,
            equity=self.equity_now,
            peak_equity=self.equity.peak,
            day_start_equity=self.equity.day_start,
            rate=self._rates.of(instrument.quote),
        )

    @property
    def equity_now(self) -> Decimal | None:
        """What the account is worth now, in its currency; None while something held has no price."""
        return self._equity.known

    @property
    def exposure(self) -> tuple[Decimal | None, Decimal | None]:
        """Gross and net exposure of all symbols, in the account's currency; None where not known."""
        return self._exposures.total(self._rates)

    @property
    def profit(self) -> tuple[Decimal, Decimal | None]:
        """Realised and unrealised profit, without fees, of all symbols quoted in the account's currency.

        The unrealised one is None while a position has no price.
        """
        realised, cost = self._profit.get(self.currency, (ZERO, ZERO))
        value = self._exposures.net_in(self.currency)
        return realised, None if value is None else subtract(value, cost)

    @property
    def currency(self) -> str:
        """In what the whole account is valued."""
        return self._rates.currency

    def sample(self, now_ms: int) -> None:
        """Note what the account is worth at `now_ms` (UTC): the peak, the day's start, the history."""
        realised, unrealised = self.profit
        self.equity.note(
            now_ms,
            equity=self.equity_now,
            priced=self._equity.priced,
            unpriced=tuple(sorted(self._equity.unpriced)),
            realised=realised,
            unrealised=unrealised,
            gross=self.exposure[0],
        )

    # -- what reconciliation reads

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

    @property
    def lacking(self) -> frozenset[str]:
        """The orders of which the venue traded more than we have booked, by client id."""
        return self._reservations.lacking

    def reconciled_to(self, symbol: str) -> int | None:
        """The trade id up to which reconciliation has seen all of our trades; None before the first."""
        return self._reconciled.get(symbol)

    @property
    def reconciled_symbols(self) -> frozenset[str]:
        """The symbols whose trades reconciliation follows."""
        return frozenset(self._reconciled)

    def balance_ms(self, asset: str) -> int | None:
        """The venue's time of what we know of a balance; None before it was ever told."""
        return self._balance_ms.get(asset)

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

    # -- how

    def _apply_report(self, report: ExecutionReport, *, live: bool | None) -> Moved:
        fill = self._new_fill(report)
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
            self._reported(report)
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
        position = self._book(fill) if fill else None
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

    def _earn(self, symbol: str, realised: Decimal, cost: Decimal) -> None:
        instrument = self.instruments.get(symbol)
        if instrument is not None:
            known = self._profit.get(instrument.quote, (ZERO, ZERO))
            self._profit[instrument.quote] = add(known[0], realised), add(known[1], cost)

    def _expose(self, symbol: str) -> None:
        """Carry what is held of a symbol and under way in it into the exposures."""
        (buying, buying_quote), (selling, selling_quote) = self._reservations.sums(symbol)
        holding = self._holdings.get(symbol)
        held = holding.quantity if holding else ZERO
        self._exposures.hold(symbol, (held, buying, selling, buying_quote, selling_quote))

    def _promise(self, client_order_id: str, one: Reservation) -> None:
        """What the venue will lock for it; of a pair only once."""
        instrument = self.instruments.get(one.symbol)
        if instrument is None:
            return
        asset, amount = promise_of(one, instrument)
        if (first := self._reservations.beside(one.pair)) is not None:
            amount = max(subtract(amount, promise_of(first, instrument)[1]), ZERO)
        self._promises.make(client_order_id, asset, amount)

    def _reported(self, report: ExecutionReport) -> None:
        asset = self._promises.asset_of(report.client_order_id)
        if asset:
            self._promises.reported(report.client_order_id, report.transact_ms, self._balance_ms.get(asset))

    def _balance(self, asset: str) -> Balance | None:
        """What the account holds of an asset; None before the account was ever told."""
        known = self.balances.get(asset)
        if known is None and self._balance_ms:
            return Balance(asset=asset, free=ZERO, locked=ZERO)
        return known

    def _apply_balances(self, balances: tuple[Balance, ...], updated_ms: int) -> Moved:
        newer = [each for each in balances if updated_ms >= self._balance_ms.get(each.asset, 0)]
        changed = tuple(each for each in newer if self.balances.get(each.asset) != each)
        for each in newer:
            self._balance_ms[each.asset] = updated_ms
            self.balances[each.asset] = each
            self._promises.told(each.asset, updated_ms)
        for each in changed:
            self._equity.hold(each.asset, add(each.free, each.locked))
        self.sequence += bool(changed)
        return Moved(balances=changed, changed=bool(changed))
