"""One gate, driven: every way to send and every rail's denial, in any order, on a real venue.

Afterwards the venue's own log is held against the journal: each of its orders has exactly one permit.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import settings as sized
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from test_truth import settings_for
from truth import Truth

from quantlab.control.commands import CancelAll, Flatten, SubmitOrder
from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import ListKind, OrderListRequest, ReplaceRequest
from quantlab.domain.orders import OrderRequest
from quantlab.engine import Engine
from quantlab.errors import OrderDenied, QuantlabError
from quantlab.notebook import building
from quantlab.notebook.ordering import OrdersFace
from quantlab.notebook.parse import parse
from quantlab.notebook.ticket_fields import Fields
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.trading.list_requests import one_triggers_other
from quantlab.trading.rails.catalogue import AMEND_RAILS, LIST_RAILS, RAILS
from quantlab.trading.requests import limit_order, market_order, stop_order
from quantlab.trading.reruns import CELL, Cell
from quantlab.trading.states import OrderState

D = Decimal
SYMBOL = "BTCUSDT"
MOST = D(10**9)
FREE = Limits(
    max_order_notional=MOST, max_position=MOST, max_gross_exposure=MOST, max_net_exposure=MOST,
    max_open_notional=MOST, max_orders_per_second=10_000, max_identical_orders=10_000, max_repeats=10_000,
    max_amends_per_second=10_000, max_price_age_ms=60_000, max_health_age_ms=60_000, max_error_rate=D(1),
    stops_before_cooldown=1_000,
)  # fmt: skip


class World:
    """An armed engine at a venue that writes its log; `accepted` and `denied` count what happened."""

    def __init__(self, engine: Engine, loop: asyncio.AbstractEventLoop, token: Secret) -> None:
        self.engine, self.loop, self.token = engine, loop, token
        self.face = OrdersFace(lambda: engine, lambda each: each.orders, "orders")
        self.accepted: Counter[str] = Counter()
        self.denied: Counter[str] = Counter()
        self.other: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.numbers = itertools.count(1)

    def price(self, distance: int = 0) -> Decimal:
        """Near the market, on the grid."""
        quote = self.engine.quotes.get(SYMBOL)
        assert quote is not None
        return quote.price.quantize(D(1)) + distance

    def quantity(self) -> Decimal:
        """Never the same as before."""
        return D("0.001") + D(next(self.numbers) % 500) / 100_000

    async def open(self) -> Any:
        """A resting order of ours, for those ways that change one."""
        return await self.face.buy(SYMBOL, self.quantity(), price=self.price(-900))

    async def go(self, name: str, act: Callable[[World], Awaitable[object]]) -> None:
        left = self.engine.desk.status()
        if (left.orders_left or 0) < 50 or (left.notional_left or 0) < 200_000:
            self.engine.arm(self.token)
        try:
            await act(self)
        except OrderDenied as denied:
            self.denied.update(each.rail for each in denied.breaches)
            self.other[name]["denied"] += 1
        except QuantlabError as error:
            self.other[name][f"{type(error).__name__}: {error}"[:150]] += 1
        else:
            self.accepted[name] += 1


# -- every way to send


async def by_strategy(world: World) -> None:
    """One that wants an order when it starts."""
    order = limit_order("buy", SYMBOL, world.quantity(), world.price(-800))

    class Wants:
        refused: Exception | None = None

        def on_start(self, view: Any) -> Any:
            return order

        def on_event(self, event: Any) -> None:
            pass

        def on_refused(self, wanted: Any, error: Exception) -> None:
            self.refused = error

    strategy = Wants()
    running = world.engine.strategies.run(strategy, name="gate")
    for _ in range(3_000):
        if strategy.refused or all(each.state is not OrderState.PENDING for each in running.open_orders()):
            break
        await asyncio.sleep(0.01)
    world.engine.strategies.stop("gate")
    if strategy.refused:
        raise strategy.refused


def line(text: str) -> Callable[[World], Awaitable[object]]:
    """A `%ql` line, by what its magic does with it."""

    async def act(world: World) -> object:
        asked: Any = parse(text.format(q=world.quantity(), low=world.price(-700), stop=world.price(-1_500)))
        return await world.face.submit(building.placed(asked), reduce_only=asked.reduce_only)

    return act


async def by_ticket(world: World) -> object:
    """The fields of the widget."""
    fields = Fields(
        side="BUY", symbol=SYMBOL, kind="limit", quantity=str(world.quantity()), amount="",
        price=str(world.price(-600)), time_in_force="GTC",
    )  # fmt: skip
    return await world.engine.execute(SubmitOrder(fields.request()))


async def by_ticket_stop(world: World) -> object:
    fields = Fields(
        side="SELL", symbol=SYMBOL, kind="stop loss", quantity=str(world.quantity()), amount="", price="",
        time_in_force="GTC", stop=str(world.price(-2_000)),
    )  # fmt: skip
    return await world.engine.execute(fields.command())


async def by_chain_line(world: World) -> object:
    text = f"oto buy {world.quantity()} BTCUSDT @ {world.price(-700)} then sell {world.quantity()} BTCUSDT"
    asked: Any = parse(text)
    return await world.face.submit(building.listed(asked))


async def replaced(world: World) -> object:
    old = await world.open()
    return await world.face.replace(old.client_order_id, price=world.price(-850))


async def stop_replaced(world: World) -> object:
    old: Any = await world.face.sell(SYMBOL, world.quantity(), stop=world.price(-2_000))
    return await world.face.replace(old.client_order_id, stop=world.price(-2_100))


async def amended(world: World) -> object:
    old = await world.open()
    return await world.face.amend(old.client_order_id, "0.0005")


async def amended_twice(world: World) -> object:
    old = await world.open()
    await world.face.amend(old.client_order_id, "0.0005")
    return await world.face.amend(old.client_order_id, "0.0004")


async def reduced(world: World) -> object:
    await world.face.cancel_all(SYMBOL)
    await world.face.buy(SYMBOL, "0.002")
    return await world.face.sell(SYMBOL, "0.001", reduce_only=True)


async def flattened(world: World) -> object:
    await world.face.cancel_all(SYMBOL)
    await world.face.buy(SYMBOL, "0.002")
    return await world.face.flatten(SYMBOL)


async def flattened_all(world: World) -> object:
    return await world.engine.execute(Flatten())


async def chained(world: World) -> object:
    quantity = world.quantity()
    first = limit_order("buy", SYMBOL, quantity, world.price(-500))
    return await world.face.submit(
        one_triggers_other(first, limit_order("sell", SYMBOL, quantity, world.price(900)))
    )


async def far(world: World) -> object:
    return await world.engine.gateway.submit(low(world))  # type: ignore[union-attr]


async def commanded(world: World) -> object:
    return await world.engine.execute(SubmitOrder(low(world)))


def low(world: World) -> OrderRequest:
    return limit_order("buy", SYMBOL, world.quantity(), world.price(-400))


def face(way: str, *words: Any, **terms: Any) -> Callable[[World], Awaitable[object]]:
    """A method of `ql.orders`; a whole number is so far from the market's price, "q" a quantity."""

    async def act(world: World) -> object:
        said = [
            world.quantity() if word == "q" else world.price(word) if type(word) is int else word
            for word in words
        ]
        named = {name: world.price(term) if type(term) is int else term for name, term in terms.items()}
        return await getattr(world.face, way)(*said, **named)

    return act


