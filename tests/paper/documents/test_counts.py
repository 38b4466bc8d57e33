"""The unfilled order count: what adds to it, what takes off it, and what exceeding it leads to."""

from __future__ import annotations

from typing import Any

import pytest
import table_orders as orders
from doors import Door, Rest, WsApi
from scene import Scene
from table_counts import COUNTS, EXCEEDED, Counted, Exceeded
from tables import EVERY

from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

ROWS = {row.ws: row for row in EVERY}
PLACING = {
    "order.place", "order.cancelReplace", "orderList.place.oco", "orderList.place.oto",
    "orderList.place.otoco",
}  # fmt: skip
TOO_MANY = "Too many new orders; current limit is 1 orders per 10 SECOND."


async def counts(door: Door) -> list[int]:
    reply = await door.call(ROWS["account.rateLimits.orders"], {})
    return [one["count"] for one in reply.body]


@pytest.mark.parametrize("case", COUNTS, ids=lambda case: case.what.replace(" ", "_"))
async def test_a_call_adds_what_its_section_says(door: Door, scene: Scene, case: Counted) -> None:
    """To both windows, 10 seconds and a day; the reply to an order that is taken tells both."""
    await scene.prepare(case.given)
    before = await counts(door)
    reply = await door.call(ROWS[case.ws], scene.fill_in(case.params))
    after = await counts(door)

    assert after == [count + case.adds for count in before]
    if reply.status == 200 and case.ws in PLACING:
        assert reply.orders == tuple(after) or case.adds == 0  # a fill at once is counted after the reply
        assert len(reply.orders) == 2


async def test_a_resting_order_that_begins_to_fill_takes_off_five(door: Door, scene: Scene) -> None:
    """The FAQ's second example: five orders, and the first fill of one of them; never below nothing."""
    for price in ("50000", "50001", "50002", "50003", "50004"):
        await door.call(ROWS["order.place"], orders.LIMIT | {"price": price})
    assert await counts(door) == [5, 5]
    await scene.bob.limit("SELL", "0.005", "50004")
    assert await counts(door) == [0, 0]
    for price in ("50005", "50006"):
        await door.call(ROWS["order.place"], orders.LIMIT | {"price": price})
    await scene.bob.limit("SELL", "0.025", "50004")
    assert await counts(door) == [0, 0]


@pytest.mark.parametrize("case", EXCEEDED, ids=str)
@pytest.mark.parametrize("kind", ["rest", "ws"])
async def test_a_replacement_over_the_limit_does_what_its_table_says(
    client_of: Any, connect: Any, kind: str, case: Exceeded
) -> None:
    """DO_NOTHING: -1015, and nothing is done. CANCEL_ONLY: the cancel is done and told."""
    terms = Terms(orders_10s=1)
    mode = "STOP_ON_FAILURE" if case.stop_on_failure else "ALLOW_FAILURE"
    over = "CANCEL_ONLY" if case.cancel_only else "DO_NOTHING"
    async with PaperVenue(market="none", clock="manual", terms=terms) as venue, client_of(venue) as client:
        opened = await client.limit("BUY", "0.01", "50000")
        which = opened["orderId"] if case.cancel_exists else 999
        params = orders.LIMIT | {"cancelReplaceMode": mode, "cancelOrderId": which}
        params |= {"orderRateLimitExceededMode": over}
        async with connect(venue.ws_api) as socket:
            door: Door = Rest(client) if kind == "rest" else WsApi(client, socket)
            reply = await door.call(ROWS["order.cancelReplace"], params)
            query = await door.call(ROWS["order.status"], orders.BTC | {"orderId": opened["orderId"]})

    assert reply.status == case.status
    cancelled = case.results is not None and case.cancel_exists
    assert query.body["status"] == ("CANCELED" if cancelled else "NEW")
    if case.results is None:
        assert reply.error == (429, -1015, TOO_MANY)
        return
    data = reply.body["data"]
    assert (data["cancelResult"], data["newOrderResult"]) == case.results
    refused = {"code": -1015, "msg": TOO_MANY}
    assert data["newOrderResponse"] == (None if case.results[1] == "NOT_ATTEMPTED" else refused)
    assert reply.body["code"] == (-2021 if case.results[0] == "SUCCESS" else -2022)
