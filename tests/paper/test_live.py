"""Another venue's market, mirrored: right or closed, through death, gaps, stalls and new beginnings."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest
import websockets

from quantlab.binance.link import LinkSettings
from quantlab.clock import ManualClock, SystemClock
from quantlab.domain.market import DepthUpdate, Trade
from quantlab.errors import ConfigError, InvalidField, QuantlabError, UnknownSymbol, VenueUnavailable
from quantlab.market.feed import FeedSettings
from quantlab.paper.market.choose import live_market
from quantlab.paper.market.live.chain import TradeChain
from quantlab.paper.market.live.market import LiveMarket, _Ids
from quantlab.paper.market.live.mirror import LiveSettings
from quantlab.paper.market.live.reader import decode_rules
from quantlab.paper.market.live.upstream import endpoints_of
from quantlab.paper.venue import PaperVenue

CLOSED = (400, -2010, "Market is closed.")
SETTINGS = LiveSettings(
    stall_s=0.4,
    probe_s=5.0,
    grace_s=3.0,
    listing_s=0.2,
    link=LinkSettings(first_retry_s=0.1, longest_retry_s=0.3),
    feed=FeedSettings(waits_s=(0.3, 0.1, 0.2, 0.2, 0.2), rest_s=0.3),
)
QUICK = msgspec.structs.replace(SETTINGS, probe_s=0.5, grace_s=0.4)  # where a stall is the case


class Proxy:
    """Between the mirror and its upstream's streams: hands frames on, unless it is told otherwise.

    `drops` says which frames never arrive; `stall` holds back all that open connections would get.
    """

    def __init__(self, upstream: PaperVenue) -> None:
        self.url = ""
        self.drops: Callable[[dict[str, Any]], bool] = lambda _: False
        self.connections = 0
        self._upstream = upstream
        self._stalled: set[object] = set()
        self._open: set[Any] = set()

    def stall(self) -> None:
        """TCP lives, nothing comes any more. New connections are well."""
        self._stalled |= self._open

    async def cut(self) -> None:
        """End every connection."""
        for socket in tuple(self._open):
            socket.transport.abort()

    async def serve(self, socket: websockets.ServerConnection) -> None:
        self.connections += 1
        self._open.add(socket)
        async with websockets.connect(
            self._upstream.ws + socket.request.path, proxy=None, compression=None
        ) as other:
            ways = [
                asyncio.create_task(way) for way in (self._back(other, socket), self._forth(socket, other))
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
        self._open.discard(socket)

    async def _back(self, other: Any, socket: Any) -> None:
        async for frame in other:
            if socket not in self._stalled and not self.drops(json.loads(frame)):
                await socket.send(frame)

    async def _forth(self, socket: Any, other: Any) -> None:
        async for frame in socket:
            await other.send(frame)


@contextlib.asynccontextmanager
async def proxied(upstream: PaperVenue) -> AsyncIterator[Proxy]:
    proxy = Proxy(upstream)
    async with websockets.serve(proxy.serve, "127.0.0.1", 0, compression=None) as server:
        proxy.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy


@contextlib.asynccontextmanager
async def mirrored(
    upstream: str, *, symbols: Sequence[str] = ("BTCUSDT",), settings: LiveSettings = SETTINGS
) -> AsyncIterator[PaperVenue]:
    market = await LiveMarket.connect(upstream, symbols, clock=SystemClock(), settings=settings)
    async with PaperVenue(market=market) as venue:
        yield venue


@pytest.fixture
async def upstream() -> AsyncIterator[PaperVenue]:
    """A lively upstream on the real clock."""
    async with PaperVenue(seed=11, symbols=["BTCUSDT", "ETHUSDT"]) as venue:
        yield venue


@pytest.fixture
async def quiet(client_of: Any) -> AsyncIterator[tuple[PaperVenue, Any, Any]]:
    """An upstream where only its two users trade, with a book: bids at 99 and 100, asks at 101 and 102."""
    async with (
        PaperVenue(market="none", symbols=["BTCUSDT"]) as venue,
        client_of(venue) as one,
        client_of(venue, account=1) as two,
    ):
        for side, price in (("BUY", "99"), ("BUY", "100"), ("SELL", "101"), ("SELL", "102")):
            await one.limit(side, "1", price)
        yield venue, one, two


async def until(done: Callable[[], Awaitable[Any]], patience_s: float = 45.0) -> Any:
    """Wait until `done` gives something true, and return that."""
    async with asyncio.timeout(patience_s):
        while not (found := await done()):
            await asyncio.sleep(0.02)
    return found


async def is_closed(client: Any) -> bool:
    """Whether an order is refused because the market is closed; it trades where it is open."""
    order = {"symbol": "BTCUSDT", "side": "SELL", "type": "MARKET", "quantity": "0.01"}
    reply = await client.signed("POST", "/api/v3/order", **order)
    return (reply.status_code, *reply.json().values()) == CLOSED if reply.status_code != 200 else False


async def status(client: Any) -> str:
    return str((await client.get("/api/v3/exchangeInfo", symbol="BTCUSDT"))["symbols"][0]["status"])


def is_now(venue: PaperVenue, wanted: str) -> Callable[[], Awaitable[bool]]:
    """For `until`: looks at the exchange itself, which costs no request weight."""

    async def looked() -> bool:
        return venue.exchange.instruments["BTCUSDT"].status == wanted

    return looked


async def same_book(one: Any, other: Any, symbol: str = "BTCUSDT") -> dict[str, Any]:
    """Wait until both venues show one whole book, level for level; that book."""

    async def looked() -> Any:
        books = [await each.get("/api/v3/depth", symbol=symbol, limit=5_000) for each in (one, other)]
        return books[0] if all(books[0][side] == books[1][side] for side in ("bids", "asks")) else None

    return await until(looked)


def folded(first: dict[str, Any], frames: list[dict[str, Any]]) -> dict[str, dict[str, str]]:
    """The documented book procedure: a snapshot and the diffs after it, without a gap."""
    book, last = {side: dict(first[side]) for side in ("bids", "asks")}, first["lastUpdateId"]
    for number, frame in enumerate(frame for frame in frames if frame["u"] > first["lastUpdateId"]):
        assert frame["U"] <= last + 1 if number == 0 else frame["U"] == last + 1
        last = frame["u"]
        for side, levels in (("bids", frame["b"]), ("asks", frame["a"])):
            for price, quantity in levels:
                book[side].pop(price, None)
                if float(quantity):
                    book[side][price] = quantity
    return book


# --- what is mirrored


async def test_the_public_market_is_the_upstreams(upstream: PaperVenue, client_of: Any, connect: Any) -> None:
    """Filters, whole book under its ids, trades under theirs, and the candles of the time before."""
    async with (
        mirrored(upstream.rest) as venue,
        client_of(upstream) as there,
        client_of(venue) as here,
        connect(f"{upstream.ws}/ws/btcusdt@trade") as real,
        connect(f"{venue.ws}/ws/btcusdt@trade") as mirror,
    ):
        infos = [await each.get("/api/v3/exchangeInfo", symbol="BTCUSDT") for each in (there, here)]
        assert infos[0]["symbols"] == infos[1]["symbols"]
        assert await status(here) == "TRADING"
        candles = [
            await each.get("/api/v3/klines", symbol="BTCUSDT", interval="1h", limit=1_000)
            for each in (there, here)
        ]
        assert candles[0][:-1] == candles[1][:-1]
        assert len(candles[1]) > 300
        ours = [await mirror.receive() for _ in range(10)]
        theirs: dict[int, Any] = {}
        while ours[-1]["t"] not in theirs:
            trade = await real.receive()
            theirs[trade["t"]] = trade
        for trade in ours:
            expected = theirs.get(trade["t"])
            if expected is not None:
                assert all(trade[name] == expected[name] for name in "tspqm")
        assert [trade["t"] for trade in ours] == list(range(ours[0]["t"], ours[0]["t"] + 10))
        upstream.session.market.stop(upstream.session.time_ms)
        book = await same_book(there, here)
        last = await here.get("/api/v3/depth", symbol="BTCUSDT", limit=1)
    assert len(book["bids"]) > 5
    assert last["lastUpdateId"] == book["lastUpdateId"]


async def test_orders_trade_on_paper_only(quiet: Any, client_of: Any) -> None:
    """A market order takes the mirrored book, a resting one waits for the upstream's trades behind what was
    displayed; the upstream sees nothing of either."""
    real, one, two = quiet
    async with mirrored(real.rest) as venue, client_of(venue) as here:
        before = await one.get("/api/v3/depth", symbol="BTCUSDT")
        bought = await here.order(side="BUY", type="MARKET", quantity="1.5")
        assert [(fill["price"], fill["qty"]) for fill in bought["fills"]] == [
            ("101.00000000", "1.00000000"), ("102.00000000", "0.50000000"),
        ]  # fmt: skip
        waiting = await here.limit("BUY", "0.3", "100")
        await two.order(side="SELL", type="MARKET", quantity="0.9")

        async def executed() -> str:
            await asyncio.sleep(0.05)
            reply = await here.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=waiting["orderId"])
            return str(Decimal(reply.json()["executedQty"]))

        async def printed() -> bool:
            trades = await here.get("/api/v3/trades", symbol="BTCUSDT")
            return bool(trades) and Decimal(trades[-1]["qty"]) == Decimal("0.9")

        await until(printed)
        assert await executed() == "0E-8"
        await one.limit("BUY", "1", "100")
        await two.order(side="SELL", type="MARKET", quantity="0.3")

        async def filled() -> bool:
            return await executed() == "0.20000000"

        await until(filled)
        after = await one.get("/api/v3/depth", symbol="BTCUSDT")
        theirs = (await one.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")).json()
    assert before["asks"] == after["asks"]
    assert {Decimal(each["origQty"]) for each in theirs} == {Decimal(1)}


async def test_no_key_is_ever_sent(upstream: PaperVenue, client_of: Any) -> None:
    """Every byte that goes to the upstream, while a user of the mirror trades: public requests alone."""
    sent = bytearray()

    async def relay(reader: Any, writer: Any) -> None:
        port = int(upstream.rest.rpartition(":")[2])
        back, forth = await asyncio.open_connection("127.0.0.1", port)

        async def copy(source: Any, target: Any, *, keep: bool) -> None:
            while data := await source.read(65_536):
                sent.extend(data if keep else b"")
                target.write(data)
            target.close()

        with contextlib.suppress(ConnectionError):
            await asyncio.gather(copy(reader, forth, keep=True), copy(back, writer, keep=False))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with mirrored(url) as venue, client_of(venue) as here:
        await here.order(side="BUY", type="MARKET", quantity="0.01")
        await here.signed("GET", "/api/v3/account")
        key = here.key
    server.close()
    assert b"/api/v3/exchangeInfo" in sent
    assert b"/stream" in sent
    assert not [
        word for word in (b"APIKEY", b"signature", b"/order", key.encode()) if word.lower() in sent.lower()
    ]


async def test_an_upstream_with_a_certificate_of_its_own_is_trusted_by_its_authority(client_of: Any) -> None:
    """https and wss: with its file it is mirrored, without it nothing is believed."""
    async with PaperVenue(seed=3, symbols=["BTCUSDT"], tls=True) as real:
        with pytest.raises(VenueUnavailable, match="certificate"):
            await live_market(real.rest, None, clock=SystemClock(), speed=1)
        market = await live_market(real.rest, None, clock=SystemClock(), speed=1, ca=real.ca)
        async with PaperVenue(market=market) as venue, client_of(venue) as here:
            await here.order(side="BUY", type="MARKET", quantity="0.01")
        with pytest.raises(ConfigError, match="cannot be read.*PEM"):
            await live_market(real.rest, None, clock=SystemClock(), speed=1, ca=real.ca.with_name("none"))


async def test_a_diff_that_comes_with_the_acknowledgement_ends_nothing() -> None:
    """The upstream may send it in the same packet, before there is a book: that is made from a snapshot."""
    diff = DepthUpdate(symbol="BTCUSDT", first_id=1, final_id=2, bids=(), asks=(), event_ms=1)
    async with PaperVenue(seed=3, symbols=["BTCUSDT"]) as real:
        market = await live_market(real.rest, None, clock=SystemClock(), speed=1)
        assert isinstance(market, LiveMarket)
        subscribe = market.mirror.streams.subscribe

        async def subscribed(*names: str) -> None:
            await subscribe(*names)
            market.mirror.feed.on_event(diff)

        market.mirror.streams.subscribe = subscribed  # type: ignore[method-assign]
        async with PaperVenue(market=market):
            await asyncio.wait_for(market.mirror.ready(), 45)
            assert market.mirror.right("BTCUSDT")


# --- what goes wrong


async def test_an_upstream_that_dies_closes_the_market_and_one_that_returns_opens_it(
    client_of: Any, connect: Any
) -> None:
    """Closed while it is away (cancels pass); then its new book is shown, although its ids begin anew: a
    reader of our own streams sees one unbroken chain, and trade ids that only grow."""
    first = PaperVenue(seed=1, symbols=["BTCUSDT"])
    await first.__aenter__()
    port = int(first.rest.rpartition(":")[2])
    async with (
        mirrored(first.rest) as venue,
        client_of(venue) as here,
        connect(f"{venue.ws}/ws/btcusdt@depth@100ms") as diffs,
        connect(f"{venue.ws}/ws/btcusdt@trade") as trades,
    ):
        start = await here.get("/api/v3/depth", symbol="BTCUSDT", limit=5_000)
        resting = await here.limit("BUY", "0.01", "30000")
        await asyncio.sleep(1.5)
        await first.__aexit__(None, None, None)
        await until(is_now(venue, "HALT"))
        assert await status(here) == "HALT"
        dead = await here.get("/api/v3/depth", symbol="BTCUSDT", limit=5_000)
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.01"}
        assert await here.refused("POST", "/api/v3/order", **order) == CLOSED
        cancelled = await here.signed("DELETE", "/api/v3/order", symbol="BTCUSDT", orderId=resting["orderId"])
        assert cancelled.json()["status"] == "CANCELED"

        async with PaperVenue(port, seed=2, symbols=["BTCUSDT"]) as second, client_of(second) as there:
            assert (await there.get("/api/v3/depth", symbol="BTCUSDT"))["lastUpdateId"] < dead["lastUpdateId"]
            await until(is_now(venue, "TRADING"))
            await here.order(**order)
            await asyncio.sleep(0.5)
            second.session.market.stop(second.session.time_ms)
            await same_book(there, here)
            await asyncio.sleep(0.2)  # the last tenth of a second's diff
            final = await here.get("/api/v3/depth", symbol="BTCUSDT", limit=5_000)
            frames, ids = await diffs.so_far(), [each["t"] for each in await trades.so_far()]
    assert folded(start, frames) == {side: dict(final[side]) for side in ("bids", "asks")}
    assert final["lastUpdateId"] > dead["lastUpdateId"] > start["lastUpdateId"]
    assert ids == sorted(set(ids))
    assert len(ids) > 5


async def test_a_gap_closes_the_market_until_the_book_is_right_again(
    upstream: PaperVenue, client_of: Any, connect: Any
) -> None:
    """One lost diff: noticed with the next one, refused meanwhile, and the book is made anew."""
    async with (
        proxied(upstream) as proxy,
        mirrored(f"{upstream.rest},{proxy.url}") as venue,
        client_of(upstream) as there,
        client_of(venue) as here,
        connect(f"{venue.ws}/ws/btcusdt@depth@100ms") as diffs,
    ):
        start = await here.get("/api/v3/depth", symbol="BTCUSDT", limit=5_000)
        mirror = venue.session.market.mirror
        passed: list[Any] = []
        lost: list[Any] = []

        def one_diff(message: dict[str, Any]) -> bool:
            if lost or not message.get("stream", "").endswith("@depth@100ms"):
                return False
            passed.append(message)
            if len(passed) < 3:  # the first ones may be older than the snapshot: nobody misses them
                return False
            lost.append(message)
            return True

        # a book that comes back in no time leaves nothing to look at in between
        await there.control("faults", name="latency", endpoint="GET /api/v3/depth", ms=1_000, count=1)
        proxy.drops = one_diff
        await until(is_now(venue, "HALT"))
        assert mirror.feed.gaps == 1
        refused = await here.refused(
            "POST", "/api/v3/order", symbol="BTCUSDT", side="SELL", type="MARKET", quantity="0.01"
        )
        assert refused == CLOSED
        await until(is_now(venue, "TRADING"))
        assert (proxy.connections, mirror.feed.gaps) == (1, 1)
        upstream.session.market.stop(upstream.session.time_ms)
        await same_book(there, here)
        await asyncio.sleep(0.2)
        final = await here.get("/api/v3/depth", symbol="BTCUSDT", limit=5_000)
        frames = await diffs.so_far()
    assert folded(start, frames) == {side: dict(final[side]) for side in ("bids", "asks")}


def everything(message: dict[str, Any]) -> bool:
    return True


def all_data(message: dict[str, Any]) -> bool:
    return "stream" in message


@pytest.mark.parametrize("held", ["connection", "data"])
async def test_a_stall_closes_the_market_and_makes_a_new_connection(
    upstream: PaperVenue, client_of: Any, held: str
) -> None:
    """TCP alive and nothing coming, or answers coming and no data: both are found out, and mended."""
    async with (
        proxied(upstream) as proxy,
        mirrored(f"{upstream.rest},{proxy.url}", settings=QUICK) as venue,
        client_of(upstream) as there,
        client_of(venue) as here,
    ):
        if held == "connection":
            proxy.stall()
        else:
            proxy.drops = all_data
        await until(is_now(venue, "HALT"))
        await until(lambda: is_closed(here))  # without data it opens again for a moment, with a new snapshot
        proxy.drops = lambda _: False
        await until(is_now(venue, "TRADING"))
        assert proxy.connections >= 2
        upstream.session.market.stop(upstream.session.time_ms)
        await same_book(there, here)


async def test_a_quiet_upstream_is_no_stalled_one(quiet: Any, client_of: Any) -> None:
    """Where nothing happens for many times the patience, the market stays open on its one connection."""
    real, one, _ = quiet
    async with (
        proxied(real) as proxy,
        mirrored(f"{real.rest},{proxy.url}") as venue,
        client_of(venue) as here,
    ):
        states = set()
        for _ in range(40):
            states.add(venue.exchange.instruments["BTCUSDT"].status)
            await asyncio.sleep(0.05)
        assert (states, proxy.connections) == ({"TRADING"}, 1)
        await one.limit("BUY", "2", "98")
        await same_book(one, here)


async def test_trades_of_an_outage_are_played_before_the_market_opens(
    quiet: Any, client_of: Any, connect: Any
) -> None:
    """What the upstream traded while we were away has its ids here, none missing, none twice; an order that
    they went through is filled."""
    real, _, two = quiet
    async with (
        proxied(real) as proxy,
        mirrored(f"{real.rest},{proxy.url}") as venue,
        client_of(venue) as here,
        connect(f"{venue.ws}/ws/btcusdt@trade") as trades,
    ):
        await two.order(side="SELL", type="MARKET", quantity="0.1")
        assert (await trades.receive())["t"] == 1
        order = await here.limit("BUY", "0.5", "100")
        proxy.drops = everything
        await proxy.cut()
        await until(is_now(venue, "HALT"))
        for quantity in ("0.9", "0.7"):  # the rest of 100, then into 99
            await two.order(side="SELL", type="MARKET", quantity=quantity)
        proxy.drops = lambda _: False
        await proxy.cut()
        await until(is_now(venue, "TRADING"))
        await two.order(side="SELL", type="MARKET", quantity="0.1")
        frames = [await trades.receive() for _ in range(3)]
        answer = await here.signed("GET", "/api/v3/order", symbol="BTCUSDT", orderId=order["orderId"])
    assert [(frame["t"], Decimal(frame["q"])) for frame in frames] == [
        (2, Decimal("0.9")), (3, Decimal("0.7")), (4, Decimal("0.1")),
    ]  # fmt: skip
    assert answer.json()["status"] == "FILLED"


async def test_a_market_does_not_open_while_missed_trades_are_asked_for(quiet: Any) -> None:
    """A right book is not enough: what was traded before it comes first."""
    real, _, _ = quiet
    async with mirrored(real.rest) as venue:
        mirror = venue.session.market.mirror
        assert mirror.right("BTCUSDT")
        mirror._chains["BTCUSDT"].catch_up()
        assert not mirror.right("BTCUSDT")

        async def right_again() -> bool:
            return bool(mirror.right("BTCUSDT"))

        await until(right_again)


async def test_what_the_upstream_halts_is_halted(quiet: Any, client_of: Any) -> None:
    """And opened again with it."""
    real, _, _ = quiet
    async with mirrored(real.rest) as venue, client_of(venue) as here:
        real.exchange.set_status("BTCUSDT", "BREAK")
        await until(is_now(venue, "BREAK"))
        order = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.1"}
        assert await here.refused("POST", "/api/v3/order", **order) == CLOSED
        real.exchange.set_status("BTCUSDT", "TRADING")
        await until(is_now(venue, "TRADING"))
        await here.order(**order)


async def test_a_venue_that_does_not_keep_up_begins_anew(
    upstream: PaperVenue, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is bounded: a market that was stopped too long is closed at `play` and made anew."""
    monkeypatch.setattr("quantlab.paper.market.live.market.MOST_WAITING", 10)
    async with mirrored(upstream.rest) as venue, client_of(upstream) as there, client_of(venue) as here:
        await here.control("stop")
        market = venue.session.market
        await asyncio.sleep(1.5)
        assert len(market._waiting) <= 10
        await here.control("play")
        await until(is_now(venue, "TRADING"))
        upstream.session.market.stop(upstream.session.time_ms)
        await same_book(there, here)


