"""Cancels with restrictions, cancel-and-replace with its whole table, and amendments."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
BTC: dict[str, Any] = {"symbol": "BTCUSDT"}
BUY_LOW = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
TOO_DEAR = BUY_LOW | {"quantity": "100"}
UNKNOWN = {"code": -2011, "msg": "Unknown order sent."}
POOR = {"code": -2010, "msg": "Account has insufficient balance for requested action."}
PARTIALLY = (-2021, "Order cancel-replace partially failed.")
WHOLLY = (-2022, "Order cancel-replace failed.")


@pytest.mark.parametrize(
    ("mode", "known", "affordable", "status", "outcomes"),
    [
        ("STOP_ON_FAILURE", True, True, 200, ("SUCCESS", "SUCCESS")),
        ("STOP_ON_FAILURE", False, True, 400, ("FAILURE", "NOT_ATTEMPTED")),
        ("STOP_ON_FAILURE", True, False, 409, ("SUCCESS", "FAILURE")),
        ("ALLOW_FAILURE", True, True, 200, ("SUCCESS", "SUCCESS")),
        ("ALLOW_FAILURE", False, False, 400, ("FAILURE", "FAILURE")),
        ("ALLOW_FAILURE", False, True, 409, ("FAILURE", "SUCCESS")),
        ("ALLOW_FAILURE", True, False, 409, ("SUCCESS", "FAILURE")),
    ],
)
@pytest.mark.parametrize("over_mode", ["DO_NOTHING", "CANCEL_ONLY"])
async def test_cancel_and_replace_within_the_limit_answers_as_its_table_says(
    ask, mode: str, over_mode: str, known: bool, affordable: bool, status: int, outcomes: tuple[str, str]
) -> None:
    """Status, code, both results and both responses; the count goes up by one whatever came of it."""
    _, old = await ask("order.place", **BUY_LOW, newClientOrderId="old")
    order = BUY_LOW if affordable else TOO_DEAR
    code, answer = await ask(
        "order.cancelReplace", **(order | {"cancelReplaceMode": mode, "newClientOrderId": "new"}),
        orderRateLimitExceededMode=over_mode, cancelOrderId=old["orderId"] if known else 999,
        cancelNewClientOrderId="bye",
    )  # fmt: skip

    assert code == status
    if status != 200:
        assert (answer["code"], answer["msg"]) == (PARTIALLY if status == 409 else WHOLLY)
    both = answer if status == 200 else answer["data"]
    assert (both["cancelResult"], both["newOrderResult"]) == outcomes
    if known:
        told = both["cancelResponse"]
        assert (told["origClientOrderId"], told["clientOrderId"], told["status"]) == (
            "old",
            "bye",
            "CANCELED",
        )
    else:
        assert both["cancelResponse"] == UNKNOWN
    if outcomes[1] == "SUCCESS":
        assert (both["newOrderResponse"]["clientOrderId"], both["newOrderResponse"]["fills"]) == ("new", [])
    else:
        assert both["newOrderResponse"] == (POOR if outcomes[1] == "FAILURE" else None)
    open_now = {order["clientOrderId"] for order in (await ask("openOrders.status", **BTC))[1]}
    assert open_now == ({"new"} if outcomes[1] == "SUCCESS" else set()) | (set() if known else {"old"})
    assert [row["count"] for row in (await ask("account.rateLimits.orders"))[1]] == [2, 2]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (TOO_DEAR, "INSUFFICIENT_BALANCES"),
        (BTC | {"side": "BUY", "type": "LIMIT_MAKER", "quantity": "0.01", "price": "61000"},
         "WOULD_MATCH_IMMEDIATELY"),
        (BTC | {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "60000"},
         "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY"),
    ],
)  # fmt: skip
async def test_an_order_that_cannot_follow_its_cancel_is_reported_as_rejected(
    ask, bob, last, ears, order: dict[str, Any], reason: str
) -> None:
    """REJECTED with its reason, after the CANCELED of the old one; where nothing was cancelled, nothing."""
    await bob.limit("SELL", "0.01", "61000")
    both = order | {"cancelReplaceMode": "ALLOW_FAILURE", "newClientOrderId": "new"}
    await ask("order.place", **BUY_LOW, newClientOrderId="old")
    await ask("order.cancelReplace", **both, cancelOrigClientOrderId="never")
    assert await ears.reports("x", "X", "r") == [("NEW", "NEW", "NONE")]
    await ask("order.cancelReplace", **both, cancelOrigClientOrderId="old", cancelNewClientOrderId="bye")

    assert await ears.reports("x", "X", "c", "r", "w", "W") == [
        ("CANCELED", "CANCELED", "bye", "NONE", False, START_MS),
        ("REJECTED", "REJECTED", "new", reason, False, None),
    ]  # fmt: skip
    assert (await ask("order.status", **BTC, origClientOrderId="new"))[1]["code"] == -2013
    assert (await ask("order.place", **BUY_LOW, newClientOrderId="new"))[0] == 200


class Crowded:
    """A venue where one more order is one too many, and its only open order."""

    def __init__(self, client: Any, old: int) -> None:
        self.client, self.old = client, old


@pytest.fixture
async def crowded(client_of: Any) -> AsyncIterator[Crowded]:
    async with PaperVenue(market="none", clock="manual", orders_10s=1) as venue, client_of(venue) as client:
        placed = await client.limit("BUY", "0.01", "50000")
        yield Crowded(client, placed["orderId"])


@pytest.mark.parametrize(
    ("mode", "known", "status", "outcomes"),
    [
        ("STOP_ON_FAILURE", True, 429, ("SUCCESS", "FAILURE")),
        ("STOP_ON_FAILURE", False, 429, ("FAILURE", "NOT_ATTEMPTED")),
        ("ALLOW_FAILURE", True, 409, ("SUCCESS", "FAILURE")),
        ("ALLOW_FAILURE", False, 400, ("FAILURE", "FAILURE")),
    ],
)
async def test_over_the_limit_cancel_only_cancels_and_answers_as_its_table_says(
    crowded: Crowded, mode: str, known: bool, status: int, outcomes: tuple[str, str]
) -> None:
    """The new order's refusal is -1015; a 429 says when to come back. The count stays as it is."""
    reply = await crowded.client.signed(
        "POST", "/api/v3/order/cancelReplace", **BUY_LOW, cancelReplaceMode=mode,
        cancelOrderId=crowded.old if known else 999, orderRateLimitExceededMode="CANCEL_ONLY",
    )  # fmt: skip

    data = reply.json()["data"]
    assert reply.status_code == status
    assert (data["cancelResult"], data["newOrderResult"]) == outcomes
    over = {"code": -1015, "msg": "Too many new orders; current limit is 1 orders per 10 SECOND."}
    assert data["newOrderResponse"] == (None if outcomes[1] == "NOT_ATTEMPTED" else over)
    assert reply.headers.get("Retry-After") == ("10" if status == 429 else None)
    assert len((await crowded.client.signed("GET", "/api/v3/openOrders")).json()) == (0 if known else 1)
    counts = (await crowded.client.signed("GET", "/api/v3/rateLimit/order")).json()
    assert [row["count"] for row in counts] == [1, 1]


