"""When the venue answers wrongly or late: no order on a guess, and a HALT that does not give up."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from faultproxy import FaultProxy
from faulty import Fault, Faulty

from quantlab.binance.client import BinanceClient
from quantlab.binance.ordersocket import OrderSocket
from quantlab.binance.signing import Credentials
from quantlab.binance.transport import CONNECTIONS
from quantlab.bus import Overflow
from quantlab.clock import SystemClock
from quantlab.config import Settings
from quantlab.control.commands import CancelOrder, Resume, SetLimits, SubmitOrder
from quantlab.domain.limits import Limits
from quantlab.domain.market import BookView
from quantlab.domain.position import Position
from quantlab.engine import Engine
from quantlab.engine.rules import RulesPace
from quantlab.errors import (
    EngineError,
    EngineStopped,
    Halted,
    JournalCorrupt,
    JournalUnavailable,
    OffGrid,
    OrderDenied,
    OrderRejected,
    QuantlabError,
)
from quantlab.market.book import Book
from quantlab.paper.faults.reading import from_text
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.trading.equity import EquityState
from quantlab.trading.journal import read
from quantlab.trading.rails import Exposure, Rails
from quantlab.trading.requests import limit_order, market_order
from quantlab.trading.states import OrderState

BUY = SubmitOrder(market_order("BUY", "BTCUSDT", "0.01"))


class Place(NamedTuple):
    """A venue of our own, faulty paths to it (REST; both kinds of sockets), and an armed engine."""

    venue: PaperVenue
    faulty: Faulty
    streams: FaultProxy
    user: FaultProxy
    engine: Engine
    settings: Settings


async def until(condition: Callable[[], object], what: str, timeout_s: float = 45) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"never came true: {what}")


def settings_at(home: Path, folder: Path, account: tuple[str, str], **endpoints: str) -> Settings:
    profile = folder / "faulty.toml"
    lines = [f'{name} = "{url}"' for name, url in endpoints.items()]
    profile.write_text("\n".join([*lines, 'symbols = ["BTCUSDT", "ETHUSDT"]']))
    return Settings.from_environment(
        {
            "QUANTLAB_HOME": str(home), "QUANTLAB_VENUE": str(profile),
            "QUANTLAB_API_KEY": account[0], "QUANTLAB_API_SECRET": account[1],
        }
    )  # fmt: skip


@pytest.fixture
async def place(
    start: Callable[..., Engine],
    home: Path,
    token: Secret,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Place]:
    """The fast path of orders stays down: these are the faults of REST (see test_fast_path.py)."""
    monkeypatch.setattr(OrderSocket, "run", lambda _: asyncio.sleep(3_600))
    async with (
        PaperVenue() as venue, Faulty(venue.rest) as faulty,
        FaultProxy(venue.ws) as streams, FaultProxy(venue.ws_api) as user,
    ):  # fmt: skip
        settings = settings_at(
            home, tmp_path, venue.accounts[0], rest=faulty.rest, ws=streams.url, ws_api=user.url
        )
        engine = start(settings, deterministic=False)
        await engine.ready()
        engine.arm(token)
        yield Place(venue, faulty, streams, user, engine, settings)
        await engine.aclose()


def open_at(venue: PaperVenue) -> set[str]:
    """The symbols in which account 1 has open orders, as the exchange itself knows."""
    return {order.symbol for order in venue.exchange.open_orders("account-1")}


async def rest(engine: Engine, *symbols: str) -> None:
    """Orders far below the market."""
    prices = {"BTCUSDT": "58000", "ETHUSDT": "2910"}
    for symbol in symbols:
        await engine.execute(SubmitOrder(limit_order("BUY", symbol, "0.01", prices[symbol])))


# -- where we stand


async def test_no_order_passes_until_the_account_was_reconciled_after_a_reconnect(place: Place) -> None:
    """The user stream was away, and the first reconciliation after it fails."""
    engine, faulty = place.engine, place.faulty
    await engine.execute(BUY)
    link = engine.linked()
    assert link.user is not None
    faulty.faults = [Fault("GET", "/api/v3/account?", status=503)]
    reconnects = link.user.stream.reconnects
    await engine.wire.call(lambda: link.user.stream.restart("a drill"))
    await until(lambda: link.user.stream.reconnects > reconnects and link.user.live, "the stream is back")
    await until(lambda: engine.alarms, "an alarm")

    assert "reconciliation failed" in engine.alarms[-1]
    with pytest.raises(OrderDenied, match="not reconciled"):
        await engine.execute(BUY)

    faulty.faults = []
    await until(lambda: engine.trading_state() == "ACTIVE", "reconciled")
    await engine.execute(BUY)
    position = engine.portfolio.positions["BTCUSDT"]
    assert isinstance(position, Position)
    assert position.quantity == Decimal("0.02")


async def test_what_was_traded_while_the_stream_was_away_is_booked_once(place: Place) -> None:
    """By another program of the same account, with rails of its own."""
    engine, clock = place.engine, SystemClock()
    await engine.execute(BUY)
    link = engine.linked()
    await engine.wire.call(lambda: link.user.stream.restart("a drill"))
    key, secret = place.venue.accounts[0]
    request = msgspec.structs.replace(market_order("BUY", "BTCUSDT", "0.03"), client_order_id="script-1")
    exposure = Exposure.alone(
        instrument=engine.portfolio.instruments["BTCUSDT"], reference_price=Decimal(60_000), price_age_ms=0,
        balances=engine.portfolio.balances.values(),
    )  # fmt: skip
    _, permit = Rails().decide(request, exposure, now_ns=clock.monotonic_ns(), state_sequence=0)
    assert permit is not None
    async with BinanceClient(
        place.venue.rest, clock=clock, credentials=Credentials(key, Secret(secret))
    ) as client:
        await client.submit_order(request, permit)
        await until(lambda: len(engine.portfolio.fills) > 1, "the fill is known")
        await until(lambda: engine.trading_state() == "ACTIVE", "reconciled")
        trades = await client.my_trades("BTCUSDT")

    booked = sorted(each.trade_id for each in engine.portfolio.fills)
    assert booked == sorted(each.trade_id for each in trades)
    assert engine.portfolio.positions["BTCUSDT"].quantity == Decimal("0.04")


async def test_a_user_stream_that_went_dead_without_a_goodbye_is_noticed_by_the_next_fill(
    place: Place,
) -> None:
    """The venue says executed and no report comes: the stream is made anew, and nothing passes till then."""
    engine, user = place.engine, place.user
    user.freeze()
    order = await engine.execute(BUY)
    await until(lambda: engine.trading_state() != "ACTIVE", "the stream is not believed any more", 10)
    with pytest.raises(OrderDenied, match="user stream is down|not reconciled"):
        await engine.execute(BUY)
    user.restore()
    await until(lambda: engine.trading_state() == "ACTIVE", "reconciled")

    assert order.state is OrderState.FILLED
    assert engine.portfolio.positions["BTCUSDT"].quantity == Decimal("0.01")


async def test_a_market_stream_that_went_dead_makes_its_books_stale_and_is_connected_anew(
    place: Place,
) -> None:
    engine, streams = place.engine, place.streams
    await engine.health.until_ok()
    book = await engine.market.book("BTCUSDT", 1)
    assert book.state == "synced"
    streams.freeze()
    feed = engine.linked().feed
    await until(lambda: feed.synced == 0, "no book is believed", 10)
    stale = await engine.wire.call(lambda: _view(feed.books["BTCUSDT"]))
    assert stale.state == "stale"
    connections = streams.connections
    await until(lambda: streams.connections > connections or connections > 1, "connected anew", 20)
    streams.restore()
    await until(lambda: feed.synced == 2, "the books are right again")


async def _view(book: Book) -> BookView:
    return book.view(1)


# -- a crash


async def test_an_order_without_an_answer_when_the_kernel_died_is_unknown_and_then_resolved(
    place: Place, start: Callable[..., Engine], token: Secret
) -> None:
    """K6, F11: The request is on its way when the engine ends; the next one counts it from the start."""
    engine, faulty = place.engine, place.faulty
    faulty.faults = [Fault("POST", "/api/v3/order", delay_s=2.0)]
    handle = engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.1", "58000"))).send()
    await until(lambda: faulty.waiting, "the order is on its way")
    await engine.aclose()

    again = start(place.settings, deterministic=False)
    await again.ready()
    again.arm(token)
    (order,) = again.orders.open()
    assert (order.client_order_id, order.state) == (handle.client_order_id, OrderState.UNKNOWN)
    assert again.portfolio.reserved(order.client_order_id).base == Decimal("0.1")
    await until(lambda: order.state is OrderState.TAKEN, "the venue has it")
    assert open_at(place.venue) == {"BTCUSDT"}


async def test_what_earlier_sessions_bought_is_still_held_and_counts(
    place: Place, start: Callable[..., Engine], token: Secret
) -> None:
    """A reload is no way around max_position, and keeps the limits that were tightened."""
    await place.engine.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "1")))
    await place.engine.execute(SetLimits(max_position=Decimal(100_000)))
    await place.engine.aclose()

    again = start(place.settings, deterministic=False)
    await again.ready()
    again.arm(token)
    assert again.portfolio.positions["BTCUSDT"].quantity == Decimal(1)
    assert len(again.orders) == 0  # what was over before is history
    assert again.rails.limits.max_position == 100_000
    with pytest.raises(OrderDenied, match="max_position"):
        await again.execute(SubmitOrder(market_order("BUY", "BTCUSDT", "1")))


async def test_what_traded_while_no_kernel_ran_is_held_too(
    place: Place, start: Callable[..., Engine]
) -> None:
    """The only order of the session rested when it ended, and another account sold into it."""
    book = await place.engine.market.book("BTCUSDT", 1)
    price = book.asks[0][0] - Decimal("0.01")  # the best bid from now on
    await place.engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.2", price)))
    await place.engine.aclose()
    await until(lambda: "BTCUSDT" not in open_at(place.venue), "it trades meanwhile", 60)

    again = start(place.settings, deterministic=False)
    await again.ready()
    assert again.portfolio.positions["BTCUSDT"].quantity == Decimal("0.2")


async def test_a_damaged_journal_is_named_and_nothing_starts(
    place: Place, start: Callable[..., Engine]
) -> None:
    path = place.engine.journal.path
    place.engine.halt("drill")
    await place.engine.aclose()
    path.write_bytes(path.read_bytes().replace(b'"reason":"drill"', b'"treason":"drll"'))

    with pytest.raises(JournalCorrupt):
        start(place.settings, deterministic=False)


async def test_an_account_that_does_not_answer_at_the_start_is_asked_again(
    place: Place, start: Callable[..., Engine], token: Secret
) -> None:
    await place.engine.aclose()
    place.faulty.faults = [Fault("GET", "/api/v3/account?", status=503)]
    again = start(place.settings, deterministic=False)
    await again.ready()
    again.arm(token)
    with pytest.raises(OrderDenied, match="not reconciled"):
        await again.execute(BUY)
    place.faulty.faults = []
    await until(lambda: again.trading_state() == "ACTIVE", "reconciled")
    assert (await again.execute(BUY)).state is OrderState.FILLED


async def test_lost_order_events_halt(place: Place) -> None:
    """A subscriber that said it cannot bear to lose an order event, and lost one."""
    engine = place.engine
    engine.bus.subscribe("order.>", lambda _: asyncio.sleep(1), overflow=Overflow.FAIL, capacity=1)
    await engine.execute(BUY)
    await until(lambda: engine.latch.is_set, "halted")

    assert "lost order events" in engine.latch.reason


# -- two kernels, one account


async def test_a_second_kernel_of_the_account_may_look_and_halt_and_nothing_else(
    place: Place, start: Callable[..., Engine], token: Secret
) -> None:
    """K17: The one that came first trades; its journal is locked."""
    second = start(place.settings, deterministic=False)
    await second.ready()
    await second.health.until_ok()
    assert f"read-only: pid {os.getpid()}" in second.trading_state()
    assert await second.binance.open_orders() == []
    assert (await second.market.book("BTCUSDT", 1)).state == "synced"
    with pytest.raises(JournalUnavailable, match="read-only"):
        second.arm(token)
    with pytest.raises(EngineStopped, match="read-only"):
        await second.execute(BUY)
    await rest(place.engine, "BTCUSDT")
    second.halt("from the other kernel")
    await until(lambda: not open_at(place.venue), "cancelled")
    await until(lambda: place.engine.latch.is_set, "the kernel that trades is halted too")
    assert place.engine.latch.reason == "from the other kernel"


# -- HALT


async def test_one_symbol_that_cannot_be_cancelled_leaves_no_other_open_and_is_tried_again(
    place: Place,
) -> None:
    engine, faulty, venue = place.engine, place.faulty, place.venue
    await rest(engine, "BTCUSDT", "ETHUSDT")
    assert open_at(venue) == {"BTCUSDT", "ETHUSDT"}
    faulty.faults = [Fault("DELETE", "symbol=BTCUSDT", status=503)]
    engine.halt("drill")
    await until(lambda: open_at(venue) == {"BTCUSDT"}, "ETHUSDT is cancelled")
    faulty.faults = []
    await until(lambda: not open_at(venue), "BTCUSDT is cancelled too")


async def test_an_order_that_was_being_written_when_the_latch_closed_is_cancelled_when_it_arrives(
    place: Place,
) -> None:
    """R11: What left before the latch is taken back."""
    engine, faulty, venue = place.engine, place.faulty, place.venue
    faulty.faults = [Fault("POST", "/api/v3/order", delay_s=0.6)]
    sent = engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58000"))).send()
    await until(lambda: any(each.startswith("POST") for each in faulty.seen), "the order is on its way")
    engine.halt("drill")
    await sent
    assert venue.requests
    await until(lambda: not open_at(venue), "it is cancelled after its arrival")


async def test_orders_that_waited_for_a_connection_do_not_leave_after_the_resume(place: Place) -> None:
    """Decided before the HALT, behind a venue that is slow: RESUME is for what is decided afterwards."""
    engine, faulty, venue = place.engine, place.faulty, place.venue
    slow = Fault("POST", "/api/v3/order", held=asyncio.Event())
    faulty.faults = [slow]
    order = SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58000"))
    sent = [engine.execute(order).send() for _ in range(10)]
    await until(lambda: faulty.waiting == CONNECTIONS, "every connection of the orders is busy")
    written = faulty.waiting
    engine.halt("drill")
    await engine.execute(Resume("over"))
    slow.held.set()
    outcomes = await asyncio.gather(*sent, return_exceptions=True)

    assert sum(each.startswith("POST") for each in faulty.seen) == written < 10
    assert sum(isinstance(each, Halted) for each in outcomes) == 10 - written
    assert len(venue.requests) <= written


async def test_a_venue_that_fails_is_asked_again_until_nothing_is_open(place: Place) -> None:
    engine, faulty, venue = place.engine, place.faulty, place.venue
    await rest(engine, "BTCUSDT")
    faulty.faults = [Fault("GET", "/api/v3/openOrders", status=503)]
    engine.halt("drill")
    await until(lambda: sum("openOrders" in each for each in faulty.seen) >= 3, "it asks again")
    assert open_at(venue)
    faulty.faults = []
    await until(lambda: not open_at(venue), "cancelled")


async def test_resume_waits_for_the_cancels_and_then_ends_the_cancelling(place: Place) -> None:
    """A cancel of everything that is still on its way would strike what is ordered after RESUME."""
    engine, venue, faulty = place.engine, place.venue, place.faulty
    await rest(engine, "BTCUSDT")
    slow = Fault("DELETE", "symbol=BTCUSDT", held=asyncio.Event())
    faulty.faults = [slow]
    engine.halt("drill")
    await until(lambda: faulty.waiting, "the cancel is on its way")
    resuming = asyncio.ensure_future(engine.execute(Resume("over")))
    await asyncio.sleep(0.1)
    assert engine.latch.is_set
    slow.held.set()
    await resuming
    assert not faulty.waiting
    assert not open_at(venue)
    await rest(engine, "BTCUSDT")
    await asyncio.sleep(1.5)

    assert open_at(venue) == {"BTCUSDT"}


async def test_halt_and_cancel_have_warm_connections_of_their_own(place: Place) -> None:
    """Orders hang, cancels hang, and the HALT gets through, without so much as a handshake."""
    engine, venue, faulty = place.engine, place.venue, place.faulty
    engine.rails.limits = Limits(max_orders_per_second=100)
    await rest(engine, "BTCUSDT", *["ETHUSDT"] * 8)
    (btc,) = engine.orders.open("BTCUSDT")
    await until(lambda: sum("ping" in each for each in faulty.seen) >= 2, "both are warm")
    faulty.faults = [Fault("POST", "/api/v3/order", delay_s=5)]
    hanging = [
        engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.001", "58000"))).send() for _ in range(9)
    ]
    await until(lambda: faulty.waiting == 8, "every connection of the orders is busy")
    transport = engine.linked().halt_client._transport
    handshakes = transport.handshakes
    await engine.execute(CancelOrder("BTCUSDT", btc.client_order_id))
    assert faulty.waiting == 8
    faulty.faults.append(Fault("DELETE", "/api/v3/order?", delay_s=5))
    cancels = [CancelOrder("ETHUSDT", each.client_order_id) for each in engine.orders.open("ETHUSDT")]
    hanging += [engine.execute(each).send() for each in cancels]
    await until(lambda: faulty.waiting == 16, "every connection of the cancels is busy")
    engine.halt("drill")
    await until(lambda: open_at(venue) == set(), "cancelled", 3)

    assert faulty.waiting == 16
    assert transport.handshakes == handshakes > 0
    assert not any(each.done for each in hanging)


async def test_a_halt_of_an_earlier_session_stands_and_cancels_what_that_one_left(
    place: Place, start: Callable[..., Engine], token: Secret
) -> None:
    """The kernel dies halted with an order at the venue: the next one starts halted and cancels it."""
    await rest(place.engine, "BTCUSDT")
    place.faulty.faults = [Fault("DELETE", "", status=503), Fault("GET", "openOrders", status=503)]
    place.engine.halt("before the restart")
    await place.engine.aclose()
    place.faulty.faults = []
    assert open_at(place.venue)

    again = start(place.settings, deterministic=False)
    await again.ready()
    again.arm(token)
    assert again.latch.is_set
    assert "before the restart" in again.latch.reason
    with pytest.raises(Halted):
        await again.execute(BUY)
    await until(lambda: not open_at(place.venue), "cancelled")
    await again.execute(Resume("seen"))
    await again.aclose()

    third = start(place.settings, deterministic=False)
    await third.ready()
    assert not third.latch.is_set


@pytest.mark.parametrize("kind", ["fifo", "folder", "link to a device", "not ours to read"])
async def test_whatever_stands_there_a_halt_file_halts(place: Place, kind: str) -> None:
    engine, path = place.engine, place.settings.home / "halt"
    await rest(engine, "BTCUSDT")
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "folder":
            path.mkdir()
        case "link to a device":
            path.symlink_to("/dev/zero")
        case _:
            path.write_bytes(b"\xff" * 100_000)
            path.chmod(0)
    await until(lambda: engine.latch.is_set, "halted")
    await until(lambda: not open_at(place.venue), "cancelled")

    if kind == "folder":
        with pytest.raises(EngineError, match="cannot be removed"):
            await engine.execute(Resume("seen"))
        assert engine.latch.is_set
    else:
        await engine.execute(Resume("seen"))
        assert not os.path.lexists(path)


async def test_a_halt_file_written_again_halts_again(place: Place) -> None:
    """What came meanwhile, from another program of the account, is cancelled then."""
    engine, path = place.engine, place.settings.home / "halt"
    path.write_text("first")
    await until(lambda: engine.latch.generation == 1, "halted")
    await asyncio.sleep(0.3)
    assert engine.latch.generation == 1
    path.write_text("again")
    await until(lambda: engine.latch.generation == 2, "halted again")


async def test_a_halt_that_comes_while_resume_waits_stands(place: Place) -> None:
    engine, venue, faulty = place.engine, place.venue, place.faulty
    await rest(engine, "BTCUSDT")
    slow = Fault("DELETE", "symbol=BTCUSDT", held=asyncio.Event())
    faulty.faults = [slow]
    engine.halt("first")
    await until(lambda: faulty.waiting, "the cancel is on its way")
    resuming = asyncio.ensure_future(engine.execute(Resume("over")))
    await asyncio.sleep(0.1)
    engine.halt("second")
    slow.held.set()
    with pytest.raises(EngineError, match="halted again meanwhile"):
        await resuming
    assert engine.latch.is_set
    await until(lambda: not open_at(venue), "cancelled")


async def test_a_halt_leaves_a_venue_that_limits_us_the_time_it_asks_for(place: Place) -> None:
    """A HALT that is banned for hammering cancels nothing."""
    engine, faulty = place.engine, place.faulty
    await rest(engine, "BTCUSDT")
    faulty.faults = [Fault("GET", "/api/v3/openOrders", status=503)]
    before = sum("openOrders" in each for each in faulty.seen)
    engine.halt("drill")
    await asyncio.sleep(4)
    asked = sum("openOrders" in each for each in faulty.seen) - before

    assert 2 <= asked <= 20  # each look asks up to three times; the pauses double
    failed = [line for line in read(engine.journal.path) if line.kind == "halt.cancel_failed"]
    assert len(failed) <= 1


# -- the journal


async def test_without_a_journal_line_nothing_is_resumed_no_limit_changes_and_nobody_is_armed(
    place: Place, token: Secret
) -> None:
    engine = place.engine
    version = engine.rails.limits.version
    engine.halt("drill")
    engine.journal.path.unlink()
    for command in (Resume("over"), SetLimits(max_order_notional=Decimal(1))):
        with pytest.raises(JournalUnavailable):
            await engine.execute(command)
    engine.disarm()
    with pytest.raises(JournalUnavailable):
        engine.arm(token)

    assert engine.latch.is_set
    assert engine.rails.limits.version == version
    assert not engine.desk.status().armed


async def test_an_order_without_its_line_is_not_sent(place: Place) -> None:
    """D6: The disk refuses the line, and the order with it."""
    place.engine.journal.path.unlink()
    with pytest.raises(JournalUnavailable):
        await place.engine.execute(BUY)

    assert not place.venue.requests
    assert place.engine.orders.open() == []


# -- what is not said


async def test_a_silent_stream_makes_its_book_stale_and_a_new_connection_alone_no_right_one(
    place: Place,
) -> None:
    """N24: diffs of one symbol stop; nobody is shown its book as right until they come again."""
    link = place.engine.linked()
    books = link.feed.books
    pulses = link.streams._shards[0]._pulses
    await until(lambda: pulses[b"btcusdt@depth@100ms"].count > 25, "a pace to judge by")
    await until(lambda: all(book.view(1).state == "synced" for book in books.values()), "synced")
    fault = place.venue.session.faults.add(from_text("drop:stream=btcusdt@depth*"))
    await until(lambda: books["BTCUSDT"].view(1).state == "stale", "it is not believed")
    assert "fell silent" in books["BTCUSDT"].view(1).reason
    assert books["ETHUSDT"].view(1).state == "synced"
    await until(lambda: place.engine.health.snapshot.state != "OK", "ql.health says so")
    await until(lambda: link.streams.rotations == 1, "a new connection")
    await until(lambda: books["BTCUSDT"].view(1).state == "stale", "which brings no diffs either")
    place.venue.session.faults.remove(fault.number)
    await until(lambda: books["BTCUSDT"].view(1).state == "synced", "right again")


# -- what a refusal means beyond its order


async def test_a_refused_key_halts_and_disarms(place: Place) -> None:
    """V19: no further order leaves, and it needs the token and a reason to go on."""
    engine = place.engine
    place.venue.session.faults.add(from_text("key_refused:endpoint=POST /api/v3/order,count=1"))
    with pytest.raises(OrderRejected):
        await engine.execute(BUY)
    await until(lambda: engine.latch.is_set, "halted")

    assert "refused our key: -2015" in engine.latch.reason
    assert any("refused our key" in each for each in engine.alarms)
    assert engine.session is None
    with pytest.raises(QuantlabError):
        await engine.execute(BUY)
    assert len([each for each in place.venue.requests if each.method == "POST"]) <= 1


async def test_changed_rules_are_read_anew_after_one_refusal(place: Place) -> None:
    """V1: the tick grows; the first order is refused by the venue, the second by us, before it leaves."""
    engine = place.engine
    await rest(engine, "BTCUSDT")
    place.venue.session.faults.add(from_text("filters:symbol=BTCUSDT,tick_size=10"))
    odd = SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58001"))
    with pytest.raises(OrderRejected, match="-1013"):
        await engine.execute(odd)
    await until(lambda: engine.portfolio.instruments["BTCUSDT"].tick_size == 10, "the rules are known")
    with pytest.raises(OffGrid):
        await engine.execute(odd)
    await rest(engine, "BTCUSDT")
    assert any("changed the rules of BTCUSDT" in each for each in engine.alarms)


async def test_a_terminated_user_stream_is_subscribed_anew_and_no_order_passes_meanwhile(
    place: Place,
) -> None:
    """V13: the socket lives and says nothing more; what traded meanwhile is known before the next order."""
    engine = place.engine
    await engine.execute(BUY)
    place.venue.session.faults.add(from_text("user_stream_end:count=1"))
    began = asyncio.get_running_loop().time()
    await until(lambda: engine.trading_state() != "ACTIVE", "it is not believed")
    with pytest.raises(OrderDenied, match="user stream is down|not reconciled"):
        await engine.execute(BUY)
    await until(lambda: engine.trading_state() == "ACTIVE", "reconciled")
    assert asyncio.get_running_loop().time() - began < 5
    await engine.execute(BUY)
    assert engine.portfolio.positions["BTCUSDT"].quantity == Decimal("0.02")


def posts(place: Place) -> int:
    """Orders that have left us."""
    return sum(each.startswith("POST /api/v3/order?") for each in place.faulty.seen)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute of rules in a second."""
    pace = RulesPace(every_s=0.1, again_s=0.05, answer_s=0.4, old_s=1.0)
    monkeypatch.setattr("quantlab.engine.link.RULES", pace)


