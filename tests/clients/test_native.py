"""Clients that hand Binance's own JSON on: one list of behaviours, asked of each of them.

A story's facts bear one vocabulary whatever the client (see stories/): `placed`, `queried`, `events`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

CLIENTS = ("python-binance", "binance-sdk-spot", "binance-connector", "unicorn")
# what a client has no method for, or one that cannot be used (its story says why)
LACKS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("unicorn", "socket_api"): ("replaced", "oco", "open_lists", "my_trades", "counts"),
    ("unicorn", "orders"): ("replaced", "open_lists", "counts"),
    ("unicorn", "streams"): ("subscriptions",),
    ("python-binance", "streams"): ("subscriptions",),
}
MINUTE_MS = 60_000
Tell = Callable[[str, str], Any]

each_client = pytest.mark.parametrize("client", CLIENTS)


def told(*stories: str, fact: str = "") -> pytest.MarkDecorator:
    """Each client in each of these stories, where it has a method for `fact`."""
    able = [(client, story) for client in CLIENTS for story in stories
            if fact not in LACKS.get((client, story), ())]  # fmt: skip
    return pytest.mark.parametrize(("client", "story"), able)


# ---- the market


@told("market", "socket_api")
def test_the_book_is_sorted_and_not_crossed(tell: Tell, client: str, story: str) -> None:
    book = tell(client, story)["book"]
    bids, asks = ([Decimal(price) for price, _ in book[side]] for side in ("bids", "asks"))

    assert len(bids) == len(asks) == 5
    assert bids == sorted(bids, reverse=True)
    assert asks == sorted(asks)
    assert bids[0] < asks[0]


@told("market", "socket_api")
def test_trades_come_oldest_first_and_without_a_gap(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)
    ids = [trade["id"] for trade in facts["trades"]]

    assert ids == list(range(ids[0], ids[0] + 5))
    for trade in facts["trades"] + facts.get("older", []):
        assert trade["time"] > 0
        price, quantity, worth = (Decimal(trade[name]) for name in ("price", "qty", "quoteQty"))
        assert price * quantity == worth > 0


@told("market", "socket_api")
def test_aggregate_trades_hold_every_trade_once(tell: Tell, client: str, story: str) -> None:
    found = tell(client, story)["aggregated"]

    assert len(found) == 5
    for earlier, later in pairwise(found):
        assert later["a"] == earlier["a"] + 1
        assert later["f"] == earlier["l"] + 1


@told("market", "socket_api")
def test_candles_are_consecutive_minutes(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)

    for candles in (facts["klines"], facts.get("ui_klines", facts["klines"])):
        assert [candle[0] - candles[0][0] for candle in candles] == [MINUTE_MS * n for n in range(5)]
        for _, opened, high, low, closed, *_ in candles:
            assert Decimal(low) <= min(Decimal(opened), Decimal(closed))
            assert max(Decimal(opened), Decimal(closed)) <= Decimal(high)


@told("market", "socket_api")
def test_prices_agree_with_each_other(tell: Tell, client: str, story: str) -> None:
    """All are read within a second or two, so the average and the tickers lie by the book."""
    facts = tell(client, story)
    middle = Decimal(facts["book"]["bids"][0][0])
    seen = [facts["average"]["price"]]
    seen += [facts[name]["lastPrice"] for name in ("day", "window", "trading_day") if name in facts]
    seen += [facts["price"]["price"]] if "price" in facts else []

    for price in seen:
        assert abs(Decimal(price) / middle - 1) < Decimal("0.2"), seen


@each_client
def test_a_symbol_comes_with_its_filters_and_order_types(tell: Tell, client: str) -> None:
    symbol = tell(client, "market")["symbol"]
    filters = {each["filterType"]: each for each in symbol["filters"]}

    assert symbol["status"] == "TRADING"
    assert {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL"} <= filters.keys()
    assert Decimal(filters["PRICE_FILTER"]["tickSize"]) > 0
    assert {"LIMIT", "MARKET", "LIMIT_MAKER", "STOP_LOSS_LIMIT"} <= set(symbol["orderTypes"])


@each_client
def test_the_client_reads_the_used_weight(tell: Tell, client: str) -> None:
    assert tell(client, "market")["weight"] > 0


@pytest.mark.parametrize("client", ["python-binance", "unicorn"])
def test_a_client_that_pages_history_by_itself_comes_to_an_end(tell: Tell, client: str) -> None:
    """Both read candles from a date in words to now, page by page, until a page is short."""
    assert tell(client, "market")["candles"] in (30, 31)


# ---- orders


@told("orders", "socket_api")
def test_a_limit_order_rests_is_found_and_is_cancelled(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)
    placed, queried, cancelled = facts["placed"], facts["queried"], facts["cancelled"]

    assert placed["status"] == queried["status"] == "NEW"
    assert placed["fills"] == []
    assert queried["orderId"] == placed["orderId"]
    assert queried["clientOrderId"] == placed["clientOrderId"]
    assert queried["isWorking"] is True
    assert [order["orderId"] for order in facts["opened"]] == [placed["orderId"]]
    assert cancelled["status"] == "CANCELED"
    assert cancelled["orderId"] == placed["orderId"]
    assert cancelled["origClientOrderId"] == placed["clientOrderId"] != cancelled["clientOrderId"]


@told("orders", "socket_api")
def test_a_market_order_fills_and_its_fills_add_up(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)
    bought = facts["bought"]
    worth = sum(Decimal(fill["price"]) * Decimal(fill["qty"]) for fill in bought["fills"])
    fee = sum(Decimal(fill["commission"]) for fill in bought["fills"])

    assert bought["status"] == "FILLED"
    assert Decimal(bought["executedQty"]) == sum(Decimal(fill["qty"]) for fill in bought["fills"])
    assert Decimal(bought["executedQty"]) == Decimal("0.02")
    assert Decimal(bought["cummulativeQuoteQty"]) == worth
    assert {fill["commissionAsset"] for fill in bought["fills"]} == {"BTC"}
    assert 0 < fee < Decimal("0.001")


@told("orders", "socket_api")
def test_the_account_shows_what_it_has(tell: Tell, client: str, story: str) -> None:
    account = tell(client, story)["account"]
    held = {balance["asset"]: balance for balance in account["balances"]}

    assert Decimal(held["BTC"]["free"]) > 10
    assert Decimal(held["USDT"]["locked"]) == 0
    assert account["canTrade"] is True


@told("orders", "socket_api", fact="my_trades")
def test_history_holds_every_trade_and_order(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)
    order_id = facts["bought"]["orderId"]
    ours = [trade for trade in facts["my_trades"] if trade["orderId"] == order_id]
    statuses = {order["orderId"]: order["status"] for order in facts["history"]}

    assert [trade["id"] for trade in ours] == [fill["tradeId"] for fill in facts["bought"]["fills"]]
    assert {trade["isBuyer"] for trade in ours} == {True}
    assert statuses[order_id] == "FILLED"
    assert statuses[facts["placed"]["orderId"]] == "CANCELED"


@told("orders", "socket_api")
def test_a_test_order_answers_nothing_and_leaves_no_trace(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)

    assert facts["tested"] == {}
    assert len(facts["opened"]) == 1


@told("orders", "socket_api", fact="replaced")
def test_cancel_and_replace_does_both(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)
    replaced = facts["replaced"]

    assert (replaced["cancelResult"], replaced["newOrderResult"]) == ("SUCCESS", "SUCCESS")
    assert replaced["cancelResponse"]["status"] == "CANCELED"
    assert replaced["newOrderResponse"]["status"] == "NEW"
    cancelled = [order["orderId"] for order in facts["all_cancelled"] if order["orderListId"] == -1]
    assert replaced["newOrderResponse"]["orderId"] in cancelled


@told("orders", "socket_api", fact="oco")
def test_an_oco_is_two_orders_under_one_list(tell: Tell, client: str, story: str) -> None:
    oco = tell(client, story)["oco"]

    assert (oco["contingencyType"], oco["listStatusType"]) == ("OCO", "EXEC_STARTED")
    assert oco["listOrderStatus"] == "EXECUTING"
    maker, stop = sorted(report["type"] for report in oco["orderReports"])
    assert (maker, stop) in {("LIMIT_MAKER", "STOP_LOSS"), ("LIMIT_MAKER", "STOP_LOSS_LIMIT")}
    assert len(oco["orders"]) == 2


@told("orders", "socket_api", fact="open_lists")
def test_an_oco_is_listed_and_ends_with_both_its_orders(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)
    ended = facts["oco_cancelled"]

    assert [each["orderListId"] for each in facts["open_lists"]] == [facts["oco"]["orderListId"]]
    assert (ended["listStatusType"], ended["listOrderStatus"]) == ("ALL_DONE", "ALL_DONE")
    assert {report["status"] for report in ended["orderReports"]} == {"CANCELED"}


@pytest.mark.parametrize("client", ["python-binance", "binance-connector", "unicorn"])
def test_cancelling_everything_ends_order_lists_too(tell: Tell, client: str) -> None:
    ended = tell(client, "orders")["lists_cancelled"]

    assert [each["listOrderStatus"] for each in ended] == ["ALL_DONE"]
    assert {report["status"] for report in ended[0]["orderReports"]} == {"CANCELED"}


@told("orders", "socket_api", fact="counts")
def test_the_order_counts_are_those_of_the_account(tell: Tell, client: str, story: str) -> None:
    facts = tell(client, story)

    assert [each["interval"] for each in facts["counts"]] == ["SECOND", "DAY"]
    assert facts["counts"][-1]["count"] > 0


@each_client
def test_refusals_arrive_as_the_clients_own_errors_with_binances_codes(tell: Tell, client: str) -> None:
    """A client reads status, code and text, each its own way."""
    refused = tell(client, "orders")["refused"]
    codes = {name: next(part for part in parts if isinstance(part, int) and part < 0)
             for name, parts in refused.items()}  # fmt: skip

    assert codes | {"half": -2022} == {
        "absent": -2013, "gone": -2011, "poor": -2010, "off_grid": -1013, "signature": -1022, "key": -2015,
        "half": -2022,
    }  # fmt: skip
    assert "Filter failure: PRICE_FILTER" in refused["off_grid"]


@each_client
def test_a_refusal_over_the_websocket_api_is_the_clients_error(tell: Tell, client: str) -> None:
    assert tell(client, "socket_api")["absent"] == -2013


# ---- streams and user data


@each_client
def test_market_streams_arrive_as_documented(tell: Tell, client: str) -> None:
    facts = tell(client, "streams")
    kinds = {
        "trade": "trade", "aggregated": "aggTrade", "kline": "kline", "diff": "depthUpdate",
        "ticker": "24hrTicker", "mini": "24hrMiniTicker",
    }  # fmt: skip

    assert {name: facts[name]["e"] for name in kinds} == kinds
    assert {facts[name]["s"] for name in kinds} == {"BTCUSDT"}
    assert facts["diff"]["U"] <= facts["diff"]["u"]
    assert Decimal(facts["best"]["b"]) < Decimal(facts["best"]["a"])
    assert (len(facts["partial"]["bids"]), len(facts["partial"]["asks"])) == (5, 5)


@told("streams", fact="subscriptions")
def test_the_list_of_subscriptions_is_what_was_asked_for(tell: Tell, client: str, story: str) -> None:
    subscriptions = tell(client, story)["subscriptions"]

    assert {"btcusdt@trade", "btcusdt@depth@100ms"} <= set(subscriptions)


def test_python_binance_keeps_a_book_of_its_own(tell: Tell) -> None:
    """Its depth cache follows the documented procedure over snapshot and diffs."""
    book = tell("python-binance", "streams")["local_book"]

    assert book["bids"][0][0] < book["asks"][0][0]
    assert len(book["bids"]) == len(book["asks"]) == 5


@each_client
def test_user_data_tells_each_step_of_an_order_in_order(tell: Tell, client: str) -> None:
    facts = tell(client, "socket_api")
    reports = [event for event in facts["events"] if event["e"] == "executionReport"]

    def steps(order_id: int) -> list[tuple[str, str]]:
        return [(event["x"], event["X"]) for event in reports if event["i"] == order_id]

    assert steps(facts["placed"]["orderId"]) == [("NEW", "NEW"), ("CANCELED", "CANCELED")]
    began, *trades = steps(facts["bought"]["orderId"])
    assert began == ("NEW", "NEW")
    assert [kind for kind, _ in trades] == ["TRADE"] * len(facts["bought"]["fills"])
    assert trades[-1] == ("TRADE", "FILLED")


@each_client
def test_user_data_tells_the_balances_that_a_trade_changed(tell: Tell, client: str) -> None:
    facts = tell(client, "socket_api")
    kinds = [(event["e"], event.get("X")) for event in facts["events"]]
    filled = kinds.index(("executionReport", "FILLED"))

    assert kinds[filled + 1] == ("outboundAccountPosition", None)
    assert {each["a"] for each in facts["events"][filled + 1]["B"]} >= {"BTC", "USDT"}


@told("socket_api", fact="oco")
def test_user_data_tells_how_an_order_list_goes(tell: Tell, client: str, story: str) -> None:
    events = tell(client, story)["events"]

    assert [event["L"] for event in events if event["e"] == "listStatus"][:2] == ["EXECUTING", "ALL_DONE"]


# ---- the official SDK's models are made from Binance's own schemas


# fields of the documents that the SDK's models lack: `fills` of an order list's FULL answer, and this one
LACKING = ("order_reports[].fills", "oco_cancelled.order_reports[].selfTradePreventionMode")


@pytest.mark.parametrize("story", ["market", "orders", "socket_api"])
def test_the_official_sdk_knows_every_field_the_venue_sends(tell: Tell, story: str) -> None:
    """Its models refuse a wrong type by themselves; here, a field that no schema has."""
    facts = tell("binance-sdk-spot", story)

    assert len(facts) > 15
    assert [name for name in facts["unknown"] if not name.endswith(LACKING)] == []
