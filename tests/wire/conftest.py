"""A live wire for the tests, and the helpers of other folders (tests are no packages)."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1]))
sys.path.append(str(Path(__file__).parents[1] / "notebook"))

from wirehome import Home

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def home() -> AsyncIterator[Home]:
    """A running wire on its own thread."""
    home = Home()
    home.wire.start()
    yield home
    home.wire.stop()


@pytest.fixture
def environment() -> dict[str, str]:
    """For a child process that imports quantlab from this checkout."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}
