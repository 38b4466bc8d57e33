from __future__ import annotations

import asyncio
import contextvars
import gc
import warnings
from collections.abc import Callable, Generator
from typing import Any

import pytest

from quantlab.control.handle import Handle
from quantlab.control.work import OnLoop, Ready, Work, as_work
from quantlab.errors import (
    EngineStopped,
    InvalidField,
    OrderDenied,
    QuantlabError,
    StillWorking,
    WouldBlockLoop,
)


class Call:
    """Work that a test finishes by hand, like a call on the wire."""

    client_order_id = ""

    def __init__(self) -> None:
        self.done = False
        self._value: object = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Any], None]] = []
        self._event = asyncio.Event()
        self.interrupt: BaseException | None = None

    def finish(self, value: object = None, error: BaseException | None = None) -> None:
        self.done, self._value, self._error = True, value, error
        self._event.set()
        for callback in self._callbacks:
            callback(self)

    def result(self) -> object:
        if self._error is not None:
            raise self._error
        return self._value

    def wait(self, timeout_s: float | None = None) -> object:
        if self.interrupt is not None:
            raise self.interrupt
        if not self.done:
            raise StillWorking("not yet")
        return self.result()

    def add_done_callback(self, callback: Callable[[Any], None], /) -> None:
        self._callbacks.append(callback)

    def __await__(self) -> Generator[Any, None, object]:
        yield from self._event.wait().__await__()
        return self.result()


@pytest.fixture
def call() -> Call:
    return Call()


@pytest.fixture
def started() -> list[str]:
    return []


@pytest.fixture
def handle(call: Call, started: list[str]) -> Handle[Any]:
    def start() -> Call:
        started.append("started")
        return call

    return Handle("BUY 1 BTCUSDT", start, check_wait_allowed=lambda: None)


def test_nothing_is_sent_before_it_is_asked_for(handle: Handle[Any], started: list[str]) -> None:
    assert repr(handle) == "BUY 1 BTCUSDT: NOT SENT - use await h, h.wait() or h.send()"
    assert handle._repr_mimebundle_() == {"text/plain": repr(handle)}
    assert (handle.sent, handle.done) == (False, False)
    assert started == []


async def test_the_repr_follows_it_from_not_sent_to_its_result(handle: Handle[Any], call: Call) -> None:
    handle.send()
    assert repr(handle) == "BUY 1 BTCUSDT: SENT, waiting"
    assert handle.sent

    call.finish({"taken": True})
    assert repr(handle) == "{'taken': True}"
    assert handle.done
    assert handle.result() == {"taken": True}


async def test_the_repr_of_a_failure_is_its_error(handle: Handle[Any], call: Call) -> None:
    handle.send()
    call.finish(error=QuantlabError("the venue said no"))

    assert repr(handle) == "BUY 1 BTCUSDT: QuantlabError: the venue said no"
    with pytest.raises(QuantlabError):
        await handle


async def test_it_starts_at_most_once_however_it_is_asked(
    handle: Handle[Any], call: Call, started: list[str]
) -> None:
    handle.send()
    handle.send()
    call.finish("taken")

    assert [await handle, handle.wait(), await handle] == ["taken"] * 3
    assert started == ["started"]


async def test_two_tasks_may_await_one_handle(handle: Handle[Any], call: Call, started: list[str]) -> None:
    async def waits() -> object:
        return await handle

    tasks = [asyncio.create_task(waits()) for _ in range(2)]
    await asyncio.sleep(0)
    call.finish("taken")

    assert await asyncio.gather(*tasks) == ["taken", "taken"]
    assert started == ["started"]


async def test_what_refuses_to_start_is_raised_each_time_and_never_tried_again() -> None:
    tries = []

    def start() -> object:
        tries.append(1)
        raise OrderDenied(())

    handle: Handle[Any] = Handle("BUY", start, check_wait_allowed=lambda: None)
    with pytest.raises(OrderDenied):
        handle.send()
    with pytest.raises(OrderDenied):
        await handle
    with pytest.raises(OrderDenied):
        handle.wait()

    assert tries == [1]
    assert not handle.sent
    assert "OrderDenied" in repr(handle)


