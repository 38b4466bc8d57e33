"""A real clock never waits for the market; a manual one leaves nothing out. And a market may fail."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from pathlib import Path
from typing import Any

import pytest

from quantlab.paper.server import session
from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
FASTEST = 10_000
BUY = {"side": "BUY", "type": "MARKET", "quantity": "0.01"}


async def test_the_fastest_market_leaves_the_venue_answering(client_of) -> None:
    """At 10,000x there is more to do than any machine can: requests are answered at once, and stamped now."""
    async with PaperVenue(speed=FASTEST) as venue, client_of(venue) as client:
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            asked_ms = time.time() * 1_000
            order = await client.order(**BUY)
            slowest = max(slowest, time.monotonic() - began)
            assert asked_ms - 500 < order["transactTime"] < time.time() * 1_000 + 500
        assert slowest < 5


async def test_a_tape_too_fast_for_us_is_late_but_whole(shared: Path, connect) -> None:
    """At 10,000x the tape takes as long as it takes: every trade comes once, in order, in times that grow."""
    async with (
        PaperVenue(market="tape", tape=shared / "data" / "spot_btcusdt_20240808.gz", hold=True) as venue,
        connect(f"{venue.ws}/ws/btcusdt@trade") as socket,
    ):
        await socket.so_far()
        venue.session.market.play(venue.session.time_ms, FASTEST)
        trades = [await socket.receive() for _ in range(1_000)]
        venue.session.market.stop(venue.session.time_ms)
        await socket.so_far()

    assert all(later["t"] == one["t"] + 1 for one, later in itertools.pairwise(trades))
    assert all(later["E"] >= one["E"] for one, later in itertools.pairwise(trades))


async def test_a_machine_that_slept_goes_on_from_now(client_of, connect) -> None:
    """Three seconds of nothing, a closed lid: no burst of what was missed, and orders are stamped now."""
    async with PaperVenue(speed=20) as venue, client_of(venue) as client:
        await client.get("/api/v3/ping")
        before = (await client.get("/api/v3/trades", symbol="BTCUSDT", limit=1))[0]["id"]
        time.sleep(3)  # blocks the venue's loop too
        woke_ms = time.time() * 1_000
        order = await client.order(**BUY)
        after = (await client.get("/api/v3/trades", symbol="BTCUSDT", limit=1))[0]["id"]

    assert woke_ms - 500 < order["transactTime"] < time.time() * 1_000 + 500
    assert after - before < 200  # of the 600 that the market would have made


async def test_a_manual_clock_leaves_nothing_out_however_slow_we_are(
    connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same frames, whether each turn is endless or ends after one event."""

    async def frames(turn_s: float) -> list[Any]:
        monkeypatch.setattr(session, "TURN_S", turn_s)
        async with (
            PaperVenue(clock="manual", speed=100) as venue,
            connect(f"{venue.ws}/stream?streams=btcusdt@trade/ethusdt@depth@100ms") as socket,
        ):
            assert await venue.advance(1_000) == START_MS + 1_000
            return await socket.so_far()

    whole = await frames(3_600)
    assert len(whole) > 500
    assert whole == await frames(0)


async def test_an_order_during_an_advance_is_taken_at_its_end(
    reader, lively: PaperVenue, connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the wall time: what comes while a manual clock moves is answered when it stands again."""
    monkeypatch.setattr(session, "TURN_S", 0)
    async with connect(lively.ws_api) as socket:
        moving = asyncio.create_task(lively.advance(30_000))
        await asyncio.sleep(0)
        order = asyncio.create_task(reader.order(**BUY))
        status = await socket.ask("time")
        assert (await moving, (await order)["transactTime"]) == (START_MS + 30_000, START_MS + 30_000)
    assert status["result"]["serverTime"] == START_MS + 30_000


# --- a market that fails


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    """A tape whose second message cannot be played: a time so long that no reader looks at it twice."""
    path = tmp_path / "failing.txt"
    message = '{{"stream":"btcusdt@bookTicker","data":{{"u":{0},"s":"BTCUSDT","b":"1.0","B":"1.0"{1}}}}}'
    endless = ',"x":{"E":' + "1" * 5_000 + "}"
    path.write_text(
        f"1700000000000000000 {message.format(1, '')}\n1700000000010000000 {message.format(2, endless)}\n"
    )
    return path


async def test_a_market_that_fails_ends_the_process(start, failing: Path, client_of, connect) -> None:
    """One line on standard error, exit code 2, and every socket gets its goodbye."""
    process = start("--tape", str(failing), "--hold")
    facts = json.loads(process.stdout.readline())
    control = facts["control"]
    async with connect(f"{facts['ws']}/ws") as socket, PaperVenue(market="none") as other:
        async with client_of(other) as client:
            await client.http.post(
                f"{control['url']}/play", headers={"Authorization": f"Bearer {control['secret']}"}
            )
        await asyncio.wait_for(socket.connection.wait_closed(), 45)
        assert socket.connection.close_code == 1001
    assert process.wait(45) == 2
    (line,) = process.stderr.read().splitlines()
    assert line.startswith("quantlab venue: the market has failed: ValueError: ")


async def test_without_its_market_a_venue_answers_500(
    failing: Path, client_of, connect, capsys: pytest.CaptureFixture[str]
) -> None:
    """REST, the WebSocket API and control say -1000 and go on saying it; stderr has one line for each."""
    told = {"code": -1000, "msg": "An unknown error occurred while processing the request."}
    async with (
        PaperVenue(market="tape", tape=failing, clock="manual") as venue,
        client_of(venue) as client,
        connect(venue.ws_api) as socket,
    ):
        secret = {"Authorization": f"Bearer {venue.control.secret}"}
        for method, url in (("POST", f"{venue.control.url}/advance"), ("GET", "/api/v3/ping")):
            reply = await client.http.request(method, url, headers=secret, json={"ms": 50})
            assert (reply.status_code, reply.json()) == (500, told)
            assert reply.headers["Content-Type"].startswith("application/json")
        for _ in range(2):
            reply = await socket.ask("ping")
            assert (reply["status"], reply["error"]) == (500, told)

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert all("the market has failed: ValueError" in line for line in lines)
