"""Every reason for which an order expires, as its query and the account's events tell it."""

from __future__ import annotations

from typing import Any

import pytest
from doors import Door
from scene import Scene
from table_expiries import EVERY_REASON, EXPIRIES, NOT_HERE, Expired
from table_orders import BTC
from tables import EVERY
from test_user_events import events_so_far, listen

ROWS = {row.ws: row for row in EVERY}


@pytest.mark.parametrize("case", EXPIRIES, ids=lambda case: case.reason)
async def test_an_order_expires_for_a_reason_that_is_told(
    door: Door, scene: Scene, connect: Any, case: Expired
) -> None:
    """status EXPIRED with `expiryReason`, and one executionReport EXPIRED with `eR`: the same word."""
    await scene.prepare(case.given)
    async with connect(scene.alice.venue.ws_api) as socket:
        await listen(socket, scene.alice)
        placed = await door.call(ROWS[case.ws], scene.fill_in(case.params))
        assert placed.status == 200, placed.body
        await scene.prepare(case.then)
        events = await events_so_far(socket)
    query = await door.call(ROWS["order.status"], BTC | {"origClientOrderId": "mine"})

    told = [event["eR"] for event in events if "eR" in event and event["c"] == "mine"]
    assert told == [case.reason]
    assert (query.body["status"], query.body["expiryReason"]) == ("EXPIRED", case.reason)


def test_every_reason_is_provoked_or_cannot_happen_here() -> None:
    """The documents' list, whole."""
    assert {case.reason for case in EXPIRIES} | set(NOT_HERE) == EVERY_REASON
