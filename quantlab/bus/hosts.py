"""What a subscription needs of its bus, and what it was asked for."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from quantlab.bus.mailbox import Overflow
from quantlab.bus.permits import Permits
from quantlab.bus.routes import Lane

if TYPE_CHECKING:
    from quantlab.bus.subscription import Subscription


class Host(Protocol):
    """What a subscription needs of its bus. `on_...` take note; `tell` says what was noted."""

    permits: Permits
    active_groups: tuple[Any, ...] | None  # of the publish that is under way

    @property
    def loop(self) -> asyncio.AbstractEventLoop: ...

    def on_slow(self, subscription: Subscription) -> None: ...

    def on_quarantine(self, subscription: Subscription) -> None: ...

    def on_overflow(self, subscription: Subscription) -> None: ...

    def on_error(self, subscription: Subscription, event: object, error: BaseException) -> None: ...

    def on_held(self, subscription: Subscription, seconds: float) -> None: ...

    def tell(self) -> None: ...

    def on_idle(self) -> None: ...

    def on_close(self, subscription: Subscription) -> None: ...

    def reroute(self, subscription: Subscription) -> None: ...


class Options(msgspec.Struct, frozen=True, gc=False):
    """What `Bus.subscribe` was asked for, checked; forgotten as soon as the subscription is made."""

    number: int
    name: str
    parts: tuple[str, ...]
    lane: Lane
    handler: Callable[[Any], Any] | None
    overflow: Overflow
    capacity: int
    key: Callable[[Any], Hashable] | None
    key_fields: tuple[str, ...] | None
    timeout_s: float
    concurrency: int
    owner: str
    context: contextvars.Context
