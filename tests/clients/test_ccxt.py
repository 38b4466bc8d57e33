"""ccxt and ccxt.pro on the venue, in ccxt's unified words: it parses what others hand on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Tell = Callable[[str, str], Any]


@pytest.fixture
def market(tell: Tell) -> Any:
    return tell("ccxt", "market")


@pytest.fixture
def orders(tell: Tell) -> Any:
    return tell("ccxt", "orders")


@pytest.fixture
def streams(tell: Tell) -> Any:
    return tell("ccxt", "pro")["market"]


@pytest.fixture
def account(tell: Tell) -> Any:
    return tell("ccxt", "pro")["account"]


def test_ccxt_loads_the_markets_with_precision_and_limits(market: Any) -> None:
    btc = market["market"]

    assert "BTC/USDT" in market["markets"]
    assert (btc["spot"], btc["active"]) == (True, True)
    assert btc["precision"]["price"] == 0.01
    assert btc["limits"]["cost"]["min"] == 5


def test_ccxt_reads_a_book_that_is_not_crossed(market: Any) -> None:
    assert len(market["bids"]) == len(market["asks"]) == 5
    assert market["bids"][0][0] < market["asks"][0][0]


def test_ccxt_reads_trades_candles_and_tickers(market: Any) -> None:
    assert [trade["symbol"] for trade in market["trades"]] == ["BTC/USDT"] * 5
    assert all(trade["side"] in ("buy", "sell") and trade["cost"] > 0 for trade in market["trades"])
    assert [candle[0] - market["candles"][0][0] for candle in market["candles"]] == [
        minute * 60_000 for minute in range(5)
    ]
    assert market["ticker"]["bid"] < market["ticker"]["ask"]
    assert market["tickers"] == market["prices"] == market["best"] == len(market["markets"])


def test_ccxt_places_finds_edits_and_cancels_an_order(orders: Any) -> None:
    placed, edited = orders["placed"], orders["edited"]

    assert (placed["status"], placed["filled"], placed["remaining"]) == ("open", 0, 0.01)
    assert orders["fetched"]["id"] == placed["id"]
    assert [order["id"] for order in orders["opened"]] == [placed["id"]]
    assert orders["locked"] == pytest.approx(placed["price"] * 0.01)
    assert edited["id"] != placed["id"]
    assert edited["amount"] == 0.02
    assert (orders["cancelled"]["id"], orders["cancelled"]["status"]) == (edited["id"], "canceled")


def test_ccxt_buys_at_market_by_quantity_and_by_cost(orders: Any) -> None:
    bought, by_cost = orders["bought"], orders["by_cost"]

    assert (bought["status"], bought["filled"]) == ("closed", 0.02)
    assert bought["fee"]["currency"] == "BTC"
    assert by_cost["status"] == "closed"
    assert 490 < by_cost["cost"] <= 500
    before, after = orders["btc"]
    gained = bought["filled"] + by_cost["filled"] - bought["fee"]["cost"] - by_cost["fee"]["cost"]
    assert after - before == pytest.approx(gained)


def test_ccxt_places_post_only_and_stop_orders(orders: Any) -> None:
    cancelled = {order["id"]: order for order in orders["all_cancelled"]}

    assert cancelled.keys() == {orders["post_only"]["id"], orders["stop"]["id"]}
    assert cancelled[orders["post_only"]["id"]]["postOnly"] is True
    assert cancelled[orders["stop"]["id"]]["triggerPrice"] > 0


def test_ccxt_reads_the_history_of_orders_and_trades(orders: Any) -> None:
    statuses = {order["id"]: order["status"] for order in orders["orders"]}

    assert statuses[orders["placed"]["id"]] == "canceled"
    assert statuses[orders["bought"]["id"]] == "closed"
    assert {order["id"] for order in orders["closed"]} == {orders["bought"]["id"], orders["by_cost"]["id"]}
    assert {trade["order"] for trade in orders["my_trades"]} == {order["id"] for order in orders["closed"]}


def test_ccxt_turns_codes_into_its_own_errors(orders: Any) -> None:
    assert orders["refusals"] == {
        "poor": "InsufficientFunds",
        "gone": "OrderNotFound",
        "absent": "OrderNotFound",
        "would_take": "OrderImmediatelyFillable",
    }


def test_ccxt_pro_watches_the_market(streams: Any) -> None:
    assert streams["ticker"]["symbol"] == "BTC/USDT"
    assert streams["best"]["BTC/USDT"]["bid"] < streams["best"]["BTC/USDT"]["ask"]
    assert {trade["symbol"] for trade in streams["trades"]} == {"BTC/USDT"}
    assert len(streams["candles"][-1]) == 6


def test_ccxt_pro_keeps_a_book_whose_updates_join(streams: Any) -> None:
    """It checks each update's number against the one before, and would raise at a gap."""
    assert streams["book"]["bids"][0][0] < streams["book"]["asks"][0][0]
    assert streams["book"]["nonce"] > 0


def test_ccxt_pro_trades_over_the_websocket_api(account: Any) -> None:
    assert account["placed"]["status"] == "open"
    assert account["fetched"]["id"] == account["placed"]["id"]
    assert [order["id"] for order in account["opened"]] == [account["placed"]["id"]]
    assert account["edited"]["amount"] == 0.02
    assert account["cancelled"]["status"] == "canceled"
    assert account["bought"]["status"] == "closed"
    held = {each["asset"]: each["free"] for each in account["balance"]["info"]["balances"]}
    assert float(held["BTC"]) > 10  # ccxt hands the answer on and parses no balances from it


def test_ccxt_pro_reads_over_the_websocket_api(account: Any) -> None:
    assert len(account["candles"]) == len(account["recent"]) == 3
    assert account["bought"]["id"] in {order["id"] for order in account["history"]}
    assert account["bought"]["id"] in {trade["order"] for trade in account["my_trades"]}


def test_ccxt_pro_hears_of_orders_trades_and_balances(account: Any) -> None:
    events = account["events"]
    told = {order["id"]: order["status"] for order in events["orders"]}

    assert told[account["placed"]["id"]] == "canceled"
    assert told[account["bought"]["id"]] == "closed"
    assert {trade["order"] for trade in events["trades"]} == {account["bought"]["id"]}
    assert events["balances"]
