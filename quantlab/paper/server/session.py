"""One trading session: everything a venue consists of, and the one place where its time moves.

`step` is the only writer of market time: it performs what is due, tenth of a second by tenth, and
publishes. It never sleeps; the real clock's task, a request, or the control endpoint calls it.

A real clock does not wait for a market that is too fast for this machine, or for a machine that
slept: what is not done in time is put off, never owed. A manual clock leaves nothing out.
"""

from __future__ import annotations

import asyncio
import itertools
import math
from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from quantlab.clock import Clock
from quantlab.errors import EngineError
from quantlab.paper.exchange import Exchange
from quantlab.paper.market import Market, Outside
from quantlab.paper.queue import QueueModel
from quantlab.paper.server.hub import Hub
from quantlab.paper.server.injection import Injection
from quantlab.paper.server.keys import Keyring
from quantlab.paper.server.limits import Limits
from quantlab.paper.server.publisher import TICK_MS, Publisher
from quantlab.paper.server.userfeed import UserFeed
from quantlab.paper.server.venueclock import VenueClock
from quantlab.paper.terms import Terms
from quantlab.paper.truthlog import TruthLog

TURN_S = 0.005  # of work, then others get their turn
LONGEST_GAP_MS = 2_000  # behind a real clock; a longer one is a machine that slept
UNSENT_AHEAD = 256 * 1024
REQUESTS_KEPT = 100_000  # the log's newest; about 20 MB


