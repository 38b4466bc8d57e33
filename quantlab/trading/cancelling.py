"""Cancels: never denied, and never a flood. Main thread, but for the wait itself.

A cancel that is on its way is not sent a second time, however often it is asked for; of different orders
more than `max_cancels_per_second` wait their turn. A HALT's cancels and those of all orders never wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from quantlab.clock import Clock
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderSnapshot
from quantlab.trading.answers import Latch
from quantlab.trading.orders import Orders
from quantlab.trading.pace import SECOND_NS, Tempo
from quantlab.trading.sender import OrderSender
from quantlab.wire import Wire, WireCall


class Cancelling:
    """Asks the venue to cancel.

    Args:
        wire: The hand-over to the wire.
        sender: The wire side.
        orders: For the venue's own id of an order from elsewhere.
        tempo: Gives each cancel its turn.
        clock: Monotonic time, for the turns.
        latch: While it is set no cancel waits.
        limits: The limits in force.
    """

    def __init__(
        self,
        *,
        wire: Wire,
        sender: OrderSender,
        orders: Orders,
        tempo: Tempo,
        clock: Clock,
        latch: Latch,
        limits: Callable[[], Limits],
    ) -> None:
        self._wire, self._sender, self._orders, self._tempo = wire, sender, orders, tempo
        self._clock, self._latch, self._limits = clock, latch, limits
        self._under_way: dict[tuple[str, str], tuple[WireCall[OrderSnapshot], int]] = {}  # and its turn

    def one(self, symbol: str, client_order_id: str) -> WireCall[OrderSnapshot]:
        """Cancel one order; where that is on its way already, the same call.

        Under a HALT what only waits its turn is not on its way: it is sent now, and later once more.
        """
        key, now_ns = (symbol, client_order_id), self._clock.monotonic_ns()
        if (under_way := self._under_way.get(key)) is not None:
            call, turn_ns = under_way
            if turn_ns <= now_ns or not self._latch.is_set:
                return call
        order = self._orders.get(client_order_id)
        order_id = order.order_id if order is not None and order.external else None
        wait_ns = self._wait_ns(now_ns)
        wait_s = wait_ns / SECOND_NS

        async def cancel() -> OrderSnapshot:
            if wait_s:
                await asyncio.sleep(wait_s)
            return await self._sender.cancel(symbol, client_order_id, order_id)

        call = self._wire.call(cancel, f"cancel {client_order_id}")
        self._under_way[key] = mine = (call, now_ns + wait_ns)
        call.add_done_callback(lambda _: self._done(key, mine))
        return call

    def all(self, symbol: str | None = None) -> WireCall[list[OrderSnapshot]]:
        """Cancel all that the venue says is open, of `symbol` or of every symbol."""
        return self._wire.call(lambda: self._sender.cancel_all(symbol), f"cancel all {symbol or ''}".strip())

    def _done(self, key: tuple[str, str], call: tuple[WireCall[OrderSnapshot], int]) -> None:
        if self._under_way.get(key) is call:
            del self._under_way[key]

    def _wait_ns(self, now_ns: int) -> int:
        if self._latch.is_set:
            return 0
        return self._tempo.cancelled(now_ns, self._limits().max_cancels_per_second)
