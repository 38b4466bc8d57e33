"""Single orders of every type, by REST and by the WebSocket API alike."""

from __future__ import annotations

from typing import Any

import pytest

from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
BTC: dict[str, Any] = {"symbol": "BTCUSDT"}
BUY_LOW = BTC | {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01", "price": "50000"}
SELL_STOP = BTC | {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "55000"}
MODE = "selfTradePreventionMode"


@pytest.mark.parametrize(
    ("order", "last_field"),
    [
        (BUY_LOW, "fills"),
        (BTC | {"side": "BUY", "type": "MARKET", "quantity": "0.01"}, "fills"),
        (BTC | {"side": "SELL", "type": "LIMIT_MAKER", "quantity": "0.01", "price": "70000"}, "transactTime"),
        (SELL_STOP, "transactTime"),
        (SELL_STOP | {"type": "TAKE_PROFIT", "stopPrice": "65000"}, "transactTime"),
        (BUY_LOW | {"type": "STOP_LOSS_LIMIT", "stopPrice": "65000"}, "transactTime"),
        (BUY_LOW | {"type": "TAKE_PROFIT_LIMIT", "stopPrice": "55000"}, "transactTime"),
    ],
)
async def test_limit_and_market_answer_in_full_and_all_others_with_an_acknowledgement(
    ask, last, order: dict[str, Any], last_field: str
) -> None:
    """Without newOrderRespType, FULL for LIMIT and MARKET, ACK for every other type."""
    status, placed = await ask("order.place", **order)

    assert status == 200
    assert list(placed)[-1] == last_field


async def test_a_stop_order_waits_and_then_trades_at_the_market(ask, alice, trade_at, ears, last) -> None:
    """It is NEW and not working until the price is there; then it works and trades, with its stop price."""
    await alice.limit("BUY", "1", "54000", selfTradePreventionMode="NONE")
    status, placed = await ask(
        "order.place",
        **SELL_STOP,
        newOrderRespType="RESULT",
        newClientOrderId="stop",
        selfTradePreventionMode="NONE",
    )
    waiting = (await ask("order.status", **BTC, origClientOrderId="stop"))[1]
    assert (status, placed["status"], placed["stopPrice"], placed["workingTime"]) == (
        200, "NEW", "55000.00000000", -1,
    )  # fmt: skip
    assert (waiting["isWorking"], waiting["workingTime"], waiting["stopPrice"]) == (
        False, -1, "55000.00000000",
    )  # fmt: skip
    assert (await ears.reports("x", "P", "w", "W"))[-1] == ("NEW", "55000.00000000", False, None)

    await trade_at("55000")
    done = (await ask("order.status", **BTC, origClientOrderId="stop"))[1]
    assert (done["status"], done["isWorking"], done["workingTime"]) == ("FILLED", True, START_MS)
    assert [report[:2] for report in await ears.reports("x", "X", "c") if report[2] == "stop"] == [
        ("NEW", "NEW"), ("TRADE", "FILLED"),
    ]  # fmt: skip


async def test_a_trailing_order_says_its_delta_and_when_it_began_to_follow(ask, last, trade_at, ears) -> None:
    """Without a stop price it follows from the start; with one, from that price on, and till then -1."""
    trailing = SELL_STOP | {"newOrderRespType": "RESULT", "trailingDelta": 100}
    _, late = await ask("order.place", **(trailing | {"type": "TAKE_PROFIT", "stopPrice": "61000"}))
    at_once = {name: value for name, value in trailing.items() if name != "stopPrice"}
    _, early = await ask("order.place", **at_once)

    assert (late["trailingDelta"], late["trailingTime"], late["stopPrice"]) == (100, -1, "61000.00000000")
    assert (early["trailingDelta"], early["trailingTime"], early["stopPrice"]) == (
        100, START_MS, "0.00000000",
    )  # fmt: skip
    assert await ears.reports("x", "d", "D") == [("NEW", 100, -1), ("NEW", 100, START_MS)]
    await trade_at("61000")
    rows = (await ask("openOrders.status", **BTC))[1]
    assert [row["trailingTime"] for row in rows if row["orderId"] == late["orderId"]] == [START_MS]


async def test_a_strategy_is_kept_with_its_order(ask, alice, ears) -> None:
    """strategyId and strategyType come back in every answer and event, and only where they were sent."""
    marks = {"strategyId": 7, "strategyType": 1_000_000}
    _, marked = await ask("order.place", **BUY_LOW, **marks)
    _, plain = await ask("order.place", **BUY_LOW)
    _, found = await ask("order.status", **BTC, orderId=marked["orderId"])

    assert marks.items() <= marked.items()
    assert marks.items() <= found.items()
    assert not marks.keys() & plain.keys()
    assert [report for report in await ears.reports("j", "J") if report[0]] == [(7, 1_000_000)]


@pytest.mark.parametrize(
    ("mode", "status", "taker", "maker"),
    [
        ("EXPIRE_TAKER", "EXPIRED_IN_MATCH", "0.30000000", None),
        ("EXPIRE_MAKER", "NEW", None, "0.10000000"),
        ("EXPIRE_BOTH", "EXPIRED_IN_MATCH", "0.30000000", "0.10000000"),
        ("DECREMENT", "NEW", "0.10000000", "0.10000000"),
    ],
)
async def test_what_self_trade_prevention_took_is_told(
    ask, ears, mode: str, status: str, taker: str | None, maker: str | None
) -> None:
    """preventedMatches names each match, preventedQuantity what the order lost; myPreventedMatches agrees."""
    sell = BUY_LOW | {"side": "SELL"}
    _, resting = await ask("order.place", **(BUY_LOW | {"quantity": "0.1"}))
    code, met = await ask("order.place", **(sell | {"quantity": "0.3", MODE: mode}))

    assert (code, met["status"], met[MODE]) == (200, status, mode)
    (match,) = met["preventedMatches"]
    assert (match.get("takerPreventedQuantity"), match.get("makerPreventedQuantity")) == (taker, maker)
    assert (match["makerOrderId"], match["price"]) == (resting["orderId"], "50000.00000000")
    assert met.get("preventedQuantity") == taker
    assert met.get("preventedMatchId") == (None if taker is None else match["preventedMatchId"])
    _, (told,) = await ask("myPreventedMatches", **BTC, preventedMatchId=match["preventedMatchId"])
    assert told == {
        "symbol": "BTCUSDT", "takerOrderId": met["orderId"], "makerSymbol": "BTCUSDT", "tradeGroupId": -1,
        MODE: mode, "transactTime": START_MS, **match,
    }  # fmt: skip
    for order_id in (met["orderId"], resting["orderId"]):
        assert (await ask("myPreventedMatches", **BTC, orderId=order_id))[1] == [told]

    reports = [one for one in await ears.heard("executionReport") if one["x"] == "TRADE_PREVENTION"]
    lost = {one["i"]: (one["A"], one["B"]) for one in reports}
    expected = {met["orderId"]: taker, resting["orderId"]: maker}
    assert lost == {number: (amount, amount) for number, amount in expected.items() if amount}
    for one in reports:
        assert (one["v"], one["u"], one["Cs"], one["pl"], one["pL"], one["pY"]) == (
            match["preventedMatchId"], -1, "BTCUSDT", "0.10000000", "50000.00000000", "5000.00000000",
        )  # fmt: skip
        assert {one["i"], one["U"]} == {met["orderId"], resting["orderId"]}


async def test_without_prevention_an_account_trades_with_itself(ask) -> None:
    """NONE trades, and nothing is prevented."""
    await ask("order.place", **BUY_LOW)
    _, met = await ask("order.place", **(BUY_LOW | {"side": "SELL", MODE: "NONE"}))

    assert (met["status"], met[MODE], "preventedMatches" in met) == ("FILLED", "NONE", False)


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"strategyType": 999_999}, -1134, "strategyType was less than 1000000."),
        ({"strategyType": 2**31}, -1108, "Parameter 'strategyType' overflowed."),
        ({MODE: "TRANSFER"}, -1013, "This symbol does not allow the specified self-trade prevention mode."),
        ({MODE: "SOMETIMES"}, -1130, f"Data sent for parameter '{MODE}' is not valid."),
        ({"newOrderRespType": "ALL"}, -1130, "Data sent for parameter 'newOrderRespType' is not valid."),
        ({"icebergQty": "0.001"}, -2010, "Iceberg orders are not supported for this symbol."),
        ({"pegPriceType": "PRIMARY_PEG"}, -2010, "Pegged orders are not supported for this symbol."),
        ({"pegPriceType": "PEG"}, -1210, "Invalid pegPriceType."),
        ({"pegOffsetType": "PEG"}, -1211, "Invalid pegOffsetType."),
        ({"trailingDelta": 100}, -1106, "Parameter 'trailingDelta' sent when not required."),
        ({"type": "STOP_LOSS_LIMIT"}, -1102,
         "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!"),
        ({"type": "STOP_LOSS", "stopPrice": "1"}, -1106, "Parameter 'price' sent when not required."),
        ({"type": "LIMIT_MAKER"}, -1106, "Parameter 'timeInForce' sent when not required."),
        ({"type": "STOP_LOSS_LIMIT", "side": "SELL", "stopPrice": "61000"}, -2010,
         "Order would trigger immediately."),
        ({"type": "STOP_LOSS_LIMIT", "trailingDelta": 9}, -1013, "Filter failure: TRAILING_DELTA"),
        ({"type": "STOP_LOSS_LIMIT", "stopPrice": "60000.123456789"}, -1111,
         "Parameter 'stopPrice' has too much precision."),
        ({"price": "50000.000000000000000000001"}, -1100,
         r"Illegal characters found in parameter 'price'; legal range is '^([0-9]{1,20})(\.[0-9]{1,20})?$'."),
        ({"": "5"}, -1104, "Not all sent parameters were read; read '8' parameter(s) but was sent '9'."),
    ],
)  # fmt: skip
async def test_an_order_of_the_wrong_shape_is_refused(
    alice, venue: PaperVenue, last, changes: dict[str, Any], code: int, message: str
) -> None:
    """With the document's code and text; no order exists afterwards, and none is counted."""
    refused = await alice.refused("POST", "/api/v3/order", **(BUY_LOW | changes))

    assert refused == (400, code, message)
    assert (await alice.signed("GET", "/api/v3/openOrders")).json() == []
    counts = (await alice.signed("GET", "/api/v3/rateLimit/order")).json()
    assert [row["count"] for row in counts] == [0, 0]


