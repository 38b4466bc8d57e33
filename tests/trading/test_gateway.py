"""The gateway: one step from decision to hand-over, and nothing released that is not proven over."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, OrderType, Side
from quantlab.errors import (
    EngineStopped,
    Halted,
    JournalUnavailable,
    NotSent,
    OffGrid,
    OrderDenied,
    OrderOutcomeUnknown,
    OrderPending,
    OrderRejected,
    PermitRefused,
    UnknownSymbol,
    VenueError,
    VenueUnavailable,
    WrongThread,
)
from quantlab.secret import Secret
from quantlab.trading.journal import Journal, read, verify
from quantlab.trading.rails import RAILS
from quantlab.trading.recovery import Recovered, recovered
from quantlab.trading.reruns import CELL, Cell
from quantlab.trading.resolver import Doubt
from quantlab.trading.states import OrderState as S

Make = Callable[..., Any]
Ask = Callable[..., OrderRequest]


def buying(bench: Any) -> Decimal:
    request = OrderRequest(symbol="BTCUSDT", side=Side.BUY, type=OrderType.MARKET)
    seen = bench.portfolio.exposure_for(
        request, reference_price=None, price_age_ms=None, orders_last_second=None
    )
    return seen.buying + seen.position


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


async def as_run(cell: str, run: int, send: Callable[[], Any]) -> object:
    """Send as this run of a cell."""
    token = CELL.set(Cell(cell, run))
    try:
        return await send()
    finally:
        CELL.reset(token)


async def test_an_order_is_taken_by_the_answer_and_filled_by_reports_alone(bench: Make, limit: Ask) -> None:
    """PENDING, TAKEN, and FILLED only when the stream said so; the bus hears each once."""
    b = await bench()
    sent = b.gateway.submit(limit())
    assert (sent.order.state, sent.done) == (S.PENDING, False)
    order = await sent
    assert (order.state, order.filled, order.order_id) == (S.TAKEN, 0, 1)
    b.venue.trade(order.client_order_id, "0.1")
    assert order.state is S.TAKEN
    await b.deliver()
    assert (order.state, order.filled, sent.result() is order) == (S.FILLED, Decimal("0.1"), True)
    assert [each.state for each in b.said("order")] == ["PENDING", "TAKEN", "FILLED"]
    assert [each.quantity for each in b.said("fill")] == [Decimal("0.1")]
    assert [each.quantity for each in b.said("position")] == [Decimal("0.1")]
    assert b.kinds() == ["intent", "outcome", "execution"]


async def test_the_line_stands_before_the_request_leaves(bench: Make, limit: Ask) -> None:
    """When the venue sees the order, its intent is in the journal with digest and limits version."""
    b = await bench()
    b.venue.gate = asyncio.Event()
    sent = b.gateway.submit(limit())
    await until(lambda: bool(b.venue.submitted))
    assert b.kinds() == ["intent"]
    line = msgspec.json.decode(list(read(b.journal.path))[-1].data)
    assert line["order"]["client_order_id"] == sent.client_order_id
    assert line["digest"] == msgspec.convert(line["order"], OrderRequest, strict=False).digest()
    assert line["limits_version"] == 1
    b.venue.gate.set()
    await sent


async def test_a_denied_order_leaves_no_byte_and_explains_itself_whole(bench: Make, limit: Ask) -> None:
    """OrderDenied with every verdict, RISK_BREACH on the bus, a line in the journal, nothing at the venue."""
    b = await bench()
    with pytest.raises(OrderDenied) as denied:
        b.gateway.submit(limit(quantity="2"))
    await b.turn()
    assert [each.rail for each in denied.value.breaches] == ["max_order_notional"]
    assert len(denied.value.verdicts) == len(RAILS)
    assert [len(each.verdicts) for each in b.said("risk")] == [len(RAILS)]
    assert [each.state for each in b.orders] == [S.DENIED]
    assert (b.venue.submitted, buying(b), b.kinds()) == ([], 0, ["denied"])


async def test_explain_gives_the_decision_of_submit_and_does_nothing(bench: Make, limit: Ask) -> None:
    """Same verdicts; nothing is reserved, sent, journaled or counted."""
    b = await bench()
    before = b.portfolio.sequence
    decision = b.gateway.explain(limit(quantity="2"))
    assert (b.kinds(), len(b.orders), b.portfolio.sequence) == ([], 0, before)
    with pytest.raises(OrderDenied) as denied:
        b.gateway.submit(limit(quantity="2"))
    assert denied.value.verdicts == decision.verdicts


async def test_a_request_off_the_grid_or_unknown_is_refused_before_the_rails(bench: Make, limit: Ask) -> None:
    """A typed error that names the way out; it is no denial and leaves no trace."""
    b = await bench()
    with pytest.raises(OffGrid, match="round_price"):
        b.gateway.submit(limit(price="60000.001"))
    with pytest.raises(OffGrid, match="round_quantity"):
        b.gateway.submit(limit(quantity="0.100001"))
    with pytest.raises(UnknownSymbol):
        b.gateway.submit(limit(symbol="BTCUSD"))
    assert (len(b.orders), b.kinds()) == (0, [])


async def test_ids_are_ours_short_and_never_used_twice(bench: Make, limit: Ask) -> None:
    """Session prefix and number, at most 36 characters, jumping over those an earlier session used."""
    b = await bench()
    b.orders.remember(["det1-2"])
    ids = [(await b.gateway.submit(limit())).client_order_id for _ in range(3)]
    assert ids == ["det1-1", "det1-3", "det1-4"]
    assert all(len(each) <= 36 for each in ids)


async def test_orders_in_flight_count_before_the_first_answer(bench: Make, limit: Ask) -> None:
    """Submitted in one go without an await between: the cap holds although nothing was answered."""
    b = await bench(limits=Limits(max_position=Decimal(30_000), max_orders_per_second=100))
    allowed = 0
    for _ in range(20):
        try:
            b.gateway.submit(limit())
            allowed += 1
        except OrderDenied:
            pass
    assert (allowed, buying(b)) == (5, Decimal("0.5"))
    await b.turn()
    assert len(b.venue.submitted) == 5


async def test_more_orders_than_the_rate_allows_are_denied_until_a_second_has_passed(
    bench: Make, limit: Ask
) -> None:
    """The monotonic clock decides; denied ones do not count."""
    b = await bench(limits=Limits(max_orders_per_second=3))
    for _ in range(3):
        b.gateway.submit(limit())
    for _ in range(2):
        with pytest.raises(OrderDenied, match="order_rate"):
            b.gateway.submit(limit())
    b.clock.advance(1_000)
    b.gateway.submit(limit())


async def test_a_stale_or_missing_price_denies(bench: Make, limit: Ask) -> None:
    """Age is by the venue's event time, never by arrival."""
    b = await bench()
    b.clock.advance(2_001)
    with pytest.raises(OrderDenied, match="price_age"):
        b.gateway.submit(limit())
    b.quote = None
    with pytest.raises(OrderDenied, match="UNKNOWN_PRICE"):
        b.gateway.submit(limit())