async def test_a_price_off_the_listed_grid_closes_its_symbol_and_no_other(
    upstream: PaperVenue, client_of: Any
) -> None:
    """It is not shown rounded: the symbol ends, the venue goes on."""
    async with (
        proxied(upstream) as proxy,
        mirrored(f"{upstream.rest},{proxy.url}", symbols=("BTCUSDT", "ETHUSDT")) as venue,
        client_of(venue) as here,
    ):
        off = msgspec.structs.replace(trade(10**9), symbol="BTCUSDT", price=Decimal("1.001"))
        venue.session.market._take(off)
        await until(is_now(venue, "HALT"))
        await asyncio.sleep(0.3)
        assert await status(here) == "HALT"
        await here.order(symbol="ETHUSDT", side="BUY", type="MARKET", quantity="0.1")


@pytest.mark.parametrize("offset_ms", [-60_000, 60_000])
async def test_a_clock_that_is_set_delays_nothing(
    quiet: Any, client_of: Any, connect: Any, offset_ms: int
) -> None:
    """A venue that goes a minute wrong still shows what happens upstream at once, at its own time."""
    real, _, two = quiet
    async with (
        mirrored(real.rest) as venue,
        client_of(venue) as here,
        connect(f"{venue.ws}/ws/btcusdt@trade") as trades,
    ):
        await here.control("faults", name="clock", offset_ms=offset_ms)
        await two.order(side="SELL", type="MARKET", quantity="0.1")
        event = await trades.receive()
        lag_ms = event["T"] - venue.session.clock.now_ms()
    assert -5_000 < lag_ms <= 0


