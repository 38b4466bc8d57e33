"""What one rail says of one order, and the early word that a limit is nearly used. Amounts in `unit`."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from quantlab.domain.decimals import plain, subtract


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One rail's answer. `headroom` is limit minus used; None where there is no amount."""

    rail: str
    allowed: bool
    reason: str
    used: Decimal | None = None
    limit: Decimal | None = None
    unit: str = ""

    @property
    def headroom(self) -> Decimal | None:
        if self.used is None or self.limit is None:
            return None
        return subtract(self.limit, self.used)

    def describe(self) -> str:
        """One line: "max_order_notional: 300000 of 100000 USDT"."""
        if self.used is None or self.limit is None:
            return f"{self.rail}: {self.reason}"
        unit = f" {self.unit}" if self.unit else ""
        return f"{self.rail}: {self.reason} ({plain(self.used)} of {plain(self.limit)}{unit})"


class LimitAlert(msgspec.Struct, frozen=True, kw_only=True):
    """An order brought a limit to `percent` or more of it: `used` of `limit`, in `unit`."""

    rail: str
    limit_name: str
    symbol: str
    percent: int
    used: Decimal
    limit: Decimal
    unit: str
    time_ms: int
