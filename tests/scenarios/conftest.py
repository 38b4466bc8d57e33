"""The three grounds that every story is played on."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))  # tests are no packages: the stories stand beside them
sys.path.append(str(Path(__file__).parents[1] / "paper"))
sys.path.append(str(Path(__file__).parents[1] / "paper" / "documents"))

from core import Core
from grounds import Ground, wire


@pytest.fixture(params=["core", "rest", "ws"])
async def ground(request: pytest.FixtureRequest) -> AsyncIterator[Ground]:
    """The exchange in process, or a venue by REST or by the WebSocket API."""
    if request.param == "core":
        yield Core()
        return
    async with wire(request.param) as played:
        yield played
