"""Asks the budget before each request, and lets those wait that may.

One governor for all clients of a venue, on the loop that uses them. A read waits its turn for as long
as its caller has patience; an order is refused at once, by name, because its price would not wait;
cancels go before reads when a window opens again.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Iterable

from quantlab.binance.budget import Budget, Cost, Priority, Refusal
from quantlab.binance.limits import RateLimit
from quantlab.clock import Clock

TOO_MANY = -1003
BACK_OFF_S = 60.0  # after a 429 or 418 that does not say how long


class HeldBack(Exception):  # the client turns it into its own `RateLimited`
    """Nothing was sent: a limit is used up for longer than the caller would wait.

    Attributes:
        retry_after_s: When to ask again.
    """

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Ticket:
    """A request that may be sent. `sent_ms` is the venue's time at which it was let go."""

    __slots__ = ("cost", "sent_ms")

    def __init__(self, cost: Cost, sent_ms: int) -> None:
        self.cost = cost
        self.sent_ms = sent_ms


class Governor:
    """Keeps everybody who asks one venue within its limits.

    Args:
        clock: The venue's time: its windows are aligned to it.
        budget: The arithmetic; its own where none is given.
    """

    def __init__(self, clock: Clock, budget: Budget | None = None) -> None:
        self.budget = Budget() if budget is None else budget
        self._clock = clock
        self._waiting: list[tuple[int, int, Cost, Priority, asyncio.Future[Ticket]]] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None

    async def enter(self, cost: Cost, priority: Priority, patience_s: float) -> Ticket:
        """Return when the request may be sent; call `leave` with the ticket when it is over.

        Raises:
            HeldBack: That would take longer than `patience_s`.
        """
        now_ms = self._clock.now_ms()
        refusal = self.budget.admit(cost, priority, now_ms)
        if refusal is None:
            return Ticket(cost, now_ms)
        wait_s = (refusal.until_ms - now_ms) / 1_000
        if wait_s > patience_s:
            raise HeldBack(refusal.reason, wait_s)
        future: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (-priority, next(self._numbers), cost, priority, future))
        self._wake_at(refusal.until_ms)
        try:
            async with asyncio.timeout(patience_s):
                return await future
        except TimeoutError:
            self._give_up(future, cost)
            raise HeldBack(refusal.reason, wait_s) from None
        except asyncio.CancelledError:
            self._give_up(future, cost)
            raise

    def leave(self, ticket: Ticket, charged: Cost) -> None:
        """The request is over; `charged` is what it took."""
        self.budget.settle(ticket.cost, charged, self._clock.now_ms())

    def learn(self, rules: Iterable[RateLimit]) -> None:
        self.budget.learn(rules)

    def hear(
        self, ticket: Ticket, status: int, counts: Iterable[tuple[str, str, int]], retry_after_s: int | None
    ) -> None:
        """What one answer says of the limits: used so far, and how long to keep silent."""
        now_ms = self._clock.now_ms()
        for kind, window, used in counts:
            self.budget.told(kind, window, used, sent_ms=ticket.sent_ms, now_ms=now_ms)
        if status in (418, 429):
            wait_s = BACK_OFF_S if retry_after_s is None else retry_after_s
            self.budget.close(now_ms + round(wait_s * 1_000), f"the venue answered HTTP {status}")

    def _give_up(self, future: asyncio.Future[Ticket], cost: Cost) -> None:
        """The caller has gone: nobody may be let go in its name, and what was let go is given back."""
        if future.done() and not future.cancelled():
            self.budget.settle(cost, Cost(weight=0, raw=0), self._clock.now_ms())
        self._waiting = [each for each in self._waiting if each[4] is not future]
        heapq.heapify(self._waiting)

    def _wake_at(self, until_ms: int) -> None:
        loop = asyncio.get_running_loop()
        at_s = loop.time() + max(0.001, (until_ms - self._clock.now_ms()) / 1_000)
        if self._timer is None or self._timer.when() > at_s:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(at_s, self._let_go)

    def _let_go(self) -> None:
        """A window may have opened: as many as fit, the most urgent first."""
        self._timer = None
        now_ms, kept = self._clock.now_ms(), []
        earliest: Refusal | None = None
        while self._waiting:
            entry = heapq.heappop(self._waiting)
            _, _, cost, priority, future = entry
            if future.done():
                continue
            refusal = self.budget.admit(cost, priority, now_ms)
            if refusal is None:
                future.set_result(Ticket(cost, now_ms))
                continue
            kept.append(entry)
            if earliest is None or refusal.until_ms < earliest.until_ms:
                earliest = refusal
        self._waiting = kept  # sorted, so a heap
        if earliest is not None:
            self._wake_at(earliest.until_ms)
