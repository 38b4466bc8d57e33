"""A running engine on its embedded venue, and one on a venue that the test owns."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # tests are no packages: faulty.py stands beside them
sys.path.append(str(Path(__file__).parents[1]))  # faultproxy.py and truth.py stand above

from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.control.tokenstore import TokenStore
from quantlab.engine import Engine
from quantlab.secret import Secret


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Its limits bear with a machine that others use: there, prices are late that nobody held back."""
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    limits = folder / "limits.toml"
    limits.write_text("max_price_age_ms = 30000\nmax_health_age_ms = 30000\n")
    limits.chmod(0o600)
    return folder


@pytest.fixture
def token(home: Path) -> Secret:
    return Secret(TokenStore(home, SystemClock()).new("test"))


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings.from_environment({"QUANTLAB_HOME": str(home)})


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Engine]]:
    """Starts engines that are closed at the end, whatever the test does."""
    engines: list[Engine] = []

    def run(settings: Settings, *, deterministic: bool = True) -> Engine:
        engine = Engine(settings, deterministic=deterministic)
        engines.append(engine)
        engine.start()
        return engine

    yield run
    for engine in engines:
        await engine.aclose()


@pytest.fixture
async def engine(start: Callable[..., Engine], settings: Settings, token: Secret) -> Engine:
    """A running, armed engine on its embedded venue; the market stands still."""
    engine = start(settings)
    await engine.ready()
    engine.arm(token)
    return engine
