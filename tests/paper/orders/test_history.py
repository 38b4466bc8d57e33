"""What an account can read of its past: orders, trades, and the windows they are asked for by."""

from __future__ import annotations

from typing import Any

import pytest

from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
DAY_MS = 86_400_000
BTC: dict[str, Any] = {"symbol": "BTCUSDT"}


@pytest.fixture
async def past(alice, bob, venue: PaperVenue) -> list[int]:
    """Four orders of the first account, one each second: filled, filled, cancelled, open; their ids."""
    numbers = []
    for price in ("60000", "60000", "50000", "50001"):
        numbers.append((await alice.limit("BUY", "0.01", price))["orderId"])
        await bob.limit("SELL", "0.01", "60000")
        await bob.signed("DELETE", "/api/v3/openOrders", **BTC)
        if price == "50000":
            await alice.signed("DELETE", "/api/v3/order", **BTC, orderId=numbers[-1])
        await venue.advance(1_000)
    return numbers


async def test_all_orders_are_paged_by_id_and_by_time(ask, past: list[int]) -> None:
    """Open and closed, oldest first; from an id on, or by the time of the last change in a window."""

    async def numbers(**params: Any) -> list[int]:
        return [past.index(row["orderId"]) for row in (await ask("allOrders", **BTC, **params))[1]]

    assert await numbers() == [0, 1, 2, 3]
    assert await numbers(limit=2) == [2, 3]
    assert await numbers(orderId=past[1]) == [1, 2, 3]
    assert await numbers(orderId=past[1], limit=2) == [1, 2]
    assert await numbers(startTime=START_MS + 1_000) == [1, 2, 3]
    assert await numbers(startTime=START_MS + 1_000, limit=1) == [1]
    assert await numbers(endTime=START_MS + 2_999) == [0, 1, 2]
    assert await numbers(startTime=START_MS, endTime=START_MS + DAY_MS) == [0, 1, 2, 3]
    assert await numbers(orderId=past[3], startTime=START_MS, endTime=START_MS) == [0]
    states = [row["status"] for row in (await ask("allOrders", **BTC))[1]]
    assert states == ["FILLED", "FILLED", "CANCELED", "NEW"]


async def test_trades_are_found_by_every_documented_combination(ask, past: list[int], venue) -> None:
    """symbol alone or with orderId, startTime, endTime, fromId, both times, or orderId and fromId."""

    async def ids(**params: Any) -> list[int]:
        return [row["id"] for row in (await ask("myTrades", **BTC, **params))[1]]

    first, second = await ids()
    assert await ids(orderId=past[1]) == [second]
    assert await ids(orderId=past[1], fromId=second) == [second]
    assert await ids(orderId=past[0], fromId=second) == []
    assert await ids(fromId=second) == [second]
    assert await ids(startTime=START_MS + 1) == [second]
    assert await ids(endTime=START_MS) == [first]
    assert await ids(startTime=START_MS, endTime=START_MS) == [first]
    assert await ids(limit=1) == [second]


@pytest.mark.parametrize(
    ("method", "params", "code", "message"),
    [
        ("myTrades", {"fromId": 1, "startTime": 1}, -1128, "Combination of optional parameters invalid."),
        ("myTrades", {"orderId": 1, "endTime": 1}, -1128, "Combination of optional parameters invalid."),
        ("myTrades", {"startTime": 0, "endTime": DAY_MS + 1}, -1127,
         "More than 24 hours between startTime and endTime."),
        ("allOrders", {"startTime": 0, "endTime": DAY_MS + 1}, -1127,
         "More than 24 hours between startTime and endTime."),
        ("allOrders", {"limit": 0}, -1130, "Data sent for parameter 'limit' is not valid."),
        ("myAllocations", {"orderId": 1, "startTime": 1}, -1128,
         "Combination of optional parameters invalid."),
        ("myAllocations", {"startTime": 0, "endTime": DAY_MS + 1}, -1127,
         "More than 24 hours between startTime and endTime."),
        ("myPreventedMatches", {}, -1128, "Combination of optional parameters invalid."),
        ("myPreventedMatches", {"preventedMatchId": 1, "orderId": 1}, -1128,
         "Combination of optional parameters invalid."),
        ("myPreventedMatches", {"preventedMatchId": 1, "fromPreventedMatchId": 1}, -1128,
         "Combination of optional parameters invalid."),
        ("order.amendments", {}, -1102,
         "Mandatory parameter 'orderId' was not sent, was empty/null, or malformed."),
    ],
)  # fmt: skip
async def test_what_cannot_be_asked_for_together_is_refused(
    ask, method: str, params: dict[str, Any], code: int, message: str
) -> None:
    """With the document's code and text, by both APIs."""
    status, error = await ask(method, **BTC, **params)

    assert (status, error["code"], error["msg"]) == (400, code, message)


async def test_prevented_matches_are_paged_by_their_ids(ask) -> None:
    """Those of an order from an id on, at most as many as wanted; amendments likewise."""
    order = BTC | {"type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    for price in ("50000", "50001", "50002"):
        await ask("order.place", **order, side="BUY", price=price)
    taker = (await ask("order.place", **(order | {"quantity": "1"}), side="SELL", price="50000"))[1]
    by_order = BTC | {"orderId": taker["orderId"]}

    async def ids(**params: Any) -> list[int]:
        return [row["preventedMatchId"] for row in (await ask("myPreventedMatches", **by_order, **params))[1]]

    first, second, third = await ids()
    assert first < second < third
    assert await ids(fromPreventedMatchId=second) == [second, third]
    assert await ids(fromPreventedMatchId=second, limit=1) == [second]
    changes = [
        (await ask("order.amend.keepPriority", **by_order, newQty=quantity))[1]["executionId"]
        for quantity in ("0.9", "0.8", "0.7")
    ]
    rows = (await ask("order.amendments", **by_order, fromExecutionId=changes[1], limit=1))[1]
    assert [row["executionId"] for row in rows] == [changes[1]]


async def test_nothing_was_ever_allocated(ask) -> None:
    """There is no smart order routing: an empty list, for every documented combination."""
    for params in ({}, {"startTime": 1, "endTime": 2}, {"orderId": 1, "fromAllocationId": 1, "limit": 5}):
        assert await ask("myAllocations", **BTC, **params) == (200, [])
