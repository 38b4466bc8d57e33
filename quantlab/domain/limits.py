"""Limits, verdicts, and the permit that every order needs.

Amounts are in the quote asset. A `Permit` is minted by `trading.rails` alone and redeemed
by whoever writes the order to a socket: once, for exactly the order it names, within its time.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import msgspec

from quantlab.domain.decimals import plain, subtract
from quantlab.errors import PermitRefused

PERMIT_LIFE_NS = 1_000_000_000


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one order, one symbol and one second may cost. `version` grows with each change.

    `price_collar` is the largest distance of a limit price from the reference, as a fraction; a
    market buy counts as if it paid that much more than the reference.
    """

    version: int = 1
    max_order_notional: Decimal = Decimal(100_000)
    max_position: Decimal = Decimal(250_000)
    price_collar: Decimal = Decimal("0.05")
    max_price_age_ms: int = 2_000
    max_orders_per_second: int = 10


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


class Permissible(Protocol):
    """What a permit can be bound to: an `OrderRequest`, an `OrderListRequest`, a `ReplaceRequest`."""

    def digest(self) -> str:
        """Equal for equal requests, and for no others of whatever kind."""
        ...


class Permit:
    """One-shot leave to send exactly one order, or one list of orders.

    Bound to the request's digest, the limits' version and the state sequence it was decided on;
    valid until `expires_ns` of the monotonic clock. Redeeming it twice raises. `halts` is the HALT
    latch's generation at the decision (None: not known): a HALT since then voids the order, also
    one that was lifted again.
    """

    __slots__ = ("_unused", "digest", "expires_ns", "halts", "limits_version", "state_sequence")

    def __init__(
        self,
        *,
        digest: str,
        limits_version: int,
        state_sequence: int,
        expires_ns: int,
        halts: int | None = None,
    ) -> None:
        self.digest = digest
        self.limits_version = limits_version
        self.state_sequence = state_sequence
        self.expires_ns = expires_ns
        self.halts = halts
        self._unused = [True]  # popped once: atomic, so two threads cannot both redeem

    def redeem(self, request: Permissible, now_ns: int) -> None:
        """Spend the permit on `request` at monotonic `now_ns`, or raise `PermitRefused`."""
        if request.digest() != self.digest:
            raise PermitRefused("the permit was minted for another order; decide again")
        if now_ns > self.expires_ns:
            raise PermitRefused("the permit has expired (they live 1 s); decide again")
        try:
            self._unused.pop()
        except IndexError:
            raise PermitRefused("the permit was used before; every order needs its own") from None

    def __repr__(self) -> str:
        return f"<Permit {self.digest[:12]} limits v{self.limits_version} state {self.state_sequence}>"
