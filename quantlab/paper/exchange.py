"""The paper exchange: accounts, order books and events behind one object.

Pure: no clock, no socket, no randomness; the time comes in with every request (UTC ms), so equal
requests give equal ids and equal events. A refused request changes nothing at all. Amounts are
`Decimal` outside and whole units inside; whoever drives the exchange takes the events with
`drain_events`, or they pile up.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from quantlab.domain.instrument import Instrument
from quantlab.paper.accounts import Account, Ledger
from quantlab.paper.administration import Administration
from quantlab.paper.admission import REJECT_REASONS, Gate, require_entry, unfit
from quantlab.paper.aftermath import Aftermath
from quantlab.paper.amending import Amending
from quantlab.paper.cancelling import Cancelling
from quantlab.paper.events import (
    BalanceChange,
    BalanceDelta,
    Event,
    Execution,
    ExecutionType,
    LevelChange,
    ListChange,
    Refused,
    Replaced,
    Status,
    TradePrint,
)
from quantlab.paper.filters import ORDER_REJECTED, Ticket
from quantlab.paper.floor import Floor, Met
from quantlab.paper.listing import Levels, Listing, TapeLevels
from quantlab.paper.lists import parts
from quantlab.paper.mirroring import Mirroring
from quantlab.paper.orders import (
    Amended,
    CancelledList,
    Contingency,
    NewList,
    NewOrder,
    OrderState,
    Placed,
    PlacedList,
    PlacedTrade,
)
from quantlab.paper.queue import QueueModel
from quantlab.paper.records import Records
from quantlab.paper.reports import assets_of
from quantlab.paper.rules import ExchangeRules
from quantlab.paper.units import asset_decimals
from quantlab.paper.venueorder import OrderList

__all__ = [
    "BalanceChange", "BalanceDelta", "Event", "Exchange", "Execution", "ExecutionType", "LevelChange",
    "Levels", "ListChange", "NewOrder", "Placed", "PlacedTrade", "Refused", "Replaced", "Status",
    "TapeLevels", "TradePrint",
]  # fmt: skip


class Exchange(Administration, Mirroring):
    """A spot exchange for any number of symbols and accounts, with price-time priority.

    Own orders of one account meet as the taker's self-trade prevention says. Commission is taken
    from the asset received, or from the account's discount asset.

    A MARKET order's state says time_in_force GTC and price 0, as Binance answers it; one by quote
    amount says as quantity what it traded.

    Args:
        instruments: What is listed, each under the usual `Rules` (see `set_rules`).
        limits: What one account may have open on the whole exchange.
        queue_model: How our resting orders advance in the queues of a mirrored market.
        records: An empty one, where the past is to be remembered longer or shorter than usual.

    Attributes:
        instruments: The listed instruments by symbol.
    """

    def __init__(
        self,
        instruments: Iterable[Instrument],
        *,
        limits: ExchangeRules | None = None,
        records: Records | None = None,
        queue_model: QueueModel = QueueModel.POWER2,
    ) -> None:
        self.instruments: dict[str, Instrument] = {each.symbol: each for each in instruments}
        digits = asset_decimals(self.instruments.values())
        self._listings = {
            symbol: Listing(each, digits, queue_model) for symbol, each in self.instruments.items()
        }
        self._ledger = Ledger(digits)
        self._records = Records() if records is None else records
        self._gate = Gate(self._records, limits or ExchangeRules())
        self._floor = Floor(self._ledger, self._records, self._listings)
        self._aftermath = Aftermath(self._floor, self._records, self._listings)
        self._amending = Amending(self._floor, self._records, self._gate)
        self._cancelling = Cancelling(self._floor, self._records)
        self._last_order_id = 0
        self._last_list_id = -1

    @property
    def limits(self) -> ExchangeRules:
        return self._gate.limits

    # --- orders

    def check(self, account: str, order: NewOrder, now_ms: int) -> None:
        """Refuse what `place` would refuse before an order reaches the matching engine; place nothing."""
        self._gate.examine(self._account(account), self._listing(order.symbol), [order], now_ms)

    def place(self, account: str, order: NewOrder, now_ms: int) -> Placed:
        """Take an order: it trades what crosses, then rests or expires; or it waits for its trigger.

        Returns:
            The order as it then stands, and what it met at once.

        Raises:
            Refused: A filter, a parameter, the balance or a duplicate id; nothing changed.
        """
        owner, listing = self._account(account), self._listing(order.symbol)
        (ticket,) = self._gate.examine(owner, listing, [order], now_ms)
        taken = self._gate.build(
            owner, listing, order, ticket, order_id=self._last_order_id + 1, now_ms=now_ms
        )
        require_entry(taken, listing, self._records)
        self._last_order_id = taken.order_id
        met = self._floor.enter(taken, listing, now_ms)
        placed = Placed(taken.snapshot(), *met)
        self._aftermath.settle_down(listing, now_ms)
        return placed

    def place_list(self, account: str, asked: NewList, now_ms: int) -> PlacedList:
        """Take orders that depend on each other. A pending order shows as such, whatever happens at once.

        Raises:
            Refused: One of the orders may not come in, or they do not fit together; nothing changed.
        """
        working, legs = parts(asked)
        owner, listing = self._account(account), self._listing(asked.symbol)
        orders = legs if working is None else (working, *legs)
        tickets = self._gate.examine(owner, listing, orders, now_ms)
        self._gate.require_list_room(owner, listing)
        group = self._group(owner, asked, zip(orders, tickets, strict=True), now_ms)
        entry = group.working
        if entry is not None:
            require_entry(entry, listing, self._records)
        elif (objection := unfit(group, listing, self._records)) is not None:
            raise Refused(ORDER_REJECTED, objection)
        self._last_order_id = max(each.order_id for each in group.orders)
        self._last_list_id = group.order_list_id
        self._records.listed(group)
        self._floor.reports.list_changed(group, now_ms)
        met = self._enter_list(group, listing, now_ms)
        state = group.state()
        placed = tuple(
            Placed(each.snapshot(), *(met if each is entry else ((), ()))) for each in group.orders
        )
        self._aftermath.settle_down(listing, now_ms)
        return PlacedList(state, placed)

    def cancel(
        self,
        account: str,
        symbol: str,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        cancel_client_order_id: str = "",
        restriction: str | None = None,
        now_ms: int,
    ) -> OrderState | CancelledList:
        """Cancel one open order, named by either id or by both; the whole list where it is of one.

        Args:
            restriction: "ONLY_NEW" or "ONLY_PARTIALLY_FILLED": -2011 where it stands otherwise.

        Raises:
            Refused: -2011, no such open order; -1102, no id; -1121, no such symbol.
        """
        owner, listing = self._account(account), self._listing(symbol)
        found = self._cancelling.find(owner, symbol, order_id, client_order_id, restriction)
        cancelled = self._cancelling.cancel(found, listing, cancel_client_order_id, now_ms)
        self._aftermath.settle_down(listing, now_ms)
        return cancelled.answer()

    def cancel_list(
        self,
        account: str,
        symbol: str,
        *,
        order_list_id: int | None = None,
        list_client_order_id: str | None = None,
        cancel_client_order_id: str = "",
        now_ms: int,
    ) -> CancelledList:
        """Cancel every open order of a list; -2011 where there is no such open list."""
        owner, listing = self._account(account), self._listing(symbol)
        group = self._cancelling.find_list(owner, symbol, order_list_id, list_client_order_id)
        cancelled = self._cancelling.cancel(group.orders[0], listing, cancel_client_order_id, now_ms)
        self._aftermath.settle_down(listing, now_ms)
        return cancelled.as_list()

    def cancel_all(
        self, account: str, symbol: str, now_ms: int, cancel_client_order_id: str = ""
    ) -> list[OrderState | CancelledList]:
        """Cancel every open order of the account in one symbol, oldest first; -2011 where none is."""
        owner, listing = self._account(account), self._listing(symbol)
        cancelled = self._cancelling.cancel_all(owner, listing, cancel_client_order_id, now_ms)
        self._aftermath.settle_down(listing, now_ms)
        return [each.answer() for each in cancelled]

    def reject(self, account: str, symbol: str, order_id: int, now_ms: int) -> OrderState:
        """Take back what rests of an acknowledged order, as REJECTED. Nothing but a fault does this.

        Raises:
            Refused: -2011, no such open order.
        """
        owner, listing = self._account(account), self._listing(symbol)
        found = self._cancelling.find(owner, symbol, order_id, None, None)
        self._floor.end(found, Status.REJECTED, ExecutionType.REJECTED, listing, now_ms)
        self._floor.reports.balances([owner], assets_of(listing), now_ms)
        self._aftermath.settle_down(listing, now_ms)
        return found.snapshot()

    def replace(
        self,
        account: str,
        symbol: str,
        order: NewOrder,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        cancel_client_order_id: str = "",
        restriction: str | None = None,
        stop_on_failure: bool = True,
        over_limit: Refused | None = None,
        now_ms: int,
    ) -> Replaced:
        """Cancel an order and place another of the same symbol.

        Args:
            stop_on_failure: Without a cancel, no order.
            over_limit: Too many orders have been placed already: cancel only, and refuse the order by this.

        Raises:
            Refused: A filter or a parameter of the new order; then nothing is cancelled either.
        """
        self.check(account, order, now_ms)
        cancelled: OrderState | CancelledList | Refused
        try:
            cancelled = self.cancel(
                account, symbol, order_id=order_id, client_order_id=client_order_id,
                cancel_client_order_id=cancel_client_order_id, restriction=restriction, now_ms=now_ms,
            )  # fmt: skip
        except Refused as refused:
            if stop_on_failure:
                return Replaced(refused, None)
            cancelled = refused
        if over_limit is not None:
            return Replaced(cancelled, over_limit)
        try:
            return Replaced(cancelled, self.place(account, order, now_ms))
        except Refused as refused:
            if not isinstance(cancelled, Refused):
                self._tell_rejection(account, order, refused, now_ms)
            return Replaced(cancelled, refused)

    def amend(
        self,
        account: str,
        symbol: str,
        quantity: Decimal,
        *,
        order_id: int | None = None,
        client_order_id: str | None = None,
        new_client_order_id: str = "",
        now_ms: int,
    ) -> Amended:
        """Make an open order smaller; it keeps its place. An order of a pair takes the other with it.

        Raises:
            Refused: -2038 where it cannot be, or the filter that the new quantity does not pass.
        """
        owner, listing = self._account(account), self._listing(symbol)
        order = self._amending.find(owner, symbol, order_id, client_order_id)
        return self._amending.amend(order, listing, quantity, new_client_order_id, now_ms)

    def drain_events(self) -> list[Event]:
        """Everything that happened since the last call, in order."""
        return self._floor.reports.drain()

    def _tell_rejection(self, account: str, order: NewOrder, refused: Refused, now_ms: int) -> None:
        """The account hears of an order that was to follow a cancel, and that the matching refused."""
        reason = REJECT_REASONS.get(refused.message)
        if reason is None:
            return
        owner, listing = self._account(account), self._listing(order.symbol)
        (ticket,) = self._gate.examine(owner, listing, [order], now_ms)
        self._last_order_id += 1
        never = self._gate.build(owner, listing, order, ticket, order_id=self._last_order_id, now_ms=now_ms)
        never.status = Status.REJECTED
        self._floor.reports.changed(never, ExecutionType.REJECTED, now_ms, reject_reason=reason)

    def _group(
        self, owner: Account, asked: NewList, orders: Iterable[tuple[NewOrder, Ticket]], now_ms: int
    ) -> OrderList:
        """The list as it will be, its orders not in yet; `Refused` where an id is taken."""
        listing = self._listing(asked.symbol)
        number, name = self._last_list_id + 1, asked.list_client_order_id
        if any(each.list_client_order_id == name for each in self._records.open_lists(owner.name)):
            raise Refused(ORDER_REJECTED, "Duplicate order sent.")
        built = [
            self._gate.build(owner, listing, order, ticket, order_id=order_id, now_ms=now_ms)
            for order_id, (order, ticket) in enumerate(orders, start=self._last_order_id + 1)
        ]
        if len({each.client_order_id for each in built}) < len(built):
            raise Refused(ORDER_REJECTED, "Duplicate order sent.")
        working = None if asked.contingency is Contingency.OCO else built[0]
        return OrderList(
            order_list_id=number,
            list_client_order_id=name or f"auto-list-{number}",
            account=owner,
            symbol=asked.symbol,
            contingency=asked.contingency,
            working=working,
            legs=tuple(built if working is None else built[1:]),
            now_ms=now_ms,
        )

    def _enter_list(self, group: OrderList, listing: Listing, now_ms: int) -> Met:
        """A list's first step: its pair comes in, or its working order does; what that met at once."""
        if group.working is None:
            self._aftermath.bring_in_pair(group, listing, now_ms)
            self._floor.reports.balances([group.account], assets_of(listing), now_ms)
            return (), ()
        for leg in group.legs:
            leg.status = Status.PENDING_NEW
            self._records.opened(leg)
            self._floor.reports.changed(leg, ExecutionType.NEW, now_ms)
        return self._floor.enter(group.working, listing, now_ms)
