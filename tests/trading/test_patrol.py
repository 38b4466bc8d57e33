"""Between reconciliations: a cheap look finds whatever differs, and nothing where nothing does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from scripted import Bench
from virtual_loop import run

from quantlab.clock import NS_PER_MS, ManualClock
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest
from quantlab.domain.position import AccountInfo, Balance
from quantlab.engine.standing import BOOKS, Standing
from quantlab.topics import ReconcileChange
from quantlab.trading.patrol import ONE_BY_ONE
from quantlab.trading.states import OrderState as S

Ask = Callable[..., OrderRequest]
Make = Callable[..., Any]


class LoopClock(ManualClock):
    """The time of the running virtual loop; what it measures is measured."""

    fixed = False

    def now_ms(self) -> int:
        return int(asyncio.get_running_loop().time() * 1_000)

    def monotonic_ns(self) -> int:
        return self.now_ms() * NS_PER_MS


class Watched:
    """A bench whose books are compared at the pace that is shipped, in virtual time."""

    def __init__(self, journal: Any) -> None:
        self.bench = Bench(journal, LoopClock(), Limits(), {})
        self.alarms: list[str] = []
        self.told: list[ReconcileChange] = []
        self.live, self.spent = True, 0.0
        self.standing = Standing(
            self.bench.gateway, ("BTCUSDT",), live=lambda: self.live, why=lambda: "",
            alarm=self.alarms.append, told=self.told.append, clock=self.bench.clock, spent=lambda: self.spent,
        )  # fmt: skip

    async def open(self) -> None:
        await self.standing.reconcile()
        assert self.standing.trading_state() == "ACTIVE"

    async def order(self, limit: Ask) -> Any:
        self.bench.quote = self.bench.quote._replace(event_ms=self.bench.clock.now_ms())
        order = await self.bench.gateway.submit(limit())
        await self.bench.deliver()
        return order


Story = Callable[[Watched], Any]


@pytest.fixture
def watched(journal_at: Callable[..., Any]) -> Callable[[Story], None]:
    """Tells a story about a `Watched` in virtual time."""

    def tell(story: Story) -> None:
        async def whole() -> None:
            made = Watched(journal_at(thread=False))
            await made.open()
            await story(made)
            made.standing.close()
            made.bench.wire.stop()
            await made.bench.bus.aclose()

        run(whole())

    return tell


def test_a_fill_that_was_never_told_is_booked_within_ten_seconds(
    watched: Callable[[Story], None], limit: Ask
) -> None:
    """V11: found, told, a cause for REDUCING; gone a second later, when a look finds nothing more."""

    async def story(w: Watched) -> None:
        order = await w.order(limit)
        await asyncio.sleep(30)
        assert w.told == []
        w.bench.venue.trade(order.client_order_id, "0.1")
        w.bench.venue.stream.clear()  # never told
        await asyncio.sleep(10)
        assert (order.state, len(w.bench.portfolio.fills)) == (S.FILLED, 1)
        assert [each.clean for each in w.told] in ([False], [False, True])
        assert [each.kind for each in w.told[0].differences] == ["UNHEARD_FILL"]
        await asyncio.sleep(1.5)
        assert [each.clean for each in w.told] == [False, True]
        assert w.standing.trading_state() == "ACTIVE"

    watched(story)


def test_while_the_books_differ_the_cause_is_reducing_and_the_event_comes_once(
    watched: Callable[[Story], None], limit: Ask
) -> None:
    """An order of ours that the venue has forgotten stays reserved; found each time, told once."""

    async def story(w: Watched) -> None:
        order = await w.order(limit)
        snapshot = w.bench.venue.orders.pop(order.client_order_id)
        await asyncio.sleep(40)
        assert order.state is S.TAKEN
        assert w.bench.portfolio.reserved(order.client_order_id).base == Decimal("0.1")
        assert [each.clean for each in w.told] == [False]
        assert [each.kind for each in w.told[0].differences] == ["UNKNOWN_ORDER"]
        assert w.standing.trading_state().startswith("REDUCING: the venue's books differ: order ")
        assert [each.owner for each in w.standing.causes.reasons()] == [BOOKS]
        assert len([each for each in w.bench.gateway.alarms if "does not know it" in each]) == 1

        w.bench.venue.orders[order.client_order_id] = snapshot  # it was there after all
        await asyncio.sleep(10)
        assert [each.clean for each in w.told] == [False, True]
        assert w.standing.trading_state() == "ACTIVE"

    watched(story)


def test_what_happened_while_nobody_listened_is_no_difference(
    watched: Callable[[Story], None], limit: Ask
) -> None:
    """After a reconnection the books are made right, and nobody is told that they were not."""

    async def story(w: Watched) -> None:
        order = await w.order(limit)
        w.live = False
        w.standing.lost()
        assert w.standing.trading_state().startswith("HALTED: the user stream is down")
        w.bench.venue.trade(order.client_order_id, "0.1")
        w.bench.venue.stream.clear()
        w.live = True
        assert "not reconciled" in w.standing.trading_state()
        await w.standing.reconcile()
        assert (order.state, w.told, w.standing.trading_state()) == (S.FILLED, [], "ACTIVE")

    watched(story)


def test_a_venue_that_does_not_answer_for_a_minute_is_a_doubt(
    watched: Callable[[Story], None], limit: Ask
) -> None:
    """One failed look says nothing; sixty seconds without any are a cause, and one alarm."""

    async def story(w: Watched) -> None:
        account, w.bench.venue.account = w.bench.venue.account, _hangs
        await asyncio.sleep(50)
        assert w.standing.trading_state() == "ACTIVE"
        assert len(w.alarms) == 1
        await asyncio.sleep(15)
        assert w.standing.trading_state().startswith("REDUCING: the books were not compared")
        assert len(w.alarms) == 1
        w.bench.venue.account = account
        await asyncio.sleep(10)
        assert w.standing.trading_state() == "ACTIVE"

    watched(story)


async def _hangs() -> AccountInfo:
    raise TimeoutError("no answer")


def test_a_look_waits_while_the_venues_limits_are_spent(watched: Callable[[Story], None], limit: Ask) -> None:
    """Over half of the request weight is used: orders need the rest."""

    async def story(w: Watched) -> None:
        await asyncio.sleep(10)
        looks = w.standing.looks
        w.spent = 0.6
        await asyncio.sleep(30)
        assert w.standing.looks == looks
        w.spent = 0.4
        await asyncio.sleep(10)
        assert w.standing.looks == looks + 1

    watched(story)


# -- what a look sees


async def test_books_that_agree_raise_no_suspicion(bench: Make, limit: Ask) -> None:
    """With orders open, part filled, over and from elsewhere."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    for part in ("0.1", "0.04", ""):
        order = await b.gateway.submit(limit())
        if part:
            b.venue.trade(order.client_order_id, part)
    b.venue.place(limit(client_order_id="elsewhere"))
    await b.deliver()
    seen = await b.gateway.look(("ETHUSDT",))
    assert seen.asked.symbols == ("BTCUSDT", "ETHUSDT")
    assert b.gateway.suspicion(seen) == ""


