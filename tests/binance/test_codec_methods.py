"""Decoders of the client's newer methods: documented replies, and whatever a venue may add to them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.binance import codec_account, codec_lists, codec_market, filters
from quantlab.domain.order_lists import ListKind, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.errors import UndecodableReply

ORDER = OrderRequest(
    symbol="BTCUSDT", side=Side.SELL, type=OrderType.LIMIT, quantity=Decimal(1), price=Decimal(2),
    time_in_force=TimeInForce.GTC, client_order_id="a",
)  # fmt: skip
OTHER = OrderRequest(
    symbol="BTCUSDT", side=Side.SELL, type=OrderType.STOP_LOSS, quantity=Decimal(1), stop_price=Decimal(1),
    client_order_id="b",
)  # fmt: skip
PAIR = OrderListRequest(kind=ListKind.OCO, orders=(ORDER, OTHER), list_client_order_id="list")
SWAP = ReplaceRequest(order=ORDER, cancel_client_order_id="old")

LIST = {
    "orderListId": 1, "contingencyType": "OCO", "listStatusType": "EXEC_STARTED",
    "listOrderStatus": "EXECUTING", "listClientOrderId": "list", "transactionTime": 1710485608839,
    "symbol": "BTCUSDT",
    "orders": [
        {"symbol": "BTCUSDT", "orderId": 10, "clientOrderId": "a"},
        {"symbol": "BTCUSDT", "orderId": 11, "clientOrderId": "b"},
    ],
}  # fmt: skip
ACK = {
    "symbol": "BTCUSDT", "orderId": 10, "orderListId": 1, "clientOrderId": "a",
    "transactTime": 1710485608839, "price": "2.00", "origQty": "1.00", "executedQty": "0.00",
    "origQuoteOrderQty": "0.00", "cummulativeQuoteQty": "0.00", "status": "NEW", "timeInForce": "GTC",
    "type": "LIMIT", "side": "SELL",
}  # fmt: skip
CANCELLED = ACK | {"origClientOrderId": "old", "clientOrderId": "made-up", "status": "CANCELED"}
NOT_DONE = {"code": -2011, "msg": "Unknown order sent."}
REPLACED = {
    "cancelResult": "SUCCESS", "newOrderResult": "SUCCESS", "cancelResponse": CANCELLED,
    "newOrderResponse": ACK,
}  # fmt: skip
PARTLY = {
    "code": -2021, "msg": "Order cancel-replace partially failed.",
    "data": REPLACED | {"cancelResult": "FAILURE", "cancelResponse": NOT_DONE},
}  # fmt: skip
TICKER = {
    "symbol": "BNBBTC", "priceChange": "-94.99999800", "priceChangePercent": "-95.960",
    "weightedAvgPrice": "0.29628482", "prevClosePrice": "0.10002000", "lastPrice": "4.00000200",
    "lastQty": "200.00000000", "bidPrice": "4.00000000", "bidQty": "100.00000000",
    "askPrice": "4.00000200", "askQty": "100.00000000", "openPrice": "99.00000000",
    "highPrice": "100.00000000", "lowPrice": "0.10000000", "volume": "8913.30000000",
    "quoteVolume": "15.30000000", "openTime": 1499783499040, "closeTime": 1499869899040,
    "firstId": 28385, "lastId": 28460, "count": 76,
}  # fmt: skip
RATES = {"maker": "0.00000010", "taker": "-0.00000020"}
DISCOUNT = {
    "enabledForAccount": True, "enabledForSymbol": False, "discountAsset": "BNB", "discount": "0.75000000",
}  # fmt: skip
AMENDED = {
    "transactTime": 1741926410255, "executionId": 75,
    "amendedOrder": {
        "symbol": "BTCUSDT", "orderId": 33, "orderListId": -1, "origClientOrderId": "old",
        "clientOrderId": "new", "price": "6.00", "qty": "5.00", "executedQty": "1.00",
        "preventedQty": "0.00", "quoteOrderQty": "0.00", "cumulativeQuoteQty": "6.00", "status": "NEW",
        "timeInForce": "GTC", "type": "LIMIT", "side": "SELL", "workingTime": 1741926410242,
    },
}  # fmt: skip
FILTERS = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000.00", "tickSize": "0.01"},
    {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
     "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
    {"filterType": "NEWER_THAN_US", "depth": [1, {"x": "y"}]},
]  # fmt: skip
MINE = {
    "exchangeFilters": [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000}],
    "symbolFilters": FILTERS,
    "assetFilters": [{"filterType": "MAX_ASSET", "asset": "JPY", "limit": "1000000.00000000"}],
}  # fmt: skip

Decode = Callable[[bytes], Any]
CASES: dict[str, tuple[Decode, Any]] = {
    "agg_trades": (
        lambda body: codec_market.decode_aggregate_trades(body, "BNBBTC"),
        [{"a": 26129, "p": "0.01633102", "q": "4.70443515", "f": 27781, "l": 27782,
          "T": 1498793709153, "m": True, "M": True}],
    ),
    "avg_price": (
        lambda body: codec_market.decode_average_price(body, "BNBBTC"),
        {"mins": 5, "price": "9.35751834", "closeTime": 1694061154503},
    ),
    "ticker": (lambda body: codec_market.decode_ticker(body, "BNBBTC"), TICKER),
    "tickers": (codec_market.decode_tickers, [TICKER, TICKER]),
    "exchange_filter": (
        lambda body: filters.decode_symbol_filters(body, "BTCUSDT"),
        {"timezone": "UTC", "symbols": [{"symbol": "BTCUSDT", "filters": FILTERS}]},
    ),
    "my_filters": (lambda body: filters.decode_my_filters(body, "BTCUSDT"), MINE),
    "order_list": (codec_lists.decode_list, LIST),
    "order_lists": (codec_lists.decode_lists, [LIST]),
    "placed_list": (
        lambda body: codec_lists.decode_placed_list(body, PAIR),
        LIST | {"orderReports": [ACK | {"orderId": 11, "clientOrderId": "b"}, ACK]},
    ),
    "cancelled_list": (codec_lists.decode_cancelled_list, LIST | {"orderReports": [CANCELLED, CANCELLED]}),
    "replaced": (lambda body: codec_lists.decode_replaced(body, SWAP), REPLACED),
    "amended": (codec_lists.decode_amended, AMENDED),
    "commission": (
        codec_account.decode_commission,
        {"symbol": "BTCUSDT", "standardCommission": RATES, "specialCommission": RATES,
         "taxCommission": RATES, "discount": DISCOUNT},
    ),
    "tested": (
        lambda body: codec_account.decode_tested_commission(body, "BTCUSDT"),
        {"standardCommissionForOrder": RATES, "specialCommissionForOrder": RATES,
         "taxCommissionForOrder": RATES, "discount": DISCOUNT},
    ),
    "order_rate_limits": (
        codec_account.decode_order_counts,
        [{"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50, "count": 3}],
    ),
    "prevented_matches": (
        codec_account.decode_prevented_matches,
        [{"symbol": "BTCUSDT", "preventedMatchId": 1, "takerOrderId": 5, "makerSymbol": "BTCUSDT",
          "makerOrderId": 3, "tradeGroupId": 1, "selfTradePreventionMode": "EXPIRE_MAKER",
          "price": "1.100000", "makerPreventedQuantity": "1.300000", "transactTime": 1669101687094}],
    ),
    "order_amendments": (
        codec_account.decode_amendments,
        [{"symbol": "BTCUSDT", "orderId": 9, "executionId": 22, "origClientOrderId": "W0f",
          "newClientOrderId": "UQ1", "origQty": "5.00000000", "newQty": "4.00000000",
          "time": 1741669661670}],
    ),
}  # fmt: skip
WORDS = {  # of the venue's own vocabulary, which may grow; no result of a replacement is among them
    "status", "timeInForce", "type", "side", "contingencyType", "listStatusType", "listOrderStatus",
    "selfTradePreventionMode", "rateLimitType", "interval",
}  # fmt: skip

names = st.text("abcXYZ", min_size=1, max_size=8).map(lambda text: f"{text}AddedIn2031")
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)


def grown(value: Any, new: dict[str, Any], word: str | None) -> Any:
    """The reply with `new` fields in each object, and with every word of the venue's vocabulary another."""
    if isinstance(value, list):
        return [grown(each, new, word) for each in value]
    if not isinstance(value, dict) or value.get("filterType") == "NEWER_THAN_US":
        return value
    changed = {
        key: word if word is not None and key in WORDS else grown(each, new, word)
        for key, each in value.items()
    }
    return changed | new