async def test_a_rejection_frees_the_reservation(bench: Make, limit: Ask) -> None:
    """A definite refusal by the venue: REJECTED with its words."""
    b = await bench()
    b.venue.answers = ["reject"]
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderRejected):
        await sent
    assert (sent.order.state, buying(b)) == (S.REJECTED, 0)
    assert "-2010" in sent.order.reason


async def test_what_never_left_is_not_placed(bench: Make, limit: Ask) -> None:
    """No connection, or an expired permit: NOT_PLACED, freed, and a new attempt is a new order."""
    b = await bench()
    b.venue.answers = ["not sent"]
    sent = b.gateway.submit(limit())
    with pytest.raises(NotSent):
        await sent
    late = b.gateway.submit(limit())
    b.clock.advance(1_001)
    with pytest.raises(PermitRefused, match="expired"):
        await late
    assert [each.state for each in b.orders] == [S.NOT_PLACED, S.NOT_PLACED]
    assert (buying(b), b.venue.submitted) == (0, [sent.client_order_id])


@pytest.mark.parametrize("answer", ["reject", "not sent"])
async def test_a_cell_may_send_again_what_came_to_nothing(bench: Make, limit: Ask, answer: str) -> None:
    """`cell_rerun` keeps an order from being there twice; one that the venue refused is not there."""
    b = await bench()
    b.venue.answers = [answer]
    with pytest.raises((OrderRejected, NotSent)):
        await as_run("a cell", 1, lambda: b.gateway.submit(limit()))
    await as_run("a cell", 2, lambda: b.gateway.submit(limit()))
    with pytest.raises(OrderDenied, match="cell_rerun"):
        await as_run("a cell", 3, lambda: b.gateway.submit(limit()))
    assert len(b.venue.submitted) == 2
    assert b.gateway.allow_rerun() == 1


