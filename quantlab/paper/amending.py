"""Amendments: an open order becomes smaller and keeps its place in the queue.

Source: Binance spot REST API, "Order Amend Keep Priority (TRADE)", and its FAQ.
"""

from __future__ import annotations

from decimal import Decimal

from quantlab.paper.accounts import Account
from quantlab.paper.admission import Gate, pair_needs
from quantlab.paper.events import Event, ExecutionType, LevelChange, Refused, Status
from quantlab.paper.floor import Floor
from quantlab.paper.listing import Listing
from quantlab.paper.orders import Amended, Amendment
from quantlab.paper.reads import require_id
from quantlab.paper.records import Records
from quantlab.paper.reports import assets_of
from quantlab.paper.venueorder import VenueOrder

AMEND_REJECTED = -2038


class Amending:
    """Finds the order, and makes it smaller."""

    def __init__(self, floor: Floor, records: Records, gate: Gate) -> None:
        self._floor = floor
        self._records = records
        self._gate = gate

    def find(
        self, owner: Account, symbol: str, order_id: int | None, client_order_id: str | None
    ) -> VenueOrder:
        """The open order that the ids mean; else `Refused`."""
        require_id(order_id, client_order_id)
        found = self._records.find_open(owner.name, symbol, order_id, client_order_id)
        if found is None:
            raise Refused(AMEND_REJECTED, "Unknown order sent.")
        return found

    def amend(
        self, order: VenueOrder, listing: Listing, quantity: Decimal, new_client_order_id: str, now_ms: int
    ) -> Amended:
        """Cut `order` to `quantity` in all, and with it its pair's other one, also while both are pending."""
        lots = listing.filters.quantity(quantity, "newQty")
        name = self._require(order, listing, lots, new_client_order_id)
        before, old_name = order.grid.quantity(order.lots), order.client_order_id
        group = order.order_list
        paired = group is not None and group.paired and order is not group.working
        both = group is not None and (paired or order.status is Status.PENDING_NEW)
        orders = group.legs if group is not None and both else (order,)
        events: list[Event] = []
        for each in orders:
            events += self._cut(each, each.lots - lots, listing, now_ms)
        if group is not None and paired:
            self._hold_pair_again(order, listing)
        self._records.renamed(order, name)
        for each in orders:
            original = old_name if each is order else each.client_order_id
            self._floor.reports.changed(
                each, ExecutionType.REPLACED, now_ms, original_client_order_id=original
            )
        execution_id = self._floor.reports.execution_id - len(orders) + 1 + orders.index(order)
        self._floor.events.extend(events)
        if group is not None and name != old_name:
            self._floor.reports.list_changed(group, now_ms, "UPDATED")
        self._floor.reports.balances([order.account], assets_of(listing), now_ms)
        amendment = Amendment(
            symbol=order.symbol, order_id=order.order_id, execution_id=execution_id,
            original_client_order_id=old_name, new_client_order_id=name,
            original_quantity=before, new_quantity=order.grid.quantity(lots), time_ms=now_ms,
        )  # fmt: skip
        self._records.amended(order.account.name, amendment)
        return Amended(amendment, order.snapshot(), None if group is None else group.state())

    def _require(self, order: VenueOrder, listing: Listing, lots: int, new_client_order_id: str) -> str:
        """The order's client id after the amendment; `Refused` where the order may not be cut so."""
        if lots > order.lots:
            raise Refused(AMEND_REJECTED, "Order amend (quantity increase) is not supported.")
        if lots == order.lots or lots <= order.executed + order.prevented:
            raise Refused(AMEND_REJECTED, "The requested action would change no state; rejecting")
        if order.amends >= listing.rules.max_order_amends > 0:
            raise Refused(AMEND_REJECTED, "Filter failure: MAX_NUM_ORDER_AMENDS")
        if order.price is not None:
            listing.filters.notional(order.price, lots)
        name = new_client_order_id or self._gate.free_id(
            order.account, order.symbol, self._floor.reports.execution_id + 1
        )
        taken = self._records.client_id_taken(order.account.name, order.symbol, name)
        if taken and name != order.client_order_id:
            raise Refused(AMEND_REJECTED, "Duplicate order sent.")
        return name

    def _cut(self, order: VenueOrder, lots: int, listing: Listing, now_ms: int) -> list[LevelChange]:
        """Take `lots` off an order wherever it stands, and free their funds; the public change."""
        changes: list[LevelChange] = []
        if order.booked:
            changes = listing.reduce(order, lots, now_ms)
        else:
            order.remaining -= lots
        order.lots -= lots
        order.amends += 1
        order.updated_ms = now_ms
        if order.held:
            freed = order.held - order.held * order.remaining // (order.remaining + lots)
            order.account.unlock(order.asset, freed)
            order.held -= freed
        return changes

    def _hold_pair_again(self, order: VenueOrder, listing: Listing) -> None:
        group = order.order_list
        if group is None:
            return
        order.account.unlock(order.asset, group.held)
        group.held = pair_needs(group, listing)
        order.account.lock(order.asset, group.held)
