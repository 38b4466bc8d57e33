"""REST replies: exact, open to what is new, closed to what is wrong."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.binance import codec_orders, codec_rest, encode_orders
from quantlab.binance.codec_rest import Account, OrderBook
from quantlab.binance.limits import LimitUsage, RateLimit, counts_in
from quantlab.domain.instrument import Instrument
from quantlab.domain.market import BookTicker, Kline, Trade
from quantlab.domain.orders import (
    AccountTrade,
    AckFill,
    OrderAck,
    OrderRequest,
    OrderSnapshot,
    OrderType,
    Side,
    TimeInForce,
)
from quantlab.domain.position import Balance
from quantlab.errors import InvalidField, UndecodableReply

REQUEST = OrderRequest(
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=Decimal("0.010"),
    price=Decimal("60000.00"),
    time_in_force=TimeInForce.GTC,
    client_order_id="q-1",
)
NOW_MS = 1_700_000_000_000
SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "baseAssetPrecision": 8,
    "quoteAsset": "USDT",
    "quoteAssetPrecision": 8,
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000.00", "tickSize": "0.01"},
        {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000.00", "stepSize": "0.00001"},
        {
            "filterType": "NOTIONAL",
            "minNotional": "5.0",
            "maxNotional": "9000000.0",
            "applyMinToMarket": True,
        },
        {"filterType": "SOMETHING_OF_2031", "maxThings": 200, "nested": {"a": [1]}},
    ],
}
ORDER = {
    "symbol": "BTCUSDT",
    "orderId": 28,
    "orderListId": -1,
    "clientOrderId": "q-1",
    "price": "60000.00000000",
    "origQty": "0.01000000",
    "executedQty": "0.00400000",
    "cummulativeQuoteQty": "239.99600000",
    "origQuoteOrderQty": "0.00000000",
    "status": "PARTIALLY_FILLED",
    "timeInForce": "GTC",
    "type": "LIMIT",
    "side": "BUY",
    "time": 1507725176595,
    "updateTime": 1507725176599,
}
CANCELLED = {
    **{name: value for name, value in ORDER.items() if name not in ("time", "updateTime")},
    "origClientOrderId": "q-1",
    "clientOrderId": "the-cancel's-own",
    "transactTime": 1684804350068,
    "status": "CANCELED",
}
SNAPSHOT = OrderSnapshot(
    symbol="BTCUSDT",
    order_id=28,
    client_order_id="q-1",
    side="BUY",
    type="LIMIT",
    time_in_force="GTC",
    quantity=Decimal("0.01000000"),
    quote_quantity=Decimal("0.00000000"),
    price=Decimal("60000.00000000"),
    executed_quantity=Decimal("0.00400000"),
    executed_quote=Decimal("239.99600000"),
    status="PARTIALLY_FILLED",
    created_ms=1507725176595,
    updated_ms=1507725176599,
)
CANCELLED_SNAPSHOT = OrderSnapshot(
    **{
        **{name: getattr(SNAPSHOT, name) for name in SNAPSHOT.__struct_fields__},
        "status": "CANCELED",
        "created_ms": None,
        "updated_ms": 1684804350068,
    }
)
KLINE = [1499040000000, "0.01634790", "0.80000000", "0.01575800", "0.01577100", "148976.11427815",
         1499644799999, "2434.19055334", 308, "1756.87402397", "28.46694368", "0"]  # fmt: skip

# name: (decoder, the documented reply, what it must become)
CASES: dict[str, tuple[Callable[[bytes], Any], Any, Any]] = {
    "time": (codec_rest.decode_time, {"serverTime": 1499827319559}, 1499827319559),
    "exchange_info": (
        codec_rest.decode_exchange_info,
        {
            "timezone": "UTC",
            "rateLimits": [
                {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 50},
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000},
            ],
            "symbols": [SYMBOL],
        },
        codec_rest.ExchangeInfo(
            instruments={
                "BTCUSDT": Instrument(
                    symbol="BTCUSDT",
                    base="BTC",
                    quote="USDT",
                    status="TRADING",
                    tick_size=Decimal("0.01"),
                    min_price=Decimal("0.01"),
                    max_price=Decimal("1000000.00"),
                    step_size=Decimal("0.00001"),
                    min_quantity=Decimal("0.00001"),
                    max_quantity=Decimal("9000.00"),
                    min_notional=Decimal("5.0"),
                    max_notional=Decimal("9000000.0"),
                )
            },
            rate_limits=(
                RateLimit(kind="ORDERS", window="10S", limit=50),
                RateLimit(kind="REQUEST_WEIGHT", window="1M", limit=6000),
            ),
        ),
    ),
    "order_book": (
        lambda body: codec_rest.decode_depth(body, "BNBBTC"),
        {"lastUpdateId": 1027024, "bids": [["4.00000000", "431.00000000"]], "asks": [["4.00000200", "12.0"]]},
        OrderBook(
            symbol="BNBBTC",
            last_update_id=1027024,
            bids=(("4.00000000", "431.00000000"),),
            asks=(("4.00000200", "12.0"),),
        ),
    ),
    "trades": (
        lambda body: codec_rest.decode_trades(body, "BNBBTC"),
        [{"id": 28457, "price": "4.00000100", "qty": "12.0", "quoteQty": "48.000012", "time": 1499865549590,
          "isBuyerMaker": True, "isBestMatch": True}],
        [
            Trade(
                symbol="BNBBTC",
                trade_id=28457,
                price=Decimal("4.00000100"),
                quantity=Decimal("12.0"),
                buyer_is_maker=True,
                trade_ms=1499865549590,
                event_ms=1499865549590,
            )
        ],
    ),
    "klines": (
        lambda body: codec_rest.decode_klines(body, "BNBBTC", "1w", 1499644800000),
        [KLINE],
        [
            Kline(
                symbol="BNBBTC",
                interval="1w",
                open_ms=1499040000000,
                close_ms=1499644799999,
                open=Decimal("0.01634790"),
                high=Decimal("0.80000000"),
                low=Decimal("0.01575800"),
                close=Decimal("0.01577100"),
                volume=Decimal("148976.11427815"),
                quote_volume=Decimal("2434.19055334"),
                trades=308,
                closed=True,
                event_ms=1499644799999,
            )
        ],
    ),
    "ticker_price": (codec_rest.decode_price, {"symbol": "LTCBTC", "price": "4.002"}, Decimal("4.002")),
    "ticker_prices": (
        codec_rest.decode_prices,
        [{"symbol": "LTCBTC", "price": "4.00000200"}],
        {"LTCBTC": Decimal("4.00000200")},
    ),
    "book_ticker": (
        lambda body: codec_rest.decode_book_ticker(body, NOW_MS),
        {"symbol": "LTCBTC", "bidPrice": "4.0", "bidQty": "431.0", "askPrice": "4.00000200", "askQty": "9.0"},
        BookTicker(
            symbol="LTCBTC",
            update_id=-1,
            bid=Decimal("4.0"),
            bid_quantity=Decimal("431.0"),
            ask=Decimal("4.00000200"),
            ask_quantity=Decimal("9.0"),
            received_ms=NOW_MS,
        ),
    ),
    "account": (
        codec_rest.decode_account,
        {"makerCommission": 15, "canTrade": True, "updateTime": 123456789, "uid": 354937868,
         "balances": [{"asset": "BTC", "free": "4723846.89208129", "locked": "0.00000000"}]},
        Account(
            balances=(Balance(asset="BTC", free=Decimal("4723846.89208129"), locked=Decimal("0E-8")),),
            can_trade=True,
            updated_ms=123456789,
            uid=354937868,
        ),
    ),
    "ack": (
        lambda body: codec_orders.decode_ack(body, REQUEST),
        {"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "q-1",
         "transactTime": 1507725176595, "origQty": "0.01", "executedQty": "0.004",
         "cummulativeQuoteQty": "239.996", "status": "PARTIALLY_FILLED",
         "fills": [{"price": "59999.0", "qty": "0.004", "commission": "0.00000400",
                    "commissionAsset": "BTC", "tradeId": 56}]},
        OrderAck(
            symbol="BTCUSDT",
            order_id=28,
            client_order_id="q-1",
            status="PARTIALLY_FILLED",
            transact_ms=1507725176595,
            executed_quantity=Decimal("0.004"),
            executed_quote=Decimal("239.996"),
            fills=(
                AckFill(
                    trade_id=56,
                    price=Decimal("59999.0"),
                    quantity=Decimal("0.004"),
                    commission=Decimal("0.00000400"),
                    commission_asset="BTC",
                ),
            ),
        ),
    ),
    "order_status": (codec_orders.decode_order, ORDER, SNAPSHOT),
    "open_orders": (codec_orders.decode_orders, [ORDER], [SNAPSHOT]),
    "cancel_order": (codec_orders.decode_cancelled, CANCELLED, CANCELLED_SNAPSHOT),
    "cancel_all": (
        codec_orders.decode_all_cancelled,
        [CANCELLED, {"orderListId": 1, "contingencyType": "OCO", "orderReports": [CANCELLED, CANCELLED]}],
        [CANCELLED_SNAPSHOT] * 3,
    ),
    "my_trades": (
        codec_orders.decode_account_trades,
        [{"symbol": "BNBBTC", "id": 28457, "orderId": 100234, "price": "4.00000100", "qty": "12.00000000",
          "quoteQty": "48.000012", "commission": "10.10000000", "commissionAsset": "BNB",
          "time": 1499865549590, "isBuyer": False, "isMaker": True, "isBestMatch": True}],
        [
            AccountTrade(
                symbol="BNBBTC",
                trade_id=28457,
                order_id=100234,
                side="SELL",
                price=Decimal("4.00000100"),
                quantity=Decimal("12.00000000"),
                quote_quantity=Decimal("48.000012"),
                commission=Decimal("10.10000000"),
                commission_asset="BNB",
                is_maker=True,
                time_ms=1499865549590,
            )
        ],
    ),
}  # fmt: skip
OPTIONAL = {
    "baseAssetPrecision", "quoteAssetPrecision", "minPrice", "maxPrice", "tickSize", "minQty", "maxQty",
    "stepSize", "minNotional", "maxNotional", "origQuoteOrderQty", "uid", "rateLimits", "orderReports",
}  # fmt: skip


# what a decoder leaves aside; everything else in a case above is read and checked
UNREAD: dict[str, set[str]] = {name: set() for name in CASES} | {
    "exchange_info": {"timezone", "applyMinToMarket", "maxThings", "nested"},
    "trades": {"quoteQty", "isBestMatch"},
    "account": {"makerCommission"},
    "ack": {"orderListId", "origQty"},
    "order_status": {"orderListId"},
    "open_orders": {"orderListId"},
    "cancel_order": {"orderListId", "clientOrderId"},
    "cancel_all": {"orderListId", "clientOrderId", "contingencyType"},
    "my_trades": {"isBestMatch"},
}


@pytest.mark.parametrize("name", CASES)
def test_the_documented_reply_becomes_the_domain_value(name: str) -> None:
    """Every field at its place, every amount to the last digit."""
    decode, documented, expected = CASES[name]

    decoded = decode(json.dumps(documented).encode())

    assert decoded == expected
    assert repr(decoded) == repr(expected)  # 4.0 == 4.00 for a Decimal; the digits are the venue's


@pytest.mark.parametrize("name", CASES)
def test_new_fields_and_new_enum_values_pass(name: str) -> None:
    """What Binance adds tomorrow does not stop us today."""
    decode, documented, expected = CASES[name]

    def grow(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: grow(each) for name, each in value.items()} | {"addedIn2031": {"x": [1, "y"]}}
        if isinstance(value, list) and value and isinstance(value[0], dict):
            return [grow(each) for each in value]
        return value

    assert decode(json.dumps(grow(documented)).encode()) == expected
    if isinstance(documented, dict) and "status" in documented:
        assert decode(json.dumps({**documented, "status": "NEWER"}).encode()).status == "NEWER"


@pytest.mark.parametrize("name", CASES)
def test_a_field_that_is_missing_or_of_the_wrong_type_is_undecodable(name: str) -> None:
    """One field at a time, everywhere in the reply."""
    decode, documented, _ = CASES[name]
    tried = 0
    for path in leaves(name):
        for damage in (drop, put({"an": "object"})):
            if damage is drop and path[-1] in OPTIONAL:
                continue
            with pytest.raises(UndecodableReply):
                decode(json.dumps(damage(documented, path)).encode())
            tried += 1

    assert tried >= 1


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("time", "order_book")])
@pytest.mark.parametrize("poison", ["NaN", "sNaN", "-Infinity", "1e999999", "1e-999999", "", "0x1", "1,5"])
def test_an_amount_that_is_no_finite_number_is_undecodable(name: str, poison: str) -> None:
    """ "NaN" is a valid Decimal: one of them in a balance would make every rail's comparison false."""
    decode, documented, _ = CASES[name]
    tried = 0
    for path in leaves(name):
        value = at(documented, path)
        if not (isinstance(value, str) and value.replace(".", "", 1).isdecimal()):
            continue
        with pytest.raises(UndecodableReply):
            decode(json.dumps(put(poison)(documented, path)).encode())
        tried += 1

    assert tried >= 1


