"""What accounts hear: executions, lists and balances, as events in their order.

Writes events and remembers trades and prevented matches; moves no funds and decides nothing. Silent
accounts hear nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from quantlab.domain.instrument import ZERO
from quantlab.paper.accounts import Account, Ledger
from quantlab.paper.events import (
    NO_TRADE,
    BalanceChange,
    Event,
    Execution,
    ExecutionType,
    ListChange,
)
from quantlab.paper.listing import Listing
from quantlab.paper.matching import Prevented
from quantlab.paper.orders import OwnTrade, PlacedTrade, PreventedMatch
from quantlab.paper.records import Records
from quantlab.paper.units import EXACT
from quantlab.paper.venueorder import OrderList, VenueOrder

NO_FILL = PlacedTrade(ZERO, ZERO, ZERO, "", NO_TRADE)


class Reports:
    """The one writer of account events.

    Attributes:
        events: What happened and was not taken yet; the public's events are put here too.
        execution_id: Of the latest execution.
    """

    def __init__(self, ledger: Ledger, records: Records) -> None:
        self.events: list[Event] = []
        self.execution_id = 0
        self._ledger = ledger
        self._records = records

    def drain(self) -> list[Event]:
        """The events since the last call."""
        events, self.events = self.events, []
        return events

    def changed(
        self,
        order: VenueOrder,
        execution_type: ExecutionType,
        now_ms: int,
        *,
        cancel_client_order_id: str = "",
        original_client_order_id: str = "",
        reject_reason: str = "NONE",
    ) -> None:
        """One change of one order that is no trade."""
        self.execution_id += 1
        if not order.account.silent:
            self.events.append(
                self._execution(
                    order,
                    execution_type,
                    NO_FILL,
                    now_ms,
                    cancel_client_order_id=cancel_client_order_id,
                    original_client_order_id=original_client_order_id,
                    reject_reason=reject_reason,
                )
            )

    def traded(self, order: VenueOrder, trade: PlacedTrade, now_ms: int, *, is_maker: bool) -> None:
        """One fill of one order: its execution, and a line in the account's own trades."""
        self.execution_id += 1
        if order.account.silent:
            return
        self.events.append(self._execution(order, ExecutionType.TRADE, trade, now_ms, is_maker=is_maker))
        row = OwnTrade(
            symbol=order.symbol,
            trade_id=trade.trade_id,
            order_id=order.order_id,
            order_list_id=-1 if order.order_list is None else order.order_list.order_list_id,
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

    def prevented(
        self, order: VenueOrder, counter: VenueOrder, what: Prevented, lots: int, now_ms: int
    ) -> None:
        """`lots` of an order were lost to self-trade prevention."""
        self.execution_id += 1
        if order.account.silent:
            return
        grid = order.grid
        self.events.append(
            self._execution(
                order, ExecutionType.TRADE_PREVENTION, NO_FILL, now_ms,
                last_prevented=grid.quantity(lots), counter_order_id=counter.order_id,
                prevented_price=grid.price(what.price), prevented_execution=grid.quantity(what.lots),
            )
        )  # fmt: skip

    def match_prevented(
        self, taker: VenueOrder, maker: VenueOrder, what: Prevented, number: int, now_ms: int
    ) -> PreventedMatch:
        """The record of one self-trade that did not happen."""
        grid = taker.grid
        match = PreventedMatch(
            symbol=taker.symbol,
            prevented_match_id=number,
            taker_order_id=taker.order_id,
            maker_order_id=maker.order_id,
            mode=taker.prevention,
            price=grid.price(what.price),
            taker_quantity=grid.quantity(what.taker_lots) if what.taker_lots else None,
            maker_quantity=grid.quantity(what.maker_lots) if what.maker_lots else None,
            time_ms=now_ms,
        )
        if not taker.account.silent:
            self._records.prevented(taker.account.name, match)
        return match

    def list_changed(self, order_list: OrderList, now_ms: int, status_type: str | None = None) -> None:
        """A list was placed, changed or is done."""
        order_list.updated_ms = now_ms
        if not order_list.account.silent:
            change = ListChange(order_list.account.name, order_list.state(status_type), now_ms)
            self.events.append(change)

    def balances(self, accounts: Iterable[Account], assets: Iterable[str], now_ms: int) -> None:
        """Balances that may have moved."""
        names = tuple(assets)
        for account in accounts:
            if not account.silent:
                balances = tuple(self._ledger.balance(account, asset) for asset in names)
                self.events.append(BalanceChange(account.name, balances, now_ms))

    def _execution(
        self,
        order: VenueOrder,
        execution_type: ExecutionType,
        trade: PlacedTrade,
        now_ms: int,
        *,
        is_maker: bool = False,
        cancel_client_order_id: str = "",
        **more: object,
    ) -> Execution:
        return Execution(
            account=order.account.name,
            order=order.snapshot(),
            execution_type=execution_type,
            cancel_client_order_id=cancel_client_order_id,
            last_quantity=trade.quantity,
            last_price=trade.price,
            commission=trade.commission,
            commission_asset=trade.commission_asset or None,
            trade_id=trade.trade_id,
            execution_id=self.execution_id,
            is_maker=is_maker,
            time_ms=now_ms,
            **more,  # type: ignore[arg-type]
        )


def assets_of(listing: Listing) -> tuple[str, str]:
    return listing.grid.instrument.base, listing.grid.instrument.quote
