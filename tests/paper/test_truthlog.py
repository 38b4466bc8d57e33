"""The venue's own log: complete, ordered, without secrets, and true."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import resource
import signal
import stat
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from venueclient import Client, open_socket

from quantlab.errors import ConfigError, EngineError
from quantlab.paper.terms import Terms
from quantlab.paper.truthlog import BATCH, TruthLog
from quantlab.paper.venue import PaperVenue

sys.path.append(str(Path(__file__).parents[1]))  # truth.py stands above: other folders use it too

from truth import Truth

FREE = Terms(messages_1s=10_000, orders_10s=100_000, weight_1m=10**6)


def signed(client: Client, **params: Any) -> dict[str, Any]:
    given = {"apiKey": client.key, "timestamp": client.venue.session.clock.now_ms(), **params}
    payload = "&".join(f"{name}={given[name]}" for name in sorted(given))
    return given | {"signature": client.signature(payload)}


class Trader:
    """Does at random what an account can do, and keeps nothing: the venue's log must tell it all."""

    def __init__(self, client: Client, seed: int) -> None:
        self._client = client
        self._random = random.Random(seed)
        self._number = 0
        self._ids: list[str] = []

    async def act(self) -> None:
        if self._ids and self._random.random() < 0.25:
            name = self._random.choice(self._ids[-5:])
            await self._send("DELETE", symbol="BTCUSDT", origClientOrderId=name)
            return
        self._number += 1
        self._ids.append(f"{self._client.key[:6]}-{self._number}")
        side = self._random.choice(("BUY", "SELL"))
        quantity = f"0.{self._random.randint(10, 999):05d}"
        terms: dict[str, str] = {"type": "MARKET"}
        if self._random.random() < 0.88:
            low, high = (59_950, 60_005) if side == "BUY" else (59_995, 60_050)
            price = f"{self._random.randint(low, high)}.{self._random.randint(0, 99):02d}"
            force = self._random.choice(("GTC", "GTC", "GTC", "IOC", "FOK"))
            terms = {"type": "LIMIT", "timeInForce": force, "price": price}
        await self._send(
            "POST", symbol="BTCUSDT", side=side, quantity=quantity, newClientOrderId=self._ids[-1], **terms
        )

    async def _send(self, method: str, **params: str) -> None:
        with contextlib.suppress(httpx.TransportError):  # what became of it, the client does not know
            await self._client.signed(method, "/api/v3/order", **params)


@pytest.mark.parametrize("seed", range(3))
async def test_balances_orders_and_fills_follow_from_the_log(
    client_of: type[Client], tmp_path: Path, seed: int
) -> None:
    """After a random session with faults: the log's own sums are the venue's answers, to the last digit."""
    path = tmp_path / "venue.jsonl"
    faults = (f"lost_reply:probability=0.1,seed={seed},endpoint=* /api/v3/order",
              f"error:code=-1007,probability=0.1,seed={seed},endpoint=POST /api/v3/order",
              f"late_reject:probability=0.1,ms=1,seed={seed}",
              "account_disabled:account=account-2,after_ms=300,duration_ms=100",
              "transfer:account=account-1,asset=USDT,amount=-1234.56,after_ms=200")  # fmt: skip
    async with PaperVenue(market="none", clock="manual", terms=FREE, log=path, faults=faults) as venue:
        clients = [client_of(venue, account) for account in (0, 1)]
        traders = [Trader(client, seed * 2 + number) for number, client in enumerate(clients)]
        for _ in range(250):
            for trader in traders:
                await trader.act()
            await clients[0].control("advance", ms=2)
        await clients[0].control(
            "faults", name="clock", offset_ms=1
        )  # any: the sound ones are read without faults
        headers = {"Authorization": f"Bearer {venue.control.secret}"}
        await clients[0].http.delete(f"{venue.control.url}/faults", headers=headers)
        told = await clients[0].control("flush")
        truth = Truth.read(path)
        for number, client in enumerate(clients, start=1):
            await compare(truth, client, f"account-{number}")
            await client.http.aclose()

    assert told == {"file": str(path), "lines": len(truth.lines)}
    assert truth.disagreements == []
    met = Counter(order["status"] for order in truth.orders.values())
    assert len(truth.fills) > 40
    assert min(met[status] for status in ("FILLED", "CANCELED", "EXPIRED", "REJECTED")) > 3, met
    assert any(truth.open_ids(f"account-{number}") for number in (1, 2))
    struck = Counter(name for name, _ in truth.faults)
    assert min(struck[name] for name in ("lost_reply", "error", "late_reject")) > 5, struck
    assert struck["transfer"] == struck["account_disabled"] == 1