@pytest.mark.usefixtures("hurried")
async def test_rules_that_change_are_known_before_an_order_meets_them(place: Place) -> None:
    """V1: the tick grows midday; nobody was refused, and the next odd order stops here."""
    engine = place.engine
    place.venue.session.faults.add(from_text("filters:symbol=BTCUSDT,tick_size=10"))
    await until(lambda: engine.portfolio.instruments["BTCUSDT"].tick_size == 10, "the rules are known")
    with pytest.raises(OffGrid):
        await engine.execute(SubmitOrder(limit_order("BUY", "BTCUSDT", "0.01", "58001")))
    assert posts(place) == 0
    await rest(engine, "BTCUSDT")
    assert any("changed the rules of BTCUSDT" in each for each in engine.alarms)
    asked = [each for each in place.faulty.seen if "/exchangeInfo?" in each]
    assert asked
    assert all("BTCUSDT" in each and "DOGEUSDT" not in each for each in asked)  # only what is watched


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("way", ["refused", "silent"])
async def test_no_order_is_decided_on_rules_older_than_a_minute(place: Place, way: str) -> None:
    """V1: the venue does not say them any more: a minute later no order passes; then they are back."""
    engine = place.engine
    begin_s = asyncio.get_running_loop().time()
    gone = {"status": 503} if way == "refused" else {"delay_s": 5.0}
    place.faulty.faults = [Fault("GET", "/api/v3/exchangeInfo", **gone)]
    await until(lambda: engine.portfolio.instruments["BTCUSDT"].status == "UNKNOWN", "nobody knows")
    assert asyncio.get_running_loop().time() - begin_s < 1.0 + 0.5  # old_s, and the machine's own time
    with pytest.raises(OrderDenied, match="BTCUSDT is UNKNOWN"):
        await engine.execute(BUY)
    assert posts(place) == 0
    assert any("no order in BTCUSDT, ETHUSDT: rules last read" in each for each in engine.alarms)
    place.faulty.faults = []
    await until(lambda: engine.portfolio.instruments["BTCUSDT"].status == "TRADING", "known again", 20)
    await engine.execute(BUY)
    assert any("known again" in each for each in engine.alarms)