class OrderRequestSeen(msgspec.Struct, frozen=True):
    """One order-changing request under a key of the venue's, whatever became of it.

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
        terms: What clients may ask for, and how long everything takes.
        commission: Fraction of what each trade brings in.
        queue_model: How users' orders advance in the queues of a mirrored market.
        truth: Is told of everything that happens.
    """

    def __init__(
        self,
        market: Market,
        clock: Clock,
        *,
        accounts: Sequence[str],
        balances: Mapping[str, Decimal],
        terms: Terms,
        hold: bool,
        speed: float,
        commission: Decimal = Decimal("0.001"),
        queue_model: QueueModel = QueueModel.POWER2,
        truth: TruthLog | None = None,
    ) -> None:
        self.clock = VenueClock(clock)
        self.market = market
        self.speed = speed
        self.truth = truth
        self.exchange = Exchange(market.instruments, queue_model=queue_model)
        self.terms = terms
        self.hub = Hub(terms)
        self.limits = Limits(terms)
        self.accounts = tuple(accounts)
        self.keyring = Keyring(accounts)
        self.requests: deque[OrderRequestSeen] = deque(maxlen=REQUESTS_KEPT)
        self.time_ms = self.opened_ms = clock.now_ms()
        self.uids = {account: number for number, account in enumerate(accounts, start=1)}
        self._cancels = itertools.count(1)
        self._next_tick = self.time_ms - self.time_ms % TICK_MS + TICK_MS
        self._failure = ""  # what ended the market
        self.users = UserFeed(self.hub, self.limits.filled)
        self.publisher = Publisher(self.exchange, self.hub, market, self.time_ms, self.users)
        for account in accounts:
            self.exchange.open_account(account, balances, commission=commission)
        if truth is not None:
            truth.header(
                self.time_ms,
                accounts={account: self.exchange.balances(account) for account in accounts},
                commission=commission,
                instruments=market.instruments,
            )
        if isinstance(market, Outside):
            market.follow(self.clock)
        market.open(self.exchange, self.time_ms)
        self.publish()
        if not hold:
            market.play(self.time_ms, speed)
        self.faults = Injection(self)

    def step(self, until_ms: int, turn_s: float = math.inf) -> bool:
        """Perform and publish what is due until `until_ms` of the venue's time; False where `turn_s` ends it.

        Raises:
            EngineError: The market has failed, now or before: from then on there is none to trade on.
        """
        if self._failure:
            raise EngineError(self._failure)
        try:
            done = self._perform(until_ms, turn_s)
        except Exception as error:
            self._failure = f"the market has failed: {type(error).__name__}: {error}"
            raise EngineError(self._failure) from error
        self.hub.flush()
        return done

    def catch_up(self) -> bool:
        """Go to the clock's time; on a real one within `TURN_S` of work, and what is left is put off.

        False where the market has more to do at once.
        """
        now_ms = self.clock.now_ms()
        if self.clock.fixed:
            done = self.step(now_ms)
        else:
            done = now_ms - self.time_ms <= LONGEST_GAP_MS and self.step(now_ms, TURN_S)
            if not done:
                self._put_off(now_ms)
        self.faults.tick()
        if self.truth is not None:
            self.truth.check()
        return done

    def leap(self) -> int:
        """The clock was set: be at its time at once, the market with it. By how many milliseconds."""
        now_ms = self.clock.now_ms()
        by_ms = now_ms - self.time_ms
        self.market.slip(self.time_ms, now_ms)
        self.time_ms = now_ms
        self._next_tick = now_ms - now_ms % TICK_MS + TICK_MS
        return by_ms

    def publish(self) -> None:
        """Send what a request just did at once, before its reply."""
        self._pass_on_events()
        self.hub.flush()

    def _pass_on_events(self) -> None:
        events = self.exchange.drain_events()
        if self.truth is not None:
            self.truth.events(self.time_ms, events)
        self.publisher.take(events, self.time_ms)

    def owner(self, api_key: str | None) -> str:
        """The account behind a key, "" where it is none of ours."""
        key = self.keyring.get(api_key or "")
        return "" if key is None else key.account

    def cancel_id(self) -> str:
        """An id for a cancel that came without one."""
        return f"venue-cancel-{next(self._cancels)}"

    async def advance(self, milliseconds: int) -> int:
        """Move a manual clock, and answer when every socket has been given every resulting frame."""
        if not self.clock.fixed:
            raise TypeError("only a manual clock can be advanced")
        async with self.hub.turn:  # nobody is answered on the way: what they did would depend on our speed
            left_ms = milliseconds
            while left_ms >= 0:
                part_ms = self.faults.undisturbed_ms(left_ms)
                self.clock.advance(part_ms)
                while not self.step(self.clock.now_ms(), TURN_S):
                    await asyncio.sleep(0)  # signals and pongs come through
                    await self.hub.drained(UNSENT_AHEAD)
                self.faults.tick()
                left_ms = left_ms - part_ms or -1
            await self.hub.drained()
            return self.clock.now_ms()

    def _perform(self, until_ms: int, turn_s: float) -> bool:
        now_s = asyncio.get_running_loop().time
        end_s = now_s() + turn_s
        while self._perform_next(until_ms):
            if now_s() > end_s:
                return False
        self.time_ms = max(self.time_ms, until_ms)
        return True

    def _perform_next(self, until_ms: int) -> bool:
        """The market's next event, or the end of a tenth of a second; False where none is due."""
        due = self.market.next_ms()
        if due is not None and due <= min(until_ms, self._next_tick):
            self.time_ms = max(self.time_ms, due)
            frames = self.market.act(self.exchange)
            self._pass_on_events()
            self.publisher.pass_on(frames)
            return True
        return self._tick(until_ms)

    def _tick(self, until_ms: int) -> bool:
        if self._next_tick > until_ms:
            return False
        self.time_ms = max(self.time_ms, self._next_tick)
        self.publisher.tick(self._next_tick)
        self._next_tick += TICK_MS
        return True

    def _put_off(self, now_ms: int) -> None:
        """Be at `now_ms` at once: the market stood still since `time_ms`, and goes on from there.

        Diffs and candles that were due on the way are sent; of a long gap only those of its end.
        """
        self.market.slip(self.time_ms, now_ms)
        gap_from = now_ms - LONGEST_GAP_MS
        self._next_tick = max(self._next_tick, gap_from - gap_from % TICK_MS)
        while self._tick(now_ms):
            pass
        self.time_ms = now_ms
        self.hub.flush()