async def test_a_lost_answer_is_no_leave_to_send_again(bench: Make, limit: Ask) -> None:
    b = await bench()
    b.venue.answers = ["lost"]
    with pytest.raises(OrderOutcomeUnknown):
        await as_run("a cell", 1, lambda: b.gateway.submit(limit()))
    with pytest.raises(OrderDenied, match="cell_rerun"):
        await as_run("a cell", 2, lambda: b.gateway.submit(limit()))


async def test_a_cancel_that_is_on_its_way_is_not_sent_twice(bench: Make, limit: Ask) -> None:
    """Whoever asks meanwhile has the same answer; once it is answered, asking asks again."""
    b = await bench()
    order = await b.gateway.submit(limit())
    first, second = (b.gateway.cancel("BTCUSDT", order.client_order_id) for _ in range(2))
    assert (await first).status == (await second).status == "CANCELED"
    assert b.venue.cancelled == [order.client_order_id]
    with pytest.raises(OrderRejected, match="-2011"):
        await b.gateway.cancel("BTCUSDT", order.client_order_id)


async def test_cancels_beyond_the_limit_wait_and_all_go(bench: Make, limit: Ask) -> None:
    """The third of two a second goes a second later; cancel-all and a HALT wait for nothing."""
    b = await bench(limits=Limits(max_cancels_per_second=2, max_orders_per_second=1_000_000))
    names = [(await b.gateway.submit(limit(price=str(59_000 + n)))).client_order_id for n in range(6)]
    calls = [b.gateway.cancel("BTCUSDT", name) for name in names[:3]]
    await asyncio.gather(calls[0], calls[1])
    assert (b.venue.cancelled, calls[2].done) == (names[:2], False)

    b.latch.set("drill")
    await asyncio.gather(*(b.gateway.cancel("BTCUSDT", name) for name in names[3:5]))
    assert b.venue.cancelled == [*names[:2], *names[3:5]]
    b.latch.clear()
    assert [each.client_order_id for each in await b.gateway.cancel_all("BTCUSDT")] == [names[2], names[5]]
    with pytest.raises(OrderRejected, match="-2011"):  # it had waited, and was sent all the same
        await calls[2]


async def test_a_cancel_that_waits_is_sent_at_once_when_asked_for_again_under_a_halt(
    bench: Make, limit: Ask
) -> None:
    """Under a HALT nobody is given the call that still waits its turn."""
    b = await bench(limits=Limits(max_cancels_per_second=1, max_orders_per_second=1_000_000))
    names = [(await b.gateway.submit(limit(price=str(59_000 + n)))).client_order_id for n in range(9)]
    calls = [b.gateway.cancel("BTCUSDT", name) for name in names]
    assert b.gateway.cancel("BTCUSDT", names[8]) is calls[8]
    b.latch.set("drill")
    again = b.gateway.cancel("BTCUSDT", names[8])
    assert b.gateway.cancel("BTCUSDT", names[8]) is again
    assert (await asyncio.wait_for(again, 4)).status == "CANCELED"  # its turn is in eight seconds
    assert not calls[8].done
    await b.gateway.cancel_all("BTCUSDT")


async def test_an_order_that_is_out_is_out_though_nobody_can_be_told(bench: Make, limit: Ask) -> None:
    """A bus that takes no event any more is an alarm, and no error to whoever sent the order."""
    b = await bench()
    await b.bus.aclose()
    order = await b.gateway.submit(limit())

    assert (order.state, b.venue.submitted) == (S.TAKEN, [order.client_order_id])
    assert any("an order is out" in text and "the bus is closed" in text for text in b.gateway.alarms)


async def test_k4_an_interrupt_of_a_handler_that_hangs_on_an_orders_news_is_the_handlers(
    bench: Make, limit: Ask
) -> None:
    """The second Interrupt strikes inside the critical section (see `Masked`): the order is out by then."""
    b = await bench()

    def struck(_: object) -> None:
        raise KeyboardInterrupt

    hanging = b.bus.subscribe("order.>", struck, inline=True)
    sent = b.gateway.submit(limit())
    assert hanging.failed == 1
    assert (await sent).state is S.TAKEN


async def test_k4_an_interrupt_between_an_order_and_its_news_says_what_goes_on(
    bench: Make, limit: Ask
) -> None:
    """As above, outside all handlers: whoever sent it hears the id, not that it failed."""
    b = await bench()

    def struck(_: object) -> str:
        raise KeyboardInterrupt

    keyed = b.bus.subscribe("order.>", print, overflow="conflate", key=struck)
    with pytest.raises(OrderPending) as told:
        b.gateway.submit(limit())
    keyed.close()
    await b.turn()
    (order,) = b.orders
    assert told.value.client_order_ids == (order.client_order_id,)
    assert (order.state, b.venue.submitted) == (S.TAKEN, [order.client_order_id])


