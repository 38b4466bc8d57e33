"""The doors and the scenes of the document tables."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))  # tests are no packages: the tables stand beside them

from doors import Door, Rest, WsApi
from scene import Scene


@pytest.fixture(params=["rest", "ws"])
async def door(request: pytest.FixtureRequest, alice: Any, connect: Any) -> AsyncIterator[Door]:
    """Either door of the quiet venue, for the first account."""
    if request.param == "rest":
        yield Rest(alice)
        return
    async with connect(alice.venue.ws_api) as socket:
        yield WsApi(alice, socket)


@pytest.fixture
async def scene(alice: Any, bob: Any) -> Scene:
    return Scene(alice, bob)
