"""Several commands in one turn: they reach the venue in the order in which they were given."""

from __future__ import annotations

from collections.abc import Callable

from quantlab.config import Settings
from quantlab.control.commands import CancelOrder, SubmitOrder
from quantlab.engine import Engine
from quantlab.secret import Secret
from quantlab.trading.requests import limit_order, market_order
from quantlab.trading.states import OrderState


async def test_two_deterministic_engines_give_eight_orders_of_one_turn_the_same_numbers(
    start: Callable[..., Engine], settings: Settings, token: Secret
) -> None:
    runs = []
    for _ in range(2):
        engine = start(settings)
        await engine.ready()
        engine.arm(token)
        sent = [
            engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", f"0.0{number}"))).send()
            for number in range(1, 9)
        ]
        for each in sent:
            await each
        runs.append([(each.client_order_id, each.order_id, each.average_price) for each in engine.orders])
        await engine.aclose()

    assert runs[0] == runs[1]
    assert [order_id for _, order_id, _ in runs[0]] == sorted(order_id for _, order_id, _ in runs[0])


async def test_a_cancel_in_the_turn_of_its_order_cancels_it(
    start: Callable[..., Engine], settings: Settings, token: Secret
) -> None:
    """On the real clock, where the two travel on two connections."""
    engine = start(settings, deterministic=False)
    await engine.ready()
    engine.arm(token)
    for _ in range(5):
        sent = engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58000"))).send()
        order = engine.orders.open()[-1]
        cancel = engine.execute(CancelOrder("BTCUSDT", order.client_order_id)).send()
        await sent
        await cancel
        assert order.state is OrderState.CANCELED