# --- before it begins


@pytest.mark.parametrize(
    ("upstream_url", "rest", "ws"),
    [
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080", "ws://127.0.0.1:8080"),
        ("https://localhost:8080", "https://localhost:8080", "wss://localhost:8080"),
        ("https://api.binance.com", "https://api.binance.com", "wss://stream.binance.com:9443"),
        (
            "https://data-api.binance.vision",
            "https://data-api.binance.vision",
            "wss://data-stream.binance.vision",
        ),
        (
            "https://testnet.binance.vision",
            "https://testnet.binance.vision",
            "wss://stream.testnet.binance.vision",
        ),
        ("live", "https://data-api.binance.vision", "wss://data-stream.binance.vision"),
        ("testnet", "https://testnet.binance.vision", "wss://stream.testnet.binance.vision"),
        ("https://a.example, wss://b.example:9/x", "https://a.example", "wss://b.example:9/x"),
    ],
)
def test_both_addresses_come_from_one(upstream_url: str, rest: str, ws: str) -> None:
    """Loopback, a documented host, a known name, or both with a comma."""
    found = endpoints_of(upstream_url)
    assert (found.rest, found.ws, found.ws_api) == (rest, ws, "")


@pytest.mark.parametrize(
    ("upstream_url", "said"),
    [
        ("https://exchange.example", "stream address of exchange.example is not known.*both"),
        ("http://api.binance.com", "not encrypted"),
        ("https://a.example,ws://b.example", "not encrypted"),
        ("https://user:secret@api.binance.com", "no plain URL"),
        ("nonsense", "no plain URL"),
        ("paper", "no plain URL"),
        ("", "no plain URL"),
    ],
)
def test_an_upstream_that_is_no_address_is_refused(upstream_url: str, said: str) -> None:
    """In one sentence that quotes no secret."""
    with pytest.raises(ConfigError, match=said) as error:
        endpoints_of(upstream_url)
    assert "secret@" not in str(error.value)


