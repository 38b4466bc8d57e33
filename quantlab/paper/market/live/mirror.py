"""Talks to the upstream: listing, books, trades, and an ear for silence. On the venue's own loop.

Connections are kept and made anew by `binance.streams` (full jitter, growing waits), books by
`market.feed` (the documented procedure), trades by `TradeChain`. What is right is handed on; a book
that is not is in `lost` from the very call that saw it until it was shown again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable, Sequence
from typing import NoReturn

import msgspec

from quantlab.binance.link import LinkSettings
from quantlab.binance.streams import MarketStreams
from quantlab.clock import NS_PER_MS, Clock
from quantlab.domain.market import BookView, DepthSnapshot, DepthUpdate, Trade
from quantlab.endpoints import Endpoints
from quantlab.errors import ConfigError, QuantlabError, UnknownSymbol, VenueUnavailable
from quantlab.market.book import BookState
from quantlab.market.feed import Feed, FeedSettings
from quantlab.paper.market.candles import Candle
from quantlab.paper.market.intervals import HOUR, MINUTE
from quantlab.paper.market.live.chain import TradeChain
from quantlab.paper.market.live.reader import Reader
from quantlab.paper.rules import Rules

log = logging.getLogger(__name__)

MOST_SYMBOLS = 20  # taken without being named
WHOLE_BOOK = 100_000
NS_PER_S = 1_000 * NS_PER_MS


class LiveSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the mirror is; times in seconds.

    A symbol that says nothing for `stall_s` is asked: the stream must answer within `probe_s`, and
    `grace_s` later the book must have come to where REST said that it was. Else the connection is
    made anew, and until the book is right again nobody trades. `depth` levels a side make a book.
    """

    stall_s: float = 3.0
    probe_s: float = 2.0
    grace_s: float = 1.5
    ready_s: float = 10.0  # how long a venue waits for its first books before it says that it is ready
    listing_s: float = 60.0  # between two looks at the symbols' states
    depth: int = 1_000
    ssl_context: ssl.SSLContext | None = None  # None trusts certifi's authorities and no other
    link: LinkSettings = LinkSettings()
    feed: FeedSettings = FeedSettings()


