"""What happens to admitted orders: they wait, match, settle, rest, end, and every step is reported.

Refuses nothing: by now an order is known to be good and paid for (`admission`). The events of
one step come in this order: NEW; for each fill the maker's TRADE, the taker's, the public
print; TRADE_PREVENTION; book levels; the taker's end; balances. What a trade sets off (a stop that
triggers, a pending order that comes in) happens after the step, in the order in which it was set off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from quantlab.domain.orders import Side, TimeInForce
from quantlab.paper.accounts import Account, Ledger
from quantlab.paper.events import Event, ExecutionType, Status
from quantlab.paper.listing import Listing
from quantlab.paper.matching import Fill, Match, Prevented
from quantlab.paper.orders import OrderKind, PlacedTrade, PreventedMatch
from quantlab.paper.records import Records
from quantlab.paper.reports import Reports, assets_of
from quantlab.paper.settlement import Settlement, Trade
from quantlab.paper.venueorder import OrderList, VenueOrder

Touched = dict[Account, None]  # accounts whose balances moved, in the order in which they did
Met = tuple[tuple[PlacedTrade, ...], tuple[PreventedMatch, ...]]  # by an order, at once
RESTING = (OrderKind.LIMIT, OrderKind.LIMIT_MAKER, OrderKind.STOP_LOSS_LIMIT, OrderKind.TAKE_PROFIT_LIMIT)


class Floor:
    """The one writer of funds, records and events.

    `due` holds what trades have set off and nobody has done yet: triggered orders, filled lists.
    """

    def __init__(self, ledger: Ledger, records: Records, listings: Mapping[str, Listing]) -> None:
        self.reports = Reports(ledger, records)
        self._records = records
        self._listings = listings
        self._settlement = Settlement(ledger, listings)
        self.due: deque[VenueOrder | OrderList] = deque()

    @property
    def events(self) -> list[Event]:
        return self.reports.events

    def enter(self, order: VenueOrder, listing: Listing, now_ms: int) -> Met:
        """An order's first step: it waits for its trigger, or goes to work."""
        if order.type.is_contingent:
            self.hold(order)
            self._records.opened(order)
            listing.triggers.add(order, listing.last, now_ms)
            self.reports.changed(order, ExecutionType.NEW, now_ms)
            self.reports.balances({order.account: None}, assets_of(listing), now_ms)
            return (), ()
        order.working_ms = now_ms
        self.reports.changed(order, ExecutionType.NEW, now_ms)
        return self.work(order, listing, now_ms)

    def work(self, taker: VenueOrder, listing: Listing, now_ms: int) -> Met:
        """Play an order that holds no funds through: trade what crosses, then rest or expire what is left."""
        touched: Touched = {taker.account: None}
        trades: list[PlacedTrade] = []
        prevented: list[PreventedMatch] = []
        result = None
        if taker.time_in_force is not TimeInForce.FOK or listing.fills_whole(taker):
            result = listing.match(taker)
            done = 0
            for what in result.prevented:
                trades += self._settle_all(
                    result.fills[done : what.fills_before], taker, listing, touched, now_ms
                )
                done = what.fills_before
                prevented += self._prevent(what, taker, listing, now_ms, ends=result.stopped)
            if done < len(result.fills):
                trades += self._settle_all(result.fills[done:], taker, listing, touched, now_ms)
            if result.levels:
                maker_side = Side.SELL if taker.side is Side.BUY else Side.BUY
                self.reports.events += listing.changes(maker_side, result.levels, now_ms)
        if result is not None and result.stopped:
            self.end(taker, Status.EXPIRED_IN_MATCH, None, listing, now_ms)
        elif not taker.remaining and not taker.unspent:
            self._finished(taker)
        elif taker.type in RESTING and taker.time_in_force is TimeInForce.GTC:
            self.hold(taker)
            taker.booked = True
            self._records.opened(taker)
            self.reports.events += listing.rest(taker, now_ms)
        else:
            taker.expiry_reason = _reason(taker)
            self.end(taker, Status.EXPIRED, ExecutionType.EXPIRED, listing, now_ms)
        self.reports.balances(touched, assets_of(listing), now_ms)
        return tuple(trades), tuple(prevented)

    def fill_from_tape(self, result: Match, listing: Listing, now_ms: int) -> None:
        """Settle our resting orders' fills with the public of a tape."""
        touched: Touched = {}
        self._settle_all(result.fills, None, listing, touched, now_ms)
        self.reports.balances(touched, assets_of(listing), now_ms)

    def end(
        self,
        order: VenueOrder,
        status: Status,
        execution_type: ExecutionType | None,
        listing: Listing,
        now_ms: int,
        *,
        cancel_client_order_id: str = "",
    ) -> None:
        """Close an order that will trade no more, wherever it stands, and free its funds.

        `execution_type` None: it has been reported already.
        """
        self.release(order)
        changes = []
        if order.waiting:
            listing.triggers.remove(order)
        elif order.booked and order.remaining:
            changes = listing.remove(order, now_ms)
        order.booked = False
        order.status = status
        order.updated_ms = now_ms
        if execution_type is not None:
            self.reports.changed(order, execution_type, now_ms, cancel_client_order_id=cancel_client_order_id)
        self.reports.events += changes
        self._finished(order)

    # --- funds that open orders hold

    def hold(self, order: VenueOrder) -> None:
        """Lock what the open rest of an order may cost."""
        price = order.price
        if price is None and order.type.is_contingent:
            price = order.stop if order.stop is not None else order.extreme
            price = price if price is not None else self._listings[order.symbol].last
        order.held = order.cost(price, order.remaining)
        order.account.lock(order.asset, order.held)

    def release(self, order: VenueOrder) -> None:
        """Free what an order holds, and what its pair holds for both: the pair is none from now on."""
        group = order.order_list
        if group is not None and group.paired and order is not group.working:
            group.paired = False
            order.account.unlock(order.asset, group.held)
            group.held = 0
        order.account.unlock(order.asset, order.held)
        order.held = 0

    # --- trades

    def _settle_all(
        self, fills: list[Fill], taker: VenueOrder | None, listing: Listing, touched: Touched, now_ms: int
    ) -> list[PlacedTrade]:
        """Each fill: move the funds, report both sides, print. The taker's trades.

        None, as taker or as maker, is the public of a tape: what it does is printed by the tape.
        """
        trades = []
        for resting, price, lots in fills:
            maker = resting if isinstance(resting, VenueOrder) else None
            if maker is not None and maker.order_list is not None:
                self.decide_pair(maker, listing, now_ms)
            trade = Trade(taker, maker, price, lots, listing.next_trade_id())
            taken, made = self._settlement.settle(trade, listing)
            for order, seen, is_maker in ((maker, made, True), (taker, taken, False)):
                if order is not None:
                    touched[order.account] = None
                    order.fill(lots, price * lots * listing.grid.tick_lot_units, now_ms)
                    self.reports.traded(order, seen, now_ms, is_maker=is_maker)
            if maker is not None and maker.status is Status.FILLED:
                maker.booked = False
                self._finished(maker)
            if maker is not None and taker is not None:
                bought = maker.side is Side.BUY
                printed = listing.print(
                    trade.trade_id, price, taken.quantity,
                    buyer_is_maker=bought, now_ms=now_ms, taker_order_id=taker.order_id,
                )  # fmt: skip
                self.reports.events.append(printed)
            trades.append(taken)
        return trades

    def _prevent(
        self, what: Prevented, taker: VenueOrder, listing: Listing, now_ms: int, *, ends: bool
    ) -> list[PreventedMatch]:
        """A self-trade that did not happen: what each side lost is reported, its funds are freed."""
        maker = what.maker
        if not isinstance(maker, VenueOrder):
            return []
        number = listing.next_prevented_id()
        match = self.reports.match_prevented(taker, maker, what, number, now_ms)
        if what.maker_lots:
            self._lose(maker, what.maker_lots, number, listing, now_ms)
            self.reports.prevented(maker, taker, what, what.maker_lots, now_ms)
            if not maker.remaining:
                maker.booked = False
                self._finished(maker)
        if what.taker_lots:
            taker.prevented += what.taker_lots
            taker.prevented_match_id = number
            taker.updated_ms = now_ms
            if ends and taker.executed + taker.prevented == taker.lots:
                taker.status = Status.EXPIRED_IN_MATCH
            self.reports.prevented(taker, maker, what, what.taker_lots, now_ms)
        return [match]

    def _lose(self, maker: VenueOrder, lots: int, number: int, listing: Listing, now_ms: int) -> None:
        """Count what a resting order lost to prevention; its funds for it are free again."""
        if maker.order_list is not None:
            self.decide_pair(maker, listing, now_ms)
        freed = maker.cost(maker.price, lots)
        maker.account.unlock(maker.asset, freed)
        maker.held -= freed
        maker.prevented += lots
        maker.prevented_match_id = number
        maker.updated_ms = now_ms
        if not maker.remaining:
            maker.status = Status.EXPIRED_IN_MATCH

    # --- lists

    def decide_pair(self, order: VenueOrder, listing: Listing, now_ms: int) -> None:
        """`order`, of a pair, begins to trade: its other order expires, and it holds its own funds.

        What it is just trading is not counted yet, and still needs its funds.
        """
        group = order.order_list
        if group is None or not group.paired or order is group.working:
            return
        other = group.other(order)
        self.release(order)
        other.expiry_reason = "OCO_TRIGGER"
        self.end(other, Status.EXPIRED, ExecutionType.EXPIRED, listing, now_ms)
        order.held = order.cost(order.price, order.lots - order.executed - order.prevented)
        order.account.lock(order.asset, order.held)

    def _finished(self, order: VenueOrder) -> None:
        """Nothing more happens to the order itself; its list may go on."""
        self._records.closed(order)
        if order.order_list is not None:
            self.due.append(order.order_list)


def _reason(taker: VenueOrder) -> str:
    """Why an order that did not trade in full expires. Source: "User Data Streams", Order Expiry Reason."""
    if taker.type in (OrderKind.MARKET, OrderKind.STOP_LOSS, OrderKind.TAKE_PROFIT):
        return "INSUFFICIENT_LIQUIDITY"
    if taker.time_in_force is TimeInForce.FOK:
        return "UNFILLED_FOK_ORDER_EXPIRED"
    return "UNFILLED_IOC_QUANTITY_EXPIRED"
