"""Endpoints for orders and accounts, by both doors."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import kinds
import pytest
from doors import Door, Rest, WsApi
from judge import judge, judge_microseconds
from rows import Case, Row
from scene import Scene
from signer import EVERY_RIGHT, Signer
from table_orders import LIMIT
from tables import SIGNED, by_name, cases

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


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


@pytest.mark.parametrize("row", by_name(tuple(row for row in SIGNED if row.method != "GET")))
async def test_parameters_may_come_in_the_body(scene: Scene, row: Row) -> None:
    """POST, PUT and DELETE take them as a form, signature and all."""
    await judge(Rest(scene.alice, form=True), scene, row, row.cases[0])


async def test_of_query_and_body_the_query_wins(scene: Scene) -> None:
    """Both are signed, one after the other without a separator, and a name in both counts once."""
    alice = scene.alice
    order = LIMIT | {"timestamp": alice.venue.session.clock.now_ms()}
    query, body = "price=50001&quantity=0.02", urlencode({**order, "quantity": "0.03"})
    body += f"&signature={alice.signature(query + body)}"
    reply = await alice.http.post(
        f"/api/v3/order?{query}", content=body, headers=FORM | {"X-MBX-APIKEY": alice.key}
    )

    assert reply.status_code == 200, reply.text
    assert (reply.json()["price"], reply.json()["origQty"]) == ("50001.00000000", "0.02000000")


@pytest.mark.parametrize("row", by_name(SIGNED))
async def test_a_call_asks_for_exactly_the_documented_right(door: Door, scene: Scene, row: Row) -> None:
    """A key that has this right alone may; a key that has all rights but this may not: 401, -2015."""
    case = row.cases[0]
    await scene.prepare(case.given)
    params = scene.fill_in(case.params)
    door.client = Signer(scene.alice, [right for right in EVERY_RIGHT if right != row.security])
    refused = await door.call(row, params)
    door.client = Signer(scene.alice, [row.security])
    allowed = await door.call(row, params)

    assert refused.error == (401, -2015, "Invalid API-key, IP, or permissions for action.")
    assert allowed.status == 200, allowed.body
