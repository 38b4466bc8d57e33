"""The wire: calls and their answers, messages home, the latch, the mask, and a clean end."""

from __future__ import annotations

import asyncio
import contextvars
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import psutil
import pytest
from wirehome import Home

from quantlab.errors import EngineStopped, Halted, StillWorking
from quantlab.wire import HaltLatch, Masked, Wire, WireFailure, masking


async def answer(value: int, delay_s: float = 0.0) -> int:
    await asyncio.sleep(delay_s)
    return value


async def fail() -> None:
    raise ValueError("the venue said no")


# -- calls


async def test_a_call_runs_on_the_wire_and_answers_at_home(home: Home) -> None:
    """The coroutine is made and run on the wire's thread; the callback runs on ours."""
    names: list[str] = []

    async def who() -> str:
        return threading.current_thread().name

    call = home.wire.call(who, "who")
    call.add_done_callback(lambda done: names.append(threading.current_thread().name + " " + done.result()))

    assert await call == "quantlab-wire"
    assert names == [f"{threading.current_thread().name} quantlab-wire"]
    call.add_done_callback(lambda done: names.append(done.result()))
    assert names[1:] == ["quantlab-wire"]


async def test_work_that_waits_for_something_begins_when_that_says_so(home: Home) -> None:
    """From another thread; until then the call is only open, and a stop would answer it."""
    began: list[float] = []

    async def work() -> int:
        began.append(time.monotonic())
        return 7

    starts: list[Callable[[], object]] = []
    call = home.wire.call(work, "later", after=starts.append)
    assert await home.wire.call(lambda: answer(1)) == 1  # what was handed over behind it is done before
    assert not began
    assert not call.done
    said = time.monotonic()
    threading.Thread(target=starts[0]).start()
    assert await call == 7
    assert began[0] >= said


async def test_a_call_raises_what_its_work_raised(home: Home) -> None:
    """Awaited, waited for, or asked: the same exception."""
    home.enter_cell()
    call = home.wire.call(fail, "fail")
    with pytest.raises(ValueError, match="said no"):
        await call
    with pytest.raises(ValueError, match="said no"):
        call.wait(1)
    with pytest.raises(ValueError, match="said no"):
        call.result()


async def test_cancelling_the_awaiter_leaves_the_work_running(home: Home) -> None:
    """An Interrupt ends the waiting; the answer comes all the same, and can be awaited again."""
    gate = asyncio.Event()

    async def work() -> int:
        await gate.wait()
        return 5

    async def wait() -> int:
        return await call

    async def open_gate() -> None:
        gate.set()

    call = home.wire.call(work, "slow")

    waiter = asyncio.create_task(wait())
    await asyncio.sleep(0.01)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert not call.done
    home.wire.spawn(open_gate, "gate")
    assert await call == 5
    assert await call == 5


async def test_waiting_blocks_the_cell_and_keeps_engine_state_fresh(home: Home) -> None:
    """While `.wait()` blocks the loop, messages of both lanes are applied, on the home thread."""

    async def work() -> int:
        for number in range(20):
            home.wire.post_market(number)
            home.wire.post_order(f"order {number}")
            await asyncio.sleep(0.001)
        return 5

    home.enter_cell()
    assert home.wire.call(work).wait(5) == 5
    orders = [message for message in home.applied if isinstance(message, str)]
    assert orders == [f"order {number}" for number in range(20)]
    assert len(home.applied) >= 39  # the last tick may come after the answer: orders go first
    assert home.threads == {threading.get_ident()}


async def test_waiting_too_long_raises_and_the_work_goes_on(home: Home) -> None:
    """`StillWorking` leaves the call whole: it can be waited for again."""
    home.enter_cell()
    call = home.wire.call(lambda: answer(5, 0.1), "slow one")
    with pytest.raises(StillWorking, match=r"slow one.*0\.01 s"):
        call.wait(0.01)
    with pytest.raises(StillWorking):
        call.result()
    assert call.wait(5) == 5