@settings(max_examples=60, deadline=None)
@given(
    new=st.dictionaries(names, values, min_size=1, max_size=3), word=st.text("ABC_", min_size=1, max_size=9)
)
def test_whatever_a_venue_adds_is_tolerated(new: dict[str, Any], word: str) -> None:
    """New fields anywhere change nothing; new words of an enumeration are taken as they come."""
    worded = 0
    for decode, documented in CASES.values():
        plain = decode(json.dumps(documented).encode())
        assert decode(json.dumps(grown(documented, new, None)).encode()) == plain
        other = decode(json.dumps(grown(documented, new, word)).encode())
        worded += word in repr(other) and word not in repr(plain)

    assert worded >= 5 or len(word) < 3  # the words were really others (a short one is everywhere)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict | list):
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(each, (*path, key))
    else:
        yield path


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    copied = value.copy()
    copied[path[0]] = new if len(path) == 1 else put(value[path[0]], path[1:], new)
    return copied


def at(value: Any, path: tuple[Any, ...]) -> Any:
    return value if not path else at(value[path[0]], path[1:])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("poison", ["NaN", "-Infinity", "1e999999", "1,5"])
def test_an_amount_that_is_no_finite_number_is_undecodable_or_is_not_read(name: str, poison: str) -> None:
    """Never a NaN in a value: either the reply is refused, or nothing of the poison is in the answer."""
    decode, documented = CASES[name]
    refused = 0
    amounts = [path for path in leaves(documented) if _is_amount(at(documented, path))]
    for path in amounts:
        try:
            answer = decode(json.dumps(put(documented, path, poison)).encode())
        except UndecodableReply:
            refused += 1
        else:
            assert repr(answer) == repr(decode(json.dumps(documented).encode()))
    assert refused >= bool(amounts)


