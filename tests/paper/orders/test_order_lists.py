"""Lists of orders: OCO, OTO and OTOCO from their placing to their end, by REST and by the WebSocket API."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
BTC: dict[str, Any] = {"symbol": "BTCUSDT"}
SELL_PAIR = BTC | {
    "side": "SELL", "quantity": "0.01", "aboveType": "LIMIT_MAKER", "abovePrice": "70000",
    "aboveClientOrderId": "profit", "belowType": "STOP_LOSS", "belowStopPrice": "55000",
    "belowClientOrderId": "loss", "listClientOrderId": "pair",
}  # fmt: skip
WORKING = BTC | {
    "workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "50000", "workingQuantity": "0.01",
    "workingTimeInForce": "GTC", "workingClientOrderId": "first", "listClientOrderId": "list",
}  # fmt: skip
THEN_SELL = {
    "pendingType": "LIMIT", "pendingSide": "SELL", "pendingQuantity": "0.005", "pendingPrice": "70000",
    "pendingTimeInForce": "GTC", "pendingClientOrderId": "then",
}  # fmt: skip
THEN_PAIR = {
    "pendingSide": "SELL", "pendingQuantity": "0.005",
    "pendingAboveType": "TAKE_PROFIT_LIMIT", "pendingAbovePrice": "70000", "pendingAboveStopPrice": "69000",
    "pendingAboveTimeInForce": "GTC", "pendingAboveClientOrderId": "profit",
    "pendingBelowType": "STOP_LOSS_LIMIT", "pendingBelowPrice": "45000", "pendingBelowStopPrice": "46000",
    "pendingBelowTimeInForce": "IOC", "pendingBelowClientOrderId": "loss",
}  # fmt: skip


def states(answer: dict[str, Any]) -> dict[str, str]:
    """Each report's own id (not its cancel's), and its status."""
    reports = answer["orderReports"]
    return {one.get("origClientOrderId", one["clientOrderId"]): one["status"] for one in reports}


async def test_a_pair_is_placed_queried_and_cancelled_as_one(ask, last, ears) -> None:
    """One lock for both orders, the stop loss first; its queries, events and cancel have every field."""
    status, placed = await ask("orderList.place.oco", **SELL_PAIR)

    numbers = [row["orderId"] for row in placed["orders"]]
    head = {
        "orderListId": 0, "contingencyType": "OCO", "listStatusType": "EXEC_STARTED",
        "listOrderStatus": "EXECUTING", "listClientOrderId": "pair", "transactionTime": START_MS,
        "symbol": "BTCUSDT", "orders": [
            {"symbol": "BTCUSDT", "orderId": numbers[0], "clientOrderId": "loss"},
            {"symbol": "BTCUSDT", "orderId": numbers[1], "clientOrderId": "profit"},
        ],
    }  # fmt: skip
    reports = placed.pop("orderReports")
    assert (status, placed) == (200, head)
    assert [(one["type"], one["status"], one["workingTime"], one["fills"]) for one in reports] == [
        ("STOP_LOSS", "NEW", -1, []), ("LIMIT_MAKER", "NEW", START_MS, []),
    ]  # fmt: skip
    assert (reports[0]["stopPrice"], "stopPrice" in reports[1]) == ("55000.00000000", False)
    locked = {row["asset"]: Decimal(row["locked"]) for row in (await ask("account.status"))[1]["balances"]}
    assert locked["BTC"] == Decimal("0.01")
    assert (await ask("orderList.status", orderListId=0))[1] == head
    assert (await ask("orderList.status", origClientOrderId="pair", orderListId=99))[1] == head
    assert (await ask("openOrderLists.status"))[1] == [head]
    assert (await ask("allOrderLists"))[1] == [head]
    assert {order["orderListId"] for order in (await ask("openOrders.status", **BTC))[1]} == {0}
    counts = [row["count"] for row in (await ask("account.rateLimits.orders"))[1]]
    assert counts == [2, 2]
    events = await ears.heard()
    assert [event["e"] for event in events if event["e"] != "outboundAccountPosition"] == [
        "listStatus", "executionReport", "executionReport",
    ]  # fmt: skip
    assert events[0] == {
        "e": "listStatus", "E": START_MS, "s": "BTCUSDT", "g": 0, "c": "OCO", "l": "EXEC_STARTED",
        "L": "EXECUTING", "r": "NONE", "C": "pair", "T": START_MS, "O": [
            {"s": "BTCUSDT", "i": numbers[0], "c": "loss"}, {"s": "BTCUSDT", "i": numbers[1], "c": "profit"},
        ],
    }  # fmt: skip

    status, gone = await ask("orderList.cancel", **BTC, listClientOrderId="pair", newClientOrderId="bye")
    assert (status, gone["listStatusType"], gone["listOrderStatus"]) == (200, "ALL_DONE", "ALL_DONE")
    assert states(gone) == {"loss": "CANCELED", "profit": "CANCELED"}
    assert {one["clientOrderId"] for one in gone["orderReports"]} == {"bye"}
    assert (await ask("openOrderLists.status"))[1] == []
    told = await ears.heard("executionReport", "listStatus")
    assert [(event.get("x"), event["c"], event["C"]) for event in told if "x" in event] == [
        ("CANCELED", "bye", "loss"), ("CANCELED", "bye", "profit"),
    ]  # fmt: skip
    assert [(event["l"], event["L"]) for event in told if event["e"] == "listStatus"] == [
        ("ALL_DONE", "ALL_DONE")
    ]


@pytest.mark.parametrize("how", ["one", "all", "replace"])
async def test_cancelling_one_order_of_a_list_cancels_the_list(ask, last, how: str) -> None:
    """The answer is the list's, with both reports, by every cancel there is."""
    await ask("orderList.place.oco", **SELL_PAIR)
    if how == "one":
        _, gone = await ask("order.cancel", **BTC, origClientOrderId="loss")
    elif how == "all":
        _, (gone,) = await ask("openOrders.cancelAll", **BTC)
    else:
        new = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
        _, both = await ask(
            "order.cancelReplace",
            **BTC,
            **new,
            cancelOrigClientOrderId="loss",
            cancelReplaceMode="STOP_ON_FAILURE",
        )
        gone = both["cancelResponse"]

    assert (gone["contingencyType"], gone["listOrderStatus"]) == ("OCO", "ALL_DONE")
    assert states(gone) == {"loss": "CANCELED", "profit": "CANCELED"}


