"""Orders, lists and replacements to parameters: the documented names, and what is refused before sending."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from quantlab.binance.encode_orders import NEEDED, encode_list, encode_order, encode_replace, require_ids
from quantlab.domain.order_lists import (
    CancelRestriction,
    ListKind,
    OrderListRequest,
    ReplaceMode,
    ReplaceRequest,
)
from quantlab.domain.orders import OrderRequest, OrderType, SelfTradeMode, Side, TimeInForce
from quantlab.errors import InvalidField

D = Decimal
FULL: dict[str, Any] = {
    "quantity": D("0.5"), "price": D(60_000), "time_in_force": TimeInForce.GTC, "stop_price": D(59_000),
    "trailing_delta": 100, "quote_quantity": D(100), "iceberg_quantity": D("0.1"),
}  # fmt: skip
OPTIONAL = {kind: {"iceberg_quantity"} if "price" in needed else set() for kind, needed in NEEDED.items()}


def order(kind: OrderType = OrderType.LIMIT, **fields: Any) -> OrderRequest:
    return OrderRequest(symbol="BTCUSDT", side=Side.SELL, type=kind, **{"client_order_id": "a", **fields})


def whole(kind: OrderType) -> OrderRequest:
    """The least that an order of this type says."""
    fields = {name: FULL[name] for name in NEEDED[kind]}
    if kind.waits:
        fields["stop_price"] = FULL["stop_price"]
    if kind is OrderType.MARKET:
        fields["quantity"] = FULL["quantity"]
    return order(kind, **fields)


def test_a_stop_order_travels_with_the_documented_names() -> None:
    request = order(
        OrderType.STOP_LOSS_LIMIT, quantity=D("0.50"), price=D("6E+4"), time_in_force=TimeInForce.IOC,
        stop_price=D("59000.10"), trailing_delta=150, iceberg_quantity=D("0.1"),
        self_trade=SelfTradeMode.EXPIRE_BOTH, strategy_id=7, strategy_type=1_000_000,
    )  # fmt: skip

    assert encode_order(request) == {
        "symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS_LIMIT", "timeInForce": "IOC",
        "quantity": "0.5", "price": "60000", "stopPrice": "59000.1", "trailingDelta": "150",
        "icebergQty": "0.1", "strategyId": "7", "strategyType": "1000000",
        "selfTradePreventionMode": "EXPIRE_BOTH", "newClientOrderId": "a", "newOrderRespType": "FULL",
    }  # fmt: skip


@pytest.mark.parametrize("kind", OrderType)
def test_each_type_has_the_fields_that_it_needs_and_no_others(kind: OrderType) -> None:
    """Every field in turn: taken away where it is needed, added where it makes no sense."""
    request = whole(kind)
    encode_order(request)
    optional = OPTIONAL[kind] | ({"stop_price", "trailing_delta"} if kind.waits else set())
    refused = 0
    for name, value in FULL.items():
        given = getattr(request, name) is not None
        other = msgspec.structs.replace(request, **{name: None if given else value})
        if name in optional and not given:
            encode_order(other)
            continue
        with pytest.raises(InvalidField) as problem:
            encode_order(other)
        assert problem.value.field in (name, "quantity", "stop_price")
        refused += 1
    assert refused >= 4


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stop_price", 59_000.0), ("stop_price", D(0)), ("stop_price", D("NaN")), ("trailing_delta", 0),
        ("trailing_delta", 1.5), ("trailing_delta", True), ("strategy_id", "7"), ("iceberg_quantity", D(-1)),
    ],
)  # fmt: skip
def test_an_amount_that_is_not_exact_and_positive_is_refused_by_field(field: str, value: Any) -> None:
    request = msgspec.structs.replace(whole(OrderType.STOP_LOSS_LIMIT), **{field: value})
    with pytest.raises(InvalidField) as refused:
        encode_order(request)
    assert refused.value.field == field


ABOVE = order(OrderType.LIMIT_MAKER, quantity=D(1), price=D(61_000), client_order_id="up")
BELOW = order(
    OrderType.STOP_LOSS_LIMIT, quantity=D(1), price=D(58_000), stop_price=D(59_000),
    time_in_force=TimeInForce.GTC, client_order_id="down",
)  # fmt: skip
WORKING = msgspec.structs.replace(
    order(quantity=D(2), price=D(60_000), time_in_force=TimeInForce.GTC, client_order_id="work"),
    side=Side.BUY,
)
PENDING = order(OrderType.MARKET, quantity=D(1), client_order_id="later")


def listed(kind: ListKind, *orders: OrderRequest) -> OrderListRequest:
    return OrderListRequest(kind=kind, orders=orders, list_client_order_id="list")


def test_lists_travel_with_the_documented_names() -> None:
    """Binance spot REST API, "New Order list": an OCO shares side and quantity, an OTOCO's pair its own."""
    common = {"symbol": "BTCUSDT", "listClientOrderId": "list", "newOrderRespType": "FULL"}
    working = {
        "workingType": "LIMIT", "workingSide": "BUY", "workingClientOrderId": "work", "workingPrice": "60000",
        "workingQuantity": "2", "workingTimeInForce": "GTC",
    }  # fmt: skip

    assert encode_list(listed(ListKind.OCO, ABOVE, BELOW)) == common | {
        "side": "SELL", "quantity": "1", "aboveType": "LIMIT_MAKER", "aboveClientOrderId": "up",
        "abovePrice": "61000", "belowType": "STOP_LOSS_LIMIT", "belowClientOrderId": "down",
        "belowPrice": "58000", "belowStopPrice": "59000", "belowTimeInForce": "GTC",
    }  # fmt: skip
    assert encode_list(listed(ListKind.OTO, WORKING, PENDING)) == common | working | {
        "pendingType": "MARKET", "pendingSide": "SELL", "pendingClientOrderId": "later",
        "pendingQuantity": "1",
    }  # fmt: skip
    assert encode_list(listed(ListKind.OTOCO, WORKING, ABOVE, BELOW)) == common | working | {
        "pendingSide": "SELL", "pendingQuantity": "1", "pendingAboveType": "LIMIT_MAKER",
        "pendingAboveClientOrderId": "up", "pendingAbovePrice": "61000",
        "pendingBelowType": "STOP_LOSS_LIMIT", "pendingBelowClientOrderId": "down",
        "pendingBelowPrice": "58000", "pendingBelowStopPrice": "59000", "pendingBelowTimeInForce": "GTC",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "orders"),
    [
        ("orders", (ABOVE,)),
        ("orders", (WORKING, ABOVE, BELOW)),
        ("symbol", (ABOVE, msgspec.structs.replace(BELOW, symbol="ETHUSDT"))),
        ("side", (ABOVE, msgspec.structs.replace(BELOW, side=Side.BUY))),
        ("quantity", (ABOVE, msgspec.structs.replace(BELOW, quantity=D(2)))),
        ("self_trade", (ABOVE, msgspec.structs.replace(BELOW, self_trade=SelfTradeMode.NONE))),
        ("stop_price", (ABOVE, msgspec.structs.replace(BELOW, stop_price=None))),
    ],
)
def test_orders_that_one_list_cannot_hold_are_refused_by_field(
    field: str, orders: tuple[OrderRequest, ...]
) -> None:
    encode_list(listed(ListKind.OCO, ABOVE, BELOW))
    with pytest.raises(InvalidField) as refused:
        encode_list(listed(ListKind.OCO, *orders))
    assert refused.value.field == field