async def by_worth(world: World) -> object:
    return await world.face.buy(SYMBOL, quote_quantity=100 + next(world.numbers))


WAYS: dict[str, Callable[[World], Awaitable[object]]] = {
    "gateway": far, "command": commanded, "limit": face("buy", SYMBOL, "q", price=-300),
    "market": face("buy", SYMBOL, "q"), "market by worth": by_worth,
    "post-only": face("buy", SYMBOL, "q", price=-300, post_only=True),
    "stop": face("sell", SYMBOL, "q", stop=-2_000),
    "stop-limit": face("sell", SYMBOL, "q", stop=-2_000, price=-2_100),
    "take-profit": face("sell", SYMBOL, "q", stop=2_000, take_profit=True),
    "oco": face("oco", "sell", SYMBOL, "q", take_profit=1_500, stop_loss=-2_000),
    "bracket": face("bracket", "buy", SYMBOL, "q", -500, take_profit=900, stop_loss=-2_000),
    "oto": chained, "replace": replaced, "amend": amended, "reduce-only": reduced, "flatten": flattened,
    "magic": line("buy {q} BTCUSDT @ {low}"), "magic stop": line("sell {q} BTCUSDT stop {stop}"),
    "replace stop": stop_replaced, "magic oto": by_chain_line, "ticket stop": by_ticket_stop,
    "ticket": by_ticket, "strategy": by_strategy,
}  # fmt: skip


