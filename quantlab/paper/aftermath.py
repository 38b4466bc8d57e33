"""What trades set off: orders whose trigger price has come, pending orders of lists, the ends of lists.

Runs after each request or recorded trade until nothing is left to do. Each order is triggered once
and each list brought in once, so it always ends.
"""

from __future__ import annotations

from collections.abc import Mapping

from quantlab.domain.orders import Side
from quantlab.paper.admission import own_orders, pair_needs, unfit
from quantlab.paper.events import ExecutionType, Status
from quantlab.paper.floor import Floor
from quantlab.paper.listing import Listing
from quantlab.paper.records import Records
from quantlab.paper.reports import assets_of
from quantlab.paper.venueorder import OrderList, VenueOrder


class Aftermath:
    """Does what the floor has left `due`."""

    def __init__(self, floor: Floor, records: Records, listings: Mapping[str, Listing]) -> None:
        self._floor = floor
        self._records = records
        self._listings = listings

    def settle_down(self, listing: Listing, now_ms: int) -> None:
        """Go on until no trigger of this symbol and no list has anything to do."""
        due = self._floor.due
        while listing.printed or due:
            while listing.printed:
                due.extend(listing.triggers.at(listing.printed.pop(0), now_ms))
            if due:
                item = due.popleft()
                if isinstance(item, OrderList):
                    self._advance(item, now_ms)
                else:
                    self._trigger(item, listing, now_ms)

    def bring_in_pair(self, group: OrderList, listing: Listing, now_ms: int) -> None:
        """Both orders of a pair come in; what they cost is locked once, for the dearer of the two."""
        group.held = pair_needs(group, listing)
        group.account.lock(group.legs[0].asset, group.held)
        group.paired = True
        for leg in group.legs:
            leg.status = Status.NEW
            self._records.opened(leg)
            if leg.type.is_contingent:
                listing.triggers.add(leg, listing.last, now_ms)
                self._floor.reports.changed(leg, ExecutionType.NEW, now_ms)
            else:
                leg.working_ms, leg.booked = now_ms, True
                self._floor.reports.changed(leg, ExecutionType.NEW, now_ms)
                self._floor.reports.events += listing.rest(leg, now_ms)

    def _trigger(self, order: VenueOrder, listing: Listing, now_ms: int) -> None:
        """Its price has come: its pair's other order expires, and it goes to work."""
        if not order.is_open:  # ended by what an earlier one set off
            return
        group = order.order_list
        paired = group is not None and group.paired
        self._floor.release(order)
        if group is not None and paired:
            other = group.other(order)
            other.expiry_reason = "OCO_TRIGGER"
            self._floor.end(other, Status.EXPIRED, ExecutionType.EXPIRED, listing, now_ms)
        if self._short(order, listing):
            self._reject(order, listing, now_ms)
            return
        order.working_ms = order.updated_ms = now_ms
        self._floor.reports.changed(order, ExecutionType.NEW, now_ms)
        self._floor.work(order, listing, now_ms)

    def _short(self, order: VenueOrder, listing: Listing) -> bool:
        """True where the account cannot pay for an order that goes to work now."""
        needed = order.cost(order.price, order.remaining)
        if order.price is None and order.side is Side.BUY:
            own = own_orders(order.account, listing, self._records)
            needed = listing.available(Side.BUY, None, order.remaining, own)[1]
        return order.account.free.get(order.asset, 0) < needed

    def _reject(self, order: VenueOrder, listing: Listing, now_ms: int) -> None:
        order.expiry_reason = "REJECTED"
        self._floor.end(order, Status.EXPIRED, ExecutionType.EXPIRED, listing, now_ms)

    def _advance(self, group: OrderList, now_ms: int) -> None:
        """One of a list's orders has ended: the others come in or expire, or the list is done."""
        if group.done:
            return
        listing, working = self._listings[group.symbol], group.working
        pending = group.legs[0].status is Status.PENDING_NEW
        if working is not None and not working.is_open and pending:
            if working.status is Status.FILLED:
                self._bring_in(group, listing, now_ms)
            else:
                for leg in group.legs:
                    leg.expiry_reason = "OTO_PHASE_ONE_EXPIRED"
                    self._floor.end(leg, Status.EXPIRED, ExecutionType.EXPIRED, listing, now_ms)
        if not any(order.is_open for order in group.orders):
            group.done = True
            self._floor.reports.list_changed(group, now_ms)

    def _bring_in(self, group: OrderList, listing: Listing, now_ms: int) -> None:
        """The working order has filled: what was pending comes in, or expires where it may not."""
        if unfit(group, listing, self._records) is not None:
            for leg in group.legs:
                self._reject(leg, listing, now_ms)
        elif len(group.legs) == 1:
            (leg,) = group.legs
            leg.status = Status.NEW
            self._floor.enter(leg, listing, now_ms)
        else:
            self.bring_in_pair(group, listing, now_ms)
            self._floor.reports.balances({group.account: None}, assets_of(listing), now_ms)