async def compare(truth: Truth, client: Client, account: str) -> None:
    """Hold the venue's answers to one account against the log."""
    answer = (await client.signed("GET", "/api/v3/account")).json()
    owned = {one["asset"]: Decimal(one["free"]) + Decimal(one["locked"]) for one in answer["balances"]}
    assert {asset: amount for asset, amount in owned.items() if amount} == truth.owned(account)

    orders = (await client.signed("GET", "/api/v3/openOrders")).json()
    assert {one["clientOrderId"] for one in orders} == truth.open_ids(account)

    trades = (await client.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", limit=1_000)).json()
    answers = [
        (one["id"], one["orderId"], *(Decimal(one[field]) for field in ("price", "qty", "commission")))
        for one in trades
    ]
    assert answers == [
        (fill.trade_id, fill.order_id, fill.price, fill.quantity, fill.commission)
        for fill in truth.of(account)
    ]


async def test_every_request_is_there_with_what_became_of_it(client_of: type[Client], tmp_path: Path) -> None:
    """REST, WebSocket API, refused, unknown, unreadable: each is a request and a reply with one id."""
    path = tmp_path / "venue.jsonl"
    async with PaperVenue(market="none", clock="manual", log=path) as venue, client_of(venue) as client:
        await client.get("/api/v3/ping")
        await client.http.get("/api/v3/nothing")
        await client.http.get("/api/v3/depth?symbol=BTCUSDT&symbol=BTCUSDT")
        await client.limit("BUY", "0.01", "59000", newClientOrderId="q-1")
        await client.signed("POST", "/api/v3/order", symbol="NOPE")
        async with open_socket(venue.ws_api) as socket:
            await socket.ask("order.cancel", signed(client, symbol="BTCUSDT", origClientOrderId="q-1"))
            await socket.ask("nonsense")
    truth = Truth.read(path)

    assert [(sent.endpoint, sent.account, sent.status, sent.code) for sent in truth.requests] == [
        ("GET /api/v3/ping", "", 200, None),
        ("GET /api/v3/nothing", "", 404, -1020),
        ("GET /api/v3/depth", "", 400, -1101),
        ("POST /api/v3/order", "account-1", 200, None),
        ("POST /api/v3/order", "account-1", 400, -1121),
        ("order.cancel", "account-1", 200, None),
        ("nonsense", "", 400, -1020),
    ]
    assert truth.requests[3].params["newClientOrderId"] == "q-1"
    kinds = [line["kind"] for line in truth.lines]
    asked = kinds.index("Execution") - 1
    assert kinds[asked : asked + 6] == [
        "request",
        "Execution",
        "LevelChange",
        "BalanceChange",
        "reply",
        "request",
    ]


async def test_the_log_holds_no_secret(client_of: type[Client], tmp_path: Path) -> None:
    """Neither keys nor signatures nor the control secret, by whatever way they came, also where refused."""
    path = tmp_path / "venue.jsonl"
    async with PaperVenue(market="none", clock="manual", log=path) as venue, client_of(venue) as client:
        await client.limit("BUY", "0.01", "59000")
        await client.signed("POST", "/api/v3/order", symbol="NOPE")
        await client.signed("POST", "/api/v3/order", symbol="NOPE", apiKey=client.key)
        await client.signed("POST", "/api/v3/order", symbol="NOPE", apiSecret=client.secret)
        async with open_socket(venue.ws_api) as socket:
            await socket.ask("account.status", signed(client))
            await socket.ask("account.status", {"apiKey": client.key, "signature": client.secret})
            await socket.ask("account.status", {"apiKey": "a-short-key", "signature": "a-short-signature"})
        secrets = [*(text for pair in venue.accounts for text in pair), venue.control.secret]
        signature = client.signature("x")
    content = path.read_text()

    assert [secret for secret in (*secrets, "a-short-") if secret in content] == []
    assert content.count('"signature":"***"') == 7
    assert content.count('"apiKey":"***"') == 4
    assert content.count('"apiSecret":"***"') == 1
    assert len(signature) == 64
    assert not [word for word in content.replace('"', " ").split() if len(word) == 64]


async def test_a_synthetic_market_is_logged_whole(tmp_path: Path, client_of: type[Client]) -> None:
    """Levels and prints too: the book rebuilt from the log is the book that the venue shows."""
    path = tmp_path / "venue.jsonl"
    async with PaperVenue(clock="manual", log=path) as venue, client_of(venue) as client:
        await client.control("advance", ms=30_000)
        shown = await client.get("/api/v3/depth", symbol="BTCUSDT", limit=5_000)
        trades = await client.get("/api/v3/trades", symbol="BTCUSDT", limit=1_000)
    book: dict[str, dict[Decimal, Decimal]] = {"BUY": {}, "SELL": {}}
    prints = []
    for line in Truth.read(path).lines:
        data = line["data"]
        if line["kind"] == "LevelChange" and data["symbol"] == "BTCUSDT":
            book[data["side"]][Decimal(data["price"])] = Decimal(data["quantity"])
        elif line["kind"] == "TradePrint" and data["symbol"] == "BTCUSDT":
            prints.append((data["trade_id"], Decimal(data["price"])))

    for side, levels in (("BUY", shown["bids"]), ("SELL", shown["asks"])):
        ours = {price: quantity for price, quantity in book[side].items() if quantity}
        assert ours == {Decimal(price): Decimal(quantity) for price, quantity in levels}
        assert len(ours) > 10
    assert [(one["id"], Decimal(one["price"])) for one in trades][-20:] == prints[-20:]


async def test_equal_venues_write_equal_logs(client_of: type[Client], tmp_path: Path) -> None:
    """A manual clock, a seed, the same requests: the same lines but for what is random in the requests."""
    logs = []
    for number in range(2):
        path = tmp_path / f"{number}.jsonl"
        async with PaperVenue(clock="manual", log=path) as venue, client_of(venue) as client:
            await client.limit("BUY", "0.01", "59000", newClientOrderId="q")
            await client.control("advance", ms=5_000)
        logs.append(path.read_text())

    assert logs[0] == logs[1]
    assert logs[0].count("\n") > 500


# -- the file


async def test_the_file_is_new_and_private(tmp_path: Path) -> None:
    """Mode 0600; one that exists is never touched, and no venue starts."""
    path = tmp_path / "venue.jsonl"
    async with PaperVenue(market="none", log=path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    venue = PaperVenue(market="none", log=path)
    with pytest.raises(ConfigError, match=r"exists already; name a new file"):
        await venue.__aenter__()
    assert venue.rest == ""
    with pytest.raises(ConfigError, match="cannot be created"):
        await PaperVenue(market="none", log=tmp_path / "no" / "folder").__aenter__()

    assert path.read_bytes() == before


async def test_without_a_log_flush_says_so(alice: Client, venue: PaperVenue) -> None:
    """409, with the option that makes one."""
    reply = await alice.http.post(
        f"{venue.control.url}/flush", headers={"Authorization": f"Bearer {venue.control.secret}"}
    )
    assert (reply.status_code, "--log FILE" in reply.json()["error"]) == (409, True)


async def test_lines_reach_the_file_without_being_asked_for(client_of: type[Client], tmp_path: Path) -> None:
    """A moment later, though the batch is not full."""
    path = tmp_path / "venue.jsonl"
    async with PaperVenue(market="none", clock="manual", log=path) as venue, client_of(venue) as client:
        await client.get("/api/v3/ping")
        for _ in range(200):
            if '"GET /api/v3/ping"' in path.read_text():
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the line never came")


async def test_a_log_that_cannot_be_written_ends_the_venue(tmp_path: Path) -> None:
    """Never a hole without a word: the error comes at the next look, and at the end again."""
    log = TruthLog(Path("/dev/full"))
    log._file = os.open("/dev/full", os.O_WRONLY)
    for number in range(BATCH + 1):
        log.fault(0, number, "drop", "here")
    with pytest.raises(EngineError, match="/dev/full cannot be written: No space left on device"):
        await log.flush()
    with pytest.raises(EngineError, match="cannot be written"):
        log.check()
    with pytest.raises(EngineError, match="cannot be written"):
        log.close()


def test_a_process_whose_disk_is_full_ends_and_says_why(tmp_path: Path) -> None:
    """Exit code 2 and one line on standard error; what is in the file is whole up to its last line."""
    path = tmp_path / "venue.jsonl"
    limit = 200_000  # bytes; the header and the first seconds of a market are more

    def little_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = subprocess.Popen(
        [sys.executable, "-m", "quantlab.paper.main", "--log", str(path), "--speed", "50"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=little_room,  # noqa: PLW1509
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == 2
    assert len(out.splitlines()) <= 1
    assert "the log" in err
    assert "cannot be written: File too large" in err.splitlines()[-1]
    whole = path.read_text().splitlines()[:-1]
    assert [json.loads(line)["seq"] for line in whole] == list(range(1, len(whole) + 1))


def test_the_option_makes_a_log_that_ends_whole(start: Any, tmp_path: Path) -> None:
    """--log FILE: after SIGTERM every line is there."""
    path = tmp_path / "venue.jsonl"
    process = start("--log", str(path), "--speed", "20")
    rest = json.loads(process.stdout.readline())["rest"]
    for _ in range(20):
        httpx.get(f"{rest}/api/v3/ping", trust_env=False)
    process.send_signal(signal.SIGTERM)

    assert process.wait(10) == 0
    truth = Truth.read(path)
    assert [sent.status for sent in truth.requests] == [200] * 20