async def test_a_test_order_is_checked_but_neither_placed_nor_counted(ask, alice) -> None:
    """{}, or with computeCommissionRates the rates; what a filter refuses is refused all the same."""
    assert await ask("order.test", **BUY_LOW) == (200, {})
    nothing = {"maker": "0.00000000", "taker": "0.00000000"}
    assert await ask("order.test", **BUY_LOW, computeCommissionRates="true") == (200, {
        "standardCommissionForOrder": {"maker": "0.00100000", "taker": "0.00100000"},
        "specialCommissionForOrder": nothing,
        "taxCommissionForOrder": nothing,
        "discount": {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB",
                     "discount": "0.00000000"},
    })  # fmt: skip
    status, error = await ask("order.test", **(BUY_LOW | {"price": "50000.001"}))
    assert (status, error["code"], error["msg"]) == (400, -1013, "Filter failure: PRICE_FILTER")
    assert (await ask("openOrders.status"))[1] == []
    assert [row["count"] for row in (await ask("account.rateLimits.orders"))[1]] == [0, 0]


@pytest.mark.parametrize("method", ["sor.order.place", "sor.order.test"])
async def test_smart_order_routing_is_refused(ask, method: str) -> None:
    """-1020, as whatever the venue does not do."""
    status, error = await ask(method, **BUY_LOW)

    assert (status, error["code"], error["msg"]) == (400, -1020, "This operation is not supported.")
