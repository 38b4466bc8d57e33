"""From the exchange's events to an account's own: reports of orders, lists and balances.

Source: Binance spot "User Data Streams".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from quantlab.paper.events import (
    BalanceChange,
    BalanceDelta,
    Event,
    Execution,
    LevelChange,
    ListChange,
    TradePrint,
)
from quantlab.paper.server import render_account as render
from quantlab.paper.server.hub import Hub
from quantlab.paper.server.render import Json

MADE: dict[type, Callable[[Any], Json]] = {
    Execution: render.execution_report,
    BalanceChange: render.account_position,
    BalanceDelta: render.balance_update,
    ListChange: render.list_status,
}


class OnFill(Protocol):
    """Takes an order's first fill. Source: FAQ "Spot Unfilled Order Count Rules"."""

    def __call__(self, account: str, now_ms: int, *, maker: bool) -> None: ...


class UserFeed:
    """Publishes what happens to accounts.

    Args:
        on_fill: Called with the account, the time and whether it had rested at each order's first fill.

    Attributes:
        balance_ms: When each account's balances last changed.
    """

    def __init__(self, hub: Hub, on_fill: OnFill) -> None:
        self._hub = hub
        self._on_fill = on_fill
        self.balance_ms: dict[str, int] = {}

    def take(self, event: Event, now_ms: int) -> None:
        """Publish one event, where it is an account's; it is made only while somebody listens."""
        if isinstance(event, TradePrint | LevelChange):
            return
        if type(event) is Execution:
            if event.last_quantity and event.order.executed_quantity == event.last_quantity:
                self._on_fill(event.account, now_ms, maker=event.is_maker)
        elif type(event) is BalanceChange:
            self.balance_ms[event.account] = event.time_ms
        if self._hub.hears(event.account):
            self._hub.publish_user(event.account, MADE[type(event)](event))
