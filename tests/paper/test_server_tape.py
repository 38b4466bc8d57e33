"""A recorded stream played through the venue's own sockets."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quantlab.errors import ConfigError, TapeError
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

STREAMS = "btcusdt@trade/btcusdt@bookTicker/btcusdt@depth@100ms"


def recorded(path: Path) -> list[dict[str, Any]]:
    lines = gzip.decompress(path.read_bytes()).splitlines()
    return [json.loads(line.partition(b" ")[2]) for line in lines]


def without_times(message: dict[str, Any]) -> dict[str, Any]:
    data = {name: value for name, value in message["data"].items() if name not in ("E", "T")}
    return {"stream": message["stream"], "data": data}


@pytest.fixture
def tape(shared: Path) -> Path:
    """The recorded spot stream."""
    return shared / "data" / "spot_btcusdt_20240808.gz"


async def test_ids_and_prices_go_out_verbatim_at_any_speed(tape: Path, connect, full: bool) -> None:
    """At 10x every message arrives once, in order, unchanged but for its times; (full) the whole tape."""
    seconds = 35 if full else 3  # of the venue's time
    async with (
        PaperVenue(market="tape", tape=tape, speed=10, clock="manual", terms=Terms(messages_1s=100)) as venue,
        connect(f"{venue.ws}/stream?streams={STREAMS}") as socket,
    ):
        got: list[Any] = []
        for _ in range(seconds):
            await venue.advance(1_000)
            got += await socket.so_far()
            assert got[-1]["data"].get("E", 0) <= venue.session.clock.now_ms()
    sent = [without_times(message) for message in recorded(tape) if "stream" in message]

    assert len(got) == (len(sent) if full else pytest.approx(3_500, rel=0.3))
    assert [without_times(message) for message in got] == sent[: len(got)]


async def test_the_rest_snapshot_fits_the_streams(tape: Path, connect, client_of) -> None:
    """lastUpdateId of REST is the last diff's u, and the diffs after it make the later snapshot."""
    async with (
        PaperVenue(market="tape", tape=tape, clock="manual") as venue,
        client_of(venue) as client,
        connect(f"{venue.ws}/ws/btcusdt@depth@100ms") as socket,
    ):
        await venue.advance(2_000)
        first = await client.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
        assert (await socket.so_far())[-1]["u"] == first["lastUpdateId"]
        await venue.advance(20_000)
        book = {side: dict(first[side]) for side in ("bids", "asks")}
        for event in await socket.so_far():
            for side, levels in (("bids", event["b"]), ("asks", event["a"])):
                for price, quantity in levels:
                    book[side].pop(price, None)
                    if float(quantity):
                        book[side][price] = quantity
        last = await client.get("/api/v3/depth", symbol="BTCUSDT", limit=5000)
    for side in ("bids", "asks"):
        assert dict(last[side]) == book[side]
        assert len(last[side]) > 1_000


async def test_the_tapes_symbol_is_listed_with_its_grid(tape: Path, client_of) -> None:
    """exchangeInfo lists the one symbol of the tape."""
    async with PaperVenue(market="tape", tape=tape, hold=True) as venue, client_of(venue) as client:
        (symbol,) = (await client.get("/api/v3/exchangeInfo"))["symbols"]
    assert (symbol["symbol"], symbol["baseAsset"], symbol["quoteAsset"]) == ("BTCUSDT", "BTC", "USDT")
    assert symbol["filters"][0]["tickSize"] == "0.01000000"


async def test_a_held_tape_waits_for_play_and_stops_on_stop(tape: Path, connect, client_of) -> None:
    """With hold nothing is sent before play; after stop nothing more, until play again."""
    async with (
        PaperVenue(market="tape", tape=tape, clock="manual", hold=True) as venue,
        client_of(venue) as client,
        connect(f"{venue.ws}/ws/btcusdt@trade") as socket,
    ):
        await client.control("advance", ms=5_000)
        assert await socket.so_far() == []
        await client.control("play", speed=5)
        await client.control("advance", ms=1_000)
        played = await socket.so_far()
        assert len(played) > 10
        await client.control("stop")
        await client.control("advance", ms=5_000)
        assert await socket.so_far() == []
        await client.control("play")
        await client.control("advance", ms=1_000)
        more = await socket.so_far()
    assert more[0]["t"] == played[-1]["t"] + 1


