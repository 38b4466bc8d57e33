"""What the wire side of trading posts home, and what it needs of latch and journal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from quantlab.domain.orders import NO_ORDER_ID
from quantlab.trading.states import OrderEvent
from quantlab.trading.waiters import Begun


class Latch(Protocol):
    """`wire.HaltLatch`, as far as we need it."""

    @property
    def is_set(self) -> bool: ...

    @property
    def reason(self) -> str: ...

    @property
    def generation(self) -> int: ...

    def check(self, generation: int | None = None) -> None: ...


class Notes(Protocol):
    """Takes lines that nobody waits for."""

    def append_nowait(self, kind: str, data: Mapping[str, Any]) -> None: ...


class Lines(Notes, Protocol):
    """`journal.Journal`, as far as we need it."""

    async def append(self, kind: str, data: Mapping[str, Any]) -> int: ...

    def begin(self, kind: str, data: Mapping[str, Any]) -> Begun: ...


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Posted home: what came of one request of ours."""

    client_order_id: str
    event: OrderEvent
    reason: str = ""
    order_id: int = NO_ORDER_ID
    code: int = 0  # the venue's, of a refusal


def noted(answer: OrderAnswer) -> dict[str, Any]:
    """What a journal's line says of it."""
    return {name: getattr(answer, name) for name in ("client_order_id", "event", "reason", "order_id")}


def to_all(names: Sequence[str], event: OrderEvent, reason: str, code: int = 0) -> tuple[OrderAnswer, ...]:
    """The same for each order of a request."""
    return tuple(OrderAnswer(client_order_id=name, event=event, reason=reason, code=code) for name in names)
