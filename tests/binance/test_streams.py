"""Market streams against a scripted server: what arrives, what breaks, and how it comes back."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Any

import msgspec
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from quantlab.binance.link import LinkSettings
from quantlab.binance.stream_shapes import Unknown
from quantlab.binance.streams import MarketStreams
from quantlab.clock import ManualClock
from quantlab.domain.market import Trade
from quantlab.errors import InvalidField, NotSent, VenueRejected, VenueUnavailable

QUICK = LinkSettings(first_retry_s=0.01, longest_retry_s=0.02, reply_timeout_s=2.0, messages_per_s=1000)
TRADES = "btcusdt@trade"


class Venue:
    """`/stream` on a free port. Answers control messages unless `mute`; `script` runs on each connection."""

    def __init__(self) -> None:
        self.sockets: list[ServerConnection] = []
        self.messages: list[tuple[float, dict[str, Any]]] = []
        self.subscribed: list[set[str]] = []  # by connection
        self.refused: set[str] = set()
        self.mute = False
        self.script: Callable[[ServerConnection], Any] | None = None
        self.redirect = ""
        self._server: Server

    async def start(self, port: int = 0) -> None:
        self._server = await serve(
            self._converse,
            "127.0.0.1",
            port,
            process_request=self._greet,
            ping_interval=None,
            close_timeout=0.1,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self.ws = f"ws://127.0.0.1:{self.port}"

    async def stop(self) -> None:
        for socket in self.sockets:
            socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    async def trade(self, trade_id: int) -> None:
        """Send one trade on the newest connection."""
        await self.sockets[-1].send(trade(trade_id))

    def methods(self) -> list[str]:
        return [message["method"] for _, message in self.messages]

    def _greet(self, _socket: ServerConnection, request: Request) -> Response | None:
        assert request.path == "/stream"
        if self.redirect:
            return Response(HTTPStatus.FOUND, "Found", Headers({"Location": self.redirect}))
        return None

    async def _converse(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        names: set[str] = set()
        self.subscribed.append(names)
        if self.script is not None:
            await self.script(socket)
        try:
            async for raw in socket:
                message = json.loads(raw)
                self.messages.append((time.monotonic(), message))
                if not self.mute:
                    await socket.send(json.dumps({"id": message["id"], **self._answer(message, names)}))
        except ConnectionClosed:
            return

    def _answer(self, message: dict[str, Any], names: set[str]) -> dict[str, Any]:
        if self.refused.intersection(message.get("params", ())):
            return {"code": 2, "msg": "Invalid request: no such stream"}
        if message["method"] == "SUBSCRIBE":
            names.update(message["params"])
        elif message["method"] == "UNSUBSCRIBE":
            names.difference_update(message["params"])
        else:
            return {"result": sorted(names)}
        return {"result": None}


def trade(trade_id: int) -> str:
    data = {"e": "trade", "E": 1, "s": "BTCUSDT", "t": trade_id, "p": "1", "q": "1", "T": 1, "m": True}
    return json.dumps({"stream": TRADES, "data": data}, separators=(",", ":"))


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.001)


class Client:
    """`MarketStreams` with everything it said kept."""

    def __init__(self, ws: str, **changes: Any) -> None:
        self.events: list[Any] = []
        self.states: list[tuple[str, str]] = []
        self.waits: list[tuple[float, float]] = []
        self.clock = ManualClock()

        def draw(low: float, high: float) -> float:
            if high > 3_600:  # when to rotate is no wait before a reconnect
                return high
            self.waits.append((low, high))
            return low

        fields = {
            "clock": self.clock, "on_event": self.events.append, "settings": QUICK, "uniform": draw,
            "on_state": lambda state, reason: self.states.append((state, reason)),
        }  # fmt: skip
        self.streams = MarketStreams(ws, **(fields | changes))
        self.running: asyncio.Task[None] | None = None

    def start(self) -> MarketStreams:
        self.running = asyncio.create_task(self.streams.run())
        return self.streams

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)

    def ids(self) -> list[int]:
        return [event.trade_id for event in self.events if isinstance(event, Trade)]


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """A scripted venue on a free loopback port."""
    venue = Venue()
    await venue.start()
    yield venue
    await venue.stop()


@pytest.fixture
async def clients(venue: Venue) -> AsyncIterator[Callable[..., Client]]:
    """Makes clients of `venue`; stops them all and looks for what they left behind."""
    before = asyncio.all_tasks()
    made: list[Client] = []

    def make(**changes: Any) -> Client:
        made.append(Client(venue.ws, **changes))
        return made[-1]

    yield make
    for client in made:
        await client.stop()
    for socket in venue.sockets:
        socket.transport.abort()
    await until(lambda: asyncio.all_tasks() - {asyncio.current_task()} <= before)


async def test_a_subscription_is_acknowledged_and_its_events_arrive_typed_and_in_order(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """`subscribe` returns after the venue's yes; events follow as the venue sent them."""
    client = clients()
    await client.start().subscribe(TRADES, "ethusdt@trade")

    assert venue.subscribed == [{TRADES, "ethusdt@trade"}]
    assert client.states == [("connected", "")]
    for number in range(50):
        await venue.trade(number)
    await client.streams.barrier()
    assert client.ids() == list(range(50))
    assert client.streams.names == (TRADES, "ethusdt@trade")


