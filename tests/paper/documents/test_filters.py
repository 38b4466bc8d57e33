"""Every filter at its border, by both doors; halted symbols and accounts that may not trade."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import table_orders as orders
from doors import Door
from scene import Scene
from table_filters import CLOSED, FILTERS, SHUT_OUT, UNSUPPORTED, Filtered
from tables import EVERY

ROWS = {row.ws: row for row in EVERY}
BY_TYPE = {
    each["type"]: each
    for each in (orders.MARKET, orders.STOP, orders.STOP_LIMIT, orders.PROFIT, orders.PROFIT_LIMIT)
}


def change_rules(scene: Scene, **rules: Any) -> None:
    exchange = scene.alice.venue.exchange
    exchange.set_rules("BTCUSDT", msgspec.structs.replace(exchange.rules("BTCUSDT"), **rules))


@pytest.mark.parametrize("case", FILTERS, ids=lambda case: case.name)
async def test_a_filter_lets_its_border_pass_and_nothing_beyond(
    door: Door, scene: Scene, case: Filtered
) -> None:
    """It is shown; HTTP 400 and `Filter failure: NAME`, at the documented weight; its neighbour is taken."""
    await scene.prepare(case.given)
    change_rules(scene, **case.rules)
    gate = scene.alice.venue.exchange._gate
    gate.limits = msgspec.structs.replace(gate.limits, **case.everywhere)
    shown = (await door.call(ROWS["myFilters"], orders.BTC)).body
    names = {each["filterType"] for each in shown["symbolFilters"] + shown["exchangeFilters"]}
    assert case.name in names
    row = ROWS[case.ws]
    if case.good is not None:
        good = await door.call(row, scene.fill_in(case.good))
        assert good.status == 200, good.body
    reply = await door.call(row, scene.fill_in(case.bad))

    assert reply.error == (400, case.code, f"Filter failure: {case.name}")
    assert reply.weight == row.weight


@pytest.mark.parametrize("status", ["HALT", "BREAK", "CANCEL_ONLY"])
async def test_a_symbol_that_does_not_trade_takes_no_orders(door: Door, scene: Scene, status: str) -> None:
    """-2010 for a new order; what is open can still be cancelled."""
    await scene.prepare(("open",))
    scene.alice.venue.exchange.set_status("BTCUSDT", status)

    refused = await door.call(ROWS["order.place"], orders.LIMIT)
    assert refused.error == (400, -2010, CLOSED)
    cancelled = await door.call(
        ROWS["order.cancel"], scene.fill_in({"symbol": "BTCUSDT", "orderId": "$open"})
    )
    assert cancelled.status == 200


async def test_an_account_that_may_not_trade_is_told_so(door: Door, scene: Scene) -> None:
    """-2010 for a new order."""
    scene.alice.venue.exchange.set_may_trade("account-1", may_trade=False)
    reply = await door.call(ROWS["order.place"], orders.LIMIT)
    assert reply.error == (400, -2010, SHUT_OUT)


@pytest.mark.parametrize("kind", UNSUPPORTED)
async def test_an_order_type_that_the_symbol_does_not_have_is_told_by_name(
    door: Door, scene: Scene, kind: str
) -> None:
    """-2010, with the type in words."""
    await scene.prepare(("price",))
    change_rules(scene, order_types=("LIMIT",))
    reply = await door.call(ROWS["order.place"], BY_TYPE[kind])
    assert reply.error == (400, -2010, UNSUPPORTED[kind])