async def test_each_kind_of_difference_raises_suspicion(bench: Make, limit: Ask) -> None:
    """A fill, an end, an order from elsewhere, one that is gone, a balance: each not told."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    order = await b.gateway.submit(limit())
    await b.deliver()

    async def suspicion() -> str:
        return b.gateway.suspicion(await b.gateway.look(("BTCUSDT",)))

    assert await suspicion() == ""
    b.venue.trade(order.client_order_id, "0.04")
    assert "another one there" in await suspicion()
    await b.deliver()
    assert await suspicion() == ""
    b.venue.end(order.client_order_id)
    assert "open here alone" in await suspicion()
    await b.deliver()
    assert await suspicion() == ""
    b.venue.place(limit(client_order_id="elsewhere"))
    assert "never told" in await suspicion()
    await b.deliver()
    assert await suspicion() == ""
    b.venue.account = _poorer
    assert "balance of USDT" in await suspicion()
    await b.gateway.reconcile()
    assert [each.kind for each in b.gateway.take_differences()] == ["BALANCE"]
    assert await suspicion() == ""


async def _poorer() -> AccountInfo:
    return AccountInfo(
        balances=(Balance(asset="USDT", free=Decimal(900), locked=Decimal(0)),), can_trade=True, updated_ms=2
    )


async def test_what_the_stream_told_after_the_answer_is_no_difference(bench: Make, limit: Ask) -> None:
    """The answer is from before: an end and a balance that are newer here are right."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    order = await b.gateway.submit(limit())
    await b.deliver()
    seen = await b.gateway.look(("BTCUSDT",))
    b.venue.trade(order.client_order_id, "0.1")
    await b.deliver()
    usdt = Balance(asset="USDT", free=Decimal(400), locked=Decimal(0))
    b.gateway.apply(AccountInfo(balances=(usdt,), can_trade=True, updated_ms=5))
    assert b.gateway.suspicion(seen) == ""
    older = msgspec.structs.replace(seen, account=msgspec.structs.replace(seen.account, updated_ms=5))
    assert b.gateway.suspicion(older)


async def test_an_order_in_flight_is_not_looked_for(bench: Make, limit: Ask) -> None:
    """Sent and not answered, or sent after the look began: neither is missing there."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    b.venue.gate = asyncio.Event()
    sent = b.gateway.submit(limit())
    seen = await b.gateway.look(("BTCUSDT",))
    assert b.gateway.suspicion(seen) == ""
    b.venue.gate.set()
    await sent
    await b.deliver()
    assert b.gateway.suspicion(seen) == ""


async def test_many_symbols_are_asked_for_at_once(bench: Make) -> None:
    """From so many on that costs less than one by one."""
    b = await bench()
    names = tuple(f"S{number}USDT" for number in range(ONE_BY_ONE + 1))
    assert (await b.gateway.look(names[:-1])).asked.symbols == tuple(sorted(names[:-1]))
    assert (await b.gateway.look(names)).asked.symbols == ()