async def test_a_live_venue_that_cannot_be_is_refused_at_once(upstream: PaperVenue) -> None:
    """No such symbol, nobody there, another speed, another clock, no patience, no upstream."""
    clock = SystemClock()
    with pytest.raises(UnknownSymbol, match="NOPEUSDT"):
        await LiveMarket.connect(upstream.rest, ["NOPEUSDT"], clock=clock)
    with pytest.raises(VenueUnavailable):
        await LiveMarket.connect("http://127.0.0.1:9", ["BTCUSDT"], clock=clock)
    with pytest.raises(ConfigError, match="own clock and speed"):
        await live_market(upstream.rest, None, clock=clock, speed=10)
    with pytest.raises(ConfigError, match="own clock and speed"):
        await live_market(upstream.rest, None, clock=ManualClock(), speed=1)
    with pytest.raises(InvalidField, match="stall_s"):
        await live_market(upstream.rest, None, clock=clock, speed=1, stall_s=0)
    with pytest.raises(ConfigError, match="--upstream"):
        PaperVenue(market="live")


async def test_a_live_market_has_one_speed(upstream: PaperVenue, client_of: Any) -> None:
    """The control endpoint's play at another one is refused; all of a small upstream is listed unasked."""
    async with mirrored(upstream.rest, symbols=None) as venue, client_of(venue) as here:
        url, secret = venue.control
        reply = await here.http.post(
            f"{url}/play", json={"speed": 2}, headers={"Authorization": f"Bearer {secret}"}
        )
        listed = (await here.get("/api/v3/exchangeInfo"))["symbols"]
    assert reply.status_code == 400
    assert "does not run at 2" in reply.text
    assert [each["symbol"] for each in listed] == ["BTCUSDT", "ETHUSDT"]


