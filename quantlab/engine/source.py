"""The market as the engine's wire has it: books, streams, and the passing of paper time.

Used on the main thread, by `faces.Market`; the work itself runs on the wire.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from quantlab.bus import Bus
from quantlab.clock import Clock, ManualClock
from quantlab.config import Settings
from quantlab.domain.market import BookView, Kline, Trade
from quantlab.domain.tickers import AggregateTrade
from quantlab.domain.venue import Level
from quantlab.engine.identity import Identity
from quantlab.engine.inbox import Flush
from quantlab.engine.link import Link
from quantlab.engine.quotes import Quotes
from quantlab.market.history import History
from quantlab.wire import Wire, WireCall

FIRST_PRICE_S = 2.0
LOOK_S = 0.01


class Owner(Protocol):
    """What this needs of the engine."""

    bus: Bus
    clock: Clock
    wire: Wire
    quotes: Quotes
    settings: Settings

    @property
    def symbols(self) -> Sequence[str]: ...

    async def ready(self) -> None: ...

    def linked(self) -> Link: ...


class LinkedMarket:
    """A `faces.MarketSource` over the engine's link."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._past: History | None = None

    @property
    def symbols(self) -> Sequence[str]:
        return self._owner.symbols

    async def ready(self) -> None:
        await self._owner.ready()

    async def fetch_book(self, symbol: str, limit: int) -> BookView:
        link = self._owner.linked()
        return await self._owner.wire.call(lambda: link.book(symbol, limit), f"book {symbol}")

    async def watch(self, symbol: str) -> None:
        """Start the streams, and wait for the first price, at most 2 s (a fixed clock brings none)."""
        owner, link = self._owner, self._owner.linked()
        await owner.wire.call(lambda: link.watch(symbol), f"watch {symbol}")
        deadline = asyncio.get_running_loop().time() + (0 if owner.clock.fixed else FIRST_PRICE_S)
        while owner.quotes.get(symbol) is None and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  # once per symbol
            await asyncio.sleep(LOOK_S)

    @property
    def past(self) -> History:
        """The venue's past. A paper venue's ends with it, so that is kept in memory; others' on disk."""
        if self._past is None:
            settings = self._owner.settings
            folder = None
            if settings.level is not Level.PAPER:
                folder = settings.home / "history" / Identity.of(settings, None).instance
            self._past = History(_OverWire(self._owner), clock=self._owner.clock, folder=folder)
        return self._past

    async def fault(self, name: str, fields: dict[str, object]) -> int:
        link = self._owner.linked()
        return await self._owner.wire.call(lambda: link.venue.fault(name, fields), "fault")

    async def mend(self) -> int:
        link = self._owner.linked()
        return await self._owner.wire.call(link.venue.mend, "mend")

    async def advance(self, milliseconds: int) -> None:
        """Let the paper market run, or time pass; every event of it was handled on return."""
        clock, wire = self._owner.clock, self._owner.wire
        if not isinstance(clock, ManualClock):
            await asyncio.sleep(milliseconds / 1_000)
            return
        link = self._owner.linked()
        clock.advance(milliseconds)  # first: what arrives bears the time at which it stops
        await wire.call(lambda: link.advance(milliseconds), "advance")
        flush = Flush(asyncio.get_running_loop().create_future())
        wire.post_market(flush)
        await flush.done
        await self._owner.bus.settle()


class _OverWire:
    """The client's reads of the past, on the wire, for whoever awaits them on the main thread."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def klines(self, *args: Any, **options: Any) -> WireCall[Sequence[Kline]]:
        client = self._owner.linked().client
        return self._owner.wire.call(lambda: client.klines(*args, **options), "klines")

    def historical_trades(self, *args: Any, **options: Any) -> WireCall[Sequence[Trade]]:
        client = self._owner.linked().client
        return self._owner.wire.call(lambda: client.historical_trades(*args, **options), "historical_trades")

    def agg_trades(self, *args: Any, **options: Any) -> WireCall[Sequence[AggregateTrade]]:
        client = self._owner.linked().client
        return self._owner.wire.call(lambda: client.agg_trades(*args, **options), "agg_trades")
