"""Which orders were handed to the wire and have no answer yet.

A cancel must not overtake the order it cancels: they travel on two connections. Begun on the main thread,
when the order is handed over; the rest lives on the wire loop.
"""

from __future__ import annotations

import asyncio
import contextlib


class UnderWay:
    """The orders between hand-over and answer, by client order id."""

    def __init__(self) -> None:
        self._answers: dict[str, asyncio.Event | None] = {}  # None: nobody waits

    def begin(self, client_order_id: str) -> None:
        """It is on its way from now on."""
        self._answers[client_order_id] = None

    def end(self, client_order_id: str) -> None:
        """It was answered, or it is certain that it will not be."""
        answer = self._answers.pop(client_order_id, None)
        if answer is not None:
            answer.set()

    async def answered(self, client_order_id: str, timeout_s: float) -> None:
        """Return when the order has its answer, at once where it is not on its way, or after `timeout_s`."""
        if client_order_id in self._answers:
            answer = self._answers[client_order_id] = self._answers[client_order_id] or asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(answer.wait(), timeout_s)