async def test_k4_an_interrupt_of_a_journal_that_hangs_sends_nothing_and_loses_no_line(
    bench: Make, limit: Ask, journal_at: Callable[..., Journal], key: Secret
) -> None:
    """As above, half-way through the line: it is not handed over, and the chain goes on."""
    strikes = [False]

    def write(descriptor: int, text: bytes) -> int:
        if strikes[0] and threading.current_thread() is threading.main_thread():
            strikes[0] = False
            os.write(descriptor, text[:100])
            raise KeyboardInterrupt
        return os.write(descriptor, text)

    journal = journal_at(write=write)
    b = await bench(journal=journal)
    strikes[0] = True
    with pytest.raises(KeyboardInterrupt) as told:
        b.gateway.submit(limit())
    assert not isinstance(told.value, OrderPending)
    (order,) = b.orders
    assert (order.state, b.venue.submitted, buying(b)) == (S.NOT_PLACED, [], Decimal(0))

    later = await b.gateway.submit(limit())
    assert b.venue.submitted == [later.client_order_id]
    journal.close()
    assert verify(journal.path, key).ok
    left = recovered(read(journal.path))
    assert left.unfinished == ()
    kinds = [line.kind for line in read(journal.path)]
    assert (kinds.count("intent"), kinds.count("outcome")) == (2, 2)


async def test_an_unknown_outcome_keeps_its_reservation_and_is_found_by_its_id(
    bench: Make, limit: Ask
) -> None:
    """The answer was lost, the order lives: UNKNOWN, then what the query says, sent once."""
    b = await bench()
    b.venue.answers = ["lost"]
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    b.venue.stream.clear()
    assert (sent.order.state, buying(b)) == (S.UNKNOWN, Decimal("0.1"))
    await until(lambda: sent.order.state is S.TAKEN)
    assert (buying(b), b.venue.submitted) == (Decimal("0.1"), [sent.client_order_id])
    await b.turn()
    assert {each.source for each in b.said("execution")} == {"reconcile"}


async def test_an_unknown_order_that_filled_brings_its_fills(bench: Make, limit: Ask) -> None:
    """The resolver looks for the trades too: no fill is assumed, none is lost."""
    b = await bench()
    b.venue.answers = ["lost"]
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    b.venue.trade(sent.client_order_id, "0.04")
    b.venue.trade(sent.client_order_id, "0.06", "59999")
    b.venue.stream.clear()
    await until(lambda: sent.order.state is S.FILLED)
    assert [each.price for each in b.portfolio.fills] == [60_000, 59_999]
    assert (buying(b), b.portfolio.booked(sent.client_order_id)) == (Decimal("0.1"), Decimal("0.1"))


async def test_an_absence_is_believed_only_late_and_repeated(bench: Make, limit: Ask) -> None:
    """-2013 at once proves nothing: asked again and again, past the window, then NOT_PLACED and freed."""
    b = await bench()
    b.venue.answers = ["lost, not placed"]
    loop = asyncio.get_running_loop()
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    started = loop.time()
    while sent.order.state is S.UNKNOWN:
        assert buying(b) == Decimal("0.1")
        await asyncio.sleep(0.002)
    assert loop.time() - started >= 0.045
    assert b.venue.queries >= 3
    assert (sent.order.state, buying(b), len(b.venue.submitted)) == (S.NOT_PLACED, 0, 1)


async def test_an_order_that_arrives_while_its_absence_is_being_proven_is_found(
    bench: Make, limit: Ask
) -> None:
    """The late request: absent at first, then there."""
    b = await bench()
    b.venue.answers = ["lost, not placed"]
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    await until(lambda: b.venue.queries >= 1)
    b.venue.place(msgspec.structs.replace(limit(), client_order_id=sent.client_order_id))
    b.venue.stream.clear()
    await until(lambda: sent.order.state is S.TAKEN)
    assert buying(b) == Decimal("0.1")