async def test_catching_up_applies_what_arrived_while_the_loop_was_blocked(home: Home) -> None:
    """All of it, in order, order messages first; nothing from another thread or inside a drain."""

    async def burst() -> None:
        for number in range(3_000):
            home.wire.post_market(number)
        home.wire.post_order("filled")

    home.wire.spawn(burst, "burst")
    deadline = time.monotonic() + 30
    while home.wire.counters()["pending"] <= 3_000 and time.monotonic() < deadline:
        time.sleep(0.01)  # the loop is blocked
    elsewhere = threading.Thread(target=home.wire.catch_up)
    elsewhere.start()
    elsewhere.join()
    assert home.applied == []
    home.wire.catch_up()

    assert home.applied == ["filled", *range(3_000)]
    home.wire.catch_up()
    assert len(home.applied) == 3_001


async def test_a_failing_callback_does_not_hold_up_the_others(home: Home) -> None:
    """It is reported to the loop; the next callback and the awaiter still hear the answer."""
    reported: list[str] = []
    heard: list[int] = []
    home.wire.home.set_exception_handler(lambda _loop, about: reported.append(about["message"]))
    call = home.wire.call(lambda: answer(1), "one")
    call.add_done_callback(lambda _: 1 / 0)
    call.add_done_callback(lambda done: heard.append(done.result()))

    assert await call == 1
    assert heard == [1]
    assert "done callback" in reported[0]


# -- messages home


async def test_a_failed_task_is_posted_as_a_wire_failure(home: Home) -> None:
    """From `spawn` and, from any thread, `run_threadsafe`; a task that just ends posts nothing."""
    home.wire.spawn(lambda: answer(1), "fine")
    home.wire.spawn(fail, "streams")
    await asyncio.to_thread(home.wire.run_threadsafe, fail, "halt")
    await home.until(2)

    failures = [message for message in home.applied if isinstance(message, WireFailure)]
    assert {failure.name: str(failure.error) for failure in failures} == {
        "streams": "the venue said no",
        "halt": "the venue said no",
    }


async def test_an_error_in_apply_is_reported_to_the_loop() -> None:
    """The engine's mistake with one message does not stop the wire."""
    reported: list[str] = []
    applied: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, about: reported.append(about["message"]))

    def apply(message: object) -> None:
        if message == "bad":
            raise ValueError(message)
        applied.append(message)

    wire = Wire(loop, apply)
    wire.start()
    for message in ("bad", "good"):
        wire.post_order(message)
    assert await wire.call(lambda: answer(1)) == 1
    await asyncio.sleep(0.01)

    assert applied == ["good"]
    assert reported == ["quantlab: a str was not applied"]
    assert wire.counters()["errors"] == 1
    wire.stop()


async def test_apply_and_wire_tasks_run_in_the_given_context() -> None:
    """Whoever posts or arms the wake-up, context variables are those of the load cell."""
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell")
    seen: list[str] = []
    cell.set("load cell")
    context = contextvars.copy_context()
    wire = Wire(asyncio.get_running_loop(), lambda _message: seen.append(cell.get()), context=context)
    cell.set("later cell")
    wire.start()

    async def look() -> str:
        cell.set("changed by a task")  # stays in that task
        wire.post_market(1)
        return cell.get()

    async def peek() -> str:
        wire.post_order(1)
        return cell.get()

    assert await wire.call(look) == "changed by a task"
    assert await wire.call(peek) == "load cell"
    wire.post_order(2)
    await asyncio.sleep(0.01)
    wire.stop()

    assert seen == ["load cell"] * 3


async def test_lag_is_unmeasured_first_and_grows_while_a_loop_hangs(home: Home) -> None:
    """None is not 0; a loop that hangs is seen to hang while it hangs."""
    fresh = Wire(asyncio.get_running_loop(), lambda _: None)
    assert (fresh.home_lag_ms, fresh.wire_lag_ms) == (None, None)
    fresh.stop()
    async with asyncio.timeout(30):
        while home.wire.home_lag_ms is None or home.wire.wire_lag_ms is None:
            await asyncio.sleep(0.01)

    async def hang() -> float | None:
        await asyncio.sleep(0.45)  # at home a cell computes
        return home.wire.home_lag_ms

    call = home.wire.call(hang)
    time.sleep(1.5)
    assert (await call or 0) > 150


async def test_a_hold_is_remembered_after_shorter_pings(home: Home) -> None:
    """A click that waited for a cell is handled when the loop has answered newer pings already."""
    async with asyncio.timeout(30):
        while home.wire.home_lag_ms is None:
            await asyncio.sleep(0.01)
        time.sleep(0.6)
        while (home.wire.home_lag_ms or 0) > 150:
            await asyncio.sleep(0.01)

    assert (home.wire.worst_home_lag_ms or 0) > 350


