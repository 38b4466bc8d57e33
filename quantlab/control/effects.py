"""What the desk may cause, as the engine gives it: a gateway for orders, and a few effects.

Here stand signatures only. The desk knows no engine, no socket and no market beyond them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import msgspec

from quantlab.control.arming import Audit
from quantlab.control.commands import ModelChange
from quantlab.domain.decimals import plain
from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AnyRequest
from quantlab.errors import InvalidField, JournalError, NotSent, OrderDenied, PermitRefused

NOTHING_LEFT = (OrderDenied, InvalidField, PermitRefused, JournalError, NotSent)
"""Errors that prove that no byte of an order left: what it took of the budget is given back."""


LIFTED = "no token is asked for: GLASS_COCKPIT"


class Gateway(Protocol):
    """Carries out order commands. Each call decides at once and returns work, or raises."""

    def submit(self, request: AnyRequest, *, strategy: str = "", reduce_only: bool = False) -> object: ...

    def flatten(self, symbol: str | None, *, strategy: str = "") -> object: ...

    def cancel(self, symbol: str, client_order_id: str) -> object: ...

    def cancel_all(self, symbol: str | None) -> object: ...

    def allow_rerun(self, *, every: bool) -> object: ...


def no_models(change: ModelChange) -> object:
    """The answer of a desk that has no learners."""
    raise InvalidField("name", f"there is no model {change.name!r:.60}", "make it first: ql.learn.model(...)")


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk may cause, apart from orders; all given by the engine.

    `halt` is called from any thread and never waits; it sets the latch first. `audit` likewise
    takes a line from any thread and never waits: lines keep their order, so one stands before
    the order line that the gateway syncs. `audit_synced` returns when the line is on the disk,
    or raises: for what has no other synced line before it. What `resume`, `halt` and `change_model`
    return is work, a coroutine or a plain answer.
    """

    halt: Callable[[str], object]
    resume: Callable[[str], object]
    limits: Callable[[], Limits]
    set_limits: Callable[[Limits], object]
    audit: Audit
    audit_synced: Audit
    reference_price: Callable[[str], Decimal | None]
    change_model: Callable[[ModelChange], object] = no_models


class DeskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `%ql status` shows of the desk. `notional_left` in the quote asset, times in milliseconds.

    `left_ms` is until it ends if nothing is done, `hard_left_ms` in any case.
    """

    level: str
    glass_cockpit: bool
    armed: bool
    scopes: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    orders_left: int | None = None
    notional_left: Decimal | None = None
    left_ms: int | None = None
    hard_left_ms: int | None = None

    def describe(self) -> str:
        """Who may act, with how much and how long, in one line."""
        if self.glass_cockpit:
            return LIFTED
        if not self.armed:
            return "not armed: %ql arm"
        worth = plain(self.notional_left or Decimal(0))
        left = f"{self.orders_left} orders left, worth at most {worth} in the quote asset"
        return f"armed for {', '.join(self.scopes)}; {left}; {self.ends()}"

    def ends(self) -> str:
        """When the right to act ends: "ends after 15 min without an action, at the latest in 8 h"."""
        idle_ms, hard_ms = self.left_ms or 0, self.hard_left_ms or 0
        if idle_ms >= hard_ms:
            return f"ends in {_in_words(hard_ms)}"
        return f"ends after {_in_words(idle_ms)} without an action, at the latest in {_in_words(hard_ms)}"


def _in_words(milliseconds: int) -> str:
    """The two largest units, rounded up: "7 h 59 min", "14 min 3 s"."""
    count, units = -(-milliseconds // 1_000), ("min", "s")
    if count >= 3_600:
        count, units = -(-count // 60), ("h", "min")
    return " ".join(f"{part} {unit}" for part, unit in zip(divmod(count, 60), units, strict=True) if part)