async def _await(work: Any) -> object:
    return await work


# -- every denial


class Provocation(NamedTuple):
    """What makes one rail deny: other limits, another instrument, something else, or an order of its own."""

    limits: Mapping[str, Any] = MappingProxyType({})
    rules: Mapping[str, Any] = MappingProxyType({})
    instrument: Mapping[str, Any] = MappingProxyType({})
    act: Callable[[World], Awaitable[object]] = WAYS["limit"]
    around: Callable[[World], Any] | None = None


@contextmanager
def latched(world: World) -> Iterator[None]:
    world.engine.latch.set("drill")
    try:
        yield
    finally:
        world.engine.latch.clear()


@contextmanager
def rearmed(world: World) -> Iterator[None]:
    try:
        yield
    finally:
        world.engine.gateway.tempo.rearm()  # type: ignore[union-attr]


@contextmanager
def errors(world: World) -> Iterator[None]:
    for _ in range(3):
        world.engine.gateway.tempo.answered(world.engine.clock.monotonic_ns(), error=True)  # type: ignore[union-attr]
    yield


async def again(world: World) -> None:
    """The same order from the same cell, run twice."""
    quantity, price = world.quantity(), world.price(-350)
    for run in (1, 2):
        token = CELL.set(Cell("gate", run))
        try:
            await world.face.buy(SYMBOL, quantity, price=price)
        finally:
            CELL.reset(token)


async def opposite(world: World) -> None:
    await world.face.sell(SYMBOL, world.quantity(), price=world.price(400))
    await world.face.buy(SYMBOL, world.quantity(), price=world.price(500))


async def shapeless(world: World) -> object:
    order = limit_order("buy", SYMBOL, world.quantity(), world.price(-300))
    return await world.face.submit(msgspec.structs.replace(order, time_in_force=None))


async def too_much(world: World) -> object:
    """Past the desk, whose budget would refuse so much before."""
    free = world.engine.portfolio.balances["USDT"].free
    quantity = (free / world.price() + 1).quantize(D(1))
    order = limit_order("buy", SYMBOL, quantity, world.price(-10))
    return await world.engine.gateway.submit(order)  # type: ignore[union-attr]


async def worthless(world: World) -> object:
    return await world.face.buy(SYMBOL, "0.00002", price=world.price(-10))


async def iceberg(world: World) -> object:
    order = limit_order("buy", SYMBOL, "0.1", world.price(-300))
    return await world.face.submit(msgspec.structs.replace(order, iceberg_quantity=D("0.001")))


async def trailing(world: World) -> object:
    return await world.face.submit(stop_order("sell", SYMBOL, world.quantity(), trailing=5_000))


async def more_than_held(world: World) -> object:
    return await world.engine.execute(SubmitOrder(market_order("sell", SYMBOL, "3"), reduce_only=True))


async def losing(world: World) -> object:
    """In and out: the fees are lost, whatever the market does meanwhile."""
    await world.face.buy(SYMBOL, "1")
    await world.face.sell(SYMBOL, "1")
    return await world.face.buy(SYMBOL, world.quantity(), price=world.price(-300))


def twice(way: str) -> Callable[[World], Awaitable[object]]:
    async def act(world: World) -> object:
        await WAYS[way](world)
        return await WAYS[way](world)

    return act