@pytest.mark.usefixtures("hurried")
async def test_a_symbol_that_does_not_trade_is_refused_before_a_byte_is_sent(place: Place) -> None:
    """V2: HALT, BREAK, END_OF_DAY, CANCEL_ONLY and a word nobody knows: refused here; cancels pass."""
    engine, faults = place.engine, place.venue.session.faults

    async def refused(status: str) -> None:
        await until(lambda: engine.portfolio.instruments["BTCUSDT"].status == status, status)
        before = posts(place)
        with pytest.raises(OrderDenied, match=f"BTCUSDT is {status}"):
            await rest(engine, "BTCUSDT")
        assert posts(place) == before

    for status in ("HALT", "BREAK", "END_OF_DAY", "CANCEL_ONLY"):
        await rest(engine, "BTCUSDT")
        (resting,) = engine.orders.open("BTCUSDT")
        fault = faults.add(from_text(f"status:symbol=BTCUSDT,status={status}"))
        await refused(status)
        await engine.execute(CancelOrder("BTCUSDT", resting.client_order_id))
        await until(lambda: not engine.orders.open("BTCUSDT"), "cancelled")
        assert not open_at(place.venue)
        faults.remove(fault.number)
        await until(lambda: engine.portfolio.instruments["BTCUSDT"].status == "TRADING", "it trades")
    place.faulty.faults = [Fault("GET", "/api/v3/exchangeInfo", edit=(b"TRADING", b"POST_ONLY_SOON"))]
    await refused("POST_ONLY_SOON")
    place.faulty.faults = [Fault("GET", "/api/v3/exchangeInfo", edit=(b'"BTCUSDT"', b'"BTCNEW"'))]
    await refused("NOT_LISTED")