async def test_an_absence_that_the_open_orders_contradict_is_not_believed(bench: Make, limit: Ask) -> None:
    """N14, F11: every query says -2013, and the order is open: it lives."""
    b = await bench()
    b.venue.answers = ["lost, not placed"]
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    b.venue.place(msgspec.structs.replace(limit(), client_order_id=sent.client_order_id))
    b.venue.stream.clear()
    hidden, b.venue.orders = b.venue.orders, Hidden(b.venue.orders)
    await until(lambda: sent.order.state is not S.UNKNOWN)
    assert (sent.order.state, buying(b), b.venue.queries >= 4) == (S.TAKEN, Decimal("0.1"), True)
    assert sent.client_order_id in hidden


async def test_an_order_that_ended_before_the_venues_memory_began_is_over(bench: Make, limit: Ask) -> None:
    """-2026: cancelled or expired without a fill, more than 90 days ago."""
    b = await bench()
    b.venue.answers = ["lost, not placed"]
    b.venue.archived = True
    sent = b.gateway.submit(limit())
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    await until(lambda: sent.order.state is S.CANCELED)
    assert buying(b) == 0


def test_a_doubt_lasts_as_long_as_the_receive_window_and_ten_seconds() -> None:
    assert Doubt.within(5_000).settle_s == Doubt().settle_s == 15
    assert Doubt.within(60_000).settle_s == 70


class Hidden(dict[str, Any]):
    """Orders that a look-up by name does not find, though they are there."""

    def __contains__(self, name: object) -> bool:
        return False


async def test_a_fill_that_comes_before_the_answer_is_not_undone_by_it(bench: Make, limit: Ask) -> None:
    """Filled in the stream, then the lost answer: stays FILLED, and nobody needs to ask."""
    b = await bench()
    b.venue.gate = asyncio.Event()
    b.venue.answers = ["lost"]
    sent = b.gateway.submit(limit())
    await until(lambda: bool(b.venue.submitted))
    b.venue.place(msgspec.structs.replace(limit(), client_order_id=sent.client_order_id))
    b.venue.trade(sent.client_order_id, "0.1")
    await b.deliver()
    b.venue.gate.set()
    with pytest.raises(OrderOutcomeUnknown):
        await sent
    assert (sent.order.state, sent.order.filled) == (S.FILLED, Decimal("0.1"))


async def test_a_halt_denies_new_orders_and_lets_cancels_pass(bench: Make, limit: Ask) -> None:
    """Halted is a denial with every verdict; what is open can be cancelled."""
    b = await bench()
    order = await b.gateway.submit(limit())
    b.latch.set("drill")
    with pytest.raises(Halted, match="drill") as denied:
        b.gateway.submit(limit())
    assert [each.rail for each in denied.value.breaches] == ["trading_state"]
    await b.gateway.cancel("BTCUSDT", order.client_order_id)
    await b.deliver()
    assert order.state is S.CANCELED
    assert len(b.venue.submitted) == 1


async def test_a_halt_between_decision_and_wire_stops_the_order(bench: Make, limit: Ask) -> None:
    """R11: Decided and handed over, then HALT: NOT_PLACED, journaled as never sent, nothing at the venue."""
    b = await bench()
    sent = b.gateway.submit(limit())
    b.latch.set("drill")
    with pytest.raises(Halted):
        await sent
    assert (sent.order.state, buying(b), b.venue.submitted) == (S.NOT_PLACED, 0, [])
    assert recovered(read(b.journal.path)).unfinished == ()


async def test_an_order_decided_before_a_halt_stays_here_although_it_was_lifted(
    bench: Make, limit: Ask
) -> None:
    """Handed over, HALT, RESUME, and only then does the wire get to it: it was decided in another world."""
    b = await bench()
    sent = b.gateway.submit(limit())
    b.latch.set("drill")
    b.latch.clear()
    with pytest.raises(Halted, match="drill"):
        await sent
    assert (sent.order.state, buying(b), b.venue.submitted) == (S.NOT_PLACED, 0, [])
    assert (await b.gateway.submit(limit())).state is S.TAKEN


async def test_a_halt_while_the_line_is_written_stops_the_order_also_once_it_was_lifted(
    bench: Make, limit: Ask, journal_at: Callable[..., Journal]
) -> None:
    """R11: Asked again when the line is on the disk; the client asks once more at its socket write."""
    b: Any = None

    def sync(_: int) -> None:
        if b is not None:
            b.latch.set("drill")
            b.latch.clear()

    b = await bench(journal=journal_at(sync=sync))
    with pytest.raises(Halted, match="drill"):
        await b.gateway.submit(limit())
    assert (b.venue.submitted, buying(b), b.kinds()[:1]) == ([], 0, ["intent"])