# -- the latch


def test_the_latch_keeps_its_first_reason_until_it_is_cleared() -> None:
    """`set` says whether it was open; `check` raises while it is not."""
    latch = HaltLatch()
    latch.check()
    assert latch.set("drill")
    assert not latch.set("second")
    assert (latch.is_set, latch.reason) == (True, "drill")
    with pytest.raises(Halted, match="drill"):
        latch.check()
    latch.clear()
    latch.check()
    assert (latch.is_set, latch.reason) == (False, "")


def test_what_was_decided_before_a_halt_is_stopped_by_it_also_once_it_was_lifted() -> None:
    """The generation grows with each `set` and never shrinks; what is decided afterwards may go."""
    latch = HaltLatch()
    decided = latch.generation
    latch.check(decided)
    latch.set("drill")
    latch.clear()
    latch.set("again")
    latch.clear()
    with pytest.raises(Halted, match="drill .lifted since"):
        latch.check(decided)
    latch.check(latch.generation)
    latch.check()


async def test_the_latch_set_on_one_thread_stops_the_wire_at_its_next_write(home: Home) -> None:
    """No order is written after the HALT, though hundreds were under way."""
    latch, written = HaltLatch(), 0

    async def write() -> None:
        nonlocal written
        await asyncio.sleep(0)
        latch.check()
        written += 1

    async def storm() -> None:
        while True:
            await write()

    call = home.wire.call(storm)
    await asyncio.sleep(0.02)
    await asyncio.to_thread(latch.set, "now")
    with pytest.raises(Halted):
        await call
    before = written
    await asyncio.sleep(0.01)
    assert written == before > 0


# -- the mask


def test_a_masked_interrupt_is_delivered_at_the_end_of_the_block() -> None:
    """The block runs to its end, then KeyboardInterrupt; the handler is the old one again."""
    before, log = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        with Masked():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            log.append("ran to the end")
        log.append("never here")

    assert log == ["ran to the end"]
    assert signal.getsignal(signal.SIGINT) is before


def test_nested_masks_deliver_once_at_the_outermost_end() -> None:
    """An inner block's end interrupts nothing."""
    log = []
    outer, inner = Masked(), Masked()
    outer.__enter__()
    inner.__enter__()
    signal.raise_signal(signal.SIGINT)
    inner.__exit__()
    log.append("still inside")
    with pytest.raises(KeyboardInterrupt):
        outer.__exit__()
    assert log == ["still inside"]
    with Masked():
        pass  # nothing is left over


def test_the_second_interrupt_strikes_in_a_block_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is locked in by a handler that hangs in a publish; and it strikes once."""
    monkeypatch.setattr(masking, "HELD_S", 0.05)
    before, log = signal.getsignal(signal.SIGINT), []
    with pytest.raises(KeyboardInterrupt), Masked():  # noqa: PT012
        signal.raise_signal(signal.SIGINT)
        log.append("held")
        time.sleep(0.1)
        signal.raise_signal(signal.SIGINT)
        log.append("never here")
    log.append("went on")
    with Masked():
        pass  # nothing is left over

    assert log == ["held", "went on"]
    assert signal.getsignal(signal.SIGINT) is before


def test_an_ignored_interrupt_stays_ignored() -> None:
    """Between cells the kernel ignores SIGINT, and a drain does not change that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with Masked():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


async def test_off_the_main_thread_the_mask_does_nothing() -> None:
    """Python interrupts the main thread only."""

    def masked() -> str:
        with Masked():
            return "fine"

    assert await asyncio.to_thread(masked) == "fine"


# -- life


async def test_stop_runs_the_finally_of_every_task_and_answers_open_calls() -> None:
    """Tasks are cancelled and awaited; whoever awaits a call gets `EngineStopped`, not silence."""
    log: list[str] = []
    wire = Wire(asyncio.get_running_loop(), lambda _: None)
    wire.start()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            log.append("cleaned up")

    wire.spawn(forever, "streams")
    call = wire.call(forever, "order 7")
    await asyncio.sleep(0.02)
    wire.stop()
    wire.stop()

    assert log == ["cleaned up"] * 2
    with pytest.raises(EngineStopped, match="order 7"):
        await asyncio.wait_for(call, 30)


