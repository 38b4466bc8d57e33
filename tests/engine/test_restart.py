"""What holds orders back holds them back in the next session too, whatever became of the first one.

One kernel runs into every guard and is killed; each test starts the next kernel in the same home.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from guarding import CELL_ID, FROM_A_CELL, LIMITS, SELLS, TWICE

from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.control.commands import Resume, SubmitOrder
from quantlab.control.tokenstore import TokenStore
from quantlab.domain.orders import OrderRequest
from quantlab.engine import Engine
from quantlab.errors import OrderDenied
from quantlab.paper.spawn import EmbeddedVenue
from quantlab.secret import Secret
from quantlab.trading.causes import EQUITY
from quantlab.trading.journal import read
from quantlab.trading.requests import limit_order
from quantlab.trading.reruns import CELL, Cell

RAILS = {
    "cell_rerun": FROM_A_CELL,
    "duplicate_order": TWICE,
    "repeated_execution": SELLS[0],
    "cooldown": limit_order("SELL", "ETHUSDT", "0.1", "3090"),
    "venue_errors": limit_order("BUY", "BTCUSDT", "0.01", "58009"),
}


Venue = tuple[dict[str, str], list[tuple[str, Secret]]]


def settings_of(venue: Venue, account: int) -> dict[str, str]:
    key, secret = venue[1][account]
    return venue[0] | {"QUANTLAB_API_KEY": key, "QUANTLAB_API_SECRET": secret.reveal()}


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Venue]:
    """How to reach a venue that outlives kernels, and the keys of two accounts."""
    venue = EmbeddedVenue(["--weight-1m", "1000000", "--connections-5m", "100000"])
    venue.spawn()
    address = asyncio.run(venue.address())
    profile = tmp_path_factory.mktemp("venue") / "venue.toml"
    profile.write_text(
        f'rest = "{address.rest}"\nws = "{address.ws}"\nws_api = "{address.ws_api}"\n'
        'symbols = ["BTCUSDT", "ETHUSDT"]\n'
    )
    yield {"QUANTLAB_VENUE": str(profile)}, [address.credentials(each) for each in range(2)]
    venue.stop()


@pytest.fixture(scope="module")
def environment(venue: Venue) -> dict[str, str]:
    """The settings of the account that the kernel dies with."""
    return settings_of(venue, 0)


def home_with_limits(folder: Path) -> Path:
    folder.chmod(0o700)
    (folder / "limits.toml").write_text(LIMITS)
    (folder / "limits.toml").chmod(0o600)
    (folder / "token.txt").touch(mode=0o600)
    (folder / "token.txt").write_text(TokenStore(folder, SystemClock()).new("guards"))
    return folder


@pytest.fixture(scope="module")
def killed(environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a kernel that ran into every guard and was killed."""
    home = home_with_limits(tmp_path_factory.mktemp("killed"))
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("guarding.py"))],
        env={name: text for name, text in os.environ.items() if not name.startswith("QUANTLAB_")}
        | environment | {"QUANTLAB_HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return home


Next = Callable[..., Engine]


@pytest.fixture
def kernel(start: Callable[..., Engine], venue: Venue) -> Next:
    """Starts the next kernel in a home."""

    def begin(home: Path, account: int = 0) -> Engine:
        environment = settings_of(venue, account) | {"QUANTLAB_HOME": str(home)}
        return start(Settings.from_environment(environment), deterministic=False)

    return begin


async def breaches(engine: Engine, request: OrderRequest) -> set[str]:
    """The rails that deny `request`, sent by the first run of the cell."""
    await engine.ready()
    await engine.priced(request.symbol)
    CELL.set(Cell(CELL_ID, 1))
    try:
        decision = engine.require_orders_open().explain(request)
    finally:
        CELL.set(None)
    return {each.rail for each in decision.breaches}


@pytest.mark.parametrize("rail", RAILS)
async def test_k7_a_guard_outlives_a_kill(kernel: Next, killed: Path, rail: str, tmp_path: Path) -> None:
    """K7: windows, locks, cooldowns, the breaker, what a cell has sent; a fresh account has none of it."""
    assert rail in await breaches(kernel(killed), RAILS[rail])
    assert await breaches(kernel(home_with_limits(tmp_path), 1), RAILS[rail]) == set()


def kept(home: Path, key: str) -> Any:
    """The last that the journal keeps under a name."""
    (path,) = (home / "journals").glob("*.journal")
    lines = [msgspec.json.decode(each.data) for each in read(path) if each.kind == "state"]
    return [each["value"] for each in lines if each["key"] == key][-1]


async def test_k7_lost_equity_stays_a_cause_over_a_kill(kernel: Next, killed: Path) -> None:
    """K7: known before the first sample of the next session; control alone lifts it."""
    engine = kernel(killed)
    assert [each.owner for each in engine.guards.causes.lasting()] == [EQUITY]
    await engine.ready()
    assert engine.trading_state().startswith("REDUCING: the equity is below its floor")


async def test_k7_the_highest_equity_and_the_days_start_outlive_a_kill(kernel: Next, killed: Path) -> None:
    """K7: as they were last written down, which is at most five seconds ago."""
    left = kept(killed, "equity")
    equity = kernel(killed).portfolio.equity
    assert (str(equity.peak), str(equity.day_start)) == (left["peak"], left["day_start"])
    assert Decimal(left["peak"]) > 0


async def test_a_journal_that_was_put_back_is_told_by_the_venue(kernel: Next, tmp_path: Path) -> None:
    """An older copy of both files is whole; the venue has an order that it lacks, and that halts, once."""
    home, copy = home_with_limits(tmp_path), tmp_path / "copy"
    token = Secret((home / "token.txt").read_text())

    async def trading() -> Engine:
        engine = kernel(home, 1)
        await engine.ready()
        engine.arm(token)
        return engine

    engine = await trading()
    await engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58003")))
    await engine.aclose()
    shutil.copytree(home / "journals", copy)
    engine = await trading()
    lost = await engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58004")))
    await engine.aclose()
    shutil.rmtree(home / "journals")
    shutil.copytree(copy, home / "journals")

    engine = await trading()
    assert f"order {lost.client_order_id}" in engine.trading_state()  # type: ignore[attr-defined]
    assert "the journal was put back" in engine.trading_state()
    assert len(engine.orders.open()) == 2  # nothing is cancelled: it may be somebody else's
    again = SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58005"))
    with pytest.raises(OrderDenied, match="put back"):
        await engine.execute(again)
    await engine.execute(Resume("I have looked"))
    await engine.execute(again)
    await engine.aclose()
    assert (await trading()).trading_state() == "ACTIVE"