@pytest.mark.parametrize("mode", ["STOP_ON_FAILURE", "ALLOW_FAILURE"])
@pytest.mark.parametrize("over_mode", [{}, {"orderRateLimitExceededMode": "DO_NOTHING"}])
async def test_over_the_limit_nothing_is_done_by_default(
    crowded: Crowded, mode: str, over_mode: dict[str, str]
) -> None:
    """429 and -1015, without parts; the old order lives."""
    refused = await crowded.client.refused(
        "POST", "/api/v3/order/cancelReplace", **BUY_LOW, cancelReplaceMode=mode, cancelOrderId=crowded.old,
        **over_mode,
    )  # fmt: skip

    assert refused == (429, -1015, "Too many new orders; current limit is 1 orders per 10 SECOND.")
    assert len((await crowded.client.signed("GET", "/api/v3/openOrders")).json()) == 1


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"price": "50000.001"}, -1013, "Filter failure: PRICE_FILTER"),
        ({"cancelReplaceMode": "TRY"}, -1130, "Data sent for parameter 'cancelReplaceMode' is not valid."),
        ({"cancelRestrictions": "TRY"}, -1145, "Invalid cancelRestrictions"),
        ({"cancelOrderId": ""}, -1105, "Parameter 'cancelOrderId' was empty."),
        ({"orderId": 1}, -1104,
         "Not all sent parameters were read; read '10' parameter(s) but was sent '11'."),
    ],
)  # fmt: skip
async def test_a_new_order_that_a_filter_refuses_leaves_the_old_one_alone(
    ask, alice, changes: dict[str, Any], code: int, message: str
) -> None:
    """Filters and parameters are looked at before anything is cancelled; nothing is counted."""
    _, old = await ask("order.place", **BUY_LOW)
    wanted = BUY_LOW | {"cancelReplaceMode": "ALLOW_FAILURE", "cancelOrderId": old["orderId"]} | changes
    refused = await alice.refused("POST", "/api/v3/order/cancelReplace", **wanted)

    assert refused == (400, code, message)
    assert len((await ask("openOrders.status", **BTC))[1]) == 1
    assert [row["count"] for row in (await ask("account.rateLimits.orders"))[1]] == [1, 1]


