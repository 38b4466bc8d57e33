"""Each phase of an exchange has a bound of its own, and the whole has one; warm connections wait ready."""

from __future__ import annotations

import asyncio
import math
import socket
import time
import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.timeouts import Timeouts
from quantlab.binance.transport import CONNECTIONS
from quantlab.errors import InvalidField, NotSent, OrderOutcomeUnknown, VenueUnavailable

ALL = Timeouts(whole_s=5.0, queue_s=5.0, connect_s=5.0, answer_s=5.0)


async def test_an_answer_that_is_late_ends_its_own_phase(
    stub: Any, connect: Any, play: SimpleNamespace, order: Any, permit: Any
) -> None:
    """Written and not answered: unknown, after the bound of the answer and long before that of the whole."""
    client: BinanceClient = connect(stub.base, timeouts=ALL._replace(answer_s=0.2))
    stub.answer = play.raw(b"", then="hang")
    request, began = order(), time.monotonic()
    with pytest.raises(OrderOutcomeUnknown, match=r"no answer within 0\.2 s"):
        await client.submit_order(request, permit(request))
    assert 0.15 < time.monotonic() - began < 2.5


async def test_a_venue_that_accepts_nobody_ends_the_phase_of_connecting(
    connect: Any, order: Any, permit: Any
) -> None:
    """A port whose queue of connections is full: nothing is written, and the order was not sent."""
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, backlog=1)
    server.get_loop().remove_reader(server.sockets[0].fileno())  # nobody accepts any more
    port = server.sockets[0].getsockname()[1]
    filling = [asyncio.ensure_future(asyncio.open_connection("127.0.0.1", port)) for _ in range(4)]
    await asyncio.sleep(0.1)
    client: BinanceClient = connect(f"http://127.0.0.1:{port}", timeouts=ALL._replace(connect_s=0.2))
    request, began = order(), time.monotonic()
    with pytest.raises(NotSent, match=r"no connection within 0\.2 s") as lost:
        await client.submit_order(request, permit(request))
    assert (lost.value.method, lost.value.client_order_id) == ("POST /api/v3/order", "q-1")
    assert 0.15 < time.monotonic() - began < 2.5
    for each in filling:
        each.cancel()
    for each in await asyncio.gather(*filling, return_exceptions=True):
        if isinstance(each, tuple):
            each[1].transport.abort()
    server.close()


async def test_who_waits_for_a_free_connection_waits_for_its_own_bound(
    stub: Any, connect: Any, play: SimpleNamespace, order: Any, permit: Any
) -> None:
    """Every connection hangs: the one too many was not sent, and says so at once."""
    client: BinanceClient = connect(stub.base, timeouts=ALL._replace(queue_s=0.2))
    stub.answer = play.raw(b"", then="hang")
    hanging = [asyncio.ensure_future(client.account()) for _ in range(CONNECTIONS)]
    while len(stub.requests) < CONNECTIONS:
        await asyncio.sleep(0.01)
    request, began = order(), time.monotonic()
    with pytest.raises(NotSent, match=r"no free connection within 0\.2 s"):
        await client.submit_order(request, permit(request))
    assert 0.15 < time.monotonic() - began < 2.5
    assert not any(each.done() for each in hanging)
    for each in hanging:
        each.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)


async def test_the_whole_ends_what_no_phase_ends(stub: Any, connect: Any, play: SimpleNamespace) -> None:
    client: BinanceClient = connect(stub.base, timeouts=ALL._replace(whole_s=0.2))
    stub.answer = play.raw(b"", then="hang")
    with pytest.raises(VenueUnavailable, match=r"no answer within 0\.2 s"):
        await client.ping()


@pytest.mark.parametrize("bound", [0, -1, math.nan, math.inf])
@pytest.mark.parametrize("field", Timeouts._fields)
def test_a_bound_that_is_no_time_is_refused_by_its_name(field: str, bound: float, connect: Any) -> None:
    with pytest.raises(InvalidField) as refused:
        connect("http://127.0.0.1:1", timeouts=ALL._replace(**{field: bound}))
    assert refused.value.field == field


async def test_one_connection_more_than_is_used_stands_ready(stub: Any, connect: Any) -> None:
    """Made once, found again, made anew when the venue has ended it; a request then shakes no hands."""
    client: BinanceClient = connect(stub.base)
    await client.ping()
    assert (await client.warm(2), stub.connections) == (2, 2)
    assert (await client.warm(2), stub.connections) == (2, 2)
    await asyncio.gather(client.ping(), client.ping())
    assert stub.connections == 2

    for task in list(stub._serving):
        task.cancel()
    await asyncio.sleep(0.05)
    assert (await client.warm(2), stub.connections) == (2, 4)


async def test_a_venue_that_is_not_there_warms_nothing_and_raises_nothing(connect: Any) -> None:
    assert await connect("http://127.0.0.1:9", timeout_s=1.0).warm() == 0


async def test_a_closed_client_leaves_no_task_no_socket_and_no_warning(
    stub: Any, connect: Any, play: SimpleNamespace
) -> None:
    """Closed with requests under way and spare connections idle."""
    before = asyncio.all_tasks()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        client: BinanceClient = connect(stub.base)
        await client.warm(3)
        stub.answer = play.raw(b"", then="hang")
        hanging = [asyncio.ensure_future(client.ping()) for _ in range(2)]
        while not stub.requests:
            await asyncio.sleep(0.01)
        await client.aclose()
        outcomes = await asyncio.gather(*hanging, return_exceptions=True)
        for _ in range(100):
            if not stub._serving - {None}:
                break
            await asyncio.sleep(0.01)
    assert [type(each) for each in outcomes] == [VenueUnavailable] * 2
    assert {each for each in asyncio.all_tasks() - before if each not in stub._serving} == set()
    assert [str(each.message) for each in said] == []


@pytest.mark.parametrize("known", [True, False])
async def test_a_name_that_is_looked_up_slowly_holds_up_nobody(
    known: bool, stub: Any, connect: Any, monkeypatch: pytest.MonkeyPatch, order: Any, permit: Any
) -> None:
    """N8: the resolver has a thread; the loop turns meanwhile, and a name nobody knows means not sent."""
    look_up = socket.getaddrinfo

    def slow(host: Any, *args: Any, **named: Any) -> Any:
        if host == "localhost":
            time.sleep(0.4)
            if not known:
                raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return look_up(host, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    client: BinanceClient = connect(stub.base.replace("127.0.0.1", "localhost"))
    request = order()
    asking = asyncio.ensure_future(client.submit_order(request, permit(request)))
    turns = 0
    while not asking.done():
        await asyncio.sleep(0.01)
        turns += 1
    (outcome,) = await asyncio.gather(asking, return_exceptions=True)
    assert turns > 10
    assert len(stub.requests) == known
    if not known:
        assert type(outcome) is NotSent
        assert "Name or service not known" in str(outcome)