def test_wait_asks_before_anything_is_sent(call: Call, started: list[str]) -> None:
    def refuses() -> None:
        raise WouldBlockLoop("not here; nothing was sent")

    def start() -> Call:
        started.append("started")
        return call

    handle: Handle[Any] = Handle("BUY", start, check_wait_allowed=refuses)
    with pytest.raises(WouldBlockLoop):
        handle.wait()
    assert started == []
    assert not handle.sent
    with pytest.raises(WouldBlockLoop):
        Handle("BUY", start).wait()
    assert started == []


def test_a_wait_that_runs_out_of_time_can_be_repeated(
    handle: Handle[Any], call: Call, started: list[str]
) -> None:
    with pytest.raises(StillWorking):
        handle.wait(0.01)
    call.finish("taken")

    assert handle.wait(0.01) == "taken"
    assert started == ["started"]


def test_the_result_of_unfinished_work_is_still_working(handle: Handle[Any]) -> None:
    with pytest.raises(StillWorking):
        handle.result()


async def test_k4_a_cancelled_waiter_leaves_the_work_alone_and_hears_its_id(
    handle: Handle[Any], call: Call
) -> None:
    async def cell() -> object:
        return await handle

    waiter = asyncio.create_task(cell())
    await asyncio.sleep(0)
    call.client_order_id = "qd-7"
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert repr(handle) == "BUY 1 BTCUSDT: SENT, waiting (nobody waits for it any more; it goes on as qd-7)"
    call.finish("taken")
    assert await handle == "taken"


async def test_k4_the_note_on_a_cancelled_cell_names_the_order(handle: Handle[Any], call: Call) -> None:
    notes: list[str] = []

    async def cell() -> None:
        try:
            await handle
        except asyncio.CancelledError as error:
            notes.extend(error.__notes__)
            raise

    call.client_order_id = "qd-7"
    waiter = asyncio.create_task(cell())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait({waiter})

    assert len(notes) == 1
    assert "goes on as qd-7" in notes[0]


def test_k4_an_interrupted_wait_leaves_the_work_alone_and_says_so(handle: Handle[Any], call: Call) -> None:
    call.interrupt = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt) as interrupted:
        handle.wait()
    assert "it goes on" in interrupted.value.__notes__[0]

    call.interrupt = None
    call.finish("taken")
    assert handle.wait() == "taken"


async def test_a_coroutine_is_work_that_outlives_its_waiter() -> None:
    release = asyncio.Event()

    async def resume() -> str:
        await release.wait()
        return "resumed"

    handle: Handle[str] = Handle("resume", resume, check_wait_allowed=lambda: None)
    waiter = asyncio.ensure_future(handle)
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait({waiter})
    with pytest.raises(WouldBlockLoop):
        handle.wait()
    release.set()

    assert await handle == "resumed"


async def test_a_plain_value_and_a_handle_are_work_too() -> None:
    assert isinstance(as_work(3), Ready)
    assert await as_work(3) == 3
    inner: Handle[int] = Handle("inner", lambda: 4)
    assert as_work(inner) is inner
    assert isinstance(inner, Work)
    assert isinstance(as_work(asyncio.get_running_loop().create_future()), OnLoop)


def test_done_callbacks_are_called_once_also_when_they_come_late(handle: Handle[Any], call: Call) -> None:
    heard: list[str] = []
    handle.add_done_callback(lambda _: heard.append("early"))
    handle.send()
    assert heard == []
    call.finish()
    handle.add_done_callback(lambda _: heard.append("late"))

    assert heard == ["early", "late"]


class Rich:
    def _repr_html_(self) -> str:
        return "<b>rich</b>"

    def __repr__(self) -> str:
        return "rich"


class Richer(Rich):
    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": "richer"}


@pytest.mark.parametrize(
    ("value", "bundle"),
    [
        (Rich(), {"text/plain": "rich", "text/html": "<b>rich</b>"}),
        (Richer(), {"text/plain": "richer"}),
        (None, {"text/plain": "x: done"}),
        ("a", {"text/plain": "'a'"}),
    ],
    ids=range(4),
)
def test_a_finished_handle_shows_itself_as_its_result_does(value: object, bundle: dict[str, str]) -> None:
    assert Handle("x", lambda: value).send()._repr_mimebundle_() == bundle