async def test_a_task_that_refuses_to_end_does_not_hold_up_the_stop() -> None:
    """`stop` gives up after its time; the thread ends all the same."""
    wire = Wire(asyncio.get_running_loop(), lambda _: None)
    wire.start()

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue

    wire.spawn(stubborn, "stubborn")
    await asyncio.sleep(0.02)
    begun = time.monotonic()
    wire.stop(timeout_s=0.05)

    assert time.monotonic() - begun < 10
    assert "quantlab-wire" not in {thread.name for thread in threading.enumerate()}


async def test_a_stopped_or_unstarted_wire_sends_nothing() -> None:
    """The error says so, and the work never begins."""
    ran: list[int] = []
    wire = Wire(asyncio.get_running_loop(), lambda _: None)

    async def work() -> None:
        ran.append(1)

    with pytest.raises(EngineStopped, match="nothing was sent"):
        wire.call(work)
    wire.start()
    wire.start()
    wire.stop()
    for use in (wire.call, wire.spawn, wire.run_threadsafe):
        with pytest.raises(EngineStopped, match="nothing was sent"):
            use(work, "late")
    with pytest.raises(EngineStopped, match="make a new one"):
        wire.start()
    assert ran == []


async def test_nothing_is_applied_after_the_stop() -> None:
    """Messages still in the inbox are lost by design; the journal knows."""
    applied: list[object] = []
    wire = Wire(asyncio.get_running_loop(), applied.append)
    wire.start()

    async def post() -> None:
        for number in range(1_000):
            wire.post_order(number)

    call = wire.call(post)
    time.sleep(0.05)  # posted, and we did not look
    wire.stop()
    count = len(applied)
    await asyncio.sleep(0.02)

    assert len(applied) == count == 0
    assert call.done


async def test_twenty_cycles_leave_no_thread_no_file_and_no_switch_interval() -> None:
    """Start, work, stop: everything is as before."""
    process, before = psutil.Process(), sys.getswitchinterval()
    threads, tasks = threading.active_count(), len(asyncio.all_tasks())
    counts = []
    for _ in range(20):
        home = Home()
        home.wire.start()
        assert sys.getswitchinterval() < before
        home.wire.spawn(lambda: asyncio.sleep(60), "stream")
        await home.wire.call(lambda: answer(1))
        home.wire.stop()
        counts.append(process.num_fds())

    assert len(set(counts)) == 1
    assert threading.active_count() == threads
    assert len(asyncio.all_tasks()) == tasks
    assert sys.getswitchinterval() == before


async def test_the_switch_interval_is_restored_by_the_last_of_several_wires() -> None:
    """Two wires overlap; the interval stays short until both have stopped."""
    before = sys.getswitchinterval()
    first, second = Home().wire, Home().wire
    first.start()
    second.start()
    first.stop()
    assert sys.getswitchinterval() < before
    second.stop()
    assert sys.getswitchinterval() == before


def test_at_exit_the_wire_stops_though_the_home_loop_does_not_turn(environment: dict[str, str]) -> None:
    """As in a kernel's shutdown: the loop is stopped but open, and `stop` runs from `atexit`."""
    code = """
import asyncio, atexit, threading
from quantlab.wire import Wire
loop = asyncio.new_event_loop()
async def forever():
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaned up", threading.current_thread().name, flush=True)
async def main():
    wire = Wire(asyncio.get_running_loop(), print)
    wire.start()
    wire.spawn(forever, "stream")
    wire.call(forever, "order")
    await asyncio.sleep(0.05)
    atexit.register(lambda: (wire.stop(), print("threads", threading.active_count(), flush=True)))
loop.run_until_complete(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.splitlines() == ["cleaned up quantlab-wire"] * 2 + ["threads 1"]
    assert done.stderr == ""


async def test_an_idle_wire_costs_next_to_nothing(home: Home) -> None:
    """The breather looks seldom when the home loop is idle: a few dozen looks a second at most."""
    await asyncio.sleep(0.3)  # the look slows down from 2 ms
    before, used = home.wire.counters()["breaths"], os.times()
    await asyncio.sleep(0.7)
    after = os.times()

    assert home.wire.counters()["breaths"] - before <= 5
    assert (after.user + after.system) - (used.user + used.system) < 0.2
