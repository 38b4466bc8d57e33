"""Cancels: of one order, of a list, of everything an account has open in a symbol.

Source: Binance spot REST API, "Cancel order (TRADE)", "Cancel All Open Orders on a Symbol (TRADE)",
"Cancel Order list (TRADE)".
"""

from __future__ import annotations

from typing import NamedTuple

from quantlab.paper.accounts import Account
from quantlab.paper.events import ExecutionType, Refused, Status
from quantlab.paper.filters import MANDATORY
from quantlab.paper.floor import Floor
from quantlab.paper.listing import Listing
from quantlab.paper.orders import CancelledList, OrderState
from quantlab.paper.reads import require_id
from quantlab.paper.records import Records
from quantlab.paper.reports import assets_of
from quantlab.paper.venueorder import OrderList, VenueOrder

CANCEL_REJECTED = -2011
UNKNOWN_ORDER = "Unknown order sent."
RESTRICTED = "Order was not canceled due to cancel restrictions."


class Cancelled(NamedTuple):
    """What one cancel ended: an order, or those of a list that were open."""

    group: OrderList | None
    orders: list[VenueOrder]

    def answer(self) -> OrderState | CancelledList:
        """As it stands after everything that the cancel has set off."""
        return self.orders[0].snapshot() if self.group is None else self.as_list()

    def as_list(self) -> CancelledList:
        """As `answer`, of what was of a list."""
        if self.group is None:
            raise ValueError(f"order {self.orders[0].order_id} is of no list")
        return CancelledList(self.group.state(), tuple(order.snapshot() for order in self.orders))


class Cancelling:
    """Finds what is to be cancelled, and ends it."""

    def __init__(self, floor: Floor, records: Records) -> None:
        self._floor = floor
        self._records = records

    def find(
        self,
        owner: Account,
        symbol: str,
        order_id: int | None,
        client_order_id: str | None,
        restriction: str | None,
    ) -> VenueOrder:
        """The open order that the ids mean, if `restriction` allows; else `Refused`."""
        require_id(order_id, client_order_id)
        found = self._records.find_open(owner.name, symbol, order_id, client_order_id)
        if found is None:
            raise Refused(CANCEL_REJECTED, UNKNOWN_ORDER)
        if restriction is not None and found.status != restriction.removeprefix("ONLY_"):
            raise Refused(CANCEL_REJECTED, RESTRICTED)
        return found

    def find_list(
        self, owner: Account, symbol: str, order_list_id: int | None, list_client_order_id: str | None
    ) -> OrderList:
        """The open list that the ids mean; else `Refused`."""
        if order_list_id is None and list_client_order_id is None:
            raise Refused(
                MANDATORY,
                "Param 'orderListId' or 'listClientOrderId' must be sent, but both were empty/null!",
            )
        for group in self._records.open_lists(owner.name, symbol):
            if order_list_id in (None, group.order_list_id) and list_client_order_id in (
                None,
                group.list_client_order_id,
            ):
                return group
        raise Refused(CANCEL_REJECTED, UNKNOWN_ORDER)

    def cancel(
        self, order: VenueOrder, listing: Listing, cancel_client_order_id: str, now_ms: int
    ) -> Cancelled:
        """End an order and, where it is of a list, all others of it that are open."""
        group = order.order_list
        orders = [order] if group is None else [each for each in group.orders if each.is_open]
        for each in orders:
            self._floor.end(
                each, Status.CANCELED, ExecutionType.CANCELED, listing, now_ms,
                cancel_client_order_id=cancel_client_order_id,
            )  # fmt: skip
        self._floor.reports.balances([order.account], assets_of(listing), now_ms)
        return Cancelled(group, orders)

    def cancel_all(
        self, owner: Account, listing: Listing, cancel_client_order_id: str, now_ms: int
    ) -> list[Cancelled]:
        """End every open order of the account in the symbol, oldest first; -2011 where none is."""
        found = self._records.open_orders(owner.name, listing.symbol)
        if not found:
            raise Refused(CANCEL_REJECTED, UNKNOWN_ORDER)
        return [
            self.cancel(order, listing, cancel_client_order_id, now_ms) for order in found if order.is_open
        ]