async def test_what_starts_working_first_ends_the_other(ask, alice, last, trade_at, ears) -> None:
    """The stop's trigger expires the limit order, with its reason in the query and in the event."""
    await ask("orderList.place.oco", **SELL_PAIR)
    await trade_at("55000")

    _, profit = await ask("order.status", **BTC, origClientOrderId="profit")
    assert (profit["status"], profit["expiryReason"]) == ("EXPIRED", "OCO_TRIGGER")
    told = await ears.heard("executionReport")
    assert [(one["x"], one["eR"]) for one in told if one["c"] == "profit" and "eR" in one] == [
        ("EXPIRED", "OCO_TRIGGER")
    ]
    assert (await ask("orderList.status", orderListId=0))[1]["listOrderStatus"] == "ALL_DONE"


async def test_a_pending_order_waits_for_the_whole_fill_of_the_working_one(ask, bob, ears) -> None:
    """PENDING_NEW and not working until then; then it is on the book, and the list goes on."""
    status, placed = await ask("orderList.place.oto", **WORKING, **THEN_SELL)
    assert (status, placed["contingencyType"], states(placed)) == (
        200, "OTO", {"first": "NEW", "then": "PENDING_NEW"},
    )  # fmt: skip
    assert placed["orderReports"][1]["workingTime"] == -1
    await bob.limit("SELL", "0.004", "50000")
    assert (await ask("order.status", **BTC, origClientOrderId="then"))[1]["status"] == "PENDING_NEW"
    await bob.limit("SELL", "0.006", "50000")
    _, then = await ask("order.status", **BTC, origClientOrderId="then")
    assert (then["status"], then["isWorking"], then["workingTime"]) == ("NEW", True, START_MS)
    assert (await ask("openOrderLists.status"))[1][0]["listClientOrderId"] == "list"
    assert [one for one in await ears.reports("c", "x", "X") if one[0] == "then"] == [
        ("then", "NEW", "PENDING_NEW"), ("then", "NEW", "NEW"),
    ]  # fmt: skip
    _, gone = await ask("order.cancel", **BTC, origClientOrderId="then")
    assert (gone["contingencyType"], gone["listOrderStatus"]) == ("OTO", "ALL_DONE")