def test_filters_that_an_upstream_has_not_are_off() -> None:
    """Real exchangeInfo of an old symbol: MIN_NOTIONAL and PERCENT_PRICE are read as what they are."""
    symbol = {
        "symbol": "ABCUSDT", "status": "TRADING", "baseAsset": "ABC", "quoteAsset": "USDT",
        "orderTypes": ["LIMIT", "MARKET", "PEGGED_SOMETHING"],
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000", "tickSize": "0.01"},
            {"filterType": "LOT_SIZE", "minQty": "0.1", "maxQty": "900", "stepSize": "0.1"},
            {"filterType": "PERCENT_PRICE", "multiplierUp": "5", "multiplierDown": "0.2", "avgPriceMins": 1},
            {"filterType": "MIN_NOTIONAL", "minNotional": "10", "applyToMarket": False, "avgPriceMins": 5},
            {"filterType": "T_PLUS_SELL", "endTime": 1},
        ],
    }  # fmt: skip
    rules = decode_rules(json.dumps({"symbols": [symbol]}).encode())["ABCUSDT"]

    assert (rules.bid_multiplier_up, rules.ask_multiplier_down, rules.average_minutes) == (
        5,
        Decimal("0.2"),
        1,
    )
    assert (rules.instrument.min_notional, rules.apply_min_to_market) == (10, False)
    assert (rules.max_orders, rules.market_max_quantity, rules.max_trailing_above_delta) == (0, 0, 0)
    assert [kind.value for kind in rules.order_types] == ["LIMIT", "MARKET"]


