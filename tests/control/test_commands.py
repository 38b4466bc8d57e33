from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from quantlab.control import commands
from quantlab.control.commands import (
    AllowRerun,
    AmendOrder,
    CancelAll,
    CancelOrder,
    Command,
    EndOverride,
    Flatten,
    Halt,
    OverrideLimit,
    PromoteModel,
    ReplaceOrder,
    Resume,
    RollBackModel,
    SetLimits,
    SubmitList,
    SubmitOrder,
)
from quantlab.domain.order_lists import AmendRequest, ListKind, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.errors import InvalidField

ORDER = OrderRequest(
    symbol="BTCUSDT",
    side=Side.BUY,
    type=OrderType.LIMIT,
    quantity=Decimal("0.00009"),
    price=Decimal(60_000),
    client_order_id="qd-1",
)
EVERY: list[Command] = [
    SubmitOrder(ORDER),
    SubmitOrder(ORDER, reduce_only=True, strategy="mean"),
    SubmitList(OrderListRequest(kind=ListKind.OCO, orders=(ORDER, ORDER)), strategy="mean"),
    ReplaceOrder(ReplaceRequest(order=ORDER, cancel_client_order_id="qd-0")),
    AmendOrder(AmendRequest(symbol="BTCUSDT", client_order_id="qd-1", new_quantity=Decimal("0.00001"))),
    Flatten(),
    Flatten("BTCUSDT"),
    CancelOrder("BTCUSDT", "qd-1"),
    CancelAll(),
    CancelAll("BTCUSDT"),
    AllowRerun(),
    AllowRerun(every=True),
    Halt("a test"),
    Resume("all is well"),
    SetLimits(max_position=Decimal("1000.50"), max_orders_per_second=3),
    OverrideLimit(rail="max_position", symbol="*", until_ms=1, reason="a hedge"),
    EndOverride(rail="max_position", symbol="*"),
    PromoteModel("btc-10s"),
    RollBackModel("btc-10s"),
    RollBackModel("btc-10s", "BTCUSDT", 7),
]


@pytest.mark.parametrize("command", EVERY, ids=lambda each: each.describe())
def test_a_command_survives_the_way_to_bytes_and_back(command: Command) -> None:
    assert commands.decode(commands.encode(command)) == command


def test_every_command_is_in_the_round_trip_above() -> None:
    assert {type(each) for each in EVERY} == set(Command.__args__)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"not json",
        b'{"command":"shutdown"}',
        b'{"command":"halt"}',
        b'{"command":"halt","reason":"x","skip_rails":true}',
        b'{"command":"halt", "reason":"x"}',
        b'{"command":"halt","reason":"x","reason":"x"}',
        b'{"command":"halt","reason":"' + b"x" * 5_000 + b'"}',
        commands.encode(SubmitOrder(ORDER)).replace(b'"quantity"', b'"quantiy"'),
        commands.encode(SubmitOrder(ORDER)).replace(b'"60000"', b"60000"),
        commands.encode(SubmitOrder(ORDER)).replace(b'"60000"', b'"NaN"'),
        commands.encode(SubmitOrder(ORDER)).replace(b'"60000"', b'"6e4"'),
        commands.encode(SubmitOrder(ORDER)).replace(b'"60000"', b'"1' + b"0" * 400 + b'"'),
        commands.encode(SubmitOrder(ORDER)).replace(b'"BUY"', b'"HOLD"'),
    ],
    ids=range(15),
)
def test_what_we_would_not_write_ourselves_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidField):
        commands.decode(content)


def test_a_command_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Halt("a").reason = "b"  # type: ignore[misc]


def test_a_command_holds_plain_data_only() -> None:
    for command in EVERY:
        assert msgspec.json.decode(commands.encode(command))["command"]