async def test_an_order_then_a_pair_is_one_list_of_three(ask, bob, trade_at) -> None:
    """OTO on the wire, three orders counted; the pair comes in together once the first is filled."""
    status, placed = await ask("orderList.place.otoco", **WORKING, **THEN_PAIR)
    assert (status, placed["contingencyType"], states(placed)) == (
        200, "OTO", {"first": "NEW", "loss": "PENDING_NEW", "profit": "PENDING_NEW"},
    )  # fmt: skip
    assert [row["count"] for row in (await ask("account.rateLimits.orders"))[1]] == [3, 3]
    await bob.limit("SELL", "0.01", "50000")
    rows = {row["clientOrderId"]: row for row in (await ask("openOrders.status", **BTC))[1]}
    assert {name: row["status"] for name, row in rows.items()} == {"loss": "NEW", "profit": "NEW"}
    await trade_at("46000")
    assert (await ask("order.status", **BTC, origClientOrderId="profit"))[1]["expiryReason"] == "OCO_TRIGGER"


async def test_cancelling_the_working_order_ends_those_that_wait_for_it(ask) -> None:
    """One cancel, three reports."""
    await ask("orderList.place.otoco", **WORKING, **THEN_PAIR)
    _, gone = await ask("order.cancel", **BTC, origClientOrderId="first")

    assert states(gone) == {"first": "CANCELED", "loss": "CANCELED", "profit": "CANCELED"}
    assert (await ask("openOrders.status", **BTC))[1] == []


async def test_an_amended_order_of_a_list_tells_of_its_list(ask, ears) -> None:
    """The answer carries the list without its times and status type; a new id is a listStatus UPDATED."""
    _, placed = await ask("orderList.place.oto", **WORKING, **THEN_SELL)
    number = placed["orders"][1]["orderId"]
    _, answer = await ask(
        "order.amend.keepPriority", **BTC, orderId=number, newQty="0.003", newClientOrderId="less"
    )

    assert (answer["amendedOrder"]["status"], "workingTime" in answer["amendedOrder"]) == (
        "PENDING_NEW",
        False,
    )
    assert answer["listStatus"] == {
        "orderListId": 0, "contingencyType": "OTO", "listOrderStatus": "EXECUTING",
        "listClientOrderId": "list", "symbol": "BTCUSDT", "orders": [
            placed["orders"][0], placed["orders"][1] | {"clientOrderId": "less"},
        ],
    }  # fmt: skip
    told = (await ears.heard("listStatus"))[-1]
    assert (told["l"], told["O"][1]["c"]) == ("UPDATED", "less")


async def test_the_deprecated_request_places_the_same_pair(ask, last) -> None:
    """The limit order and the stop order stand on their sides of the price, whatever the side."""
    old = BTC | {"quantity": "0.01", "limitClientOrderId": "limit", "stopClientOrderId": "stop"}
    for side, price, stop in (("SELL", "70000", "55000"), ("BUY", "50000", "65000")):
        status, placed = await ask(
            "orderList.place", **old, side=side, price=price, stopPrice=stop,
            stopLimitPrice=stop, stopLimitTimeInForce="GTC",
        )  # fmt: skip
        assert (status, placed["contingencyType"]) == (200, "OCO")
        assert {one["clientOrderId"]: one["type"] for one in placed["orderReports"]} == {
            "limit": "LIMIT_MAKER", "stop": "STOP_LOSS_LIMIT",
        }  # fmt: skip
        await ask("orderList.cancel", **BTC, orderListId=placed["orderListId"])


