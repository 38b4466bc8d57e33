"""Who may be spared all but the newest event of a name: only a topic of which every subscription says so."""

from __future__ import annotations

import asyncio
import contextvars
from collections import Counter
from operator import attrgetter
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.bus import Bus, Overflow, Topic
from quantlab.bus.lanes import Lanes
from quantlab.clock import ManualClock
from quantlab.errors import BusError


class Best(msgspec.Struct, frozen=True):
    """A best price of one symbol at one venue."""

    symbol: str
    venue: str = "a"
    number: int = 0


class Deal(msgspec.Struct, frozen=True):
    """Something else about a symbol."""

    symbol: str
    number: int = 0


BEST: Topic[Best] = Topic("best.{symbol}", Best)
DEAL: Topic[Deal] = Topic("deal.{symbol}", Deal)
NEWEST = {"overflow": Overflow.CONFLATE, "key": "symbol"}
ONE = Best("BTCUSDT")


def new_bus(*topics: Topic[Any]) -> Bus:
    bus = Bus(ManualClock(), catalogue=topics or (BEST, DEAL))
    bus.start()
    return bus


def nothing(_event: object) -> None: ...


@pytest.mark.parametrize("published", [False, True])
@pytest.mark.parametrize(
    ("subscribed", "may"),
    [
        ([], True),
        ([("best.BTCUSDT", NEWEST)], True),
        ([("best.*", NEWEST), ("best.BTCUSDT", NEWEST)], True),
        ([("best.*", {**NEWEST, "key": attrgetter("symbol")})], True),
        ([(">", NEWEST), ("deal.BTCUSDT", {}), ("best.ETHUSDT", {})], True),  # those two are not asked
        ([("best.BTCUSDT", {})], False),
        ([("best.*", NEWEST), ("best.BTCUSDT", {})], False),
        ([("best.*", NEWEST), (">", {"overflow": Overflow.DROP_NEW})], False),
        ([("best.*", {**NEWEST, "key": lambda best: best.symbol})], False),  # nobody knows what it looks at
        ([("best.*", {**NEWEST, "key": "venue"})], False),  # of each venue the newest, not of each symbol
        ([("best.*", {"inline": True})], False),
    ],
)
async def test_the_newest_alone_goes_only_where_all_who_get_it_say_so(
    subscribed: list[tuple[str, dict[str, Any]]], may: bool, published: bool
) -> None:
    """Also before the name was ever published, and while a cell that subscribes blocks the loop."""
    bus = new_bus()
    if published:
        bus.publish(BEST, ONE)
    for pattern, options in subscribed:
        bus.subscribe(pattern, nothing, **options)

    assert bus.conflates(BEST, ONE) is may
    bus.publish(BEST, ONE)
    assert bus.conflates(BEST, ONE) is may
    for each in bus.subscriptions:
        each.close()
    assert bus.conflates(BEST, ONE)
    await bus.aclose()


@pytest.mark.parametrize("pattern", [BEST, "best.*", "*.BTCUSDT", ">"])
async def test_by_name_keeps_one_event_for_each_name(pattern: Topic[Any] | str) -> None:
    """Whatever the pattern spans: a price never takes the place of a deal."""
    bus = new_bus()
    got: list[object] = []
    subscription = bus.subscribe(
        pattern, got.append, overflow=Overflow.CONFLATE, key=bus.by_name(pattern), capacity=8
    )

    assert bus.conflates(BEST, ONE)
    for number in range(3):
        for symbol in ("BTCUSDT", "ETHUSDT"):
            bus.publish(BEST, Best(symbol, number=number))
            bus.publish(DEAL, Deal(symbol, number))
    await bus.settle()
    names = {(type(each), each.symbol) for each in got}  # type: ignore[attr-defined]
    assert len(names) == len(got) == subscription.delivered
    assert {each.number for each in got} == {2}  # type: ignore[attr-defined]
    assert subscription.conflated == 2 * len(got)
    await bus.aclose()


async def test_by_name_is_refused_where_an_event_does_not_say_its_name() -> None:
    """Two topics of one type: the error names both, and the way out."""
    bus = new_bus(BEST, Topic("worst.{symbol}", Best))

    with pytest.raises(
        BusError, match=r"'best.\{symbol\}' and 'worst.\{symbol\}' carry the same type.*narrower"
    ):
        bus.by_name(">")
    assert bus.by_name("worst.*")(ONE) != bus.by_name("best.*")(ONE)
    await bus.aclose()


LISTENING = st.tuples(st.just("listen"), st.sampled_from(["all", "newest"]))
SEEN: Counter[str] = Counter()


@settings(deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.sampled_from(["BTCUSDT", "ETHUSDT"])),
            LISTENING,
            st.tuples(st.just("end"), st.just("")),
            st.tuples(st.just("turn"), st.just("")),
        ),
        max_size=40,
    )
)
def subscriptions_come_and_go(
    steps: list[tuple[str, str]],
) -> None:
    """Whoever wants all gets all that was sent since, in order; whoever wants the newest ends with it."""

    async def run() -> None:
        bus = new_bus()
        lanes = Lanes(
            asyncio.get_running_loop(), lambda best: bus.publish(BEST, best) and None,
            context=contextvars.copy_context(), on_error=raise_it,
        )  # fmt: skip
        wants: list[tuple[str, int, list[Best]]] = []
        sent: list[Best] = []
        for what, which in steps:
            if what == "send":
                sent.append(best := Best(which, number=len(sent)))
                lanes.post_keyed(best, (BEST, which), conflate=bus.conflates(BEST, best))
            elif what == "listen":
                options: dict[str, Any] = dict(NEWEST) if which == "newest" else {}
                got: list[Best] = []
                bus.subscribe(BEST, got.append, inline=False, **options)
                wants.append((which, len(sent), got))
            elif what == "end":
                for each in bus.subscriptions:
                    each.close()
                wants.clear()
            else:
                await asyncio.sleep(0)
        while lanes:
            await asyncio.sleep(0)
        await bus.settle()
        for which, since, got in wants:
            later = [each for each in got if each.number >= since]
            numbers = {
                symbol: [e.number for e in got if e.symbol == symbol] for symbol in ("BTCUSDT", "ETHUSDT")
            }
            assert all(each == sorted(each) for each in numbers.values())
            if which == "all":
                assert sorted(later, key=lambda each: each.number) == sent[since:]
            else:
                newest = {each.symbol: each for each in sent[since:]}
                assert newest.items() <= {each.symbol: each for each in got}.items()
        SEEN.update(conflated=lanes.conflated, all=len(wants) and lanes.applied)
        await bus.aclose()

    asyncio.run(run())


def test_subscriptions_that_come_and_go_lose_nothing_they_did_not_give_away() -> None:
    """In any order; and both happened: something was conflated, and somebody got all there was."""
    SEEN.clear()
    subscriptions_come_and_go()

    assert all(SEEN[what] for what in ("conflated", "all")), SEEN


def raise_it(_message: object, error: BaseException) -> None:
    raise error