def test_a_replacement_travels_with_the_documented_names() -> None:
    plain = encode_order(ABOVE)
    by_ours = encode_replace(ReplaceRequest(order=ABOVE, cancel_client_order_id="old"))
    everything = ReplaceRequest(
        order=ABOVE, cancel_client_order_id="old", cancel_order_id=7, mode=ReplaceMode.ALLOW_FAILURE,
        restriction=CancelRestriction.ONLY_NEW, cancel_only_over_limit=True,
    )  # fmt: skip

    assert by_ours == plain | {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "old"}
    assert encode_replace(everything) == plain | {
        "cancelReplaceMode": "ALLOW_FAILURE", "cancelOrigClientOrderId": "old", "cancelOrderId": "7",
        "cancelRestrictions": "ONLY_NEW", "orderRateLimitExceededMode": "CANCEL_ONLY",
    }  # fmt: skip
    with pytest.raises(InvalidField, match="nothing names"):
        encode_replace(ReplaceRequest(order=ABOVE))


@pytest.mark.parametrize("bad", ["", "x" * 37, "a b", "é", "a&stop_price=5", "a=b", "a\n"])
def test_an_id_that_could_not_be_asked_by_later_is_refused(bad: str) -> None:
    """Of an order, of a list, of an order in it, of a replacement; `&` and `=` could forge a field."""
    order_of = msgspec.structs.replace(ABOVE, client_order_id=bad)
    good = listed(ListKind.OCO, ABOVE, BELOW)
    require_ids(good)
    for request in (
        order_of,
        ReplaceRequest(order=order_of, cancel_client_order_id="old"),
        msgspec.structs.replace(good, orders=(order_of, BELOW)),
        msgspec.structs.replace(good, list_client_order_id=bad),
        msgspec.structs.replace(good, orders=(ABOVE, ABOVE)),
    ):
        with pytest.raises(InvalidField, match="client_order_id"):
            require_ids(request)
    with pytest.raises(InvalidField, match="symbol"):
        require_ids(msgspec.structs.replace(ABOVE, symbol="BTC&side=BUY"))
    require_ids(msgspec.structs.replace(ABOVE, symbol="这是测试币456"))