async def test_the_parts_of_a_failure_tell_their_times_in_the_unit_asked_for(alice) -> None:
    """X-MBX-TIME-UNIT reaches the cancel's own answer inside a -2021."""
    old = await alice.order(**BUY_LOW)
    alice.http.headers["X-MBX-TIME-UNIT"] = "MICROSECOND"
    reply = await alice.signed(
        "POST", "/api/v3/order/cancelReplace", **TOO_DEAR, cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=old["orderId"],
    )  # fmt: skip

    assert (reply.status_code, reply.json()["code"]) == (409, -2021)
    assert reply.json()["data"]["cancelResponse"]["transactTime"] == START_MS * 1_000


async def test_a_cancel_heeds_its_restriction(ask, bob) -> None:
    """ONLY_NEW and ONLY_PARTIALLY_FILLED refuse an order that stands otherwise, and leave it open."""
    _, new = await ask("order.place", **BUY_LOW)
    _, started = await ask("order.place", **(BUY_LOW | {"price": "50001"}))
    await bob.limit("SELL", "0.001", "50001")
    for order, wrong in ((new, "ONLY_PARTIALLY_FILLED"), (started, "ONLY_NEW")):
        refused = await ask("order.cancel", **BTC, orderId=order["orderId"], cancelRestrictions=wrong)
        assert (refused[0], refused[1]["msg"]) == (400, "Order was not canceled due to cancel restrictions.")
    assert len((await ask("openOrders.status", **BTC))[1]) == 2
    for order, right in ((new, "ONLY_NEW"), (started, "ONLY_PARTIALLY_FILLED")):
        status, gone = await ask("order.cancel", **BTC, orderId=order["orderId"], cancelRestrictions=right)
        assert (status, gone["status"]) == (200, "CANCELED")