async def test_the_permit_carries_the_latch_as_it_was_at_the_decision(
    bench: Make, limit: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the client compares with at the socket write."""
    b = await bench()
    b.latch.set("drill")
    b.latch.clear()
    seen = []
    plain = b.venue.submit_order

    async def submit_order(request: OrderRequest, permit: Any) -> Any:
        seen.append(permit.halts)
        return await plain(request, permit)

    monkeypatch.setattr(b.venue, "submit_order", submit_order)
    await b.gateway.submit(limit())
    assert seen == [b.latch.generation] == [1]


async def test_limits_tightened_after_the_decision_stop_the_order(bench: Make, limit: Ask) -> None:
    """In the turn of the send: no byte, nothing reserved, journaled as such; the rails deny the same."""
    b = await bench()
    sent = b.gateway.submit(limit())
    b.rails.limits = Limits(max_order_notional=Decimal(100))
    with pytest.raises(PermitRefused, match="the limits changed .version 1 is now 2"):
        await sent
    assert (sent.order.state, buying(b), b.venue.submitted) == (S.NOT_PLACED, 0, [])
    assert b.kinds() == ["intent", "outcome"]  # begun with the decision, and over
    assert recovered(read(b.journal.path)).unfinished == ()
    with pytest.raises(OrderDenied):
        b.gateway.submit(limit())


async def test_only_the_main_thread_decides_applies_and_explains(
    bench: Make, limit: Ask, report: Make
) -> None:
    """K18: From another thread each is refused before it touches anything."""
    b = await bench()
    await b.gateway.reconcile(("BTCUSDT",))
    sequence, lines = b.portfolio.sequence, b.kinds()
    left = Recovered(client_order_ids=frozenset({"old"}), unfinished=(limit(client_order_id="old"),))
    for touch in (
        lambda: b.gateway.submit(limit()),
        lambda: b.gateway.submit(limit(quantity="2")),  # also one that would be denied
        lambda: b.gateway.explain(limit()),
        lambda: b.gateway.apply(report()),
        lambda: b.gateway.apply("nothing of ours"),
        lambda: b.gateway.recover(left),
    ):
        with pytest.raises(WrongThread):
            await asyncio.to_thread(touch)
    assert (len(b.orders), b.portfolio.sequence, b.kinds()) == (0, sequence, lines)
    assert b.rails.decisions.taken == 0


async def test_a_cancel_does_not_overtake_the_order_that_it_cancels(bench: Make, limit: Ask) -> None:
    """Both in one turn, on two connections: the cancel leaves when the order was answered."""
    b = await bench()
    b.venue.gate = asyncio.Event()
    sent = b.gateway.submit(limit())
    other = b.gateway.cancel("BTCUSDT", "det9-9")
    cancel = b.gateway.cancel("BTCUSDT", sent.client_order_id)
    with pytest.raises(OrderRejected):
        await other  # one that is not on its way waits for nothing
    assert (b.venue.submitted, b.venue.cancelled) == ([sent.client_order_id], ["det9-9"])
    b.venue.gate.set()
    assert (await cancel).status == "CANCELED"
    await b.deliver()
    assert sent.order.state is S.CANCELED


async def test_a_cancel_waits_for_an_order_that_is_never_answered_for_a_while_only(
    bench: Make, limit: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it goes all the same: the order may be there."""
    monkeypatch.setattr("quantlab.trading.sender.CANCEL_WAITS_S", 0.05)
    b = await bench()
    b.venue.gate = asyncio.Event()
    sent = b.gateway.submit(limit())
    cancel = b.gateway.cancel("BTCUSDT", sent.client_order_id)
    with pytest.raises(OrderRejected, match="-2011"):
        await asyncio.wait_for(cancel, 30)
    assert not sent.done
    b.venue.gate.set()
    await sent


@pytest.mark.parametrize("in_turn", [True, False])
async def test_orders_are_sent_one_after_the_other_where_that_is_asked_for(
    bench: Make, limit: Ask, in_turn: bool
) -> None:
    """In turn: the next one leaves when the one before was answered; else all at once."""
    b = await bench(in_turn=in_turn)
    b.venue.gate = asyncio.Event()
    sent = [b.gateway.submit(limit(quantity="0.01")) for _ in range(4)]
    cancel = b.gateway.cancel("BTCUSDT", sent[0].client_order_id)
    sent.append(b.gateway.submit(limit(quantity="0.01")))
    await b.turn()
    assert len(b.venue.submitted) == (1 if in_turn else 5)
    b.venue.gate.set()
    await cancel
    for each in sent:
        await each
    assert [each.order.order_id for each in sent] == sorted(each.order.order_id for each in sent)
    assert b.venue.submitted == [each.client_order_id for each in sent]


async def test_cancel_all_tries_every_symbol_and_names_those_that_failed(
    bench: Make, limit: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One symbol's failure leaves no other symbol's orders open."""
    b = await bench()
    await b.gateway.submit(limit())
    b.quote = b.quote._replace(price=Decimal(3_000))
    for _ in range(2):
        await b.gateway.submit(limit(symbol="ETHUSDT", price="3000"))
    plain = b.venue.cancel_all

    async def cancel_all(symbol: str) -> Any:
        if symbol == "BTCUSDT":
            raise VenueUnavailable("busy")
        return await plain(symbol)

    monkeypatch.setattr(b.venue, "cancel_all", cancel_all)
    with pytest.raises(VenueError, match="2 orders cancelled; not cancelled: BTCUSDT: busy"):
        await b.gateway.cancel_all()
    assert [each.symbol for each in await b.venue.open_orders()] == ["BTCUSDT"]
    with pytest.raises(VenueUnavailable, match="busy"):
        await b.gateway.cancel_all("BTCUSDT")


async def test_a_client_that_was_closed_leaves_no_doubt(bench: Make, limit: Ask) -> None:
    """EngineStopped before the send is a proof that nothing left, not an unknown outcome."""
    b = await bench()

    async def closed(_request: OrderRequest, _permit: Any) -> Any:
        raise EngineStopped("this client is closed")

    b.venue.submit_order = closed
    sent = b.gateway.submit(limit())
    with pytest.raises(EngineStopped):
        await sent
    assert (sent.order.state, buying(b)) == (S.NOT_PLACED, 0)


async def test_without_a_journal_no_order_leaves_and_cancels_do(
    bench: Make, limit: Ask, journal_at: Callable[..., Journal]
) -> None:
    """The disk is full: JournalUnavailable, NOT_PLACED, no byte; cancel one and cancel all still work."""
    full = [False]

    def sync(_: int) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")

    b = await bench(journal=journal_at(sync=sync))
    first, second = await b.gateway.submit(limit()), await b.gateway.submit(limit())
    full[0] = True
    sent = b.gateway.submit(limit())
    with pytest.raises(JournalUnavailable, match="No space left"):
        await sent
    await b.gateway.cancel("BTCUSDT", first.client_order_id)
    await b.gateway.cancel_all()
    await b.deliver()
    assert [each.state for each in (first, second, sent.order)] == [S.CANCELED, S.CANCELED, S.NOT_PLACED]
    assert (len(b.venue.submitted), buying(b)) == (2, 0)


async def test_a_cancel_request_releases_nothing(bench: Make, limit: Ask) -> None:
    """Asked, and even answered: the reservation ends with the report."""
    b = await bench()
    order = await b.gateway.submit(limit())
    await b.gateway.cancel("BTCUSDT", order.client_order_id)
    assert (order.state, buying(b)) == (S.TAKEN, Decimal("0.1"))
    await b.deliver()
    assert (order.state, buying(b)) == (S.CANCELED, 0)


async def test_a_cancel_of_an_order_that_is_over_is_the_venues_refusal(bench: Make, limit: Ask) -> None:
    """-2011 comes back as it is and changes nothing here."""
    b = await bench()
    order = await b.gateway.submit(limit())
    b.venue.trade(order.client_order_id, "0.1")
    with pytest.raises(OrderRejected, match="-2011"):
        await b.gateway.cancel("BTCUSDT", order.client_order_id)
    await b.deliver()
    assert order.state is S.FILLED


async def test_whoever_stops_waiting_stops_nothing(bench: Make, limit: Ask) -> None:
    """K4, F15: The awaiting task is cancelled; the order goes on and is answered."""
    b = await bench()
    b.venue.gate = asyncio.Event()
    sent = b.gateway.submit(limit())

    async def wait() -> None:
        await sent

    task = asyncio.create_task(wait())
    await b.turn()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    b.venue.gate.set()
    await until(lambda: sent.done)
    assert sent.result().state is S.TAKEN


async def test_settled_waits_for_reports_not_for_the_acknowledgement(bench: Make, limit: Ask) -> None:
    """True when fills up to the quantity were applied, or when the order is over and nothing is missing."""
    b = await bench()
    order = await b.gateway.submit(limit())
    waiting = asyncio.create_task(b.gateway.settled(order.client_order_id, Decimal("0.1")))
    b.venue.trade(order.client_order_id, "0.04")
    await b.deliver()
    assert not waiting.done()
    assert b.gateway.is_settled(order.client_order_id, Decimal("0.04"))
    b.venue.end(order.client_order_id)
    await b.deliver()
    assert await waiting is order
    assert b.gateway.is_settled(order.client_order_id, Decimal("0.1"))


async def test_an_answer_after_a_fill_waits_for_the_stream_first(
    bench: Make, limit: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order that traded at once: with a barrier, its fills are applied when `await` returns."""
    b: Any = None

    async def barrier() -> None:
        waiting, b.venue.stream = b.venue.stream, []
        for report in waiting:
            b.wire.post_order(report)

    b = await bench(barrier=barrier)
    plain = b.venue.submit_order

    async def trades_at_once(request: OrderRequest, permit: Any) -> Any:
        ack = await plain(request, permit)
        b.venue.trade(request.client_order_id, "0.1")
        return msgspec.structs.replace(ack, executed_quantity=Decimal("0.1"))

    monkeypatch.setattr(b.venue, "submit_order", trades_at_once)
    order = await b.gateway.submit(limit())
    assert (order.state, len(b.portfolio.fills)) == (S.FILLED, 1)


async def test_a_stopped_wire_leaves_no_reservation(bench: Make, limit: Ask) -> None:
    """The hand-over fails: everything before it is undone, in the same step."""
    b = await bench()
    b.wire.stop()
    with pytest.raises(EngineStopped):
        b.gateway.submit(limit())
    assert ([each.state for each in b.orders], buying(b)) == ([S.NOT_PLACED], 0)


async def test_reports_told_twice_are_passed_on_once(bench: Make, limit: Ask) -> None:
    """Subscribers count nothing double."""
    b = await bench()
    order = await b.gateway.submit(limit())
    b.venue.trade(order.client_order_id, "0.1")
    await b.deliver(0, 1, 1, 0, 1)
    assert len(b.said("fill")) == 1
    assert len(b.said("execution")) == 1
    assert order.state is S.FILLED


async def test_an_unknown_status_alarms_and_keeps_the_order_reserved(bench: Make, limit: Ask) -> None:
    """V14: Shown and journaled, not a crash."""
    b = await bench()
    order = await b.gateway.submit(limit())
    b.venue.end(order.client_order_id, "TELEPORTED")
    await b.deliver()
    assert (order.state, buying(b)) == (S.UNKNOWN, Decimal("0.1"))
    assert any("TELEPORTED" in each for each in b.gateway.alarms)
    assert "alarm" in b.kinds()


async def test_a_restart_takes_over_what_the_journal_left_open(bench: Make, limit: Ask) -> None:
    """K6: Killed between line and answer: the next session asks for the order and never uses its id again."""
    b = await bench()
    b.venue.gate = asyncio.Event()
    b.venue.answers = ["ack", "lost, not placed"]
    answered = b.gateway.submit(limit())
    await until(lambda: len(b.venue.submitted) == 1)
    b.venue.gate.set()
    await answered
    b.venue.gate = asyncio.Event()
    b.gateway.submit(limit())
    await until(lambda: len(b.venue.submitted) == 2)

    left = recovered(read(b.journal.path))
    assert left.client_order_ids == {"det1-1", "det1-2"}
    assert [each.client_order_id for each in left.unfinished] == ["det1-2"]

    after = await bench()
    after.gateway.recover(left)
    order = after.orders.get("det1-2")
    assert (order.state, buying(after)) == (S.UNKNOWN, Decimal("0.1"))
    assert (await after.gateway.submit(limit())).client_order_id == "det1-3"
    await until(lambda: order.state is S.NOT_PLACED)
    assert buying(after) == Decimal("0.1")


@pytest.mark.parametrize("kind", [OrderType.STOP_LOSS, OrderType.TAKE_PROFIT_LIMIT, OrderType.LIMIT_MAKER])
async def test_an_order_that_no_rail_weighs_never_leaves(bench: Make, limit: Ask, kind: OrderType) -> None:
    """Denied by the name of its type: nothing at the venue, nothing in the journal but the denial."""
    b = await bench()
    with pytest.raises(OrderDenied, match=kind.value):
        b.gateway.submit(msgspec.structs.replace(limit(), type=kind))

    assert b.venue.submitted == []
    assert "intent" not in b.kinds()
