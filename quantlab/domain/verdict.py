"""What one rail says of one order, and the early word that a limit is nearly used. Amounts in `unit`."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.domain.decimals import plain, subtract


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One rail's answer. `headroom` is what is left of the limit; None where there is no amount.

    Most limits are the most that may be used. Where `at_least`, `limit` is the least that there must be,
    `used` what there is, and `headroom` how much more that is.
    """

    rail: str
    allowed: bool
    reason: str
    used: Decimal | None = None
    limit: Decimal | None = None
    unit: str = ""
    at_least: bool = False

    @property
    def share(self) -> tuple[Decimal, Decimal] | None:
        """A part and its whole, of which it may be all and no more; None where there is no amount."""
        if self.used is None or self.limit is None:
            return None
        return (self.limit, self.used) if self.at_least else (self.used, self.limit)

    @property
    def headroom(self) -> Decimal | None:
        if self.share is None:
            return None
        part, whole = self.share
        return subtract(whole, part)

    def describe(self) -> str:
        """One line: "max_order_notional: above the limit (300000 of 100000 USDT)"."""
        if self.used is None or self.limit is None:
            return f"{self.rail}: {self.reason}"
        unit = f" {self.unit}" if self.unit else ""
        how = ", at least" if self.at_least else " of"
        return f"{self.rail}: {self.reason} ({plain(self.used)}{how} {plain(self.limit)}{unit})"


class LimitAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An order brought a limit to `percent` or more of it: `used` of `limit`, in `unit`.

    Of a minimum (`min_equity`) it met so much of what there was taken up by the least: `limit` of `used`.
    """

    rail: str
    limit_name: str
    symbol: str
    percent: int
    used: Decimal
    limit: Decimal
    unit: str
    time_ms: int