def pair(side: str, above: str, below: str) -> dict[str, Any]:
    """An OCO of these two types, with every field that either may need."""
    needs = {
        "LIMIT_MAKER": {"Price"}, "LIMIT": {"Price", "TimeInForce"}, "MARKET": set(),
        "STOP_LOSS": {"StopPrice"}, "TAKE_PROFIT": {"StopPrice"},
        "STOP_LOSS_LIMIT": {"Price", "StopPrice", "TimeInForce"},
        "TAKE_PROFIT_LIMIT": {"Price", "StopPrice", "TimeInForce"},
    }  # fmt: skip
    values = {"above": {"Price": "70000", "StopPrice": "69000", "TimeInForce": "GTC"}}
    values["below"] = {"Price": "50000", "StopPrice": "51000", "TimeInForce": "GTC"}
    legs = {"above": above, "below": below}
    return BTC | {"side": side, "quantity": "0.01"} | {f"{leg}Type": kind for leg, kind in legs.items()} | {
        f"{leg}{name}": values[leg][name] for leg, kind in legs.items() for name in needs[kind]
    }  # fmt: skip


STOPS, PROFITS = ("STOP_LOSS", "STOP_LOSS_LIMIT"), ("TAKE_PROFIT", "TAKE_PROFIT_LIMIT", "LIMIT_MAKER")
WRONG_PLACE = {
    ("BUY", "above", "LIMIT_MAKER"): (-1165, "A limit order in a buy OCO must be below."),
    ("SELL", "below", "LIMIT_MAKER"): (-1166, "A limit order in a sell OCO must be above."),
    ("BUY", "below", "STOP_LOSS"): (-1196, "A stop loss order in a buy OCO must be above."),
    ("SELL", "above", "STOP_LOSS"): (-1197, "A stop loss order in a sell OCO must be below."),
    ("BUY", "above", "TAKE_PROFIT"): (-1198, "A take profit order in a buy OCO must be below."),
    ("SELL", "below", "TAKE_PROFIT"): (-1199, "A take profit order in a sell OCO must be above."),
}
KINDS = (*STOPS, *PROFITS, "LIMIT", "MARKET")


@pytest.mark.parametrize("side", ["BUY", "SELL"])
async def test_every_pair_of_types_is_taken_or_refused_by_its_own_code(alice, last, side: str) -> None:
    """49 pairs on each side: six are right; the others say what is wrong with the place of an order."""
    taken = 0
    for above in KINDS:
        for below in KINDS:
            reply = await alice.signed("POST", "/api/v3/orderList/oco", **pair(side, above, below))
            wrong = {
                WRONG_PLACE[side, place, family]
                for place, kind in (("above", above), ("below", below))
                for family in ("LIMIT_MAKER", "STOP_LOSS", "TAKE_PROFIT")
                if kind.removesuffix("_LIMIT") == family and (side, place, family) in WRONG_PLACE
            }
            if {above, below} & {"LIMIT", "MARKET"}:
                wrong = {(-1158, "Order type not supported in OCO.")}
            elif above == below == "LIMIT_MAKER":
                wrong = {(-1168, "At least one OCO order must be contingent.")}
            if wrong:
                assert (reply.json()["code"], reply.json()["msg"]) in wrong, (above, below)
            else:
                assert reply.status_code == 200, (above, below, reply.text)
                taken += 1
                await alice.signed("DELETE", "/api/v3/openOrders", **BTC)
    assert taken == 6