def test_a_forgotten_order_warns_by_name() -> None:
    def forget() -> None:
        Handle("BUY 1 BTCUSDT", lambda: None, money=True)
        gc.collect()

    with pytest.warns(UserWarning, match="BUY 1 BTCUSDT: was NOT SENT"):
        forget()


def test_no_warning_for_what_was_sent_refused_or_moves_no_money() -> None:
    def refuses() -> object:
        raise OrderDenied(())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Handle("sent", lambda: None, money=True).send()
        Handle("harmless", lambda: None)
        with pytest.raises(OrderDenied):
            Handle("refused", refuses, money=True).send()
        with pytest.raises(WouldBlockLoop):
            Handle("no place to wait", refuses, money=True).wait(1)
        gc.collect()


async def test_a_cancel_in_the_turn_of_the_answer_is_obeyed_and_the_answer_kept(call: Call) -> None:
    """Or an interrupted loop of orders would go on with the next one."""
    handle: Handle[Any] = Handle("buy", lambda: call)
    waiter = asyncio.ensure_future(handle)
    await asyncio.sleep(0)
    waiter.cancel()
    call.finish("taken")
    with pytest.raises(asyncio.CancelledError):
        await waiter

    assert handle.result() == "taken"


async def test_an_awaited_handle_waits_until_the_engine_is_ready_and_a_sent_one_does_not() -> None:
    order: list[str] = []

    async def ready() -> None:
        order.append("ready")

    await Handle("buy", lambda: order.append("start"), ready=ready)
    Handle("buy", lambda: order.append("start"), ready=ready).send()

    assert order == ["ready", "start", "start"]


async def test_no_second_word_where_the_engine_did_not_get_ready() -> None:
    """The error said that nothing was sent; a warning in a later cell would say it of nothing."""

    async def ready() -> None:
        raise EngineStopped("the engine does not run")

    handle: Handle[Any] = Handle("BUY 1 BTCUSDT", lambda: None, ready=ready, money=True)
    with pytest.raises(EngineStopped):
        await handle
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del handle
        gc.collect()


async def test_a_cell_that_is_interrupted_before_the_engine_is_ready_hears_that_nothing_was_sent() -> None:
    handle: Handle[Any] = Handle("BUY 1 BTCUSDT", lambda: None, ready=asyncio.Event().wait, money=True)
    notes: list[str] = []

    async def cell() -> None:
        try:
            await handle
        except asyncio.CancelledError as error:
            notes.extend(error.__notes__)
            raise

    waiter = asyncio.create_task(cell())
    await asyncio.sleep(0)
    waiter.cancel()
    await asyncio.wait({waiter})

    assert notes == ["BUY 1 BTCUSDT: NOT SENT, the engine was not ready yet"]
    assert not handle.sent


CELL: contextvars.ContextVar[str] = contextvars.ContextVar("cell", default="the cell of the load")


def test_a_done_callback_runs_in_the_context_of_whoever_added_it(handle: Handle[Any], call: Call) -> None:
    """What it prints then lands under that cell, whoever brings the answer."""
    heard: list[str] = []

    def cell(name: str) -> None:
        CELL.set(name)
        handle.add_done_callback(lambda _: heard.append(CELL.get()))

    for name in ("one", "two"):
        contextvars.copy_context().run(cell, name)
    handle.send()
    call.finish()

    assert heard == ["one", "two"]


@pytest.mark.parametrize("timeout", ["x", -1, float("nan"), True])
def test_a_timeout_that_is_none_is_refused_by_its_name_before_anything_is_sent(
    handle: Handle[Any], started: list[str], timeout: Any
) -> None:
    with pytest.raises(InvalidField) as refused:
        handle.wait(timeout)

    assert refused.value.field == "timeout_s"
    assert started == []


async def test_a_result_can_be_given_a_shape_of_the_callers_own(handle: Handle[Any], call: Call) -> None:
    """It is the same handle; an error keeps its own."""
    shaped = handle.shaped(len)
    shaped.send()
    call.finish([1, 2])

    assert shaped is handle
    assert await shaped == 2
    with pytest.raises(OrderDenied):
        await Handle("BUY", _denied).shaped(len)


def _denied() -> object:
    raise OrderDenied(())
