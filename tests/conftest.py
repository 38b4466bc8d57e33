"""What every test may ask for: the size to run at, and the folder of recorded data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run at the sizes that the issues state")


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """True with `--full`: tests then run at the sizes that the issues state."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with recorded streams, from QUANTLAB_SHARED or ../shared; skips where absent."""
    folder = Path(os.environ.get("QUANTLAB_SHARED") or Path(__file__).parents[2] / "shared")
    if not (folder / "data").is_dir():
        pytest.skip(f"no recorded streams: {folder / 'data'} is absent (set QUANTLAB_SHARED)")
    return folder