@settings(max_examples=300)
@given(
    body=st.binary(max_size=60) | st.sampled_from([b"", b"{", b"null", b"[]", b"<html>503</html>", b"\xff"])
)
def test_any_bytes_are_a_value_or_undecodable(body: bytes) -> None:
    """Nothing else ever comes out of a decoder: no KeyError, no UnicodeDecodeError."""
    for decode, _, _ in CASES.values():
        with contextlib.suppress(UndecodableReply):
            decode(body)


def test_an_acknowledgement_of_another_order_is_undecodable() -> None:
    """A reply that got mixed up says nothing about our order."""
    decode, documented, _ = CASES["ack"]
    for change in ({"clientOrderId": "q-2"}, {"symbol": "ETHUSDT"}):
        with pytest.raises(UndecodableReply, match="another order"):
            decode(json.dumps({**documented, **change}).encode())


@pytest.mark.parametrize("body", [b"[" * 200_000, b'{"balances":' + b"[" * 100_000])
def test_endless_nesting_is_undecodable(body: bytes) -> None:
    with pytest.raises(UndecodableReply):
        codec_rest.decode_account(body)


@pytest.mark.parametrize("number", ["-0.1", "0." + "1" * 60])
def test_an_amount_below_zero_or_of_too_many_digits_is_undecodable(number: str) -> None:
    body = {"balances": [{"asset": "BTC", "free": number, "locked": "0"}], "canTrade": True, "updateTime": 0}
    with pytest.raises(UndecodableReply, match="no amount"):
        codec_rest.decode_account(json.dumps(body).encode())