async def test_an_amended_order_is_smaller_and_keeps_its_place(ask, bob, ears) -> None:
    """The answer, the REPLACED report and the amendments agree; who came later still trades later."""
    _, first = await ask("order.place", **BUY_LOW, newClientOrderId="first")
    second = await bob.limit("BUY", "0.01", "50000")
    status, answer = await ask(
        "order.amend.keepPriority", **BTC, origClientOrderId="first", newQty="0.004", newClientOrderId="less"
    )

    shown = answer["amendedOrder"]
    assert status == 200
    assert shown == {
        "symbol": "BTCUSDT", "orderId": first["orderId"], "orderListId": -1, "origClientOrderId": "first",
        "clientOrderId": "less", "price": "50000.00000000", "qty": "0.00400000",
        "executedQty": "0.00000000", "preventedQty": "0.00000000", "quoteOrderQty": "0.00000000",
        "cumulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "workingTime": START_MS, "selfTradePreventionMode": "EXPIRE_MAKER",
    }  # fmt: skip
    report = (await ears.reports("x", "c", "C", "q", "I"))[-1]
    assert report == ("REPLACED", "less", "first", "0.00400000", answer["executionId"])
    assert (await ask("order.amendments", **BTC, orderId=first["orderId"]))[1] == [{
        "symbol": "BTCUSDT", "orderId": first["orderId"], "executionId": answer["executionId"],
        "origClientOrderId": "first", "newClientOrderId": "less", "origQty": "0.01000000",
        "newQty": "0.00400000", "time": START_MS,
    }]  # fmt: skip
    assert [row["count"] for row in (await ask("account.rateLimits.orders"))[1]] == [1, 1]

    await bob.limit("SELL", "0.004", "50000", "IOC", selfTradePreventionMode="NONE")
    assert (await ask("order.status", **BTC, origClientOrderId="less"))[1]["status"] == "FILLED"
    waiting = (await bob.signed("GET", "/api/v3/order", **BTC, orderId=second["orderId"])).json()
    assert waiting["executedQty"] == "0.00000000"


@pytest.mark.parametrize(
    ("quantity", "code", "message"),
    [
        ("0.01", -2038, "The requested action would change no state; rejecting"),
        ("0.02", -2038, "Order amend (quantity increase) is not supported."),
        ("0", -1130, "Data sent for parameter 'newQty' is not valid."),
        ("0.000001", -1013, "Filter failure: LOT_SIZE"),
        ("0.0000000001", -1111, "Parameter 'newQty' has too much precision."),
    ],
)
async def test_what_is_no_smaller_quantity_is_no_amendment(
    ask, quantity: str, code: int, message: str
) -> None:
    """Refused with the document's code; the order stays as it was."""
    _, placed = await ask("order.place", **BUY_LOW)
    status, error = await ask("order.amend.keepPriority", **BTC, orderId=placed["orderId"], newQty=quantity)

    assert (status, error["code"], error["msg"]) == (400, code, message)
    assert (await ask("openOrders.status", **BTC))[1][0]["origQty"] == "0.01000000"
    assert (await ask("order.amendments", **BTC, orderId=placed["orderId"]))[1] == []


async def test_a_success_costs_no_weight_but_an_amendment_and_a_test_do(alice) -> None:
    """Placing and cancelling cost nothing when they succeed and 1 when refused; an amendment costs 4."""
    before = 0

    async def cost(method: str, path: str, **params: Any) -> tuple[int, Any]:
        nonlocal before
        reply = await alice.signed(method, f"/api/v3/{path}", **params)
        spent = int(reply.headers["X-MBX-USED-WEIGHT-1M"])
        before, paid = spent, spent - before
        return paid, reply.json()

    paid, placed = await cost("POST", "order", **BUY_LOW)
    assert (paid, placed["status"]) == (0, "NEW")
    which = BTC | {"orderId": placed["orderId"]}
    less = which | {"newQty": "0.005"}
    paid, amended = await cost("PUT", "order/amend/keepPriority", **less)
    assert (paid, amended["amendedOrder"]["qty"]) == (4, "0.00500000")
    paid, refused = await cost("PUT", "order/amend/keepPriority", **less)
    assert (paid, refused["code"]) == (4, -2038)
    paid, gone = await cost("DELETE", "order", **which)
    assert (paid, gone["status"]) == (0, "CANCELED")
    paid, refused = await cost("DELETE", "order", **which)
    assert (paid, refused["code"]) == (1, -2011)
    assert await cost("POST", "order/test", **BUY_LOW) == (1, {})
    paid, _ = await cost("POST", "order/test", **BUY_LOW, computeCommissionRates="true")
    assert paid == 20
