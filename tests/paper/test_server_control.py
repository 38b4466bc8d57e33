"""The control endpoint, the venue's life as a process, and its port."""

from __future__ import annotations

import asyncio
import json
import signal
import socket as sockets
import time
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from quantlab.errors import PortTaken
from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000


async def test_time_moves_by_request_only(reader, lively: PaperVenue) -> None:
    """On a manual clock nothing happens until advance, which answers the new time."""
    before = await reader.get("/api/v3/depth", symbol="BTCUSDT")
    assert await reader.get("/api/v3/depth", symbol="BTCUSDT") == before
    assert await reader.control("advance", ms=250) == {"time": START_MS + 250}
    assert await reader.get("/api/v3/depth", symbol="BTCUSDT") != before
    assert await reader.get("/api/v3/time") == {"serverTime": START_MS + 250}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer SECRET", "Origin": "http://localhost:8888"}, 403),
        ({"Authorization": "Bearer SECRET"}, 200),
    ],
)
async def test_control_needs_its_secret_and_no_browser(
    alice, venue: PaperVenue, headers: dict[str, str], status: int
) -> None:
    """No secret or a wrong one is 401; whatever comes with an Origin is 403, even with the secret."""
    given = {name: value.replace("SECRET", venue.control.secret) for name, value in headers.items()}
    reply = await alice.http.post(f"{venue.control.url}/advance", json={"ms": 5}, headers=given)

    assert reply.status_code == status
    assert venue.session.clock.now_ms() == START_MS + (5 if status == 200 else 0)


@pytest.mark.parametrize(
    ("action", "body", "status"),
    [
        ("advance", {"ms": -1}, 400),
        ("advance", {"ms": "1"}, 400),
        ("advance", {}, 400),
        ("advance", {"hours": 1}, 400),
        ("play", {"speed": 0}, 400),
        ("rewind", {}, 404),
    ],
)
async def test_a_wrong_control_request_says_what_is_wrong(
    alice, venue: PaperVenue, action: str, body: dict[str, Any], status: int
) -> None:
    """Each is answered with one sentence, and nothing moves."""
    secret = {"Authorization": f"Bearer {venue.control.secret}"}
    reply = await alice.http.post(f"{venue.control.url}/{action}", json=body, headers=secret)

    assert reply.status_code == status
    assert reply.json()["error"]
    assert venue.session.clock.now_ms() == START_MS


async def test_a_real_clock_cannot_be_advanced(client_of) -> None:
    """409, with the option that makes it possible."""
    async with PaperVenue(market="none") as venue, client_of(venue) as client:
        secret = {"Authorization": f"Bearer {venue.control.secret}"}
        reply = await client.http.post(f"{venue.control.url}/advance", json={"ms": 1}, headers=secret)
    assert reply.status_code == 409
    assert "--clock manual" in reply.json()["error"]


async def test_the_log_tells_every_order_request(alice, venue: PaperVenue) -> None:
    """GET /control/log shows what `venue.requests` holds."""
    await alice.limit("BUY", "0.01", "59000", newClientOrderId="a")
    secret = {"Authorization": f"Bearer {venue.control.secret}"}
    log = (await alice.http.get(f"{venue.control.url}/log", headers=secret)).json()

    assert log == [{
        "method": "POST", "path": "/api/v3/order", "client_order_id": "a", "accepted": True, "code": None,
        "time_ms": START_MS,
    }]  # fmt: skip


async def test_a_real_clock_moves_the_market_by_itself(client_of) -> None:
    """Without anybody's asking, trades happen."""
    async with PaperVenue() as venue, client_of(venue) as client:
        first = (await client.get("/api/v3/trades", symbol="BTCUSDT", limit=1))[0]["id"]
        end = time.monotonic() + 45
        while (await client.get("/api/v3/trades", symbol="BTCUSDT", limit=1))[0]["id"] < first + 3:
            assert time.monotonic() < end
            await asyncio.sleep(0.1)