def test_the_running_candle_is_not_closed() -> None:
    """A candle whose close time has come but not passed still moves."""
    body = json.dumps([KLINE]).encode()

    (running,) = codec_rest.decode_klines(body, "BNBBTC", "1w", 1499644799999)
    (early,) = codec_rest.decode_klines(body, "BNBBTC", "1w", 1499040000500)

    assert (running.closed, early.closed, early.event_ms) == (False, False, 1499040000500)


def test_a_symbol_without_filters_is_unbounded_and_the_old_notional_filter_counts() -> None:
    """Zero switches a bound off, as the venue's own filters do."""
    bare = {**SYMBOL, "filters": []}
    old = {**SYMBOL, "symbol": "OLD", "filters": [{"filterType": "MIN_NOTIONAL", "minNotional": "10"}]}

    found = codec_rest.decode_exchange_info(json.dumps({"symbols": [bare, old]}).encode()).instruments

    assert found["BTCUSDT"].tick_size == found["BTCUSDT"].min_notional == 0
    assert found["OLD"].min_notional == 10


def test_what_prevents_a_self_trade_and_the_minutes_of_the_average_are_kept() -> None:
    """Of the filters that look at an average the shortest counts; 0 is the last price; without one, five."""
    filters = [{**SYMBOL["filters"][2], "avgPriceMins": 0}, SYMBOL["filters"][0]]  # type: ignore[dict-item]
    told = {**SYMBOL, "filters": filters, "defaultSelfTradePreventionMode": "EXPIRE_MAKER"}
    bare = {**SYMBOL, "symbol": "BARE", "filters": []}

    found = codec_rest.decode_exchange_info(json.dumps({"symbols": [told, bare]}).encode()).instruments

    assert found["BTCUSDT"].rules.average_minutes == 0
    assert found["BTCUSDT"].rules.default_self_trade == "EXPIRE_MAKER"
    assert (found["BARE"].rules.average_minutes, found["BARE"].rules.default_self_trade) == (5, "")


