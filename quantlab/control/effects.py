"""What the desk may cause, as the engine gives it: a gateway for orders, and a few effects.

Here stand signatures only. The desk knows no engine, no socket and no market beyond them.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import msgspec

from quantlab.control.arming import Audit
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest
from quantlab.errors import InvalidField, JournalError, NotSent, OrderDenied, PermitRefused

NOTHING_LEFT = (OrderDenied, InvalidField, PermitRefused, JournalError, NotSent)
"""Errors that prove that no byte of an order left: what it took of the budget is given back."""


class Gateway(Protocol):
    """Carries out order commands. Each call decides at once and returns work, or raises."""

    def submit(self, request: OrderRequest) -> object: ...

    def cancel(self, symbol: str, client_order_id: str) -> object: ...

    def cancel_all(self, symbol: str | None) -> object: ...


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """What the desk may cause, apart from orders; all given by the engine.

    `halt` is called from any thread and never waits; it sets the latch first. `audit` likewise
    takes a line from any thread and never waits: lines keep their order, so one stands before
    the order line that the gateway syncs. `audit_synced` returns when the line is on the disk,
    or raises: for what has no other synced line before it. What `resume` and `halt` return is
    work, a coroutine or a plain answer.
    """

    halt: Callable[[str], object]
    resume: Callable[[str], object]
    limits: Callable[[], Limits]
    set_limits: Callable[[Limits], object]
    audit: Audit
    audit_synced: Audit
    reference_price: Callable[[str], Decimal | None]


class DeskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What `%ql status` shows of the desk. `notional_left` in the quote asset, times in milliseconds."""

    level: str
    glass_cockpit: bool
    armed: bool
    scopes: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    orders_left: int | None = None
    notional_left: Decimal | None = None
    left_ms: int | None = None
