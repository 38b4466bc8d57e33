"""Whether an order may come in: filters, room, duplicate id, size, price and funds. Changes nothing.

The order that leaves here is complete and paid for; what follows cannot be refused any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from quantlab.domain.orders import Side
from quantlab.paper.accounts import Account
from quantlab.paper.events import Refused
from quantlab.paper.filters import FILTER_FAILURE, ORDER_REJECTED, Filters, Ratio, Ticket
from quantlab.paper.listing import Listing
from quantlab.paper.orders import NewOrder, OrderKind, Prevention
from quantlab.paper.records import Records
from quantlab.paper.rules import ExchangeRules
from quantlab.paper.venueorder import OrderList, VenueOrder

INSUFFICIENT = "Account has insufficient balance for requested action."
WOULD_TAKE = "Order would immediately match and take."
WOULD_TRIGGER = "Order would trigger immediately."
BAD_PRICES = "The relationship of the prices for the orders is not correct."
REJECT_REASONS = {  # Source: Binance spot "User Data Streams", Order Reject Reason
    INSUFFICIENT: "INSUFFICIENT_BALANCES",
    WOULD_TAKE: "WOULD_MATCH_IMMEDIATELY",
    WOULD_TRIGGER: "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
    BAD_PRICES: "OCO_BAD_PRICES",
}


class Gate:
    """Looks at what an account asks for, in the order in which the venue objects.

    Args:
        limits: What one account may have open on the whole exchange.
    """

    def __init__(self, records: Records, limits: ExchangeRules) -> None:
        self._records = records
        self.limits = limits

    def examine(
        self, owner: Account, listing: Listing, orders: Sequence[NewOrder], now_ms: int
    ) -> list[Ticket]:
        """The orders in whole numbers, if every filter lets them pass; else `Refused`.

        This is all that a test order, or a replacement before its cancel, is asked.
        """
        if not owner.may_trade:
            raise Refused(ORDER_REJECTED, "This account may not place or cancel orders.")
        reference = None if owner.silent else listing.reference(now_ms)
        tickets = [listing.filters.admit(order, reference) for order in orders]
        if not owner.silent:
            self._require_room(owner, listing, orders)
            self._require_position(owner, listing, orders, tickets)
            for order, ticket in zip(orders, tickets, strict=True):
                _require_asset(owner, listing, order.side, ticket, reference)
        return tickets

    def build(
        self, owner: Account, listing: Listing, order: NewOrder, ticket: Ticket, *, order_id: int, now_ms: int
    ) -> VenueOrder:
        """The order as the book will see it, under `order_id`; `Refused` for its id or its size."""
        client_order_id = order.client_order_id or self.free_id(owner, order.symbol, order_id)
        if self._records.client_id_taken(owner.name, order.symbol, client_order_id):
            raise Refused(ORDER_REJECTED, "Duplicate order sent.")
        prevention = order.prevention or listing.rules.default_prevention
        own = own_orders(owner, listing, self._records, prevention)
        lots, unspent = _size(listing, order.side, ticket, own)
        return VenueOrder.of(
            order,
            order_id=order_id,
            account=owner,
            grid=listing.grid,
            price=ticket.ticks,
            lots=lots,
            stop=ticket.stop,
            prevention=prevention,
            client_order_id=client_order_id,
            now_ms=now_ms,
            unspent=unspent,
        )

    def free_id(self, owner: Account, symbol: str, number: int) -> str:
        """An id for an order that came without one: the same for the same requests."""
        made = f"auto-{number}"
        while self._records.client_id_taken(owner.name, symbol, made):
            made += "-"
        return made

    def require_list_room(self, owner: Account, listing: Listing) -> None:
        """`Refused` where the account has too many open lists."""
        most, everywhere = listing.rules.max_order_lists, self.limits.max_order_lists
        if most and len(self._records.open_lists(owner.name, listing.symbol)) >= most:
            raise Refused(FILTER_FAILURE, "Filter failure: MAX_NUM_ORDER_LISTS")
        if everywhere and len(self._records.open_lists(owner.name)) >= everywhere:
            raise Refused(FILTER_FAILURE, "Filter failure: EXCHANGE_MAX_NUM_ORDER_LISTS")

    def _require_room(self, owner: Account, listing: Listing, orders: Sequence[NewOrder]) -> None:
        algos = sum(order.type.is_contingent for order in orders)
        here, everywhere = self._records.counts(owner.name, listing.symbol, algos_too=algos > 0)
        rules, limits = listing.rules, self.limits
        for name, most, now_open, adding in (
            ("MAX_NUM_ORDERS", rules.max_orders, here[0], len(orders)),
            ("MAX_NUM_ALGO_ORDERS", rules.max_algo_orders, here[1], algos),
            ("EXCHANGE_MAX_NUM_ORDERS", limits.max_orders, everywhere[0], len(orders)),
            ("EXCHANGE_MAX_NUM_ALGO_ORDERS", limits.max_algo_orders, everywhere[1], algos),
        ):
            if most and adding and now_open + adding > most:
                raise Refused(FILTER_FAILURE, f"Filter failure: {name}")

    def _require_position(
        self, owner: Account, listing: Listing, orders: Sequence[NewOrder], tickets: Sequence[Ticket]
    ) -> None:
        """MAX_POSITION: what the account has of the base asset, and could get of it by its open buys."""
        most = listing.rules.max_position
        if not most or not any(order.side is Side.BUY for order in orders):
            return
        grid, base = listing.grid, listing.grid.instrument.base
        open_buys = sum(
            each.remaining
            for each in self._records.open_orders(owner.name, listing.symbol)
            if each.side is Side.BUY
        )
        buys = [ticket for order, ticket in zip(orders, tickets, strict=True) if order.side is Side.BUY]
        asked = max(ticket.lots or 0 for ticket in buys)
        units = owner.free.get(base, 0) + owner.locked.get(base, 0) + (open_buys + asked) * grid.lot_units
        if grid.base(units) > most:
            raise Refused(FILTER_FAILURE, "Filter failure: MAX_POSITION")


def _require_asset(
    owner: Account, listing: Listing, side: Side, ticket: Ticket, reference: Ratio | None
) -> None:
    """MAX_ASSET: an order's quantity of the base asset, and its worth in the quote asset.

    An order at the market is worth what the filters' average price says.
    """
    if not owner.most:
        return
    grid, instrument = listing.grid, listing.grid.instrument
    base, quote = owner.most.get(instrument.base), owner.most.get(instrument.quote)
    lots = ticket.lots
    if lots is None:
        lots = listing.affordable(side, ticket.quote_units or 0, None)[0]
    if base is not None and grid.quantity(lots) > base:
        raise Refused(FILTER_FAILURE, "Filter failure: MAX_ASSET")
    if quote is None:
        return
    worth, of = (ticket.ticks, 1) if ticket.ticks is not None else reference or (0, 1)
    units = ticket.quote_units if ticket.quote_units is not None else grid.tick_lot_units * lots * worth // of
    if grid.quote(units) > quote:
        raise Refused(FILTER_FAILURE, "Filter failure: MAX_ASSET")


def require_entry(order: VenueOrder, listing: Listing, records: Records) -> None:
    """`Refused` where an order that is good in itself may not come in now: its price, or the funds for it."""
    objection = _bad_price(order, listing) or _too_poor(order, listing, records)
    if objection is not None:
        raise Refused(ORDER_REJECTED, objection)


def unfit(group: OrderList, listing: Listing, records: Records) -> str | None:
    """Why the pending orders of a list, or the pair of an OCO, may not come in now; None where they may."""
    if len(group.legs) == 1:
        (leg,) = group.legs
        return _bad_price(leg, listing) or _too_poor(leg, listing, records)
    return _bad_pair(group.legs, listing) or _pair_too_poor(group, listing)


def pair_needs(group: OrderList, listing: Listing) -> int:
    """Units to lock for both orders of a pair: only one of them will ever trade."""
    return max(order.cost(_valued(order, listing), order.remaining) for order in group.legs)


def own_orders(
    owner: Account, listing: Listing, records: Records, prevention: Prevention = Prevention.EXPIRE_MAKER
) -> Account | None:
    """Whose orders a look at the book must leave out: None where it has none, or would trade with them."""
    if prevention is Prevention.NONE or not records.has_open(owner.name, listing.symbol):
        return None
    return owner


def _size(listing: Listing, side: Side, ticket: Ticket, own: Account | None) -> tuple[int, bool]:
    """The order's lots; the second is True where its quote amount outlasts the book.

    A quote amount never breaks LOT_SIZE: it is spent in whole lots, at least `min_quantity`
    and at most `max_quantity` of them; a book without so much is no market for it.
    """
    if ticket.quote_units is None:
        return ticket.lots or 0, False
    filters = listing.filters
    lots, outlasted = listing.affordable(side, ticket.quote_units, own)
    if outlasted and own is None:
        _require_liquidity(filters, lots)
    if lots < filters.min_lots and not outlasted:
        raise Refused(FILTER_FAILURE, "Filter failure: LOT_SIZE")
    return min(lots, filters.max_lots), outlasted or lots > filters.max_lots


def _require_liquidity(filters: Filters, offered: int) -> None:
    """`Refused` where all that the book offers is less than an order may be. Source: "Errors", -2010."""
    least = (
        (1, "symbol"),
        (filters.min_lots, "LOT_SIZE filter"),
        (filters.min_market_lots, "MARKET_LOT_SIZE filter"),
    )
    for lots, whose in least:
        if offered < lots:
            raise Refused(ORDER_REJECTED, f"Order book liquidity is less than {whose} minimum quantity.")


def _bad_price(order: VenueOrder, listing: Listing) -> str | None:
    """What the market's price has against the order."""
    if order.type is OrderKind.LIMIT_MAKER and listing.crosses(order.side, order.price or 0):
        return WOULD_TAKE
    if order.stop is not None and listing.last is not None:
        reached = listing.last >= order.stop if order.triggers_above else listing.last <= order.stop
        return WOULD_TRIGGER if reached else None
    return None


