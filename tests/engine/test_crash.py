"""A kernel that is killed at any write of its journal: the next one finds everything, and once."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from crashing import LIMIT

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import Credentials
from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.control.tokenstore import TokenStore
from quantlab.engine import Engine
from quantlab.paper.spawn import EmbeddedVenue
from quantlab.trading.journal import load_key, read, verify
from quantlab.trading.states import OrderState

WAYS = ("before", "after", "piece")
SOME = ((7, "after"), (9, "before"), (10, "after"), (13, "piece"), (18, "after"), (99, "after"))
OPEN = ("NEW", "PARTIALLY_FILLED")


class Place(NamedTuple):
    """A standalone venue, its account as it is there, and kernels that die on request."""

    environment: dict[str, str]
    client: BinanceClient
    kernels: subprocess.Popen[str]

    def kill(self, home: Path, number: int, way: str) -> str:
        """A session in `home` that dies at a write; what became of it."""
        assert self.kernels.stdin is not None
        assert self.kernels.stdout is not None
        self.kernels.stdin.write(f"{home} {number} {way}\n")
        self.kernels.stdin.flush()
        return self.kernels.stdout.readline().strip()


@pytest.fixture
def kernels() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for each in started:
        each.kill()
        each.communicate()


@pytest.fixture
async def place(tmp_path: Path, kernels: list[subprocess.Popen[str]]) -> AsyncIterator[Place]:
    venue = EmbeddedVenue(["--weight-1m", "1000000", "--connections-5m", "100000"])
    venue.spawn()
    address = await venue.address()
    profile = tmp_path / "venue.toml"
    profile.write_text(
        f'rest = "{address.rest}"\nws = "{address.ws}"\nws_api = "{address.ws_api}"\n'
        'symbols = ["BTCUSDT"]\nrecv_window_ms = 500\n'
    )
    key, secret = address.credentials()
    environment = {
        "QUANTLAB_VENUE": str(profile), "QUANTLAB_API_KEY": key, "QUANTLAB_API_SECRET": secret.reveal(),
    }  # fmt: skip
    kernels.append(
        subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("crashing.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={name: text for name, text in os.environ.items() if not name.startswith("QUANTLAB_")}
            | environment | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    )  # fmt: skip
    client = BinanceClient(address.rest, clock=SystemClock(), credentials=Credentials(key, secret))
    async with client:
        yield Place(environment, client, kernels[0])
    venue.stop()


def lines_of(home: Path, kind: str) -> list[Any]:
    (path,) = (home / "journals").glob("*.journal")
    return [msgspec.json.decode(each.data) for each in read(path) if each.kind == kind]


async def survives(place: Place, start: Callable[..., Engine], home: Path, seen: Counter[str]) -> None:
    """What the next kernel in `home` has is what the venue has, and what the journal says was kept."""
    (path,) = (home / "journals").glob("*.journal")
    assert verify(path, load_key(home)).ok
    intents = [each["order"]["clientOrderId"] if "clientOrderId" in each["order"] else
               each["order"]["client_order_id"] for each in lines_of(home, "intent")]  # fmt: skip
    settings = Settings.from_environment(place.environment | {"QUANTLAB_HOME": str(home)})
    halted, kept = bool(lines_of(home, "halt.set")), lines_of(home, "state")
    limits = lines_of(home, "limits.set")
    engine = start(settings, deterministic=False)
    await engine.ready()
    async with asyncio.timeout(60):
        while any(each.state in (OrderState.UNKNOWN, OrderState.PENDING) for each in engine.orders):
            seen["unknown for a while"] += 1
            await asyncio.sleep(0.05)
        while halted and await place.client.open_orders("BTCUSDT"):
            await asyncio.sleep(0.05)  # the HALT that stands cancels what is open
    await engine.gateway.reconcile()
    assert not engine.mismatch
    there = {each.client_order_id: each for each in await place.client.all_orders("BTCUSDT")}
    ours = {name: each for name, each in there.items() if name in intents}
    trades = [each for each in await place.client.my_trades("BTCUSDT")
              if each.order_id in {one.order_id for one in ours.values()}]  # fmt: skip

    assert len(set(intents)) == len(intents)
    assert {each.client_order_id for each in engine.orders.open()} == {
        name for name, each in ours.items() if each.status in OPEN
    }
    assert sorted(each.trade_id for each in engine.portfolio.fills) == sorted(
        each.trade_id for each in trades
    )
    position = engine.portfolio.positions.get("BTCUSDT")
    assert (position.quantity if position else 0) == sum(each.quantity for each in trades)
    for name in intents:  # each is known: it is there, or proven never to have been
        order = engine.orders.get(name)
        assert name in there or order is None or order.state is OrderState.NOT_PLACED
        seen["never left"] += name not in there
    assert engine.latch.is_set is halted
    if limits:
        assert engine.rails.limits.max_order_notional == LIMIT
    steps = [each["value"] for each in kept if each["key"] == "step"]
    assert engine.kept.get("step", int, -1) == (steps[-1] if steps else -1)
    seen["open adopted"] += bool(engine.orders.open())
    seen["held"] += bool(trades)
    seen["halted"] += halted
    await engine.aclose()


@pytest.mark.timeout(1_800)
async def test_a_kernel_killed_at_any_journal_write_loses_and_doubles_nothing(
    place: Place, start: Callable[..., Engine], tmp_path: Path, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K6, K7, D7: before a write, after it, in the middle of it; at every one of them with --full."""
    monkeypatch.setattr("quantlab.trading.resolver.VENUE_TIMEOUT_S", 0.5)
    cases = [(number, way) for number in range(1, 60) for way in WAYS] if full else SOME
    seen: Counter[str] = Counter()
    for number, way in cases:
        for each in await place.client.open_orders("BTCUSDT"):
            await place.client.cancel_order("BTCUSDT", client_order_id=each.client_order_id)
        home = tmp_path / f"{number}-{way}"
        home.mkdir(mode=0o700)
        token = home / "token.txt"
        token.touch(mode=0o600)
        token.write_text(TokenStore(home, SystemClock()).new("crash"))
        ended = place.kill(home, number, way)
        seen[ended.split()[0]] += 1
        if list((home / "journals").glob("*.journal")):
            await survives(place, start, home, seen)
        if ended != "killed" and full:
            break
    assert min(seen[name] for name in ("killed", "ended", "held", "open adopted", "halted")) >= 1, seen