async def test_a_symbol_that_has_just_halted_is_refused_by_the_venue_and_then_by_us(place: Place) -> None:
    """V2: between two looks at the rules the venue refuses; that is when they are read anew."""
    engine = place.engine
    await rest(engine, "BTCUSDT")
    (resting,) = engine.orders.open("BTCUSDT")
    place.venue.session.faults.add(from_text("status:symbol=BTCUSDT,status=BREAK"))
    with pytest.raises(OrderRejected):
        await rest(engine, "BTCUSDT")
    assert [each.client_order_id for each in engine.orders.open("BTCUSDT")] == [resting.client_order_id]
    await until(lambda: engine.portfolio.instruments["BTCUSDT"].status == "BREAK", "the rules are known")
    with pytest.raises(OrderDenied, match="BTCUSDT is BREAK"):
        await rest(engine, "BTCUSDT")
    await engine.execute(CancelOrder("BTCUSDT", resting.client_order_id))
    await until(lambda: not engine.orders.open("BTCUSDT"), "cancelled")
    assert not open_at(place.venue)


async def test_a_transfer_is_in_the_balances_at_once(place: Place) -> None:
    """V18: 1,000 USDT come in; nobody had to ask."""
    engine = place.engine
    await engine.execute(BUY)
    free = engine.portfolio.balances["USDT"].free
    place.venue.session.faults.add(from_text("transfer:account=account-1,asset=USDT,amount=1000"))
    await until(lambda: engine.portfolio.balances["USDT"].free == free + 1_000, "it is known", 2)


async def test_v18_a_withdrawal_is_no_drawdown(place: Place) -> None:
    """V18: half a million of nearly two leaves; the limit is a twentieth, and nothing stops trading."""
    engine = place.engine
    await engine.execute(SetLimits(max_drawdown=Decimal("0.05"), max_daily_loss=Decimal(50_000)))
    await until(lambda: engine.portfolio.equity.peak, "it is known what all of it is worth")
    free, before = engine.portfolio.balances["USDT"].free, engine.portfolio.equity.peak
    place.venue.session.faults.add(from_text("transfer:account=account-1,asset=USDT,amount=-500000"))
    await until(lambda: engine.portfolio.balances["USDT"].free == free - 500_000, "it is known", 2)
    engine.valuing.sample(engine.clock.now_ms())
    assert engine.guards.causes.lasting() == ()
    assert engine.portfolio.equity.peak < before * Decimal("0.8")
    await engine.execute(BUY)
    kept = engine.kept.get("equity", EquityState, EquityState())
    assert (kept.peak, kept.day_start) == (engine.portfolio.equity.peak, engine.portfolio.equity.day_start)