def _bad_pair(legs: Iterable[VenueOrder], listing: Listing) -> str | None:
    """What is wrong with the prices of a pair: the last price must stand between its two orders."""
    for leg in legs:
        above = leg.triggers_above if leg.type.is_contingent else leg.side is Side.SELL
        takes_profit = leg.type in (OrderKind.LIMIT_MAKER, OrderKind.TAKE_PROFIT_LIMIT)
        for price in (leg.stop, leg.price if takes_profit else None):
            if price is None or listing.last is None:
                continue
            if price <= listing.last if above else price >= listing.last:
                return BAD_PRICES
    return next((found for leg in legs if (found := _bad_price(leg, listing))), None)


def _valued(order: VenueOrder, listing: Listing) -> int | None:
    """The price at which an order's cost is locked while it waits."""
    return next((price for price in (order.price, order.stop, listing.last) if price is not None), None)


def _too_poor(order: VenueOrder, listing: Listing, records: Records) -> str | None:
    """A sell covers its quantity; a buy its limit price, its quote amount, or what the book asks now."""
    grid = listing.grid
    if order.side is Side.SELL or order.price is not None:
        needed = order.cost(order.price, order.remaining)
    elif order.quote_quantity is not None:
        needed = grid.quote_units(order.quote_quantity)
    elif order.type.is_contingent:
        needed = order.cost(_valued(order, listing), order.remaining)
    else:
        own = own_orders(order.account, listing, records, order.prevention)
        needed = listing.available(order.side, None, order.remaining, own)[1]
    return INSUFFICIENT if order.account.free.get(order.asset, 0) < needed else None


def _pair_too_poor(group: OrderList, listing: Listing) -> str | None:
    free = group.account.free.get(group.legs[0].asset, 0)
    return INSUFFICIENT if free < pair_needs(group, listing) else None
