"""What one order may still trade, and what it traded without our having booked it. Pure and exact."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.trading.amounts import ZERO, subtract


class Reservation(msgspec.Struct, kw_only=True):
    """What one order may still trade. Only `Portfolio` changes it.

    `booked` and `booked_quote` are the fills we have booked, `cumulative` and `cumulative_quote`
    what the venue says was traded: after the end of an order, a fill that is still missing keeps
    its part reserved until it is booked. `earlier` (base) was traded before we heard of the order:
    it counts as booked, and is in no position. `pair` is a name that it shares with one other
    order, of which only one ever trades: of those two the larger rest is counted, not both.
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