async def test_a_taken_port_is_named_with_the_remedy() -> None:
    """The second venue on a port says which one, and what to do; the first goes on."""
    async with PaperVenue(market="none") as first:
        port = int(first.rest.rpartition(":")[2])
        with pytest.raises(PortTaken, match=f"port {port} .*choose another port, or 0"):
            await PaperVenue(port, market="none").__aenter__()
        async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as http:
            assert (await http.get(f"{first.rest}/api/v3/ping")).status_code == 200


async def test_it_listens_on_loopback_only() -> None:
    """The venue is bound to 127.0.0.1."""
    async with PaperVenue(market="none") as venue:
        port = int(venue.rest.rpartition(":")[2])
        listening = [one.laddr for one in psutil.Process().net_connections("inet") if one.status == "LISTEN"]
    assert [place.ip for place in listening if place.port == port] == ["127.0.0.1"]


# --- as a process

Start = Any


def test_a_process_prints_one_line_of_facts(start: Start) -> None:
    """The ready line has every promised name, and its addresses answer."""
    process = start("--die-with-parent", "--market", "none", "--json")
    facts = json.loads(process.stdout.readline())

    assert list(facts) == [
        "rest", "ws", "ws_api", "futures_rest", "futures_ws", "accounts", "keys", "ca", "control", "pid",
    ]  # fmt: skip
    assert facts["pid"] == process.pid
    assert facts["ws_api"].endswith("/ws-api/v3")
    assert [len(one["api_key"]) + len(one["api_secret"]) for one in facts["accounts"]] == [128, 128]
    assert httpx.get(f"{facts['rest']}/api/v3/ping", trust_env=False).json() == {}
    process.stdin.close()
    assert process.wait(5) == 0
    assert process.stdout.read() == ""
    assert process.stderr.read() == ""


def test_it_ends_when_its_standard_input_ends(start: Start) -> None:
    """With --die-with-parent: end of input, however it came, is the end, within moments."""
    process = start("--die-with-parent")
    process.stdout.readline()
    assert process.poll() is None
    process.stdin.close()
    assert process.wait(5) == 0


@pytest.mark.parametrize("speed", ["1", "10000"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_on_a_signal(start: Start, number: signal.Signals, speed: str) -> None:
    """SIGTERM and SIGINT end it cleanly, with exit code 0 and no traceback, however busy it is."""
    process = start("--speed", speed)
    facts = json.loads(process.stdout.readline())
    process.send_signal(number)

    assert process.wait(5) == 0
    assert process.stderr.read() == ""
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{facts['rest']}/api/v3/ping", trust_env=False)


def test_symbols_are_listed_once_whatever_the_blanks(start: Start) -> None:
    """--symbols "A, B,A" lists A and B."""
    process = start("--market", "none", "--symbols", "BTCUSDT, ETHUSDT,BTCUSDT ,")
    rest = json.loads(process.stdout.readline())["rest"]
    symbols = httpx.get(f"{rest}/api/v3/exchangeInfo", trust_env=False).json()["symbols"]

    assert [one["symbol"] for one in symbols] == ["BTCUSDT", "ETHUSDT"]


def test_a_process_that_cannot_start_says_why_in_one_line(start: Start, tmp_path: Path) -> None:
    """Port taken, tape missing, unknown symbol: exit code 2, one line on stderr, nothing on stdout."""
    with sockets.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for arguments, said in (
            (("--port", port), f"port {port}"),
            (("--tape", str(tmp_path / "none.gz")), "none.gz"),
            (("--symbols", "NOPE"), "NOPE"),
            (("--speed", "0"), "speed"),
            (("--tape", str(tmp_path / "none.gz"), "--symbols", "ETHUSDT"), "leave out --symbols"),
        ):
            process = start(*arguments)
            out, err = process.communicate(timeout=60)
            assert process.returncode == 2
            assert out == ""
            assert len(err.splitlines()) == 1
            assert said in err
