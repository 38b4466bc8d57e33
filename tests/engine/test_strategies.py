"""Strategies run by a real engine on its own venue: events in, orders out, through the desk and the rails."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from quantlab.domain.order_lists import AmendRequest
from quantlab.engine import Engine
from quantlab.errors import InvalidField
from quantlab.trading.ids import strategy_of
from quantlab.trading.list_requests import bracket
from quantlab.trading.requests import limit_order, market_order
from quantlab.trading.reruns import CELL, Cell
from quantlab.trading.strategy import Cancel, CancelOwn, Flatten, ReduceOnly

D = Decimal


async def until(engine: Engine, condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(45):
        while not condition():
            await engine.bus.settle()
            await asyncio.sleep(0.01)


class Once:
    """Buys a little with the first event, then only looks."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def on_start(self, view: Any) -> None:
        self.view = view
        self.seen.append("start")

    def on_event(self, event: Any) -> Any:
        if "event" in self.seen:
            return None
        self.seen.append("event")
        return market_order("buy", "BTCUSDT", "0.001")

    def on_order(self, order: Any) -> None:
        self.seen.append(order.state)

    def on_fill(self, fill: Any) -> None:
        self.seen.append("fill")

    def on_refused(self, wanted: Any, error: Exception) -> None:
        self.seen.append(type(error).__name__)

    def on_stop(self) -> None:
        self.seen.append("stop")


async def test_an_event_becomes_an_order_under_the_name_of_its_strategy(engine: Engine) -> None:
    """Its own orders and fills come back to it, and nobody else's; its profit can be told apart."""
    one, other = Once(), Once()
    running = engine.strategies.run(one, "market.*.BTCUSDT", name="one")
    engine.strategies.run(other, ("market.trade.ETHUSDT",), name="other")
    await engine.market.advance(1)
    await until(engine, lambda: "fill" in one.seen and "FILLED" in one.seen)
    assert one.seen[:2] == ["start", "event"]
    assert other.seen.count("fill") <= 1
    (order,) = [each for each in engine.orders if strategy_of(each.client_order_id) == "one"]
    assert (running.position("BTCUSDT"), running.fills, running.sent) == (D("0.001"), 1, 1)
    assert one.view.open_orders() == []
    engine.strategies.stop("one")
    assert one.seen[-1] == "stop"
    await engine.market.advance(1)
    assert running.events == engine.strategies["one"].events
    shown = engine.strategies.frame()
    assert list(shown.loc["one", ["state", "sent", "fills"]]) == ["stopped", 1, 1]
    assert order.state == "FILLED"


class Asks:
    """Wants one thing after the other, one for each event that a test gives."""

    def __init__(self) -> None:
        self.wants: list[Any] = []
        self.refused: list[str] = []

    def on_event(self, event: Any) -> Any:
        while self.wants:
            yield self.wants.pop(0)

    def on_refused(self, wanted: Any, error: Exception) -> None:
        self.refused.append(f"{type(wanted).__name__}: {type(error).__name__}")


async def test_a_strategy_can_want_everything_that_a_person_can(engine: Engine) -> None:
    """Orders, lists, amendments, cancels, reduce-only, flatten; what is denied is told, and it goes on."""
    asks = Asks()
    running = engine.strategies.run(asks, "market.>", name="asks")

    async def want(*wants: Any) -> None:
        asks.wants = list(wants)
        await engine.market.advance(1)
        await until(engine, lambda: not asks.wants)
        await engine.bus.settle()

    price = engine.quotes.get("BTCUSDT").price.quantize(D(1))  # type: ignore[union-attr]
    low = price - 1_000
    await want(
        limit_order("buy", "BTCUSDT", "0.003", low),
        bracket("buy", "BTCUSDT", "0.001", low, take_profit=price + 100, stop_loss=low - 500),
        limit_order("buy", "BTCUSDT", "10", low),  # beyond max_order_notional
        ReduceOnly(market_order("sell", "BTCUSDT", "5")),
    )
    await until(engine, lambda: len(running.open_orders()) == 4)
    assert asks.refused == ["OrderRequest: OrderDenied", "ReduceOnly: OrderDenied"]
    assert (running.state, running.refused) == ("running", 2)

    name = running.open_orders()[0].client_order_id
    await want(AmendRequest(symbol="BTCUSDT", client_order_id=name, new_quantity=D("0.002")))
    await until(engine, lambda: engine.orders.get(name).quantity == D("0.002"))  # type: ignore[union-attr]
    await want(Cancel(name), Cancel("det1-1"))
    await until(engine, lambda: len(running.open_orders()) == 3)
    assert asks.refused[2:] == ["Cancel: InvalidField"]
    await want(CancelOwn())  # a buy at market would meet our own profit-taking sell
    await until(engine, lambda: not running.open_orders())
    await want(market_order("buy", "BTCUSDT", "0.001"), limit_order("buy", "BTCUSDT", "0.001", low))
    await until(engine, lambda: running.position("BTCUSDT") == D("0.001"))
    await want(Flatten("BTCUSDT"))
    await until(engine, lambda: not running.open_orders() and running.position("BTCUSDT") < D("0.00001"))


