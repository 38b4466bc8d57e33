"""What happens to admitted orders: they match, settle, rest, end, and every step is reported.

Refuses nothing: by now an order is known to be good and paid for (`admission`). The events of
one request come in this order: NEW; for each fill the maker's TRADE, the taker's, the public
print; TRADE_PREVENTION; book levels; the taker's end; balances.
"""

from __future__ import annotations

from quantlab.domain.instrument import ZERO
from quantlab.domain.orders import AccountTrade, OrderType, Side, TimeInForce
from quantlab.paper.accounts import Account, Ledger
from quantlab.paper.admission import fills_whole
from quantlab.paper.events import (
    NO_TRADE,
    BalanceChange,
    Event,
    Execution,
    ExecutionType,
    PlacedTrade,
    Status,
)
from quantlab.paper.listing import Listing
from quantlab.paper.matching import Match
from quantlab.paper.records import Records, VenueOrder
from quantlab.paper.units import EXACT

NO_FILL = PlacedTrade(ZERO, ZERO, ZERO, "", NO_TRADE)

Touched = dict[Account, None]  # accounts whose balances moved, in the order in which they did


class Floor:
    """The one writer of funds, records and events."""

    def __init__(self, ledger: Ledger, records: Records) -> None:
        self.events: list[Event] = []
        self._ledger = ledger
        self._records = records
        self._execution_id = 0

    def take(self, taker: VenueOrder, listing: Listing, now_ms: int) -> tuple[PlacedTrade, ...]:
        """Play one new order through: trade what crosses, then rest or expire what is left."""
        self._report(taker, ExecutionType.NEW, now_ms)
        touched: Touched = {taker.account: None}
        trades: list[PlacedTrade] = []
        if taker.time_in_force is not TimeInForce.FOK or fills_whole(taker, listing, self._records):
            result = listing.match(taker)
            if result.fills:
                trades = self._settle_all(result, taker, listing, touched, now_ms)
            if result.prevented:
                self._expire_prevented(result, now_ms)
            if result.levels:
                maker_side = Side.SELL if taker.side is Side.BUY else Side.BUY
                self.events += listing.changes(maker_side, result.levels, now_ms)
        if not taker.remaining and not taker.unspent:
            self._records.closed(taker)
        elif taker.type is OrderType.LIMIT and taker.time_in_force is TimeInForce.GTC:
            taker.account.lock(*taker.reserved())
            self._records.opened(taker)
            self.events += listing.rest(taker, now_ms)
        else:
            self._end(taker, Status.EXPIRED, ExecutionType.EXPIRED, now_ms)
        self._report_balances(listing, touched, now_ms)
        return tuple(trades)

    def cancel(self, order: VenueOrder, listing: Listing, cancel_client_order_id: str, now_ms: int) -> None:
        """Take a resting order off the book and free its funds."""
        order.account.unlock(*order.reserved())
        changes = listing.remove(order, now_ms)
        self._end(order, Status.CANCELED, ExecutionType.CANCELED, now_ms, cancel_client_order_id)
        self.events += changes
        self._report_balances(listing, {order.account: None}, now_ms)

    def fill_from_tape(self, result: Match, listing: Listing, now_ms: int) -> None:
        """Settle our resting orders' fills with the public of a tape."""
        touched: Touched = {}
        self._settle_all(result, None, listing, touched, now_ms)
        self._report_balances(listing, touched, now_ms)

    def _settle_all(
        self, result: Match, taker: VenueOrder | None, listing: Listing, touched: Touched, now_ms: int
    ) -> list[PlacedTrade]:
        """Each fill: move the funds, report both sides, print. The taker's trades.

        None, as taker or as maker, is the public of a tape: what it does is printed by the tape.
        """
        trades = []
        for resting, price, lots in result.fills:
            maker = resting if isinstance(resting, VenueOrder) else None
            trade_id = listing.next_trade_id()
            taken, made = self._settle(taker, maker, listing, price=price, lots=lots, trade_id=trade_id)
            for order, trade, is_maker in ((maker, made, True), (taker, taken, False)):
                if order is not None:
                    touched[order.account] = None
                    order.fill(lots, price * lots * listing.grid.tick_lot_units, now_ms)
                    self._report_trade(order, trade, now_ms, is_maker=is_maker)
            if maker is not None and not maker.remaining:
                self._records.closed(maker)
            if maker is not None and taker is not None:
                buyer_is_maker = maker.side is Side.BUY
                printed = listing.print(
                    trade_id,
                    price,
                    taken.quantity,
                    buyer_is_maker=buyer_is_maker,
                    now_ms=now_ms,
                    taker_order_id=taker.order_id,
                )
                self.events.append(printed)
            trades.append(taken)
        return trades

    def _settle(
        self,
        taker: VenueOrder | None,
        maker: VenueOrder | None,
        listing: Listing,
        *,
        price: int,
        lots: int,
        trade_id: int,
    ) -> tuple[PlacedTrade, PlacedTrade]:
        """Move one fill's funds; the trade as the taker and as the maker sees it."""
        grid = listing.grid
        base = (grid.instrument.base, lots * grid.lot_units)
        quote = (grid.instrument.quote, lots * price * grid.tick_lot_units)
        taker_buys = taker.side is Side.BUY if taker else maker is not None and maker.side is Side.SELL
        gives, gets = (quote, base) if taker_buys else (base, quote)
        taker_fee, maker_fee = self._ledger.settle(
            taker.account if taker else None, maker.account if maker else None, gives, gets
        )
        if not taker_buys:
            taker_paid, maker_paid = grid.quote(taker_fee), grid.base(maker_fee)
        else:
            taker_paid, maker_paid = grid.base(taker_fee), grid.quote(maker_fee)
        at, quantity = grid.price(price), grid.quantity(lots)
        return (
            PlacedTrade(at, quantity, taker_paid, gets[0], trade_id),
            PlacedTrade(at, quantity, maker_paid, gives[0], trade_id),
        )

    def _expire_prevented(self, result: Match, now_ms: int) -> None:
        for own in result.prevented:
            if isinstance(own, VenueOrder):
                own.account.unlock(*own.reserved())
                self._end(own, Status.EXPIRED_IN_MATCH, ExecutionType.TRADE_PREVENTION, now_ms)

    def _end(
        self,
        order: VenueOrder,
        status: Status,
        execution_type: ExecutionType,
        now_ms: int,
        cancel_client_order_id: str = "",
    ) -> None:
        """Close an order that will trade no more."""
        order.status = status
        order.updated_ms = now_ms
        self._records.closed(order)
        self._report(order, execution_type, now_ms, cancel_client_order_id=cancel_client_order_id)

    # --- reports

    def _report_trade(self, order: VenueOrder, trade: PlacedTrade, now_ms: int, *, is_maker: bool) -> None:
        """One fill of one order: its execution, and a line in the account's own trades."""
        self._report(order, ExecutionType.TRADE, now_ms, trade, is_maker=is_maker)
        if order.account.silent:
            return
        row = AccountTrade(
            symbol=order.symbol,
            trade_id=trade.trade_id,
            order_id=order.order_id,
            side=order.side,
            price=trade.price,
            quantity=trade.quantity,
            quote_quantity=EXACT.multiply(trade.price, trade.quantity),
            commission=trade.commission,
            commission_asset=trade.commission_asset,
            is_maker=is_maker,
            time_ms=now_ms,
        )
        self._records.traded(order.account.name, row)

    def _report(
        self,
        order: VenueOrder,
        execution_type: ExecutionType,
        now_ms: int,
        trade: PlacedTrade = NO_FILL,
        *,
        cancel_client_order_id: str = "",
        is_maker: bool = False,
    ) -> None:
        self._execution_id += 1
        if order.account.silent:
            return
        self.events.append(
            Execution(
                account=order.account.name,
                order=order.snapshot(),
                execution_type=execution_type,
                cancel_client_order_id=cancel_client_order_id,
                last_quantity=trade.quantity,
                last_price=trade.price,
                commission=trade.commission,
                commission_asset=trade.commission_asset or None,
                trade_id=trade.trade_id,
                execution_id=self._execution_id,
                is_maker=is_maker,
                time_ms=now_ms,
            )
        )

    def _report_balances(self, listing: Listing, touched: Touched, now_ms: int) -> None:
        assets = (listing.grid.instrument.base, listing.grid.instrument.quote)
        for account in touched:
            if not account.silent:
                balances = tuple(self._ledger.balance(account, asset) for asset in assets)
                self.events.append(BalanceChange(account.name, balances, now_ms))
