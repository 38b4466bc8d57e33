"""Every market stream: its events' fields and types, its speed, its address."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from shapes import MICROSECONDS, in_microseconds, mismatches
from table_streams import CONTROL_ERRORS, SHUTDOWN, SILENT, STREAMS, Stream

from quantlab.paper.venue import PaperVenue

SECONDS = 8

pytestmark = pytest.mark.asyncio(loop_scope="module")
each_stream = pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def market() -> AsyncIterator[PaperVenue]:
    """A venue with a market, on a manual clock that stands on a full minute."""
    async with PaperVenue(clock="manual", seed=7) as venue:
        yield venue


async def heard(venue: PaperVenue, connect: Any, addresses: list[str]) -> list[list[Any]]:
    """What comes on each of the addresses in the same eight seconds of the venue's time."""
    async with contextlib.AsyncExitStack() as opened:
        sockets = [await opened.enter_async_context(connect(venue.ws + each)) for each in addresses]
        await venue.advance(SECONDS * 1_000)
        return [await socket.so_far() for socket in sockets]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def raw(market: PaperVenue, connect: Any) -> dict[str, list[Any]]:
    """By stream, what came on a socket of its own."""
    names = [stream.name for stream in STREAMS]
    told = await heard(market, connect, [f"/ws/{name}" for name in names])
    return dict(zip(names, told, strict=True))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def combined(market: PaperVenue, connect: Any) -> list[Any]:
    """What came on one socket for all streams."""
    names = "/".join(stream.name for stream in STREAMS).replace("+", "%2B")
    return (await heard(market, connect, [f"/stream?streams={names}"]))[0]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def microseconds(market: PaperVenue, connect: Any) -> list[list[Any]]:
    """The same, once for each spelling of timeUnit."""
    names = "/".join(stream.name for stream in STREAMS).replace("+", "%2B")
    return await heard(market, connect, [f"/stream?streams={names}&timeUnit={unit}" for unit in MICROSECONDS])


@each_stream
async def test_an_event_has_exactly_the_documented_fields(raw: dict[str, list[Any]], stream: Stream) -> None:
    """Raw by /ws/<stream>: each message is one event (or a list of them), typed, at its speed."""
    events = raw[stream.name]

    assert events
    assert [wrong for event in events for wrong in mismatches(event, stream.shape)] == []
    if stream.speed_ms is not None:
        most = SECONDS * 1_000 // stream.speed_ms
        assert len(events) <= most
        assert not stream.steady or len(events) == most


@each_stream
async def test_a_combined_event_is_wrapped_with_its_name(combined: list[Any], stream: Stream) -> None:
    """/stream?streams=a/b: {"stream", "data"}, and the data is what comes raw."""
    events = [event["data"] for event in combined if event["stream"] == stream.name]

    assert events
    assert all(event.keys() == {"stream", "data"} for event in combined)
    assert [wrong for event in events for wrong in mismatches(event, stream.shape)] == []


@each_stream
async def test_times_are_microseconds_where_asked_for(microseconds: list[list[Any]], stream: Stream) -> None:
    """?timeUnit=MICROSECOND, in either case: every time has 16 digits, nothing else changes."""
    shape = in_microseconds(stream.shape)
    for told in microseconds:
        events = [event["data"] for event in told if event["stream"] == stream.name]

        assert events
        assert [wrong for event in events for wrong in mismatches(event, shape)] == []


@pytest.mark.parametrize("name", SILENT)
async def test_a_stream_of_what_does_not_happen_is_silent(
    market: PaperVenue, connect: Any, name: str
) -> None:
    """It can be subscribed to, and nothing comes."""
    assert await heard(market, connect, [f"/ws/{name}"]) == [[]]


@pytest.mark.parametrize(("message", "code", "text"), CONTROL_ERRORS, ids=str)
async def test_a_wrong_control_message_is_answered_in_the_documented_words(
    market: PaperVenue, connect: Any, message: Any, code: int, text: str
) -> None:
    """The small codes 0 to 3; a position in the JSON text may follow."""
    async with connect(f"{market.ws}/ws") as socket:
        await socket.send(message)
        reply = await socket.receive()

    assert reply["code"] == code
    assert reply["msg"].startswith(text)


@pytest.mark.parametrize(
    ("address", "wrapped"), [("/ws/btcusdt@trade", False), ("/stream?streams=btcusdt@trade", True)]
)
async def test_a_stopping_venue_says_so_on_every_stream(connect: Any, address: str, wrapped: bool) -> None:
    """serverShutdown, raw or as the stream !serverShutdown, is the last event."""
    async with PaperVenue(market="none", clock="manual") as venue:
        opened = connect(venue.ws + address)
        socket = await opened.__aenter__()
        await socket.ask("LIST_SUBSCRIPTIONS")
    event = await socket.receive()
    await opened.__aexit__(None, None, None)

    if wrapped:
        assert event["stream"] == "!serverShutdown"
        event = event["data"]
    assert mismatches(event, SHUTDOWN) == []
