"""What our orders may still trade, and what they traded without our having booked it. Pure and exact."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side
from quantlab.trading.amounts import ZERO, add, subtract
from quantlab.trading.working import Working

Sums = tuple[Decimal, Decimal]  # base, quote
NOTHING: Sums = (ZERO, ZERO)


class Reservation(msgspec.Struct, kw_only=True):
    """What one order may still trade. Only `Reservations` changes it.

    `booked` and `booked_quote` are the fills we have booked, `cumulative` and `cumulative_quote`
    what the venue says was traded: after the end of an order, a fill that is still missing keeps
    its part reserved until it is booked. `earlier` (base) was traded before we heard of the order:
    it counts as booked, and is in no position. `pair` is a name that it shares with one other
    order, of which only one ever trades: of those two the larger rest is counted, not both.

    `price` is its own (None: at the market), `mark` the market's when it was reserved (None: not
    known), in the quote asset. `algo`: it waits for a trigger.
    """

    symbol: str
    side: str
    quantity: Decimal | None
    quote_quantity: Decimal | None = None
    earlier: Decimal = ZERO
    booked: Decimal = ZERO
    booked_quote: Decimal = ZERO
    cumulative: Decimal = ZERO
    cumulative_quote: Decimal = ZERO
    live: bool = True
    pair: str = ""
    price: Decimal | None = None
    mark: Decimal | None = None
    algo: bool = False
    iceberg: bool = False

    @property
    def missing(self) -> Decimal:
        """What the venue says was traded and we have not booked, in the base asset."""
        return max(subtract(self.cumulative, self.booked), ZERO)

    @property
    def base(self) -> Decimal:
        """What may still trade, in the base asset; 0 for an order by quote quantity."""
        if self.quantity is None:
            return ZERO
        if not self.live:
            return self.missing
        return max(subtract(max(self.quantity, self.cumulative), self.booked), ZERO)

    @property
    def quote(self) -> Decimal:
        """What may still trade of an order by quote quantity, in the quote asset."""
        if self.quantity is not None:
            return ZERO
        if not self.live and not self.missing:
            return ZERO  # all of it is booked: what is left is the venue's rounding
        asked = self.quote_quantity or ZERO
        whole = max(asked, self.cumulative_quote) if self.live else self.cumulative_quote
        return max(subtract(whole, self.booked_quote), ZERO)


class Reservations:
    """Every reservation, and the running sums of what may still trade by symbol and side."""

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.working = Working(instruments)
        self._by_id: dict[str, Reservation] = {}
        self._sums: dict[tuple[str, str], Sums] = {}
        self._pairs: dict[str, list[Reservation]] = {}
        self._counted: dict[str, Sums] = {}  # what a pair stands for in those sums
        self._lacking: set[str] = set()  # orders of which the venue traded more than we have booked

    def get(self, client_order_id: str) -> Reservation | None:
        return self._by_id.get(client_order_id)

    def __contains__(self, client_order_id: object) -> bool:
        return client_order_id in self._by_id

    @property
    def lacking(self) -> frozenset[str]:
        """The orders of which the venue traded more than we have booked, by client id."""
        return frozenset(self._lacking)

    def sums(self, symbol: str) -> tuple[Sums, Sums]:
        """What may still be bought and sold of a symbol: base, and quote for orders by quote quantity."""
        buying = self._sums.get((symbol, Side.BUY.value), NOTHING)
        return buying, self._sums.get((symbol, Side.SELL.value), NOTHING)

    def beside(self, pair: str) -> Reservation | None:
        """The first order of a pair, where there is one."""
        both = self._pairs.get(pair) if pair else None
        return both[0] if both else None

    def keep(self, client_order_id: str, one: Reservation) -> None:
        """Count an order from now on."""
        self._by_id[client_order_id] = one
        if one.pair:
            self._pairs.setdefault(one.pair, []).append(one)
        if one.live:
            self.working.opened(one)
        self._count(one, ZERO, ZERO)

    def change(
        self,
        client_order_id: str,
        *,
        live: bool,
        quantity: Decimal | None = None,
        cumulative: Sums = NOTHING,
        booked: Sums = NOTHING,
    ) -> None:
        """Carry news of an order into its reservation and the sums.

        Args:
            client_order_id: Ours.
            live: Whether it may still trade.
            quantity: What an amendment left of it; None changes nothing.
            cumulative: What the venue says was traded of it in all; less than is known changes nothing.
            booked: What was booked of it just now.
        """
        one = self._by_id[client_order_id]
        base, quote, lived = one.base, one.quote, one.live
        one.live = live
        if quantity is not None:
            one.quantity = quantity
        one.cumulative = max(one.cumulative, cumulative[0])
        one.cumulative_quote = max(one.cumulative_quote, cumulative[1])
        if any(booked):
            one.booked, one.booked_quote = add(one.booked, booked[0]), add(one.booked_quote, booked[1])
        if live is not lived:
            (self.working.opened if live else self.working.ended)(one)
        self._count(one, base, quote)
        (self._lacking.add if one.missing else self._lacking.discard)(client_order_id)

    def _count(self, one: Reservation, base_before: Decimal, quote_before: Decimal) -> None:
        """Carry one reservation's change into the running sums of its symbol and side."""
        key, after = (one.symbol, one.side), (one.base, one.quote)
        self.working.changed(one, subtract(after[0], base_before), subtract(after[1], quote_before))
        if one.pair:
            both = self._pairs[one.pair]
            base_before, quote_before = self._counted.get(one.pair, NOTHING)
            after = max(each.base for each in both), max(each.quote for each in both)
            self._counted[one.pair] = after
        base, quote = self._sums.get(key, NOTHING)
        self._sums[key] = (
            add(base, subtract(after[0], base_before)),
            add(quote, subtract(after[1], quote_before)),
        )