def test_an_order_travels_as_plain_text() -> None:
    """No exponent, no trailing zeros, our id, and the FULL answer asked for."""
    tiny = OrderRequest(
        symbol="BTCUSDT",
        side=Side.SELL,
        type=OrderType.MARKET,
        quantity=Decimal("9E-5"),
        client_order_id="q-2",
    )
    quoted = OrderRequest(
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.MARKET,
        quote_quantity=Decimal("1E+2"),
        client_order_id="q",
    )

    assert encode_orders.encode_order(REQUEST) == {
        "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
        "price": "60000", "newClientOrderId": "q-1", "newOrderRespType": "FULL",
    }  # fmt: skip
    assert encode_orders.encode_order(tiny)["quantity"] == "0.00009"
    assert encode_orders.encode_order(quoted)["quoteOrderQty"] == "100"


@pytest.mark.parametrize("value", [0.01, float("nan"), Decimal("NaN"), Decimal(0), Decimal(-1), True])
@pytest.mark.parametrize("field", ["quantity", "price", "quote_quantity"])
def test_an_order_with_a_number_that_is_no_amount_is_not_encoded(field: str, value: Any) -> None:
    """The last place where a float could slip in names the field."""
    fields = {name: getattr(REQUEST, name) for name in REQUEST.__struct_fields__}
    with pytest.raises(InvalidField) as refused:
        encode_orders.encode_order(OrderRequest(**{**fields, field: value}))

    assert refused.value.field == field