# --- parts


def trade(trade_id: int, at_ms: int | None = None) -> Trade:
    return Trade(
        symbol="X", trade_id=trade_id, price=Decimal(1), quantity=Decimal(1), buyer_is_maker=False,
        trade_ms=trade_id if at_ms is None else at_ms, event_ms=0,
    )  # fmt: skip


class Upstream:
    """What an upstream knows of its latest trades, answered when `answer` is set."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.fails = False
        self.answer = asyncio.Event()
        self.asked = 0

    async def latest(self, symbol: str) -> list[Trade]:
        self.asked += 1
        known = list(self.trades)
        await self.answer.wait()
        if self.fails:
            raise QuantlabError("no answer")
        return known


async def chained(upstream: Upstream) -> tuple[TradeChain, list[int]]:
    seen: list[int] = []
    chain = TradeChain("X", upstream.latest, lambda trade: seen.append(trade.trade_id))
    upstream.answer.set()
    chain.catch_up()
    await asyncio.sleep(0.01)
    upstream.answer.clear()
    return chain, seen


async def test_the_chain_begins_with_the_last_trade_and_asks_for_what_is_missing() -> None:
    """Of the history only the last; then each trade once, in order, also those that came while it asked."""
    upstream = Upstream()
    upstream.trades = [trade(number) for number in range(1, 11)]
    chain, seen = await chained(upstream)
    assert (seen, chain.whole) == ([10], True)

    chain.add(trade(10))
    chain.add(trade(11))
    upstream.trades = [trade(number) for number in range(5, 16)]
    chain.add(trade(15))
    chain.add(trade(16))
    await asyncio.sleep(0.01)
    assert (seen, chain.whole) == ([10, 11], False)
    upstream.answer.set()
    await asyncio.sleep(0.01)
    assert (seen, chain.whole, upstream.asked) == (list(range(10, 17)), True, 2)


async def test_a_chain_goes_on_where_the_upstream_cannot_say(caplog: pytest.LogCaptureFixture) -> None:
    """No answer, or too long ago: the hole is logged with its ids, and trades go on."""
    upstream = Upstream()
    upstream.trades = [trade(10)]
    chain, seen = await chained(upstream)
    upstream.fails = True
    upstream.answer.set()
    chain.add(trade(20))
    await asyncio.sleep(0.01)
    upstream.fails, upstream.trades = False, [trade(number) for number in (38, 39, 40)]
    chain.add(trade(40))
    await asyncio.sleep(0.01)

    assert seen == [10, 20, 38, 39, 40]
    assert "trades 11 to 19 of X are missing" in caplog.text
    assert "trades 21 to 37 of X are missing" in caplog.text


async def test_a_chain_follows_an_upstream_that_begins_anew() -> None:
    """Lower ids at later times are new trades, at times that were there before they are known ones."""
    upstream = Upstream()
    upstream.trades = [trade(10, at_ms=500)]
    chain, seen = await chained(upstream)
    chain.add(trade(9, at_ms=400))
    upstream.trades = [trade(1, at_ms=900), trade(2, at_ms=901)]
    upstream.answer.set()
    chain.catch_up()
    await asyncio.sleep(0.01)
    chain.add(trade(2, at_ms=901))
    chain.add(trade(3, at_ms=902))

    assert seen == [10, 1, 2, 3]


def test_ids_given_out_never_go_back() -> None:
    """The upstream's as long as they grow, shifted from where they begin anew; diffs follow on each other."""
    ids = _Ids()
    assert ids.book(100) == 100
    assert ids.span(90, 100) is None
    assert ids.span(99, 103) == (101, 103)
    assert ids.span(104, 104) == (104, 104)
    assert ids.book(104) == 104
    assert ids.book(7) == 105
    assert ids.span(8, 9) == (106, 107)
    assert ids.book(200) == 298
    assert [ids.trade(number) for number in (5, 6, 9, 1, 2, 2)] == [5, 6, 9, 10, 11, 12]


