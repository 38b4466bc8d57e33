"""Orders by REST, from their placing to their end, on a real server."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from quantlab.paper.venue import PaperVenue

START_MS = 1_767_225_600_000
ORDER = "/api/v3/order"


def balances(account: dict[str, Any]) -> dict[str, tuple[Decimal, Decimal]]:
    return {row["asset"]: (Decimal(row["free"]), Decimal(row["locked"])) for row in account["balances"]}


async def test_a_limit_order_rests_is_found_and_is_cancelled(alice, venue: PaperVenue) -> None:
    """A resting order locks funds, shows in every query with the documented fields, and ends CANCELED."""
    placed = await alice.limit("BUY", "0.01", "59000", newClientOrderId="first")

    assert placed == {
        "symbol": "BTCUSDT", "orderId": 1, "orderListId": -1, "clientOrderId": "first",
        "transactTime": START_MS, "price": "59000.00000000", "origQty": "0.01000000",
        "executedQty": "0.00000000", "origQuoteOrderQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "workingTime": START_MS, "selfTradePreventionMode": "EXPIRE_MAKER", "fills": [],
    }  # fmt: skip
    queried = (await alice.signed("GET", ORDER, symbol="BTCUSDT", origClientOrderId="first")).json()
    assert queried == {
        "symbol": "BTCUSDT", "orderId": 1, "orderListId": -1, "clientOrderId": "first",
        "price": "59000.00000000", "origQty": "0.01000000", "executedQty": "0.00000000",
        "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC", "type": "LIMIT",
        "side": "BUY", "stopPrice": "0.00000000", "icebergQty": "0.00000000", "time": START_MS,
        "updateTime": START_MS, "isWorking": True, "workingTime": START_MS,
        "origQuoteOrderQty": "0.00000000", "selfTradePreventionMode": "EXPIRE_MAKER",
    }  # fmt: skip
    assert (await alice.signed("GET", "/api/v3/openOrders")).json() == [queried]
    held = balances((await alice.signed("GET", "/api/v3/account")).json())
    assert held["USDT"] == (Decimal(999_410), Decimal(590))

    cancelled = (
        await alice.signed(
            "DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="first", newClientOrderId="bye"
        )
    ).json()
    assert (cancelled["status"], cancelled["clientOrderId"], cancelled["origClientOrderId"]) == (
        "CANCELED", "bye", "first",
    )  # fmt: skip
    assert (await alice.signed("GET", "/api/v3/openOrders", symbol="BTCUSDT")).json() == []
    assert balances((await alice.signed("GET", "/api/v3/account")).json())["USDT"] == (10**6, 0)


async def test_two_accounts_trade_and_both_see_it(alice, bob) -> None:
    """A crossing order trades at the resting price; both sides' trades, fees and balances agree."""
    await alice.limit("SELL", "0.5", "60000")
    taken = await bob.limit("BUY", "0.2", "60100")

    assert (taken["status"], taken["executedQty"]) == ("FILLED", "0.20000000")
    assert taken["fills"] == [
        {"price": "60000.00000000", "qty": "0.20000000", "commission": "0.00020000",
         "commissionAsset": "BTC", "tradeId": 1},
    ]  # fmt: skip
    (mine,) = (await bob.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).json()
    assert mine == {
        "symbol": "BTCUSDT", "id": 1, "orderId": 2, "orderListId": -1, "price": "60000.00000000",
        "qty": "0.20000000", "quoteQty": "12000.00000000", "commission": "0.00020000",
        "commissionAsset": "BTC", "time": START_MS, "isBuyer": True, "isMaker": False, "isBestMatch": True,
    }  # fmt: skip
    (theirs,) = (await alice.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT")).json()
    assert (theirs["isBuyer"], theirs["isMaker"], theirs["commission"]) == (False, True, "12.00000000")
    assert balances((await alice.signed("GET", "/api/v3/account")).json())["USDT"][0] == Decimal(1_011_988)
    (public,) = await alice.get("/api/v3/trades", symbol="BTCUSDT")
    assert public == {
        "id": 1, "price": "60000.00000000", "qty": "0.20000000", "quoteQty": "12000.00000000",
        "time": START_MS, "isBuyerMaker": False, "isBestMatch": True,
    }  # fmt: skip


async def test_a_market_order_by_quantity_and_by_quote(alice, bob) -> None:
    """By quantity it walks the book; by quoteOrderQty it spends no more than that, in whole steps."""
    await alice.limit("SELL", "0.01", "60000")
    await alice.limit("SELL", "1", "60010")

    walked = await bob.order(side="BUY", type="MARKET", quantity="0.02")
    assert [fill["price"] for fill in walked["fills"]] == ["60000.00000000", "60010.00000000"]
    spent = await bob.order(side="BUY", type="MARKET", quoteOrderQty="1000")
    assert spent["executedQty"] == "0.01666000"
    assert spent["origQuoteOrderQty"] == "1000.00000000"
    assert Decimal(spent["cummulativeQuoteQty"]) <= 1000


@pytest.mark.parametrize(
    ("force", "executed", "reason"),
    [
        ("IOC", "0.01000000", "UNFILLED_IOC_QUANTITY_EXPIRED"),
        ("FOK", "0.00000000", "UNFILLED_FOK_ORDER_EXPIRED"),
    ],
)
async def test_what_does_not_trade_at_once_expires(
    alice, bob, force: str, executed: str, reason: str
) -> None:
    """IOC keeps what it got, FOK takes nothing; the rest expires with the documented reason."""
    await alice.limit("SELL", "0.01", "60000")

    reply = await bob.limit("BUY", "0.02", "60000", force)

    assert (reply["status"], reply["executedQty"], reply["expiryReason"]) == ("EXPIRED", executed, reason)


@pytest.mark.parametrize(
    ("kind", "last_field"),
    [("ACK", "transactTime"), ("RESULT", "selfTradePreventionMode"), ("FULL", "fills")],
)
async def test_the_response_type_is_what_was_asked_for(alice, kind: str, last_field: str) -> None:
    """ACK, RESULT and FULL answer with exactly their documented fields."""
    reply = await alice.limit("BUY", "0.01", "59000", newOrderRespType=kind)

    assert list(reply)[-1] == last_field


async def test_cancelling_all_ends_every_open_order_of_the_symbol_only(alice) -> None:
    """DELETE openOrders answers each cancelled order; other symbols stay; none left is -2011."""
    for price in ("59000", "59001"):
        await alice.limit("BUY", "0.01", price)
    await alice.limit("BUY", "0.1", "2900", symbol="ETHUSDT")

    gone = (await alice.signed("DELETE", "/api/v3/openOrders", symbol="BTCUSDT")).json()

    assert [order["status"] for order in gone] == ["CANCELED", "CANCELED"]
    (left,) = (await alice.signed("GET", "/api/v3/openOrders")).json()
    assert left["symbol"] == "ETHUSDT"
    assert (await alice.refused("DELETE", "/api/v3/openOrders", symbol="BTCUSDT"))[1] == -2011


async def test_trades_are_paged_by_id_and_by_time(alice, bob, venue: PaperVenue) -> None:
    """fromId gives that trade and later ones; startTime leaves earlier ones out."""
    await alice.limit("SELL", "1", "60000")
    for _ in range(3):
        await bob.limit("BUY", "0.1", "60000")
        await venue.advance(1_000)

    async def ids(**params: Any) -> list[int]:
        rows = (await bob.signed("GET", "/api/v3/myTrades", symbol="BTCUSDT", **params)).json()
        return [row["id"] for row in rows]

    assert await ids() == [1, 2, 3]
    assert await ids(fromId=2) == [2, 3]
    assert await ids(limit=1) == [3]
    assert await ids(startTime=START_MS + 1_000) == [2, 3]
    assert await ids(endTime=START_MS + 999) == [1]


async def test_the_venue_keeps_a_log_of_every_order_request(alice, venue: PaperVenue) -> None:
    """Accepted and refused requests are listed in order; reads are not."""
    assert venue.requests == []
    await alice.limit("BUY", "0.01", "59000", newClientOrderId="a")
    await alice.refused("POST", ORDER, symbol="BTCUSDT", side="BUY", type="LIMIT", newClientOrderId="b")
    await alice.signed("GET", "/api/v3/openOrders")
    await alice.signed("DELETE", ORDER, symbol="BTCUSDT", origClientOrderId="a")

    assert [(one.method, one.client_order_id, one.accepted, one.code) for one in venue.requests] == [
        ("POST", "a", True, None),
        ("POST", "b", False, -1102),
        ("DELETE", "a", True, None),
    ]


async def test_zero_balances_can_be_left_out(client_of) -> None:
    """omitZeroBalances=true lists only what the account holds, with the documented account fields."""
    funds = {"USDT": Decimal(5), "BTC": Decimal(0)}
    async with PaperVenue(market="none", balances=funds) as venue, client_of(venue) as client:
        some = (await client.signed("GET", "/api/v3/account", omitZeroBalances="true")).json()
        every = (await client.signed("GET", "/api/v3/account")).json()

    assert some["balances"] == [{"asset": "USDT", "free": "5.00000000", "locked": "0.00000000"}]
    assert set(balances(every)) == {"USDT", "BTC"}
    assert every["commissionRates"]["taker"] == "0.00100000"
    assert (every["makerCommission"], every["accountType"], every["uid"]) == (10, "SPOT", 1)
