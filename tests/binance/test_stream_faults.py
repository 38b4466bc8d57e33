"""Faults of the venue and of the path to it, met by our market streams and our user stream, by their ids."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import msgspec
import pytest
from faultproxy import FaultProxy

from quantlab.binance.client import BinanceClient
from quantlab.binance.link import LinkSettings
from quantlab.binance.signing import Credentials
from quantlab.binance.streams import MarketStreams
from quantlab.binance.timing import VenueClock
from quantlab.binance.wsapi import UserStream
from quantlab.clock import SystemClock
from quantlab.domain.market import BookTicker, DepthUpdate, Trade
from quantlab.domain.position import Transfer
from quantlab.market.feed import Feed, FeedSettings
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret

SYMBOLS = ("BTCUSDT", "ETHUSDT", "DOGEUSDT")
NAMES = tuple(f"{symbol.lower()}@{kind}" for symbol in SYMBOLS for kind in ("trade", "depth@100ms"))
DEPTH = "btcusdt@depth@100ms"
SETTINGS = LinkSettings(first_retry_s=0.05, longest_retry_s=0.5, reply_timeout_s=3.0, messages_per_s=1_000)
PATIENT = Terms(messages_1s=10_000)


class Turned:
    """For how long the loop has turned: a machine that stands still for a while is nobody's delay."""

    def __init__(self) -> None:
        self.s, self._last_s = 0.0, time.monotonic()

    async def run(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            self.look()

    def look(self) -> float:
        now_s = time.monotonic()
        self.s += min(now_s - self._last_s, 0.05)
        self._last_s = now_s
        return self.s


class Listener:
    """Market streams and the books made of them, with everything they said kept."""

    def __init__(self, ws: str, rest: str, settings: LinkSettings = SETTINGS) -> None:
        self.events: list[Any] = []
        self.states: list[tuple[str, str]] = []
        self.turned = Turned()
        self.changes: list[tuple[float, dict[str, str]]] = []  # when, and the books' states right after
        self.silences: list[tuple[tuple[str, ...], str]] = []
        self.shown: list[dict[str, str]] = []  # the books' states after each of them
        self.clock = VenueClock(SystemClock())
        self.client = BinanceClient(rest, clock=self.clock)
        self.feed = Feed(
            (),
            snapshot=lambda symbol: self.client.order_book(symbol, limit=1000),
            publish=self.events.append,
            clock=self.clock,
            settings=FeedSettings(rest_s=0.5),
        )
        self.streams = MarketStreams(
            ws,
            clock=self.clock,
            on_event=self.feed.on_event,
            on_state=self._changed,
            on_silence=self._silent,
            settings=settings,
        )
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Listener:
        self.tasks.append(asyncio.create_task(self.turned.run()))
        self.tasks.append(asyncio.create_task(self.streams.run()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.feed.aclose()
        await self.client.aclose()

    async def watch(self, *symbols: str) -> None:
        await self.streams.subscribe(*(f"{symbol.lower()}@depth@100ms" for symbol in symbols))
        for symbol in symbols:
            self.feed.add(symbol)
        await until(lambda: self.feed.synced == len(self.feed.books))
        await until(lambda: all(len(self.of(DepthUpdate, symbol)) > 3 for symbol in symbols))

    def of(self, kind: type, symbol: str) -> list[Any]:
        return [event for event in self.events if type(event) is kind and event.symbol == symbol]

    def _changed(self, state: str, reason: str) -> None:
        self.states.append((state, reason))
        if state != "connected":
            self.feed.mark_stale(reason)
        else:
            self.tasks.append(asyncio.create_task(self.feed.resync_all()))
        self.changes.append((self.turned.s, self._books()))

    def _books(self) -> dict[str, str]:
        return {symbol: str(book.view(1).state) for symbol, book in self.feed.books.items()}

    def _silent(self, names: tuple[str, ...], reason: str) -> None:
        self.silences.append((names, reason))
        for name in names:
            symbol = name.partition("@")[0].upper()
            if reason:
                self.feed.doubt(symbol, reason)
            else:
                self.feed.resync(symbol)
        self.shown.append(self._books())


async def until(condition: Callable[[], object], timeout_s: float = 45.0) -> float:
    """Wait for a condition, not for a time; for how long the loop turned meanwhile."""
    turned = Turned()
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.005)
            turned.look()
    return turned.s


async def control(venue: PaperVenue, action: str = "faults", **body: Any) -> Any:
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        headers = {"Authorization": f"Bearer {venue.control.secret}"}
        reply = await http.post(f"{venue.control.url}/{action}", json=body, headers=headers)
        assert reply.status_code == 200, reply.text
        return reply.json()


async def mend(venue: PaperVenue) -> None:
    """End every fault."""
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        headers = {"Authorization": f"Bearer {venue.control.secret}"}
        await http.delete(f"{venue.control.url}/faults", headers=headers)


def missed(listener: Listener, symbol: str) -> tuple[int, int]:
    """Diffs and trades that do not follow on the one before: lost, doubled or out of order."""
    diffs = listener.of(DepthUpdate, symbol)
    trades = listener.of(Trade, symbol)
    return (
        sum(after.first_id != before.final_id + 1 for before, after in itertools.pairwise(diffs)),
        sum(after.trade_id != before.trade_id + 1 for before, after in itertools.pairwise(trades)),
    )


def right(listener: Listener, venue: PaperVenue, symbol: str) -> bool:
    """Our book is a book: synced, and not crossed."""
    view = listener.feed.books[symbol].view(5)
    return view.state == "synced" and view.bids[0][0] < view.asks[0][0]


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    """A venue with the synthetic market, on the real clock."""
    async with PaperVenue(seed=7, terms=PATIENT) as venue:
        yield venue


@pytest.fixture
def soon_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream is believed to be regular after 6 events, not 20: 1.4 s less to wait for."""
    monkeypatch.setattr("quantlab.binance.pulse.HEARD", 6)


@pytest.fixture
async def listener(venue: PaperVenue) -> AsyncIterator[Listener]:
    """Listens to `venue` without anything between."""
    async with Listener(venue.ws, venue.rest) as listener:
        yield listener


@contextlib.asynccontextmanager
async def through_a_proxy(venue: PaperVenue, **changes: Any) -> AsyncIterator[tuple[Listener, FaultProxy]]:
    """A listener whose streams come through a path that can fail; its snapshots do not."""
    settings = msgspec.structs.replace(SETTINGS, **changes)
    async with FaultProxy(venue.ws) as proxy, Listener(proxy.url, venue.rest, settings) as listener:
        yield listener, proxy


# -- the connection's life


async def test_n26_rotations_of_every_connection_miss_nothing_and_double_nothing() -> None:
    """N26: the venue ends each socket after 3 s; ours are replaced before, one after the other."""
    settings = msgspec.structs.replace(SETTINGS, streams=2, rotate_after_s=0.7, overlap_s=0.05)
    async with (
        PaperVenue(seed=7, terms=msgspec.structs.replace(PATIENT, socket_life_s=3.0)) as venue,
        FaultProxy(venue.ws) as proxy,
        Listener(proxy.url, venue.rest, settings) as listener,
    ):
        await listener.streams.subscribe(*NAMES)
        most = 0
        end_s = time.monotonic() + 3.5
        while time.monotonic() < end_s or listener.streams.rotations < 8:
            await asyncio.sleep(0.01)
            most = max(most, proxy.open)
        await listener.streams.barrier()

    assert listener.streams.connections == 3
    assert listener.streams.rotations >= 8
    assert listener.streams.duplicates > 0  # both connections did bring the same
    assert [state for state, _ in listener.states if state != "connected"] == []
    assert 4 <= most <= 5  # one at a time: three, one new, and one whose goodbye is under way
    for symbol in SYMBOLS:
        assert missed(listener, symbol) == (0, 0)
        assert len(listener.of(DepthUpdate, symbol)) > 20
    assert sum(len(listener.of(Trade, symbol)) for symbol in SYMBOLS) > 20


async def test_n21_a_shutdown_is_followed_by_a_new_connection_before_the_old_one_ends(
    venue: PaperVenue, listener: Listener
) -> None:
    """N21: announced 1.5 s ahead; no event is missed, no book is lost."""
    await listener.streams.subscribe(*NAMES)
    await listener.watch(*SYMBOLS)
    resyncs = listener.feed.resyncs
    await control(venue, name="shutdown", ms=1_500, count=1)
    await until(lambda: listener.streams.rotations == 1)
    await asyncio.sleep(2.0)

    assert [missed(listener, symbol) for symbol in SYMBOLS] == [(0, 0)] * 3
    assert (listener.feed.gaps, listener.feed.resyncs - resyncs) == (0, 0)
    assert listener.states == [("connected", "")]


@pytest.mark.parametrize("code", [1001, 1012])
async def test_n21_a_venue_that_goes_away_is_back_within_half_a_second(
    venue: PaperVenue, listener: Listener, code: int
) -> None:
    """N21: without notice there is a gap; it is told, and the books are made anew."""
    await listener.watch("BTCUSDT")
    await control(venue, name="close", code=code, count=1)

    await until(lambda: len(listener.changes) == 3)  # it can be back before anybody looks
    (_, _), (gone_s, books), (back_s, _) = listener.changes
    assert books == {"BTCUSDT": "stale"}
    assert back_s - gone_s < 0.5
    await until(lambda: right(listener, venue, "BTCUSDT"))


async def test_n22_waits_grow_until_data_flowed(venue: PaperVenue) -> None:
    """N22: a venue that takes the handshake and drops us is not hammered; then all is well again."""
    settings = msgspec.structs.replace(SETTINGS, first_retry_s=0.1, longest_retry_s=5.0)
    async with Listener(venue.ws, venue.rest, settings) as listener:
        await listener.streams.subscribe(DEPTH)
        await control(venue, name="close", code=1006, duration_ms=600_000)
        await asyncio.sleep(2.5)
        link = listener.streams._shards[0].link
        tried = link.attempts
        await mend(venue)
        await until(lambda: listener.streams.connected and listener.streams.last_message_ns, 12)

    assert 3 <= tried <= 14  # without growing waits: 50


async def test_n23_after_a_policy_close_there_is_a_pause(venue: PaperVenue) -> None:
    """N23: 1008 says that we did something wrong; a pause, scaled here, comes before the next attempt."""
    settings = msgspec.structs.replace(SETTINGS, policy_pause_s=0.8)
    assert LinkSettings().policy_pause_s == 60
    async with Listener(venue.ws, venue.rest, settings) as listener:
        await listener.streams.subscribe(DEPTH)
        await control(venue, name="close", code=1008, reason="Too many requests", count=1)
        await until(lambda: not listener.streams.connected)
        assert await until(lambda: listener.streams.connected) > 0.7

    assert "1008" in listener.states[1][1]


async def test_n27_a_flapping_link_makes_few_attempts(venue: PaperVenue) -> None:
    """N27: the path comes and goes; scaled a hundredfold, the attempts stay within five minutes' limit."""
    async with through_a_proxy(venue, attempts=6, attempts_window_s=3.0, proven_s=10.0) as (listener, proxy):
        await listener.streams.subscribe(DEPTH)
        end_s = time.monotonic() + 2.5
        while time.monotonic() < end_s:
            proxy.refuse()
            proxy.reset()
            await asyncio.sleep(0.1)
            await proxy.accept()
            await asyncio.sleep(0.1)
        tried = listener.streams._shards[0].link.attempts
        await until(lambda: listener.streams.connected, 8)

    assert 3 <= tried <= 6


# -- silence


@pytest.mark.usefixtures("soon_known")
@pytest.mark.parametrize("way", ["half-open", "stall, pings answered"])
async def test_n4_n24_a_connection_that_only_looks_alive_is_found_by_the_age_of_its_data(
    venue: PaperVenue, way: str
) -> None:
    """N4, N24: the book is stale within 1.5 s of the last diff, and a new connection begun within 5 s."""
    async with through_a_proxy(venue) as (listener, proxy):
        await listener.watch("BTCUSDT")
        await until(lambda: len(listener.of(DepthUpdate, "BTCUSDT")) > 10)
        before = proxy.connections
        times = [each.event_ms for each in listener.of(DepthUpdate, "BTCUSDT")]
        pause_s = max(later - earlier for earlier, later in itertools.pairwise(times)) / 1_000
        if way == "half-open":
            proxy.freeze()
        else:
            await control(venue, name="stall", pings="answered", count=1)
        stale_s = await until(lambda: listener.silences, 15)
        assert listener.shown[0] == {"BTCUSDT": "stale"}  # at once; it may be right again as soon
        if way == "half-open":
            proxy.restore()
        begun_s = await until(lambda: proxy.connections > before)
        await until(lambda: right(listener, venue, "BTCUSDT"))

    # 1.5 s, and the 0.1 s since the last diff; longer only where a long pause of the stream was learned
    assert stale_s < max(1.6, 2 * pause_s + 0.6)
    assert begun_s < 5
    assert "fell silent" in listener.silences[0][1]


@pytest.mark.usefixtures("soon_known")
async def test_n24_one_silent_stream_is_noticed_beside_others_that_speak(
    venue: PaperVenue, listener: Listener
) -> None:
    """N24: its book alone is stale; what the others bring across the new connection is whole."""
    await listener.watch("BTCUSDT", "ETHUSDT")
    await until(lambda: len(listener.of(DepthUpdate, "BTCUSDT")) > 10)
    await until(lambda: len(listener.of(DepthUpdate, "ETHUSDT")) > 10)
    await control(venue, name="drop", stream="btcusdt@depth*")

    def found() -> list[dict[str, str]]:
        told = zip(listener.silences, listener.shown, strict=True)
        return [shown for (names, reason), shown in told if names == (DEPTH,) and reason]

    await until(found, 15)
    assert found()[0] == {"BTCUSDT": "stale", "ETHUSDT": "synced"}
    await until(lambda: listener.streams.rotations >= 1)
    await mend(venue)
    await until(lambda: right(listener, venue, "BTCUSDT") and not listener.streams.silent)
    assert missed(listener, "ETHUSDT")[0] == 0


@pytest.mark.usefixtures("soon_known")
async def test_n24_a_new_connection_that_is_silent_from_its_first_moment_is_no_cure(
    venue: PaperVenue, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """N24: what fell silent, and stays so: its book is stale again, and the next one is tried."""
    monkeypatch.setattr("quantlab.binance.silence.CHANGE_EVERY_S", 1.0)
    await listener.watch("BTCUSDT", "ETHUSDT")
    await until(lambda: all(len(listener.of(DepthUpdate, each)) > 10 for each in ("BTCUSDT", "ETHUSDT")))
    await control(venue, name="drop", stream="btcusdt@depth*")

    def told() -> list[tuple[bool, str]]:
        """Fell silent or was given a new chance, and how its book stood at that moment."""
        each = zip(listener.silences, listener.shown, strict=True)
        return [(bool(reason), shown["BTCUSDT"]) for (names, reason), shown in each if DEPTH in names]

    await until(lambda: len(told()) >= 3, 15)
    assert told()[0] == told()[2] == (True, "stale")
    assert not told()[1][0]
    await until(lambda: listener.streams.rotations >= 2)
    await mend(venue)
    await until(lambda: right(listener, venue, "BTCUSDT") and not listener.streams.silent)
    assert missed(listener, "ETHUSDT")[0] == 0


@pytest.mark.usefixtures("soon_known")
async def test_n24_after_a_lost_connection_a_silent_stream_is_known_by_what_it_was(venue: PaperVenue) -> None:
    """N24: it spoke ten times a second before, and not once on the connection that came after."""
    async with through_a_proxy(venue) as (listener, proxy):
        await listener.watch("BTCUSDT")
        await until(lambda: len(listener.of(DepthUpdate, "BTCUSDT")) > 10)
        await control(venue, name="drop", stream="btcusdt@depth*")
        proxy.reset()
        await until(lambda: listener.streams.reconnects and listener.streams.connected, 15)
        heard = len(listener.of(DepthUpdate, "BTCUSDT"))
        await until(lambda: listener.silences, 15)
        assert listener.silences[0][0] == (DEPTH,)
        assert listener.shown[0] == {"BTCUSDT": "stale"}  # at once; the next connection brings a snapshot
        assert len(listener.of(DepthUpdate, "BTCUSDT")) == heard
        await mend(venue)
        await until(lambda: right(listener, venue, "BTCUSDT"))


async def test_n25_swallowed_pings_end_the_connection(venue: PaperVenue) -> None:
    """N25: our own keepalive closes it (scaled; 20 s and 15 s by default), where no data could tell."""
    assert LinkSettings().ping_interval_s + LinkSettings().ping_timeout_s <= 40
    async with through_a_proxy(venue, ping_interval_s=0.2, ping_timeout_s=0.2) as (listener, _):
        await listener.streams.subscribe(DEPTH)
        await control(venue, name="stall", pings="swallowed", count=1)
        took_s = await until(lambda: len(listener.states) > 1)
        await until(lambda: listener.streams.connected)

    assert "no answer to a ping" in listener.states[1][1]
    assert took_s < 1.5


async def test_n5_a_half_close_is_a_close(venue: PaperVenue) -> None:
    """N5: the venue's side ends; ours does not wait for more."""
    async with through_a_proxy(venue) as (listener, proxy):
        await listener.watch("BTCUSDT")
        proxy.half_close()
        assert await until(lambda: len(listener.states) > 1) < 0.5
        assert listener.feed.books["BTCUSDT"].view(1).state != "synced"
        await until(lambda: right(listener, venue, "BTCUSDT"))


# -- messages


@pytest.mark.parametrize(
    ("fault", "counts"),
    [
        pytest.param({"name": "gap", "frames": 3}, True, id="n16"),
        pytest.param({"name": "drop"}, True, id="n16-one"),
        pytest.param({"name": "duplicate"}, False, id="n17"),
        pytest.param({"name": "reorder", "frames": 2}, True, id="n18"),
    ],
)
async def test_n16_n17_n18_books_survive_what_happens_to_diffs(
    venue: PaperVenue, listener: Listener, fault: dict[str, Any], counts: bool
) -> None:
    """N16, N18: stale at once and right within 2 s. N17: nothing happens at all."""
    await listener.watch("BTCUSDT")
    resyncs = listener.feed.resyncs
    await control(venue, stream="btcusdt@depth*", count=1, **fault)
    if counts:
        await until(lambda: listener.feed.gaps > 0)
        assert await until(lambda: listener.feed.resyncs > resyncs) < 2
    else:
        heard = len(listener.events)
        await until(lambda: len(listener.events) > heard + 20)
        assert missed(listener, "BTCUSDT")[0] >= 1  # the doubled one did come
    await until(lambda: right(listener, venue, "BTCUSDT"))

    assert (listener.feed.gaps > 0) == counts
    assert (listener.feed.resyncs > resyncs) == counts


async def test_n19_a_snapshot_older_than_the_diffs_is_fetched_again(
    venue: PaperVenue, listener: Listener
) -> None:
    """N19: two old ones are refused, the third fits; no book is ever made of an old one."""
    old = await listener.client.order_book("BTCUSDT", limit=1000)
    await listener.streams.subscribe(DEPTH)
    await until(lambda: len(listener.of(DepthUpdate, "BTCUSDT")) > 3)
    asked = 0
    fetch = listener.feed._snapshot

    async def snapshot(symbol: str) -> Any:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.25)  # a diff is buffered meanwhile
        return old if asked <= 2 else await fetch(symbol)

    listener.feed._snapshot = snapshot
    book = listener.feed.add("BTCUSDT")
    states = set()
    while asked <= 2 or book.view(1).state != "synced":
        states.add((asked <= 2, book.view(1).state))
        await asyncio.sleep(0.01)

    assert asked == 3
    assert (True, "synced") not in states
    assert book.update_id is not None
    assert book.update_id > old.last_update_id


async def test_n20_a_book_that_would_cross_is_stale_and_made_anew(
    venue: PaperVenue, listener: Listener
) -> None:
    """N20: a bid above every ask, in sequence; counted, never shown as right, right again from a snapshot."""
    await listener.watch("BTCUSDT")
    book = listener.feed.books["BTCUSDT"]
    resyncs, last = listener.feed.resyncs, listener.of(DepthUpdate, "BTCUSDT")[-1]
    listener.feed.on_event(
        msgspec.structs.replace(
            last,
            first_id=last.final_id + 1,
            final_id=last.final_id + 1,
            bids=(("99999999.00", "1"),),
            asks=(),
        )
    )
    assert book.view(1).state != "synced"
    assert listener.feed.gaps == 1
    await until(lambda: listener.feed.resyncs > resyncs and right(listener, venue, "BTCUSDT"))


@pytest.mark.parametrize("damage", ["half a message", "a byte on the wire"])
async def test_n31_damage_replaces_the_connection(venue: PaperVenue, damage: str) -> None:
    """N31: nothing is guessed; the connection is made anew and the book with it."""
    async with through_a_proxy(venue) as (listener, proxy):
        await listener.watch("BTCUSDT")
        resyncs = listener.feed.resyncs
        if damage == "half a message":
            await control(venue, name="half_frame", stream="btcusdt@depth*", count=1)
        else:
            proxy.down.corrupt_at = 20_000  # of each connection, wherever in a message that is
            await listener.streams.subscribe(*NAMES)
        # a damaged length can swallow what follows: then the streams fall silent, and are replaced for that
        await until(lambda: len(listener.states) > 1 or listener.streams.rotations, 20)
        proxy.down.restore()
        await until(lambda: listener.feed.resyncs > resyncs and right(listener, venue, "BTCUSDT"))


async def test_n28_a_burst_after_a_stall_is_marked_late(venue: PaperVenue) -> None:
    """N28: what is old by its event time says so; what comes afterwards is fresh again."""
    async with through_a_proxy(venue) as (listener, proxy):
        await listener.streams.subscribe(*NAMES, "btcusdt@bookTicker")
        await until(lambda: len(listener.events) > 100)
        assert not any(event.late for event in listener.events)
        proxy.down.frozen = True
        await asyncio.sleep(2.5)
        stalled = len(listener.events)
        proxy.restore()
        await until(lambda: listener.streams.late > 20)
        await until(lambda: not listener.events[-1].late)

    burst = [event for event in listener.events[stalled:] if event.late]
    assert listener.streams.late == len(burst)
    now_ms = listener.clock.now_ms()
    assert all(event.event_ms < now_ms - 1_000 for event in burst if type(event) is not BookTicker)


async def test_n28_a_blocked_kernel_never_presents_the_past_as_fresh() -> None:
    """N28, K1: our loop stands for 2.5 s while the venue, a process of its own, goes on.

    Best prices have no event time: they are as old as our loop stood, until an event with a time is read.
    """
    command = [sys.executable, "-m", "quantlab.paper.main", "--seed", "7", "--messages-1s", "10000"]
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert process.stdout is not None
    ready = msgspec.json.decode(await process.stdout.readline())
    try:
        async with Listener(ready["ws"], ready["rest"]) as listener:
            await listener.streams.subscribe("btcusdt@bookTicker")
            await until(lambda: len(listener.events) > 20)
            await asyncio.sleep(0.6)
            assert listener.streams.late == 0
            heard = len(listener.events)
            time.sleep(2.5)  # a loop that stands is the case
            stood_ms = listener.clock.now_ms()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            burst = listener.events[heard:]
            await until(lambda: not listener.events[-1].late)
    finally:
        process.kill()
        await process.wait()

    assert len(burst) > 20
    assert all(event.late for event in burst)
    assert all(event.received_ms < stood_ms - 1_000 for event in burst)
    assert listener.streams.late >= len(burst)


# -- the account's events


@contextlib.asynccontextmanager
async def account(venue: PaperVenue, ws_api: str = "", **changes: Any) -> AsyncIterator[Any]:
    key, secret = venue.accounts[0]
    events: list[Any] = []
    states: list[tuple[str, str]] = []
    stream = UserStream(
        ws_api or venue.ws_api,
        credentials=Credentials(key, Secret(secret)),
        clock=VenueClock(SystemClock()),
        on_event=events.append,
        on_state=lambda state, reason: states.append((state, reason)),
        settings=msgspec.structs.replace(SETTINGS, **changes),
    )
    running = asyncio.create_task(stream.run())
    try:
        await until(lambda: stream.live)
        yield stream, events, states
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_v13_a_terminated_subscription_is_made_anew_within_two_seconds(venue: PaperVenue) -> None:
    """V13: lost is told at once, live only when the venue has said yes again: then reconcile."""
    async with account(venue) as (stream, _, states):
        await control(venue, name="user_stream_end", account="account-1", count=1)
        await until(lambda: len(states) > 1)
        assert not stream.live
        assert await until(lambda: stream.live) < 2

    assert [state for state, _ in states] == ["live", "lost", "live"]
    assert "subscription" in states[1][1]


async def test_n26_a_user_stream_is_replaced_without_losing_or_doubling_an_event() -> None:
    """N26: transfers go on while the venue's sockets live 3 s; every one comes once, in order."""
    terms = msgspec.structs.replace(PATIENT, socket_life_s=3.0)
    async with (
        PaperVenue(market="none", terms=terms) as venue,
        account(venue, rotate_after_s=0.7, overlap_s=0.05) as (stream, events, states),
    ):
        for _ in range(160):
            await control(venue, name="transfer", account="account-1", asset="USDT", amount="1")
            await asyncio.sleep(0.02)
        await stream.barrier()

    assert len([each for each in events if type(each) is Transfer]) == 160
    assert stream.rotations >= 2
    assert {state for state, _ in states} == {"live"}
    assert states[1][1]  # "live" once more, with a reason: reconcile, to be sure