def test_error_bodies_give_code_and_message_or_say_what_came() -> None:
    """An HTML page of a firewall is quoted by its size, never by its text."""
    assert codec_rest.decode_error(b'{"code":-1121,"msg":"Invalid symbol."}') == (-1121, "Invalid symbol.")
    assert codec_rest.decode_error(b"<html>signature=abc</html>") == (0, "no error code in 26 bytes")


def test_limit_headers_become_a_snapshot_and_a_table() -> None:
    """Letter case and unknown headers do not matter; a limit is None until it is known."""
    counts = counts_in(
        [("x-mbx-used-weight", "9"), ("X-MBX-USED-WEIGHT-1M", "7"), ("x-mbx-order-count-10s", "2"),
         ("x-mbx-used-weight-1m", "nonsense"), ("date", "today")]
    )  # fmt: skip
    usage = LimitUsage().with_counts(counts, NOW_MS)
    assert (usage.used("REQUEST_WEIGHT", "1M"), usage.used("ORDERS", "10S"), usage.used("ORDERS", "1D")) == (
        7, 2, None,
    )  # fmt: skip
    assert [row.headroom for row in usage.rows] == [None, None]

    rule = RateLimit(kind="REQUEST_WEIGHT", window="1M", limit=6000)
    known = LimitUsage(limits=(rule,)).with_counts(counts, NOW_MS)
    later = known.with_counts(counts_in([("x-mbx-used-weight-1m", "8")]), NOW_MS + 5)

    assert [(row.kind, row.used, row.limit, row.headroom) for row in later.rows] == [
        ("REQUEST_WEIGHT", 8, 6000, 5992),
        ("ORDERS", 2, None, None),
    ]
    assert list(later.frame().columns) == ["kind", "window", "used", "limit", "as_of"]
    assert list(LimitUsage().frame().columns) == ["kind", "window", "used", "limit", "as_of"]


Path = tuple[Any, ...]


def leaves(name: str) -> Iterator[Path]:
    """Every place of a documented reply that its decoder reads."""

    def walk(value: Any, path: Path) -> Iterator[Path]:
        if isinstance(value, dict | list):
            for key, each in value.items() if isinstance(value, dict) else enumerate(value):
                yield from walk(each, (*path, key))
        elif not UNREAD[name].intersection(path) and not (name == "klines" and path[-1] > 8):
            yield path

    return walk(CASES[name][1], ())


def at(value: Any, path: Path) -> Any:
    for key in path:
        value = value[key]
    return value


def put(new: Any) -> Callable[[Any, Path], Any]:
    def damage(value: Any, path: Path) -> Any:
        changed = json.loads(json.dumps(value))
        at(changed, path[:-1])[path[-1]] = new
        return changed

    return damage


def drop(value: Any, path: Path) -> Any:
    changed = json.loads(json.dumps(value))
    del at(changed, path[:-1])[path[-1]]
    return changed
