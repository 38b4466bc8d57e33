"""A cell that blocks the loop: what the market said meanwhile is delivered, or conflated and counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from quantlab.bus import Overflow, Subscription
from quantlab.config import Settings
from quantlab.domain.market import BookTicker, Trade
from quantlab.engine import Engine
from quantlab.secret import Secret
from quantlab.topics import BOOK_TICKER, DEPTH, KLINE, TRADE

SYMBOL = "BTCUSDT"
ROOM = 65_536  # of a mailbox: more than comes


class Count(NamedTuple):
    """Best prices so far: heard on the wire, conflated before the hand-off, published to the bus."""

    heard: int
    conflated: int
    published: int


class Ear:
    """Hears the market on the wire, before anything is conflated."""

    def __init__(self, engine: Engine) -> None:
        self.tickers: list[BookTicker] = []
        self.trades: list[Trade] = []
        assert engine.halting.link is not None
        engine.halting.link.tap = self

    def __call__(self, event: object) -> None:
        if isinstance(event, BookTicker):
            self.tickers.append(event)
        elif isinstance(event, Trade):
            self.trades.append(event)


async def quiet(engine: Engine, ear: Ear, newest: Subscription) -> Count:
    """The counts at a moment in which nothing is under way from the wire."""
    before = None
    async with asyncio.timeout(60):
        while True:
            now = Count(len(ear.tickers), engine.wire.counters()["conflated"], newest.routed)
            if now == before and not engine.wire.counters()["pending"]:
                return now
            before = now
            await asyncio.sleep(0.015)


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.005)


def ignore(_event: object) -> None: ...


async def test_after_a_blocked_cell_everything_is_delivered_or_conflated_and_counted(
    start: Callable[..., Engine], settings: Settings, full: bool
) -> None:
    """And the first best price that is shown is the newest there is, never one of the time before."""
    blocked_s = 30 if full else 3
    engine = start(settings, deterministic=False)
    await engine.ready()
    trades: list[Trade] = []
    shown: list[BookTicker] = []
    newest = engine.bus.subscribe(BOOK_TICKER, shown.append, overflow=Overflow.CONFLATE, key="symbol")
    for topic, handler in ((TRADE, trades.append), (DEPTH, ignore), (KLINE, ignore)):
        engine.bus.subscribe(topic, handler, capacity=ROOM)  # they want all: only best prices are conflated
    ear = Ear(engine)
    await until(lambda: shown and trades)
    base = await quiet(engine, ear, newest)

    before, heard_before = len(shown), len(ear.trades)
    time.sleep(blocked_s)  # this is the cell that blocks
    best = next(each for each in reversed(ear.tickers) if each.symbol == SYMBOL)
    meanwhile = len(ear.tickers) - base.heard
    stale = engine.quotes.get(SYMBOL)
    assert len(shown) == before
    # nothing was applied yet, and what is known says so itself: it bears the time before the block
    assert stale is not None
    old_ms = engine.clock.now_ms() - stale.event_ms
    assert old_ms > (blocked_s - 0.5) * 1_000
    engine.wire.catch_up()  # as whatever decides in the same cell does
    fresh = engine.quotes.get(SYMBOL)
    assert fresh is not None
    assert engine.clock.now_ms() - fresh.event_ms < old_ms / 2

    await until(lambda: any(each.symbol == SYMBOL for each in shown[before:]))
    first = next(each for each in shown[before:] if each.symbol == SYMBOL)
    assert first.update_id >= best.update_id
    await until(lambda: ear.trades[-1:] == trades[-1:])
    end = await quiet(engine, ear, newest)
    assert end.heard - base.heard == end.conflated - base.conflated + end.published - base.published
    assert end.conflated - base.conflated > meanwhile / 2 > 5
    assert newest.routed == newest.delivered + newest.conflated + newest.pending
    sent = [each.trade_id for each in ear.trades[heard_before:]]
    assert len(sent) > 3
    assert [each.trade_id for each in trades][-len(sent) :] == sent
    assert engine.wire.counters()["dropped"] == 0


async def test_a_subscription_that_wants_all_gets_all_of_a_blocked_cell(
    start: Callable[..., Engine], settings: Settings
) -> None:
    """It comes in the very cell that blocks; nothing is conflated any more, though another would allow it."""
    engine = start(settings, deterministic=False)
    await engine.ready()
    newest = engine.bus.subscribe(BOOK_TICKER, ignore, overflow=Overflow.CONFLATE, key="symbol")
    ear = Ear(engine)
    await until(lambda: len(ear.tickers) > 3)
    base = await quiet(engine, ear, newest)

    every: list[BookTicker] = []
    engine.bus.subscribe("market.book_ticker.*", every.append, capacity=ROOM)
    time.sleep(1)  # this is the cell that blocks
    heard = ear.tickers[base.heard :]
    assert len(heard) > 5
    await until(lambda: len(every) >= len(heard))
    assert every[: len(heard)] == heard


class Looks:
    """Only notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[BookTicker] = []

    def on_event(self, event: BookTicker) -> None:
        self.seen.append(event)


async def test_a_strategy_on_best_prices_meets_the_newest_alone_after_a_blocked_cell(
    start: Callable[..., Engine], settings: Settings, token: Secret
) -> None:
    """With CONFLATE, which needs no key there: of each name the newest."""
    engine = start(settings, deterministic=False)
    await engine.ready()
    engine.arm(token)
    looks = Looks()
    engine.strategies.run(looks, ["market.book_ticker.*"], name="looks", overflow=Overflow.CONFLATE)
    ear = Ear(engine)
    await until(lambda: looks.seen)

    before = len(looks.seen)
    time.sleep(1)  # this is the cell that blocks
    newest = ear.tickers[-1]
    await until(lambda: len(looks.seen) > before)
    assert looks.seen[before].update_id >= newest.update_id
    assert len(looks.seen) < len(ear.tickers)