async def test_orders_meet_the_tape(tape: Path, client_of) -> None:
    """A market order fills at the recorded best price; a resting one when the tape trades there."""
    async with (
        PaperVenue(market="tape", tape=tape, clock="manual", speed=5) as venue,
        client_of(venue) as client,
    ):
        best = await client.get("/api/v3/ticker/bookTicker", symbol="BTCUSDT")
        bought = await client.order(side="BUY", type="MARKET", quantity="0.01")
        assert [fill["price"] for fill in bought["fills"]] == [best["askPrice"]]
        await client.limit("BUY", "0.01", best["bidPrice"].rstrip("0"), newClientOrderId="rest")
        await venue.advance(60_000)
        (_, *trades) = (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).json()
        assert {(trade["price"], trade["isMaker"]) for trade in trades} == {(best["bidPrice"], True)}
        assert sum(Decimal(trade["qty"]) for trade in trades) == Decimal("0.01")


def small_tape() -> str:
    """Bid 1 at 10.00; after a second 4, after two 2, and after three 0.95 of it are sold."""
    event = {"e": "depthUpdate", "E": 10**12, "s": "ABCUSDT", "a": []}
    sold = {"t": 9, "p": "10.00", "q": "0.95", "T": 10**12, "m": True, "M": True}
    messages = [
        {"lastUpdateId": 1, "bids": [["10.00", "1.00"]], "asks": [["10.10", "1.00"]]},
        {"stream": "abcusdt@depth", "data": event | {"U": 2, "u": 2, "b": [["9.90", "1.00"]]}},
        {"stream": "abcusdt@depth", "data": event | {"U": 3, "u": 3, "b": [["10.00", "4.00"]]}},
        {"stream": "abcusdt@depth", "data": event | {"U": 4, "u": 4, "b": [["10.00", "2.00"]]}},
        {"stream": "abcusdt@trade", "data": event | sold | {"e": "trade"}},
    ]
    seconds = (0, 0, 1, 2, 3)
    lines = zip(seconds, messages, strict=True)
    return "\n".join(f"{(10**9 + second) * 10**9} {json.dumps(message)}" for second, message in lines)


@pytest.mark.parametrize(
    ("model", "executed"),
    [("risk-averse", "0"), ("proportional", "0.45"), ("power2", "0.15"), ("power3", "0.02"), (None, "0.15")],
)
async def test_the_queue_model_is_a_setting(
    tmp_path: Path, client_of, model: str | None, executed: str
) -> None:
    """1 ahead, 3 join behind, 2 are cancelled, 0.95 trades: what is left for us is the model's."""
    path = tmp_path / "small.txt"
    path.write_text(small_tape())
    chosen = {} if model is None else {"queue_model": model}
    async with (
        PaperVenue(
            market="tape", tape=path, clock="manual", balances={"USDT": Decimal(100)}, **chosen
        ) as venue,
        client_of(venue) as client,
    ):
        await venue.advance(500)
        order = await client.limit("BUY", "5", "10", symbol="ABCUSDT")
        await venue.advance(3_000)
        answer = await client.signed("GET", "/api/v3/order", symbol="ABCUSDT", orderId=order["orderId"])
    assert Decimal(answer.json()["executedQty"]) == Decimal(executed)


def test_a_queue_model_that_is_none_is_refused_by_name() -> None:
    """With the names that there are."""
    with pytest.raises(ConfigError, match="'lucky'.*risk-averse"):
        PaperVenue(queue_model="lucky")


async def test_the_clock_of_the_tape_is_the_venues(tape: Path, connect) -> None:
    """In real time event times lie within moments of the venue's clock, not in 2024."""
    async with (
        PaperVenue(market="tape", tape=tape, speed=20) as venue,
        connect(f"{venue.ws}/ws/btcusdt@trade") as socket,
    ):
        event = await socket.receive()
        assert 0 <= venue.session.clock.now_ms() - event["E"] < 5_000
        venue.session.market.stop(venue.session.time_ms)
        await socket.so_far()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"market": "tape"}, ConfigError),
        ({"market": "tape", "tape": "/nowhere.gz"}, TapeError),
        ({"market": "none", "tape": "/nowhere.gz"}, ConfigError),
        ({"market": "tape", "tape": "/nowhere.gz", "symbols": ["ETHUSDT"]}, ConfigError),
        ({"market": "unreal"}, ConfigError),
    ],
)
async def test_a_venue_that_cannot_be_is_refused_at_once(
    settings: dict[str, Any], error: type[Exception]
) -> None:
    """Settings that make no venue raise before anything listens."""
    with pytest.raises(error):
        PaperVenue(**settings)