P = Provocation
PROVOKED: dict[str, Provocation] = {
    "trading_state": P(around=latched), "venue_health": P({"max_health_age_ms": 0}),
    "allowed_symbol": P({"denied_symbols": (SYMBOL,)}), "order_shape": P(act=shapeless),
    "symbol_status": P(instrument={"status": "BREAK"}), "min_notional": P(act=worthless),
    "venue_notional": P(instrument={"max_notional": D(1)}),
    "percent_price": P(rules={"bid_multiplier_up": D("0.5"), "bid_multiplier_down": D("0.1")}),
    "venue_position": P(rules={"max_position": D("0.0001")}), "max_asset": P(rules={"max_base": D("0.0001")}),
    "venue_orders": P(rules={"max_orders": 1}, act=twice("limit")),
    "venue_algo_orders": P(rules={"max_algo_orders": 1}, act=twice("stop")),
    "venue_lists": P(rules={"max_order_lists": 1}, act=twice("oco")),
    "iceberg": P(rules={"iceberg_parts": 2}, act=iceberg),
    "trailing_delta": P(act=trailing, rules={"min_trailing_below": 10, "max_trailing_below": 100}),
    "price_age": P({"max_price_age_ms": 0}), "spread": P({"max_spread": D(0)}),
    "price_collar": P({"price_collar": D(0)}),
    "window_collar": P({"window_collar": D(0)}, act=face("buy", SYMBOL, "q", price=300)),
    "order_rate": P({"max_orders_per_second": 0}), "venue_budget": P({"min_budget_left": 10**9}),
    "venue_errors": P({"max_error_rate": D(0), "min_answers": 1}, around=errors),
    "repeated_execution": P({"max_repeats": 0}, around=rearmed),
    "duplicate_order": P({"max_identical_orders": 0}),
    "cell_rerun": P(act=again), "reduce_only": P(act=more_than_held),
    "self_match": P(act=opposite, rules={"default_self_trade": "NONE"}),
    "balance": P(act=too_much), "max_order_quantity": P({"max_order_quantity": D("0.0001")}),
    "max_order_notional": P({"max_order_notional": D(1)}), "max_position": P({"max_position": D(1)}),
    "max_gross_exposure": P({"max_gross_exposure": D(1)}), "max_net_exposure": P({"max_net_exposure": D(1)}),
    "max_open_orders": P({"max_open_orders": 0}), "max_open_notional": P({"max_open_notional": D(1)}),
    "equity_floor": P({"min_equity": D(10**12)}), "daily_loss": P({"max_daily_loss": D(0)}, act=losing),
    "drawdown": P({"max_drawdown": D(0)}, act=losing),
    "amend_rate": P({"max_amends_per_second": 0}, act=amended),
    "venue_amends": P(rules={"max_amends": 1}, act=amended_twice),
}  # fmt: skip
BEFORE = {"price_grid", "quantity_grid", "min_quantity", "max_quantity"}  # refused by field: see `Preparing`
APART = {"cooldown"}  # nothing takes it back but time: tested beside the other rails


def test_every_rail_is_provoked_here_or_named_with_its_reason() -> None:
    """A new rail fails this until it is."""
    rails = {each.__name__ for each in (*RAILS, *LIST_RAILS, *AMEND_RAILS)}
    assert rails == PROVOKED.keys() | BEFORE | APART


async def provoke(world: World, rail: str) -> None:
    """Let one rail deny, and put all as it was."""
    provoked, engine = PROVOKED[rail], world.engine
    await world.face.cancel_all(SYMBOL)
    instrument = engine.portfolio.instruments[SYMBOL]
    rules = msgspec.structs.replace(instrument.rules, **provoked.rules)
    engine.portfolio.instruments[SYMBOL] = msgspec.structs.replace(
        instrument, **provoked.instrument, **({"rules": rules} if provoked.rules else {})
    )
    engine.rails.limits = msgspec.structs.replace(FREE, **provoked.limits)
    try:
        if provoked.around is None:
            await world.go(rail, provoked.act)
        else:
            with provoked.around(world):
                await world.go(rail, provoked.act)
    finally:
        engine.portfolio.instruments[SYMBOL] = instrument
        engine.rails.limits = FREE
        engine.guards.lift()  # a loss may have been looked at meanwhile: its cause outlives the limit