async def test_a_strategy_that_raises_is_stopped_and_shown_and_its_orders_stay(engine: Engine) -> None:
    """K10: Unless somebody asks for their cancel."""
    price = engine.quotes.get("BTCUSDT").price.quantize(D(1))  # type: ignore[union-attr]

    class Breaks:
        def on_start(self, view: Any) -> Any:
            return [limit_order("buy", "BTCUSDT", "0.001", price - 1_000)]

        def on_event(self, event: Any) -> Any:
            raise ZeroDivisionError("the model fell over")

    running = engine.strategies.run(Breaks(), "market.>")
    await until(engine, lambda: all(each.state != "PENDING" for each in engine.orders))
    await engine.market.advance(1)
    await until(engine, lambda: running.state == "failed")
    assert running.name == "Breaks"
    assert "the model fell over" in running.problem
    assert "on_event" in engine.alarms[-1]
    assert any("the model fell over" in each for each in engine.bus.errors())
    assert [each.owner for each in engine.bus.subscriptions if each.owner == running.bus_owner] == []
    events = running.events
    await engine.market.advance(1)
    assert running.events == events
    assert [(each.state, each.reason) for each in engine.orders] == [("TAKEN", "")]
    engine.strategies.stop("Breaks", cancel=True)
    await until(engine, lambda: not running.open_orders())


async def test_a_strategy_that_may_not_act_is_stopped(engine: Engine) -> None:
    """Disarmed, it would go on pretending."""
    engine.disarm()
    running = engine.strategies.run(Once(), "market.>", name="once")
    await engine.market.advance(1)
    await until(engine, lambda: running.state == "failed")
    assert "needs an armed kernel" in running.problem
    assert len(engine.orders) == 0


async def test_a_strategy_of_the_same_name_takes_its_place(engine: Engine) -> None:
    """As a cell that runs again; one without hooks or with a bad name is refused."""
    first, second = Once(), Once()
    engine.strategies.run(first, "market.>", name="same")
    engine.strategies.run(second, "market.>", name="same")
    assert (first.seen[-1], len(engine.strategies)) == ("stop", 1)
    with pytest.raises(InvalidField, match="on_event"):
        engine.strategies.run(object(), "market.>")  # type: ignore[arg-type]
    with pytest.raises(InvalidField, match="strategy"):
        engine.strategies.run(Once(), "market.>", name="not-a-name")
    with pytest.raises(InvalidField, match="give one of: same"):
        engine.strategies.stop("nobody")

    class Fails(Once):
        def on_start(self, view: Any) -> Any:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        engine.strategies.run(Fails(), "market.>", name="fails")
    assert engine.strategies["fails"].state == "failed"


class Both:
    """Sends one order at its start, and one with the first event."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.asked = False

    def on_start(self, view: Any) -> Any:
        self.view = view
        return limit_order("buy", "BTCUSDT", "0.001", "58000")

    def on_event(self, event: Any) -> Any:
        if not self.asked:
            self.asked = True
            return limit_order("buy", "BTCUSDT", "0.001", "58001")
        return None

    def on_refused(self, wanted: Any, error: Exception) -> None:
        self.refused.append(f"{wanted.price}: {error}")


def nothing_flies(engine: Engine) -> bool:
    return all(each.state != "PENDING" for each in engine.orders)


async def test_a_cell_that_starts_a_strategy_again_sends_its_first_order_once(engine: Engine) -> None:
    """What it sends on events is no cell's: mended and started anew, it trades on."""
    seen = []
    for run in (1, 2):
        strategy = Both()
        token = CELL.set(Cell("strategy cell", run))
        try:
            engine.strategies.run(strategy, "market.trade.*", name="both")
        finally:
            CELL.reset(token)
        await until(engine, lambda: nothing_flies(engine))
        await engine.market.advance(2)
        assert strategy.asked
        await until(engine, lambda: nothing_flies(engine))
        seen.append(strategy.refused)

    assert seen[0] == []
    assert [each.split(" ")[0] for each in seen[1]] == ["58000:"]
    assert "cell_rerun" in seen[1][0]
    assert [int(each.price or 0) for each in engine.orders.open()] == [58000, 58001, 58001]


async def test_the_readmes_strategy_runs_as_it_stands(engine: Engine) -> None:
    """It quotes, and what is filled is offered again."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    found = re.search(r"```python\n(from quantlab.trading.requests.*?class Quoting.*?)```", text, re.DOTALL)
    assert found
    exec(compile(found[1], "README.md", "exec"), {"ql": engine})  # the README is ours
    quoting = engine.strategies["Quoting"]
    for _ in range(10):
        await engine.market.advance(1)
        await engine.bus.settle()
        if quoting.sent:
            break
    assert (quoting.state, quoting.problem) == ("running", "")
    assert quoting.sent
    assert {strategy_of(each.client_order_id) for each in engine.orders} == {"Quoting"}