@pytest.mark.parametrize("name", CASES)
def test_a_field_that_is_read_and_of_the_wrong_type_is_undecodable(name: str) -> None:
    decode, documented = CASES[name]
    refused = 0
    for path in leaves(documented):
        try:
            answer = decode(json.dumps(put(documented, path, {"an": "object"})).encode())
        except UndecodableReply:
            refused += 1
        else:
            assert "an" in repr(answer) or answer == decode(json.dumps(documented).encode())
    assert refused >= 2


@settings(max_examples=200, deadline=None)
@given(body=st.binary(max_size=60) | st.sampled_from([b"", b"{", b"null", b"[]", b"{}", b"<html>503</html>"]))
def test_any_bytes_are_a_value_or_undecodable(body: bytes) -> None:
    for decode, _ in CASES.values():
        with contextlib.suppress(UndecodableReply):
            decode(body)


def test_documented_replies_become_values() -> None:
    """The fields whose places are easily mixed up, to the last digit."""
    found = {name: decode(json.dumps(documented).encode()) for name, (decode, documented) in CASES.items()}

    ticker = found["ticker"]
    assert (ticker.change, ticker.change_percent, ticker.average) == tuple(
        map(Decimal, ("-94.99999800", "-95.960", "0.29628482"))
    )
    assert (ticker.bid, ticker.ask, ticker.last, ticker.previous_close) == (
        4,
        *map(Decimal, ("4.000002", "4.000002", "0.10002")),
    )
    assert (ticker.first_id, ticker.last_id, ticker.trades) == (28385, 28460, 76)
    (aggregate,) = found["agg_trades"]
    assert (aggregate.aggregate_id, aggregate.first_id, aggregate.last_id) == (26129, 27781, 27782)
    assert [ack.order_id for ack in found["placed_list"].placed] == [10, 11]  # in the request's order
    assert (found["amended"].quantity, found["amended"].executed_quote) == (5, 6)
    commission = found["commission"]
    assert (commission.standard.maker, commission.standard.taker) == (Decimal("1E-7"), Decimal("-2E-7"))
    assert (commission.discount_for_account, commission.discount_for_symbol) == (True, False)
    assert [(one.window, one.used, one.limit) for one in found["order_rate_limits"]] == [("10S", 3, 50)]
    (match,) = found["prevented_matches"]
    assert (match.maker_quantity, match.taker_quantity) == (Decimal("1.3"), None)
    mine = found["my_filters"]
    assert mine.get(filters.PriceFilter).tick_size == Decimal("0.01")
    assert mine.get(filters.LotSize) is None
    assert mine.assets[0].limit == 1_000_000
    assert mine.filters[-1] == filters.UnknownFilter(
        filter_type="NEWER_THAN_US", fields={"depth": [1, {"x": "y"}]}
    )
    assert len(mine.frame()) == 3 + 4 + 1 + 1 + 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"listClientOrderId": "other"}, "another list"),
        ({"symbol": "ETHUSDT"}, "another list"),
        ({"orderReports": [ACK]}, "other orders"),
        ({"orderReports": [ACK, ACK]}, "other orders"),
        ({"orderReports": [ACK | {"symbol": "ETHUSDT"}, ACK | {"clientOrderId": "b"}]}, "another order"),
    ],
)
def test_an_acknowledgement_of_another_list_is_undecodable(change: dict[str, Any], reason: str) -> None:
    decode, documented = CASES["placed_list"]
    with pytest.raises(UndecodableReply, match=reason):
        decode(json.dumps(documented | change).encode())


