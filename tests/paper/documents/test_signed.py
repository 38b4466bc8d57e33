"""Endpoints for orders and accounts, by both doors."""

from __future__ import annotations

from typing import Any

import kinds
import pytest
from doors import Door, Rest, WsApi
from judge import judge, judge_microseconds
from rows import Case, Row
from scene import Scene
from tables import SIGNED, by_name, cases


@pytest.mark.parametrize(("row", "case"), cases(SIGNED))
async def test_a_signed_call_has_exactly_the_documented_fields(
    door: Door, scene: Scene, row: Row, case: Case
) -> None:
    """A conditional field comes under its condition and only then; a good order call costs nothing."""
    await judge(door, scene, row, case)


@pytest.mark.parametrize("row", by_name(SIGNED))
async def test_a_signed_call_needs_key_time_and_signature(door: Door, scene: Scene, row: Row) -> None:
    """Without one of them the call is refused, and so is a wrong signature."""
    named = row.cases[0].params.items()
    base = {name: value for name, value in named if not str(value).startswith("$")}
    for name in door.secured:
        reply = await door.call(row, base, **{name: None})
        assert reply.error == (400, *kinds.missing(name)), name
    wrong = await door.call(row, base, signature="0" * 64)
    assert wrong.error == (400, -1022, "Signature for this request is not valid.")


@pytest.mark.parametrize("row", by_name(SIGNED))
async def test_times_are_microseconds_by_rest(scene: Scene, row: Row) -> None:
    """By the header X-MBX-TIME-UNIT."""
    await judge_microseconds(Rest(scene.alice, **{"X-MBX-TIME-UNIT": "microsecond"}), scene, row)


@pytest.mark.parametrize("row", by_name(SIGNED))
async def test_times_are_microseconds_by_the_websocket_api(scene: Scene, connect: Any, row: Row) -> None:
    """By ?timeUnit in its address."""
    async with connect(f"{scene.alice.venue.ws_api}?timeUnit=MICROSECOND") as socket:
        await judge_microseconds(WsApi(scene.alice, socket), scene, row)
