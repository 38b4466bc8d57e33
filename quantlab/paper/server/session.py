"""One trading session: everything a venue consists of, and the one place where its time moves.

`step` is the only writer of market time: it performs what is due, tenth of a second by tenth, and
publishes. It never sleeps; the real clock's task, a request, or the control endpoint calls it.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from quantlab.clock import Clock, ManualClock
from quantlab.paper.exchange import Exchange
from quantlab.paper.market import Market
from quantlab.paper.server.hub import Hub
from quantlab.paper.server.limits import Limits
from quantlab.paper.server.publisher import STP, TICK_MS, Publisher
from quantlab.paper.server.security import Keyring

__all__ = ["STP", "OrderRequestSeen", "Session"]

SLICE_MS = 1_000  # of the venue's time; between slices others get their turn
UNSENT_AHEAD = 256 * 1024


class OrderRequestSeen(msgspec.Struct, frozen=True):
    """One order-changing request that reached the venue, whatever became of it.

    `code` is the venue's error where it was refused, else None.
    """

    method: str
    path: str
    client_order_id: str | None
    accepted: bool
    code: int | None
    time_ms: int


class Session:
    """One venue without its sockets.

    Args:
        market: Where public trading comes from; opened here, and playing unless `hold`.
        balances: What each account starts with, by asset.
        commission: Fraction of what each trade brings in.
    """

    def __init__(
        self,
        market: Market,
        clock: Clock,
        *,
        accounts: Sequence[str],
        balances: Mapping[str, Decimal],
        limits: Limits,
        hold: bool,
        speed: float,
        commission: Decimal = Decimal("0.001"),
    ) -> None:
        self.clock = clock
        self.market = market
        self.speed = speed
        self.commission = commission
        self.exchange = Exchange(market.instruments)
        self.hub = Hub()
        self.limits = limits
        self.keyring = Keyring(accounts)
        self.requests: list[OrderRequestSeen] = []
        self.time_ms = self.opened_ms = clock.now_ms()
        self.uids = {account: number for number, account in enumerate(accounts, start=1)}
        self._cancels = itertools.count(1)
        self._next_tick = self.time_ms - self.time_ms % TICK_MS + TICK_MS
        self._advancing = asyncio.Lock()
        self.publisher = Publisher(self.exchange, self.hub, market, self.time_ms, self._filled)
        for account in accounts:
            self.exchange.open_account(account, balances, commission=commission)
        market.open(self.exchange, self.time_ms)
        self.publish()
        if not hold:
            market.play(self.time_ms, speed)

    def step(self, until_ms: int) -> None:
        """Perform and publish everything that is due until `until_ms` of the venue's time."""
        while True:
            due = self.market.next_ms()
            if due is not None and due <= min(until_ms, self._next_tick):
                self.time_ms = max(self.time_ms, due)
                frames = self.market.act(self.exchange)
                self.publisher.take(self.exchange.drain_events(), self.time_ms)
                self.publisher.pass_on(frames)
            elif self._next_tick <= until_ms:
                self.time_ms = self._next_tick
                self.publisher.tick(self._next_tick)
                self._next_tick += TICK_MS
            else:
                break
        self.time_ms = max(self.time_ms, until_ms)
        self.hub.flush()

    def catch_up(self) -> bool:
        """Step towards the clock's time, at most one slice; False while there is more to do."""
        now_ms = self.clock.now_ms()
        self.step(min(now_ms, self.time_ms + SLICE_MS))
        return self.time_ms >= now_ms

    def publish(self) -> None:
        """Send what a request just did at once, before its reply."""
        self.publisher.take(self.exchange.drain_events(), self.time_ms)
        self.hub.flush()

    def cancel_id(self) -> str:
        """An id for a cancel that came without one."""
        return f"venue-cancel-{next(self._cancels)}"

    async def advance(self, milliseconds: int) -> int:
        """Move a manual clock, and answer when every socket has been given every resulting frame."""
        if not isinstance(self.clock, ManualClock):
            raise TypeError("only a manual clock can be advanced")
        async with self._advancing:
            while milliseconds > 0:
                slice_ms = min(milliseconds, SLICE_MS)
                self.clock.advance(slice_ms)
                milliseconds -= slice_ms
                self.step(self.clock.now_ms())
                await self.hub.drained(UNSENT_AHEAD)
            await self.hub.drained()
            return self.clock.now_ms()

    def _filled(self, account: str, now_ms: int) -> None:
        self.limits.ordered(account, -1, now_ms)