def machine(world: World) -> type[RuleBasedStateMachine]:
    """Sends, cancels and provokes in any order; no run of it may leave an order without a permit."""

    class Gate(RuleBasedStateMachine):
        @rule(way=st.sampled_from(sorted(WAYS)))
        def send(self, way: str) -> None:
            world.loop.run_until_complete(world.go(way, WAYS[way]))

        @rule(rail=st.sampled_from(sorted(PROVOKED)))
        def deny(self, rail: str) -> None:
            world.loop.run_until_complete(provoke(world, rail))

        @rule()
        def cancel(self) -> None:
            world.loop.run_until_complete(_await(world.engine.execute(CancelAll())))

        @precondition(lambda _: world.engine.portfolio.positions)
        @rule()
        def end(self) -> None:
            world.loop.run_until_complete(
                world.go("flatten all", lambda w: _await(w.engine.execute(Flatten())))
            )

    return Gate


def permits(lines: Iterator[Any]) -> dict[str, list[str]]:
    """Of each order's id the digests of its permits; each must be that of the very request in the line."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for one in lines:
        if one.kind != "intent":
            continue
        data = msgspec.json.decode(one.data)
        if "orders" in data:
            orders = msgspec.convert(data["orders"], tuple[OrderRequest, ...], strict=False)
            request: Any = OrderListRequest(
                kind=ListKind(data["list"]["kind"]), orders=orders,
                list_client_order_id=data["list"]["list_client_order_id"],
            )  # fmt: skip
        else:
            order = msgspec.convert(data["order"], OrderRequest, strict=False)
            orders, request = (order,), order
            if "replaces" in data:
                request = msgspec.convert(
                    {"order": data["order"], **data["replaces"]}, ReplaceRequest, strict=False
                )
        assert request.digest() == data["digest"]
        for each in orders:
            found[each.client_order_id].append(data["digest"])
    return found


@pytest.mark.timeout(1_800)
def test_whatever_is_sent_every_order_at_the_venue_has_exactly_one_permit(
    home: Path, token: Secret, tmp_path: Path, full: bool
) -> None:
    """Every way accepted, every denial occurred, no order in the venue's log without its line, none twice."""
    from quantlab.trading.journal import read

    loop = asyncio.new_event_loop()
    run = loop.run_until_complete
    log = tmp_path / "venue.jsonl"
    venue = run(_opened(log))
    engine = Engine(settings_for(venue, home, tmp_path))
    try:
        run(_started(engine, token))
        world = World(engine, loop, token)
        size = {"max_examples": 60 if full else 3, "stateful_step_count": 50 if full else 20}
        run_state_machine_as_test(
            machine(world), settings=sized(**size, deadline=None, derandomize=not full, database=None)
        )
        for way in set(WAYS) - set(world.accepted):  # what chance has left out
            run(_await(world.face.cancel_all(SYMBOL)))
            run(world.go(way, WAYS[way]))
        for rail in sorted(set(PROVOKED) - set(world.denied)):
            for _ in range(5):  # a day's loss may need more than one
                if not world.denied[rail]:
                    run(provoke(world, rail))
        assert set(WAYS) - set(world.accepted) == set(), world.other
        assert set(PROVOKED) - set(world.denied) == set(), world.other
        run(_await(world.face.cancel_all()))
        run(venue.session.truth.flush())
        journal = engine.journal.path
    finally:
        run(engine.aclose())
        run(venue.__aexit__(None, None, None))
        loop.close()

    allowed = permits(read(journal))
    at_venue = [
        order["client_order_id"] for (name, _), order in Truth.read(log).orders.items() if name == "account-1"
    ]
    assert len(at_venue) > 20
    assert {name: len(allowed[name]) for name in at_venue} == dict.fromkeys(at_venue, 1)
    assert len(set(at_venue)) == len(at_venue)
    for order in engine.orders:
        assert order.state is not OrderState.DENIED or order.client_order_id not in at_venue


async def _opened(log: Path) -> PaperVenue:
    most = 1_000_000
    venue = PaperVenue(log=log, terms=Terms(orders_10s=most, weight_1m=most, raw_requests_5m=most))
    return await venue.__aenter__()


async def _started(engine: Engine, token: Secret) -> None:
    engine.start()
    await engine.ready()
    engine.arm(token)
    engine.rails.limits = FREE
