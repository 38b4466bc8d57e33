"""Which rows a list answers: most recent, from an id, from a time, until a time, and how many.

Source: Binance spot REST API, "General API Information" (chronological order, `startTime`, `endTime`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from doors import Door
from scene import Scene
from table_orders import BTC
from tables import EVERY

ROWS = {row.ws: row for row in EVERY}
STEP_MS = 60_000
COUNT = 5


class Window(NamedTuple):
    """A list, what a row's id and time are called in it, and from which id it can begin."""

    ws: str
    params: dict[str, Any]
    number: Any
    time: Any
    from_id: str


WINDOWS = (
    Window("trades.aggregate", BTC, "a", "T", "fromId"),
    Window("klines", BTC | {"interval": "1m"}, 0, 0, ""),
    Window("uiKlines", BTC | {"interval": "1m"}, 0, 0, ""),
    Window("myTrades", BTC, "id", "time", "fromId"),
    Window("allOrders", BTC, "orderId", "time", "orderId"),
    Window("allOrderLists", {}, "orderListId", "transactionTime", "fromId"),
    Window("trades.recent", BTC, "id", "time", ""),
    Window("trades.historical", BTC, "id", "time", "fromId"),
)
each_window = pytest.mark.parametrize("window", WINDOWS, ids=lambda window: window.ws)
timed = pytest.mark.parametrize("window", WINDOWS[:6], ids=lambda window: window.ws)


async def happen(scene: Scene, window: Window) -> None:
    """Five minutes; in each an order of alice's that trades, or a list of hers where lists are asked for."""
    for _ in range(COUNT):
        if window.ws == "allOrderLists":
            await scene.list(
                "oto", workingType="LIMIT", workingSide="BUY", workingPrice="50000", workingQuantity="0.01",
                workingTimeInForce="GTC", pendingType="MARKET", pendingSide="SELL", pendingQuantity="0.01",
            )  # fmt: skip
        else:
            await scene.bob.limit("SELL", "0.01", "60000")
            await scene.alice.limit("BUY", "0.01", "60000")
        await scene.alice.venue.advance(STEP_MS)


async def rows(door: Door, window: Window, **more: Any) -> list[Any]:
    reply = await door.call(ROWS[window.ws], window.params | more)
    assert reply.status == 200, reply.body
    return [(row[window.number], row[window.time]) for row in reply.body]


@each_window
async def test_rows_come_in_order_and_the_limit_keeps_the_most_recent(
    door: Door, scene: Scene, window: Window
) -> None:
    """Oldest first; `limit` alone leaves the newest."""
    await happen(scene, window)
    every = (await rows(door, window))[-COUNT:]

    assert len(every) == COUNT
    assert every == sorted(every)
    assert await rows(door, window, limit=2) == (await rows(door, window))[-2:]


@timed
@pytest.mark.parametrize("unit", [1, 1_000], ids=["milliseconds", "microseconds"])
async def test_a_start_keeps_the_oldest_and_an_end_the_most_recent(
    door: Door, scene: Scene, window: Window, unit: int
) -> None:
    """Both bounds belong to the window; with both, the limit counts from the start."""
    await happen(scene, window)
    every = [row for row in await rows(door, window) if row[1] >= scene.ids["now"]]
    assert len(every) >= COUNT
    start, end = every[1][1] * unit, every[3][1] * unit

    assert await rows(door, window, startTime=start, limit=2) == every[1:3]
    assert (await rows(door, window, endTime=end, limit=2)) == every[2:4]
    assert await rows(door, window, startTime=start, endTime=end) == every[1:4]
    assert await rows(door, window, startTime=start, endTime=end, limit=1) == every[1:2]


@each_window
async def test_an_id_is_where_a_list_begins(door: Door, scene: Scene, window: Window) -> None:
    """Rows of this id and above, oldest first."""
    if not window.from_id:
        return
    await happen(scene, window)
    every = await rows(door, window)

    assert await rows(door, window, **{window.from_id: every[1][0]}) == every[1:]
    assert await rows(door, window, **{window.from_id: every[1][0]}, limit=2) == every[1:3]
    assert await rows(door, window, **{window.from_id: every[-1][0] + 100}) == []


async def test_with_times_the_order_id_is_ignored(door: Door, scene: Scene) -> None:
    """Of all orders: WebSocket API, "Account order history", notes."""
    await happen(scene, WINDOWS[4])
    every = await rows(door, WINDOWS[4])

    assert await rows(door, WINDOWS[4], orderId=every[-1][0], startTime=scene.ids["now"]) == every
