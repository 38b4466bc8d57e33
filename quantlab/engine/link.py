"""Everything that talks to one venue; it lives on the wire loop from open to close.

Builds the client, the streams, the books, the health monitor and the halt path, and hands
what they hear to the engine as plain messages. It touches no engine state: market data goes
through the bounded lane, reports of our own orders through the lossless one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from quantlab.binance.client import BinanceClient
from quantlab.binance.codec_rest import ExchangeInfo
from quantlab.binance.link import LinkSettings
from quantlab.binance.signing import Credentials
from quantlab.binance.streams import MarketStreams
from quantlab.binance.timing import VenueClock
from quantlab.bus import Topic
from quantlab.clock import Clock
from quantlab.config import Settings
from quantlab.domain.market import BookView, DepthSnapshot
from quantlab.domain.venue import VenueHealth
from quantlab.engine.ownrules import OwnRulesKeeper, OwnRulesPace
from quantlab.engine.ownstream import OwnStream
from quantlab.engine.rules import RulesKeeper, RulesPace
from quantlab.engine.upkeep import keep_clock, keep_warm, watch_silence
from quantlab.engine.venuecontrol import VenueControl
from quantlab.errors import QuantlabError
from quantlab.health.monitor import Monitor
from quantlab.health.probes import Sources
from quantlab.market.feed import Feed
from quantlab.market.recording.schema import Note
from quantlab.paper.spawn import Control
from quantlab.topics import MARKET_TOPICS
from quantlab.wire import HaltLatch, Wire

STREAMS = ("trade", "bookTicker", "depth@100ms", "kline_1m")
SOCKET_S = 5.0
RULES = RulesPace()
OWN_RULES = OwnRulesPace()
UNHURRIED = LinkSettings(messages_per_s=1_000)  # our own venue counts no messages


class Link:
    """The wire side of one venue. Create it anywhere, use it on the wire loop only.

    Args:
        settings: Where the venue is, and the key.
        control: The embedded venue's own control endpoint.
        clock: Ours.
        wire: Gets every message.
        latch: HALT.
        listens: False for a kernel that may only look: no user stream.
        problem: What is wrong with the venue's own process; empty while nothing is.
        mismatch: In what our books and the venue's differ; empty while in nothing.
        model_store: Why models are not saved; empty while they are.
        conflates: Whether of the market events of one name only the newest is wanted; see `Bus.conflates`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        control: Control | None,
        clock: Clock,
        wire: Wire,
        latch: HaltLatch,
        listens: bool = True,
        problem: Callable[[], str] = lambda: "",
        mismatch: Callable[[], str] = lambda: "",
        model_store: Callable[[], str] = lambda: "",
        conflates: Callable[[Topic[Any], Any], bool] = lambda _topic, _event: False,
    ) -> None:
        credentials = None
        if settings.api_key and settings.api_secret is not None:
            credentials = Credentials(settings.api_key, settings.api_secret)
        window_ms = settings.recv_window_ms
        self.client = BinanceClient(
            settings.rest, clock=clock, credentials=credentials, latch=latch, recv_window_ms=window_ms,
            ws_api=settings.ws_api if listens else "",
        )  # fmt: skip
        venue_clock = self.client.venue_clock
        self.cancel_client, self.halt_client = (  # a HALT waits for nobody's cancels, a cancel for no order
            BinanceClient(
                settings.rest,
                clock=venue_clock,
                credentials=credentials,
                recv_window_ms=window_ms,
                governor=self.client.governor,
                urgent=urgent,
            )
            for urgent in (False, True)
        )
        self.can_cancel = credentials is not None
        self.streams = MarketStreams(
            settings.ws, clock=venue_clock, on_event=self._on_market, on_state=self._on_streams,
            on_silence=self._on_silence,
            settings=UNHURRIED if control is not None else None,
        )  # fmt: skip
        self.feed = Feed([], snapshot=self._snapshot, publish=self._publish, clock=venue_clock)
        self.user: OwnStream | None = None
        if credentials is not None and settings.ws_api and listens:
            self.user = OwnStream(
                settings.ws_api, credentials=credentials, clock=venue_clock, wire=wire,
                recv_window_ms=window_ms, doubts=not clock.fixed,
            )  # fmt: skip
        self.rules = RulesKeeper(
            self.client, symbols=lambda: tuple(self.feed.books), post=wire.post_order, pace=RULES
        )
        self.own_rules = OwnRulesKeeper(
            self.client, symbols=lambda: tuple(self.feed.books), post=wire.post_order,
            now_ms=venue_clock.now_ms, pace=OWN_RULES,
        )  # fmt: skip
        self._rules_kept = False
        self.monitor = self._monitor(
            settings, venue_clock, wire, problem=problem, mismatch=mismatch, model_store=model_store
        )
        self.venue = VenueControl(control)
        self._wire, self._clock, self._conflates = wire, clock, conflates
        self.tap: Callable[[object], object] | None = None  # hears market data, health and snapshots first

    def _monitor(
        self,
        settings: Settings,
        clock: VenueClock,
        wire: Wire,
        *,
        problem: Callable[[], str],
        mismatch: Callable[[], str],
        model_store: Callable[[], str],
    ) -> Monitor:
        user = self.user
        return Monitor(
            venue=settings.venue,
            level=settings.level,
            clock=clock,
            sources=Sources(
                streams=lambda: self.streams,
                books=lambda: (self.feed.synced, len(self.feed.books)),
                clock=lambda: (clock.offset_ms, clock.uncertainty_ms),
                user_live=None if user is None else lambda: user.live,
                gaps=lambda: self.feed.gaps,
                kernel_lag=lambda: wire.home_lag_ms,
                wire_lag=lambda: wire.wire_lag_ms,
                problem=problem,
                mismatch=mismatch,
                model_store=model_store,
            ),
            ping=self.client.ping,
            emit=self._on_health,
        )

    async def open(self, symbols: tuple[str, ...]) -> ExchangeInfo:
        """Connect, measure the clock, read the listing, and start all streams.

        Returns when the user stream is live, so that nothing falls between it and the account.
        """
        await self.client.sync_clock()
        self._wire.spawn(self.streams.run, "market streams")
        if self.user is not None:
            self._wire.spawn(self.user.run, "user stream")
        socket = self.client.socket
        if socket is not None:  # orders go by REST until it is up, and while it is not
            self._wire.spawn(socket.run, "order socket")
        if self.can_cancel:
            clients = (self.halt_client, self.cancel_client, self.client)
            self._wire.spawn(lambda: keep_warm(*clients), "halt path")
        self._wire.spawn(lambda: keep_clock(self.client), "clock")
        if not self._clock.fixed:
            self._wire.spawn(lambda: watch_silence(self.streams, self.feed, self._clock), "market watchdog")
        info, _ = await asyncio.gather(self.client.exchange_info(), self.watch(*symbols))
        if self.user is not None and not self._clock.fixed:  # a deterministic venue changes no rule by itself
            self._rules_kept = True
            self._wire.spawn(self.rules.run, "trading rules")
            self._wire.spawn(self.own_rules.run, "the account's rules")
        if self.user is not None:
            await self.user.wait_live()
        if socket is not None and self._clock.fixed:  # equal runs take equal ways
            await asyncio.wait_for(socket.wait_up(), SOCKET_S)
        return info

    async def hold(self) -> None:
        """Keep everything open until cancelled, then close it."""
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def watch(self, *symbols: str) -> None:
        """Start streams and the book of each symbol; known ones change nothing."""
        new = [symbol for symbol in symbols if symbol not in self.feed.books]
        if not new:
            return
        await self.streams.subscribe(*(f"{symbol.lower()}@{kind}" for symbol in new for kind in STREAMS))
        for symbol in new:
            self.feed.add(symbol)
        if self.user is not None:
            await self.own_rules.learn(new)
        if self._rules_kept:  # nobody has asked for theirs since we began
            try:
                await self.rules.refresh()
            except QuantlabError as error:
                self.rules.lost(tuple(new), f"rules not read: {error}")

    async def book(self, symbol: str, limit: int) -> BookView:
        """Our own book of `symbol` as it stands now, watched from now on if it was not."""
        await self.watch(symbol)
        book = self.feed.books[symbol]
        for _ in range(50):  # a book that was just added syncs within a round trip or two
            if book.view(1).state == "synced":
                break
            await asyncio.sleep(0.02)
        return self.feed.view(symbol, limit)

    async def advance(self, milliseconds: int) -> int:
        """Let a paper venue on a manual clock run; returns when all it sent has been handed over."""
        now_ms = await self.venue.advance(milliseconds)
        await self.barrier()
        self.monitor.look()
        return now_ms

    async def barrier(self) -> None:
        """Return when every frame the venue sent before now has been handed over."""
        await self.streams.barrier()
        if self.user is not None:
            await self.user.barrier()

    async def close(self) -> None:
        """Close every connection; the wire cancels the running tasks."""
        await self.feed.aclose()
        await self.client.aclose()
        await self.cancel_client.aclose()
        await self.halt_client.aclose()
        await self.venue.aclose()

    async def _snapshot(self, symbol: str) -> DepthSnapshot:
        snapshot = await self.client.order_book(symbol, limit=5000)
        self._tell(snapshot)
        return snapshot

    def _tell(self, event: object) -> None:
        if self.tap is not None:
            self.tap(event)

    def _on_health(self, health: VenueHealth) -> None:
        self._tell(health)
        self._wire.post_order(health)

    def _on_market(self, event: object) -> None:
        if self.tap is not None:
            self.tap(event)
        self.feed.on_event(event)

    def _publish(self, event: Any) -> None:
        topic = MARKET_TOPICS.get(type(event))
        if topic is None or self._clock.fixed:  # under a fixed clock equal runs hand over equal events
            self._wire.post_market(event)
            return
        # The newest of a name replaces the one that waits, where nobody wants more than the newest.
        self._wire.post_market(event, (topic, event.symbol), conflate=self._conflates(topic, event))

    def _on_streams(self, state: str, reason: str) -> None:
        self._tell(Note(text=f"market streams {state} {reason}".strip(), time_ms=self._clock.now_ms()))
        if state != "connected":
            self.feed.mark_stale(reason or "the market stream is lost")
        else:
            self._wire.spawn(self.feed.resync_all, "resync of the books")

    def _on_silence(self, names: tuple[str, ...], reason: str) -> None:
        """Diffs that do not come leave a book that looks right: it is not believed any more."""
        for name in names:
            symbol, _, kind = name.partition("@")
            if kind.startswith("depth") and reason:
                self.feed.doubt(symbol.upper(), reason)
            elif kind.startswith("depth"):
                self.feed.resync(symbol.upper())