class Mirror:
    """One upstream. Events go to `sink`: the diffs of right books, and trades, in their order.

    Attributes:
        rules: What is mirrored, as the upstream listed it, with its state now.
        lost: Symbols whose book was not right at some time since it was last taken.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        *,
        clock: Clock,
        sink: Callable[[DepthUpdate | Trade], None],
        settings: LiveSettings,
    ) -> None:
        self.rules: dict[str, Rules] = {}
        self.lost: set[str] = set()
        self._clock, self._sink, self._settings = clock, sink, settings
        self.client = Reader(endpoints.rest, clock=clock, ssl_context=settings.ssl_context)
        self.feed = Feed(
            (), snapshot=self._snapshot, publish=self._publish, clock=clock, settings=settings.feed
        )
        self.streams = MarketStreams(
            endpoints.ws,
            clock=clock,
            on_event=self.feed.on_event,
            on_state=self._on_state,
            settings=msgspec.structs.replace(settings.link, ssl_context=settings.ssl_context),
        )
        self._chains: dict[str, TradeChain] = {}
        self._heard_ns: dict[str, int] = {}
        self._resync: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    async def look_up(self, symbols: Sequence[str] | None) -> None:
        """Read what the upstream lists of `symbols`; None for all, where that is no crowd.

        Raises:
            UnknownSymbol: It lists no such symbol.
            ConfigError: None was named, and it lists more than `MOST_SYMBOLS`.
            VenueError: It does not answer as documented.
        """
        listed = await self.client.listing()
        if symbols is None and len(listed) > MOST_SYMBOLS:
            raise ConfigError(
                f"the upstream lists {len(listed)} symbols", "name those to mirror with --symbols A,B"
            )
        for symbol in symbols or listed:
            if symbol not in listed:
                raise UnknownSymbol(symbol, tuple(listed))
            self.rules[symbol] = listed[symbol]
            self._chains[symbol] = TradeChain(symbol, self._trades, self._sink)
        self.lost = set(self.rules)

    async def candles(self, symbol: str, now_ms: int) -> tuple[list[Candle], list[Candle]]:
        """The latest candles that are over: hours, and minutes."""
        hours, minutes = [await self.client.candles(symbol, each) for each in ("1h", "1m")]
        return (
            [each for each in hours if each.open_ms + HOUR <= now_ms],
            [each for each in minutes if each.open_ms + MINUTE <= now_ms],
        )

    def right(self, symbol: str) -> bool:
        """True where the book is right and no trade before it is missing."""
        book = self.feed.books.get(symbol)
        return book is not None and book.state is BookState.SYNCED and self._chains[symbol].whole

    def take(self, symbol: str) -> BookView:
        """The whole book, which is right; the symbol is lost no more, and its diffs are handed on."""
        self.lost.discard(symbol)
        self._heard_ns[symbol] = self._clock.monotonic_ns()
        return self.feed.books[symbol].view(WHOLE_BOOK)

    def drop(self, reason: str) -> None:
        """Begin all books anew: what was handed on got lost on our side."""
        self._lose(reason)
        self._begin()

    async def ready(self) -> None:
        """Return when every book is right, at the latest after `ready_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._settings.ready_s):
                while not all(self.right(symbol) for symbol in self.rules):
                    self._changed.clear()
                    await self._changed.wait()

    async def run(self) -> NoReturn:
        """Mirror until cancelled; what is refused for good raises."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.streams.run(), name="upstream streams")
                tasks.create_task(self._subscribe(), name="upstream subscription")
                tasks.create_task(self._watch(), name="upstream watch")
                tasks.create_task(self._watch_listing(), name="upstream listing")
        except BaseExceptionGroup as group:
            raise _first(group) from None
        finally:
            if self._resync is not None:
                self._resync.cancel()
            for chain in self._chains.values():
                await chain.aclose()
            await self.feed.aclose()
            await self.client.aclose()
        raise AssertionError("the streams end only by an error")

    async def _subscribe(self) -> None:
        names = [f"{symbol.lower()}@{kind}" for symbol in self.rules for kind in ("trade", "depth@100ms")]
        with contextlib.suppress(VenueUnavailable):  # they stay wanted: the next connection brings them
            await self.streams.subscribe(*names)
        for symbol in self.rules:
            self.feed.add(symbol)
        self._begin()

    def _publish(self, event: object) -> None:
        if type(event) is Trade and event.symbol in self._chains:
            self._heard_ns[event.symbol] = self._clock.monotonic_ns()
            self._chains[event.symbol].add(event)
        elif type(event) is DepthUpdate and event.symbol in self._chains:
            self._heard_ns[event.symbol] = self._clock.monotonic_ns()
            book = self.feed.books.get(event.symbol)  # none: it came with the acknowledgement
            if book is None or book.state is not BookState.SYNCED:
                self.lost.add(event.symbol)
            elif event.symbol not in self.lost:
                self._sink(event)
            self._changed.set()

    def _on_state(self, state: str, reason: str) -> None:
        if state == "connected":
            self._begin()
        else:
            self._lose(reason or "the connection is lost")

    def _lose(self, reason: str) -> None:
        self.lost.update(self.rules)
        self.feed.mark_stale(reason)

    def _begin(self) -> None:
        """Ask for the trades that were missed, and for every book."""
        for chain in self._chains.values():
            chain.catch_up()
        if self._resync is not None:
            self._resync.cancel()
        self._resync = asyncio.get_running_loop().create_task(self._resync_all(), name="upstream resync")

    async def _resync_all(self) -> None:
        await self.feed.resync_all()
        self._changed.set()

    async def _snapshot(self, symbol: str) -> DepthSnapshot:
        return await self.client.order_book(symbol, limit=self._settings.depth)

    async def _trades(self, symbol: str) -> Sequence[Trade]:
        return await self.client.trades(symbol, limit=1_000)

    # --- silence

    async def _watch(self) -> NoReturn:
        """A stalled connection says no goodbye: a symbol that is silent is asked."""
        settings = self._settings
        while True:
            await asyncio.sleep(settings.stall_s / 4)
            now_ns = self._clock.monotonic_ns()
            silent = [
                symbol
                for symbol in self.rules
                if symbol not in self.lost
                and now_ns - self._heard_ns.setdefault(symbol, now_ns) > settings.stall_s * NS_PER_S
            ]
            if silent and self.streams.connected:
                await self._ask(silent)

    async def _ask(self, silent: Sequence[str]) -> None:
        try:
            async with asyncio.timeout(self._settings.probe_s):
                await self.streams.barrier()
            for symbol in silent:
                await self._compare(symbol)
                self._heard_ns[symbol] = self._clock.monotonic_ns()
        except (TimeoutError, QuantlabError) as error:
            log.warning("the upstream stalls: %s", str(error) or "no answer")
            self._lose("the upstream stalls")
            await self.streams.restart("the upstream stalls")

    async def _compare(self, symbol: str) -> None:
        """Raise `VenueUnavailable` where REST has a newer book than the stream brings."""
        async with asyncio.timeout(self._settings.probe_s):
            newest = await self.client.order_book(symbol, limit=5)
        book = self.feed.books[symbol]
        if book.update_id < newest.last_update_id:
            await asyncio.sleep(self._settings.grace_s)
        if book.state is BookState.SYNCED and book.update_id < newest.last_update_id:
            raise VenueUnavailable(f"the stream of {symbol} is behind the book that REST shows")

    async def _watch_listing(self) -> NoReturn:
        """Follow the states of the symbols: what the upstream halts is halted here."""
        while True:
            await asyncio.sleep(self._settings.listing_s)
            with contextlib.suppress(QuantlabError):  # asked again; the streams tell of a dead upstream
                listed = await self.client.listing(tuple(self.rules))
                for symbol, rules in self.rules.items():
                    status = listed[symbol].instrument.status if symbol in listed else "BREAK"
                    instrument = msgspec.structs.replace(rules.instrument, status=status)
                    self.rules[symbol] = msgspec.structs.replace(rules, instrument=instrument)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error that is not a group itself."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