async def test_the_barrier_returns_after_every_frame_sent_before(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """Its reply comes through the same reader, behind the frames."""
    client = clients()
    await client.start().subscribe(TRADES)

    for round_ in range(5):
        for number in range(200):
            await venue.trade(number)
        await client.streams.barrier()
        assert len(client.events) == 200 * (round_ + 1)


async def test_the_age_of_data_is_that_of_events_not_of_replies(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """A venue that still answers us but sends no data must look stale."""
    client = clients()
    await client.start().subscribe(TRADES)
    await client.streams.barrier()
    assert client.streams.last_message_ns is None

    client.clock.advance(5)
    await venue.trade(1)
    await client.streams.barrier()
    client.clock.advance(5)
    await client.streams.barrier()

    assert client.streams.last_message_ns == 5_000_000


async def test_names_can_be_added_and_taken_away_at_run_time(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """What is subscribed already is not asked for again."""
    client = clients()
    await client.start().subscribe("a@trade", "b@trade")
    await client.streams.subscribe("b@trade", "c@trade")
    await client.streams.unsubscribe("a@trade", "never@trade")

    assert venue.subscribed == [{"b@trade", "c@trade"}]
    assert [message["params"] for _, message in venue.messages] == [
        ["a@trade", "b@trade"],
        ["c@trade"],
        ["a@trade"],
    ]


async def test_after_a_lost_connection_everything_wanted_is_subscribed_again(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """The reader hears "disconnected" with a reason, then "connected" once all is acknowledged."""
    client = clients()
    await client.start().subscribe(TRADES)

    venue.sockets[0].transport.abort()
    await until(lambda: len(client.states) == 3)
    await venue.trade(7)
    await client.streams.barrier()

    assert [state for state, _ in client.states] == ["connected", "disconnected", "connected"]
    assert "ended" in client.states[1][1]
    assert venue.subscribed[1] == {TRADES}
    assert (client.ids(), client.streams.reconnects) == ([7], 1)


async def test_a_name_can_be_given_up_while_there_is_no_connection(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """Then nothing has to be sent: it is simply not asked for again."""
    client = clients()
    await client.start().subscribe(TRADES, "a@trade")
    await venue.stop()
    await until(lambda: not client.streams.connected)
    await until(lambda: len(client.states) == 2)

    await client.streams.unsubscribe("a@trade")

    await venue.start(venue.port)
    await until(lambda: client.streams.connected)
    assert venue.subscribed[-1] == {TRADES}


async def test_a_name_that_is_wanted_before_there_is_a_venue_is_subscribed_when_it_comes(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """`subscribe` gives up waiting with a clear error; the name stays wanted."""
    await venue.stop()
    settings = LinkSettings(first_retry_s=0.01, longest_retry_s=0.02, reply_timeout_s=0.1)
    client = clients(settings=settings)

    with pytest.raises(VenueUnavailable, match="stay wanted"):
        await client.start().subscribe(TRADES)
    with pytest.raises(NotSent):
        await client.streams.barrier()
    assert client.streams.names == (TRADES,)
    assert client.states[0][0] == "disconnected"
    assert "cannot connect" in client.states[0][1]

    await venue.start(venue.port)
    await until(lambda: client.streams.connected)
    assert venue.subscribed == [{TRADES}]


async def test_a_refused_stream_raises_and_is_not_wanted_any_more(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """Or every reconnect would fail on it."""
    client = clients()
    venue.refused.add("bad@trade")
    await client.start().subscribe(TRADES)

    with pytest.raises(VenueRejected, match="no such stream"):
        await client.streams.subscribe("bad@trade")

    assert client.streams.names == (TRADES,)
    assert client.streams.connected


async def test_a_connection_holds_1024_streams_and_more_go_on_the_next(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """F14: They go out in few messages; what is given up makes room for others."""
    client = clients()
    await client.start().subscribe(*(f"s{number}@trade" for number in range(1024)))
    assert (len(venue.subscribed), len(venue.subscribed[0])) == (1, 1024)
    assert len(venue.messages) <= 6

    await asyncio.gather(*(client.streams.subscribe(f"more{number}@trade") for number in range(3)))
    await client.streams.unsubscribe("s7@trade")
    await client.streams.subscribe("s8@trade", "late@trade")
    await until(lambda: client.streams.connected)

    assert [len(names) for names in venue.subscribed] == [1024, 3]
    assert "late@trade" in venue.subscribed[0]
    assert client.streams.connections == 2
    with pytest.raises(InvalidField, match="10240"):
        await client.streams.subscribe(*(f"t{number}@trade" for number in range(10_000)))
    assert len(client.streams.names) == 1027


async def test_no_second_holds_more_than_five_messages(venue: Venue, clients: Callable[..., Client]) -> None:
    """The venue disconnects, then bans, who sends more (ours: four, one is left to pongs)."""
    client = clients(settings=LinkSettings())
    await client.start().subscribe(TRADES)

    await asyncio.gather(*(client.streams.subscribe(f"s{number}@trade") for number in range(6)))
    for _ in range(2):
        await client.streams.barrier()

    times = [at for at, _ in venue.messages]
    assert len(times) == 9
    assert max(sum(at <= other < at + 1.0 for other in times) for at in times) <= 5


@pytest.mark.parametrize("junk", ["no json", '{"stream":"btcusdt@trade","data":{"p":"NaN"}}', '{"stream":'])
async def test_a_frame_that_cannot_be_decoded_replaces_the_connection(
    venue: Venue, clients: Callable[..., Client], junk: str
) -> None:
    """Nothing is skipped in silence: the books must be made anew."""
    client = clients()
    await client.start().subscribe(TRADES)

    await venue.sockets[0].send(junk)
    await until(lambda: len(client.states) == 3)

    assert "document" in client.states[1][1] or "no price" in client.states[1][1]
    assert client.events == []
    assert client.streams.reconnects == 1


async def test_a_stream_of_a_new_kind_is_an_event_and_no_fault(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """Unknown frames are handed on as text."""
    client = clients()
    await client.start().subscribe(TRADES)

    await venue.sockets[0].send('{"stream":"btcusdt@moonPhase","data":{"e":"moonPhase"}}')
    await client.streams.barrier()

    assert [type(event) for event in client.events] == [Unknown]
    assert len(client.states) == 1


@pytest.mark.parametrize("code", [1001, 1012])
async def test_a_venue_that_goes_away_is_called_again_at_once(
    venue: Venue, clients: Callable[..., Client], code: int
) -> None:
    """The first reconnect waits 0.1 s at most, however long the waits have grown to be."""
    client = clients(settings=LinkSettings(first_retry_s=20.0, proven_s=0.0, messages_per_s=1000))
    await client.start().subscribe(TRADES)
    await venue.trade(1)
    await client.streams.barrier()

    await venue.sockets[0].close(code, "bye")
    await until(lambda: len(client.states) == 3)

    assert client.waits == [(0.0, 0.1)]
    assert client.streams.connected


async def test_a_venue_that_announces_its_end_is_left_for_a_new_connection_first(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """serverShutdown: nothing is lost, nothing is doubled, and nobody is told of a loss there was not."""
    client = clients(settings=msgspec.structs.replace(QUICK, overlap_s=0.1))
    await client.start().subscribe(TRADES)
    await venue.trade(1)

    await venue.sockets[0].send('{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1}}')
    await until(lambda: len(venue.subscribed) == 2 and venue.subscribed[1])
    for number in (2, 3):
        for socket in venue.sockets:
            await socket.send(trade(number))
    await until(lambda: client.streams.rotations == 1)
    await venue.trade(3)  # the new connection was the slower one
    await venue.trade(4)
    await client.streams.barrier()

    assert client.ids() == [1, 2, 3, 4]
    assert client.states == [("connected", "")]
    assert venue.methods() == ["SUBSCRIBE", "SUBSCRIBE", "LIST_SUBSCRIPTIONS", "LIST_SUBSCRIPTIONS"]
    await until(lambda: client.streams.duplicates == 3)


async def test_waits_double_up_to_the_longest_until_a_connection_has_proven_itself(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """A handshake is no success: only data that flowed long enough starts the waits anew."""

    async def drop(socket: ServerConnection) -> None:
        if len(venue.sockets) <= 5:
            socket.transport.abort()

    venue.script = drop
    settings = LinkSettings(
        first_retry_s=0.002, longest_retry_s=0.03, proven_s=0.05, reply_timeout_s=2, messages_per_s=1000
    )
    client = clients(settings=settings)
    await client.start().subscribe(TRADES)
    assert [round(high, 6) for _, high in client.waits] == [0.002, 0.004, 0.008, 0.016, 0.03]

    venue.sockets[-1].transport.abort()  # held, but without any data
    await until(lambda: len(venue.sockets) == 7 and client.streams.connected)
    assert client.waits[-1][1] == 0.03

    await venue.trade(1)
    await asyncio.sleep(0.06)
    venue.sockets[-1].transport.abort()  # held, with data
    await until(lambda: len(venue.sockets) == 8)
    assert client.waits[-1][1] == 0.002


async def test_after_a_policy_close_we_stay_away_for_a_while(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """1008 means that we did something wrong: coming back at once makes it a ban."""
    client = clients(settings=LinkSettings(first_retry_s=0.001, policy_pause_s=1.5, messages_per_s=1000))
    await client.start().subscribe(TRADES)

    await venue.sockets[0].close(1008, "too many messages")
    await until(lambda: len(client.states) == 2)
    assert "too many messages" in client.states[1][1]
    await asyncio.sleep(0.2)
    assert len(venue.sockets) == 1
    await until(lambda: len(client.states) == 3)


async def test_a_stalled_connection_is_dropped_without_its_consent(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """A half-open socket answers no close frame: `restart` does not wait for one."""
    client = clients()
    await client.start().subscribe(TRADES)
    venue.sockets[0].transport.pause_reading()

    began = time.monotonic()
    await client.streams.restart("no data for 5 s")
    await until(lambda: len(client.states) == 3)

    assert client.states[1] == ("disconnected", "no data for 5 s")
    assert time.monotonic() - began < 5


async def test_a_peer_that_answers_no_ping_is_found_dead(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """Our own keepalive ends a connection that only looks open."""
    settings = LinkSettings(
        first_retry_s=0.01, ping_interval_s=0.05, ping_timeout_s=0.1, reply_timeout_s=2, messages_per_s=1000
    )
    client = clients(settings=settings)
    await client.start().subscribe(TRADES)

    venue.sockets[0].transport.pause_reading()
    await until(lambda: len(client.states) >= 3)

    assert "no answer to a ping" in client.states[1][1]


async def test_a_request_without_an_answer_ends_in_time(venue: Venue, clients: Callable[..., Client]) -> None:
    """A venue that hears but does not answer is no reason to wait for ever."""
    settings = LinkSettings(reply_timeout_s=0.1, messages_per_s=1000)
    client = clients(settings=settings)
    await client.start().subscribe(TRADES)

    venue.mute = True
    with pytest.raises(VenueUnavailable, match="no reply within 0.1 s"):
        await client.streams.barrier()


async def test_a_request_ends_with_its_connection(venue: Venue, clients: Callable[..., Client]) -> None:
    """The awaiter learns at once that the answer cannot come any more."""
    client = clients(settings=LinkSettings(reply_timeout_s=60, messages_per_s=1000))
    await client.start().subscribe(TRADES)
    venue.mute = True
    waiting = asyncio.create_task(client.streams.barrier())
    await until(lambda: venue.methods()[-1] == "LIST_SUBSCRIPTIONS")

    venue.sockets[0].transport.abort()

    with pytest.raises(VenueUnavailable, match="ended"):
        await waiting


async def test_a_redirect_to_another_host_is_refused(venue: Venue, clients: Callable[..., Client]) -> None:
    """The distance from real money is decided by the address that was given: it is never left."""
    elsewhere = Venue()
    await elsewhere.start()
    venue.redirect = elsewhere.ws + "/stream"
    client = clients()
    client.start()

    await until(lambda: len(client.states) >= 2)

    assert elsewhere.sockets == []
    assert all(state == "disconnected" for state, _ in client.states)
    await elsewhere.stop()


async def test_stopping_says_goodbye_and_takes_no_time(venue: Venue, clients: Callable[..., Client]) -> None:
    """Also where the venue does not answer the goodbye; no state is announced any more."""
    client = clients()
    await client.start().subscribe(TRADES)
    began = time.monotonic()
    await client.stop()
    await until(lambda: venue.sockets[0].close_code is not None)

    deaf = clients()
    await deaf.start().subscribe(TRADES)
    venue.sockets[1].transport.pause_reading()
    await deaf.stop()

    assert time.monotonic() - began < 5
    assert venue.sockets[0].close_code == 1000
    assert client.states == deaf.states == [("connected", "")]
    assert not client.streams.connected


async def test_a_defect_in_the_handler_ends_the_run_and_is_seen(
    venue: Venue, clients: Callable[..., Client]
) -> None:
    """The supervisor gets it: it is not mistaken for a fault of the venue."""

    def defect(_event: object) -> None:
        raise ZeroDivisionError("a defect")

    client = clients(on_event=defect)
    await client.start().subscribe(TRADES)
    await venue.trade(1)

    with pytest.raises(ZeroDivisionError):
        await client.running  # type: ignore[misc]
    assert not client.streams.connected
