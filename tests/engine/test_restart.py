"""What holds orders back holds them back in the next session too, whatever became of the first one.

One kernel runs into every guard and is killed; each test starts the next kernel in the same home.
"""

from __future__ import annotations

import asyncio
import os
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
from quantlab.control.tokenstore import TokenStore
from quantlab.domain.orders import OrderRequest
from quantlab.engine import Engine
from quantlab.paper.spawn import EmbeddedVenue
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


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """How to reach a venue that outlives kernels."""
    venue = EmbeddedVenue(["--weight-1m", "1000000", "--connections-5m", "100000"])
    venue.spawn()
    address = asyncio.run(venue.address())
    profile = tmp_path_factory.mktemp("venue") / "venue.toml"
    profile.write_text(
        f'rest = "{address.rest}"\nws = "{address.ws}"\nws_api = "{address.ws_api}"\n'
        'symbols = ["BTCUSDT", "ETHUSDT"]\n'
    )
    key, secret = address.credentials()
    yield {
        "QUANTLAB_VENUE": str(profile), "QUANTLAB_API_KEY": key, "QUANTLAB_API_SECRET": secret.reveal(),
    }  # fmt: skip
    venue.stop()


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
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return home


Next = Callable[[Path], Engine]


@pytest.fixture
def kernel(start: Callable[..., Engine], environment: dict[str, str]) -> Next:
    """Starts the next kernel in a home."""
    return lambda home: start(
        Settings.from_environment(environment | {"QUANTLAB_HOME": str(home)}), deterministic=False
    )


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
    assert await breaches(kernel(home_with_limits(tmp_path)), RAILS[rail]) == set()


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
