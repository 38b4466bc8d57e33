"""General and market data endpoints, by both doors of one venue with a market."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from doors import Door, Rest, WsApi
from judge import judge, judge_microseconds
from rows import Case, Row
from scene import Scene
from tables import PUBLIC, by_name, cases

from quantlab.paper.venue import PaperVenue

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lively(client_of: Any) -> AsyncIterator[Any]:
    """A client of a venue whose market has traded for a minute. Nothing here changes anything in it."""
    async with PaperVenue(clock="manual", seed=7) as venue, client_of(venue) as client:
        await venue.advance(60_000)
        yield client


@pytest_asyncio.fixture(params=["rest", "ws"], scope="module", loop_scope="module")
async def door(request: pytest.FixtureRequest, lively: Any, connect: Any) -> AsyncIterator[Door]:
    if request.param == "rest":
        yield Rest(lively)
        return
    async with connect(lively.venue.ws_api) as socket:
        yield WsApi(lively, socket)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(lively: Any) -> Scene:
    """Knows a trade of the market."""
    scene = Scene(lively, lively)
    trades = await lively.get("/api/v3/trades", symbol="BTCUSDT", limit=1)
    scene.ids["trade"] = trades[0]["id"]
    return scene


@pytest.mark.parametrize(("row", "case"), cases(PUBLIC))
async def test_market_data_has_exactly_the_documented_fields(
    door: Door, scene: Scene, row: Row, case: Case
) -> None:
    """No field more, none fewer, each of its type, at the documented weight."""
    await judge(door, scene, row, case)


@pytest.mark.parametrize("row", by_name(PUBLIC))
async def test_times_are_microseconds_where_asked_for(
    lively: Any, connect: Any, scene: Scene, row: Row
) -> None:
    """By the header X-MBX-TIME-UNIT, and by ?timeUnit in the WebSocket API's address."""
    await judge_microseconds(Rest(lively, **{"X-MBX-TIME-UNIT": "MICROSECOND"}), scene, row)
    async with connect(f"{lively.venue.ws_api}?timeUnit=microsecond") as socket:
        await judge_microseconds(WsApi(lively, socket), scene, row)