def test_a_replacement_that_was_done_in_part_says_which_part() -> None:
    """Only what the venue says it did; an unknown part makes the whole unknown; no parts, no answer."""

    def told(content: dict[str, Any]) -> Any:
        return codec_lists.decode_partly_replaced(json.dumps(content).encode(), SWAP)

    def of(**data: Any) -> dict[str, Any]:
        return PARTLY | {"data": REPLACED | data}

    placed = told(PARTLY)
    assert (placed.cancelled, placed.placed.client_order_id, placed.complete) == (None, "a", False)
    assert placed.cancel_problem == "-2011 Unknown order sent."
    cancelled = told(of(newOrderResult="FAILURE", newOrderResponse={"code": -2010, "msg": "no"}))
    assert (cancelled.cancelled.client_order_id, cancelled.placed) == ("old", None)
    nothing = {"cancelResult": "FAILURE", "cancelResponse": NOT_DONE}
    assert told(of(**nothing, newOrderResult="NOT_ATTEMPTED", newOrderResponse=None)) is None
    assert told({"code": -1013, "msg": "Filter failure: LOT_SIZE"}) is None
    for code in (-1006, -1007):
        with pytest.raises(UndecodableReply, match="unknown"):
            told(of(newOrderResult="FAILURE", newOrderResponse={"code": code, "msg": "Timeout"}))


def _is_amount(value: Any) -> bool:
    text = value.removeprefix("-") if isinstance(value, str) else ""
    return "." in text and text.replace(".", "", 1).isdecimal()
