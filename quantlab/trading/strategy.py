"""A strategy: events in, requests out. What the engine runs, and what a strategy may ask for.

A strategy sends nothing itself: it returns, or yields, what it wants, and the engine puts that through
the desk and the rails like an order by hand, tagged with the strategy's name in the order's id. Every
hook is a plain function on the kernel's main thread; one that takes long holds up the loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

import msgspec

from quantlab.domain.order_lists import AnyRequest
from quantlab.domain.orders import OrderRequest
from quantlab.domain.position import Fill
from quantlab.topics import OrderUpdate
from quantlab.trading.order import Order


class ReduceOnly(msgspec.Struct, frozen=True):
    """Send `order`, and deny it where it could trade more than the position."""

    order: OrderRequest


class Cancel(msgspec.Struct, frozen=True):
    """Cancel one order of this strategy."""

    client_order_id: str


class CancelOwn(msgspec.Struct, frozen=True):
    """Cancel every open order of this strategy, of `symbol` or of every symbol."""

    symbol: str | None = None


class Flatten(msgspec.Struct, frozen=True):
    """Cancel all orders in `symbol` and trade the account's position in it to zero."""

    symbol: str


Wanted: TypeAlias = AnyRequest | ReduceOnly | Cancel | CancelOwn | Flatten
Wants: TypeAlias = Wanted | Iterable[Wanted] | None
"""What a hook may return: nothing, one thing, or several (a list, or a generator)."""


class View(Protocol):
    """What a strategy may look at; given to `on_start`, and true at any time later."""

    @property
    def name(self) -> str:
        """The strategy's own."""
        ...

    def position(self, symbol: str) -> Decimal:
        """What this strategy's own fills add up to (base asset, signed)."""
        ...

    def open_orders(self, symbol: str | None = None) -> list[Order]:
        """This strategy's own orders that may still trade, oldest first."""
        ...


class Strategy(Protocol):
    """What the engine runs. `on_event` is needed; every other hook is called where it exists.

    A hook that raises stops the strategy: it is shown, what is open stays open.
    """

    def on_event(self, event: Any) -> Wants:
        """An event of a topic that the strategy was started with."""
        ...


class Complete(Strategy, Protocol):
    """All hooks there are, in the order in which they may be called first."""

    def on_start(self, view: View) -> Wants:
        """Before the first event."""
        ...

    def on_order(self, order: OrderUpdate) -> Wants:
        """The state of one of this strategy's orders changed."""
        ...

    def on_fill(self, fill: Fill) -> Wants:
        """One of this strategy's orders traded."""
        ...

    def on_refused(self, wanted: Wanted, error: Exception) -> Wants:
        """The desk, the rails or the venue said no to what a hook wanted. What it answers is sent too, but
        what is refused of that is not asked about again.
        """
        ...

    def on_stop(self) -> Wants:
        """The strategy was stopped by a person; not called after an error."""
        ...


def each(wants: Wants) -> list[Wanted]:
    """One thing after the other; a generator runs to its end before anything is sent.

    Raises:
        TypeError: Something that is no request.
    """
    if wants is None:
        return []
    several = [wants] if isinstance(wants, msgspec.Struct) else list(wants)
    for wanted in several:
        if not isinstance(wanted, msgspec.Struct):
            raise TypeError(
                f"a strategy returned {wanted!r:.60}, which is no request: see quantlab.trading.strategy"
            )
    return several
