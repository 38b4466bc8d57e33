"""Whether an order may come in: filters, duplicate id, size and funds. Changes nothing.

The order that leaves here is complete and paid for; what follows cannot be refused any more.
"""

from __future__ import annotations

from quantlab.domain.orders import Side
from quantlab.paper.accounts import Account
from quantlab.paper.events import NewOrder, Refused
from quantlab.paper.filters import FILTER_FAILURE, ORDER_REJECTED, Filters, Ticket
from quantlab.paper.listing import Listing
from quantlab.paper.records import Records, VenueOrder


def admit(
    owner: Account, listing: Listing, records: Records, order: NewOrder, *, order_id: int, now_ms: int
) -> VenueOrder:
    """The order as the book will see it, under `order_id`; or `Refused` with the first objection."""
    ticket = listing.filters.admit(order, listing.reference(order.side))
    client_order_id = order.client_order_id or _own_id(owner, records, order.symbol, order_id)
    if records.client_id_taken(owner.name, order.symbol, client_order_id):
        raise Refused(ORDER_REJECTED, "Duplicate order sent.")
    own = own_orders(owner, listing, records)
    lots, unspent = _size(listing, order.side, ticket, own)
    _require_funds(owner, listing, order.side, ticket, lots=lots, own=own)
    return VenueOrder(
        order_id=order_id,
        account=owner,
        grid=listing.grid,
        side=order.side,
        type=order.type,
        time_in_force=order.time_in_force,
        price=ticket.ticks,
        lots=lots,
        quote_quantity=order.quote_quantity,
        client_order_id=client_order_id,
        now_ms=now_ms,
        unspent=unspent,
    )


def own_orders(owner: Account, listing: Listing, records: Records) -> Account | None:
    """Whose orders a look at the book must leave out: None where the owner has none in it."""
    return owner if records.has_open(owner.name, listing.symbol) else None


def fills_whole(taker: VenueOrder, listing: Listing, records: Records) -> bool:
    """True where the book offers others' quantity for all of the order within its price."""
    own = own_orders(taker.account, listing, records)
    found, _ = listing.available(taker.side, taker.price, taker.remaining, own)
    return found == taker.remaining


def _own_id(owner: Account, records: Records, symbol: str, order_id: int) -> str:
    """An id for an order that came without one: the same for the same requests."""
    made = f"auto-{order_id}"
    while records.client_id_taken(owner.name, symbol, made):
        made += "-"
    return made


def _size(listing: Listing, side: Side, ticket: Ticket, own: Account | None) -> tuple[int, bool]:
    """The order's lots; the second is True where its quote amount outlasts the book.

    A quote amount never breaks LOT_SIZE: it is spent in whole lots, at least `min_quantity`
    and at most `max_quantity` of them.
    """
    if ticket.quote_units is None:
        return ticket.lots or 0, False
    filters: Filters = listing.filters
    lots, outlasted = listing.affordable(side, ticket.quote_units, own)
    if lots < filters.min_lots and not outlasted:
        raise Refused(FILTER_FAILURE, "Filter failure: LOT_SIZE")
    return min(lots, filters.max_lots), outlasted or lots > filters.max_lots


def _require_funds(
    owner: Account, listing: Listing, side: Side, ticket: Ticket, *, lots: int, own: Account | None
) -> None:
    """A sell covers its quantity; a buy its limit price, its quote amount, or what the book asks now."""
    grid = listing.grid
    asset, needed = grid.instrument.base, lots * grid.lot_units
    if side is Side.BUY:
        asset = grid.instrument.quote
        if ticket.ticks is not None:
            needed = ticket.ticks * lots * grid.tick_lot_units
        elif ticket.quote_units is not None:
            needed = ticket.quote_units
        else:
            needed = listing.available(side, None, lots, own)[1]
    if owner.free.get(asset, 0) < needed:
        raise Refused(ORDER_REJECTED, "Account has insufficient balance for requested action.")