# --- from the command line


def test_two_processes_one_mirrors_the_other(start: Callable[..., subprocess.Popen[str]]) -> None:
    """`quantlab venue --upstream URL` prints its line once there is a market."""
    real = json.loads(start("--symbols", "BTCUSDT,ETHUSDT").stdout.readline())
    mirror = json.loads(start("--upstream", real["rest"], "--symbols", "BTCUSDT").stdout.readline())
    with httpx.Client(base_url=mirror["rest"], trust_env=False) as here:
        (listed,) = here.get("/api/v3/exchangeInfo").json()["symbols"]
        book = here.get("/api/v3/depth", params={"symbol": "BTCUSDT"}).json()
    assert (listed["symbol"], listed["status"]) == ("BTCUSDT", "TRADING")
    assert min(len(book["bids"]), len(book["asks"])) > 5


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--market", "live"], "without an upstream"),
        (["--upstream", "http://127.0.0.1:9"], "got no answer"),
        (["--upstream", "http://api.binance.com"], "not encrypted"),
        (["--upstream", "http://127.0.0.1:9", "--market", "synthetic"], "an upstream with market synthetic"),
        (["--upstream", "http://127.0.0.1:9", "--speed", "2"], "own clock and speed"),
        (["--upstream", "http://127.0.0.1:9", "--clock", "manual"], "own clock and speed"),
        (["--upstream", "http://127.0.0.1:9", "--upstream-stall", "0"], "no patience"),
    ],
)
def test_a_live_venue_that_cannot_be_ends_with_one_sentence(
    start: Callable[..., subprocess.Popen[str]], arguments: list[str], said: str
) -> None:
    """Exit code 2, nothing on standard output."""
    out, complaint = (process := start(*arguments)).communicate(timeout=60)
    assert (process.returncode, out, complaint.count("\n")) == (2, "", 1)
    assert said in complaint