@pytest.mark.parametrize(
    ("path", "params", "code", "message"),
    [
        ("oco", SELL_PAIR | {"abovePrice": "59000"}, -2010,
         "The relationship of the prices for the orders is not correct."),
        ("oco", SELL_PAIR | {"belowStopPrice": None}, -1102,
         "Param 'belowStopPrice' or 'belowTrailingDelta' must be sent, but both were empty/null!"),
        ("oco", SELL_PAIR | {"abovePrice": None}, -1102,
         "Mandatory parameter 'abovePrice' was not sent, was empty/null, or malformed."),
        ("oco", SELL_PAIR | {"abovePrice": "1.123456789"}, -1111,
         "Parameter 'abovePrice' has too much precision."),
        ("oco", SELL_PAIR | {"aboveStopPrice": "70000"}, -1106,
         "Parameter 'aboveStopPrice' sent when not required."),
        ("oco", SELL_PAIR | {"price": "70000"}, -1104,
         "Not all sent parameters were read; read '12' parameter(s) but was sent '13'."),
        ("oco", SELL_PAIR | {"belowStrategyType": 5}, -1134, "strategyType was less than 1000000."),
        ("oco", SELL_PAIR | {"aboveIcebergQty": "0.001"}, -2010,
         "Iceberg orders are not supported for this symbol."),
        ("oco", SELL_PAIR | {"belowType": "STOP_LOSS_LIMIT", "belowPrice": "54000",
                             "belowTimeInForce": "IOC", "belowIcebergQty": "0.001"}, -1160,
         "Parameter 'belowIcebergQty' is not supported if aboveTimeInForce/belowTimeInForce is not GTC."),
        ("oco", SELL_PAIR | {"quantity": "100"}, -2010,
         "Account has insufficient balance for requested action."),
        ("oto", WORKING | THEN_SELL | {"workingType": "STOP_LOSS"}, -1116, "Invalid orderType."),
        ("oto", WORKING | THEN_SELL | {"pendingQuantity": None}, -1102,
         "Mandatory parameter 'pendingQuantity' was not sent, was empty/null, or malformed."),
        ("oto", WORKING | THEN_SELL | {"workingTimeInForce": None}, -1102,
         "Mandatory parameter 'workingTimeInForce' was not sent, was empty/null, or malformed."),
        ("oto", WORKING | THEN_SELL | {"pendingQuoteOrderQty": "10"}, -1104,
         "Not all sent parameters were read; read '16' parameter(s) but was sent '17'."),
        ("otoco", WORKING | THEN_PAIR | {"pendingSide": "BUY"}, -1196,
         "A stop loss order in a buy OCO must be above."),
        ("opo", WORKING | THEN_SELL, -2010, "OPO orders are not supported for this symbol."),
        ("opoco", WORKING | THEN_PAIR, -2010, "OPO orders are not supported for this symbol."),
    ],
)  # fmt: skip
async def test_a_list_of_the_wrong_shape_is_refused(
    alice, last, path: str, params: dict[str, Any], code: int, message: str
) -> None:
    """With the document's code and text, naming a parameter as the list does; nothing is counted."""
    sent = {name: value for name, value in params.items() if value is not None}

    assert await alice.refused("POST", f"/api/v3/orderList/{path}", **sent) == (400, code, message)
    assert (await alice.signed("GET", "/api/v3/openOrders")).json() == []
    assert [row["count"] for row in (await alice.signed("GET", "/api/v3/rateLimit/order")).json()] == [0, 0]


async def test_a_list_counts_each_of_its_orders_before_it_is_placed(client_of) -> None:
    """With room for two, a list of three is refused whole, and one of two is taken."""
    async with PaperVenue(market="none", clock="manual", orders_10s=2) as venue, client_of(venue) as client:
        refused = await client.refused("POST", "/api/v3/orderList/otoco", **WORKING, **THEN_PAIR)
        taken = await client.signed("POST", "/api/v3/orderList/oto", **WORKING, **THEN_SELL)

    assert refused == (429, -1015, "Too many new orders; current limit is 2 orders per 10 SECOND.")
    assert taken.status_code == 200


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("orderList.cancel", BTC | {"orderListId": 9}, -2011),
        ("orderList.cancel", BTC, -1102),
        ("orderList.status", {"orderListId": 9}, -2013),
        ("orderList.status", {}, -1102),
        ("allOrderLists", {"fromId": 1, "startTime": 1}, -1128),
        ("allOrderLists", {"startTime": 1, "endTime": 86_400_002}, -1127),
    ],
)
async def test_a_list_that_is_not_there(ask, method: str, params: dict[str, Any], code: int) -> None:
    """Cancels and queries have codes of their own; windows are at most a day."""
    status, error = await ask(method, **params)

    assert (status, error["code"]) == (400, code)
