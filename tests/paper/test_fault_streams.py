"""Faults of sockets and messages, met by plain clients: what comes, what does not, and how it ends."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from venueclient import Client, Socket, open_socket

from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue

DEPTH = "btcusdt@depth@100ms"


@asynccontextmanager
async def user_stream(client: Client) -> AsyncIterator[Socket]:
    """The account's own events, on the WebSocket API."""
    given: dict[str, Any] = {"apiKey": client.key, "timestamp": client.venue.session.clock.now_ms()}
    payload = "&".join(f"{name}={given[name]}" for name in sorted(given))
    async with open_socket(client.venue.ws_api) as socket:
        reply = await socket.ask(
            "userDataStream.subscribe.signature", given | {"signature": client.signature(payload)}
        )
        assert reply["status"] == 200
        yield socket


async def arrived(socket: Socket) -> list[Any]:
    """Everything that has been sent to a WebSocket API socket."""
    await socket.send({"id": "mark", "method": "ping"})
    found = []
    while (message := await socket.receive()).get("id") != "mark":
        found.append(message["event"])
    return found


async def diffs(venue: PaperVenue, client: Client, seconds: int, **fault: Any) -> list[tuple[int, int]]:
    """U and u of the depth messages that come in so many seconds."""
    async with open_socket(f"{venue.ws}/ws/{DEPTH}") as socket:
        if fault:
            await client.control("faults", **fault)
        await client.control("advance", ms=1_000 * seconds)
        return [(one["U"], one["u"]) for one in await socket.so_far()]


def gaps(ids: list[tuple[int, int]]) -> int:
    """How often a message does not follow on the one before."""
    return sum(after[0] != before[1] + 1 for before, after in itertools.pairwise(ids))


@pytest.fixture
async def twin(client_of: type[Client]) -> AsyncIterator[Client]:
    """The first account of a second venue with the same market, where nothing goes wrong."""
    async with (
        PaperVenue(clock="manual", seed=7, terms=Terms(messages_1s=1_000)) as venue,
        client_of(venue) as client,
    ):
        yield client


# -- messages


async def test_a_sound_stream_has_no_gap_and_no_fault(lively: PaperVenue, reader: Client) -> None:
    """What the tests below compare with."""
    ids = await diffs(lively, reader, 10)

    assert len(ids) > 50
    assert gaps(ids) == 0


@pytest.mark.parametrize(
    ("fault", "lost", "holes"),
    [
        ({"name": "drop", "skip": 10, "count": 1}, 1, 1),
        ({"name": "drop", "skip": 10, "count": 2}, 2, 1),
        ({"name": "gap", "skip": 10, "count": 1, "frames": 7}, 7, 1),
    ],
)
async def test_lost_messages_leave_a_gap_in_the_ids(
    lively: PaperVenue, reader: Client, twin: Client, fault: dict[str, Any], lost: int, holes: int
) -> None:
    """N16: as many are missing as the fault says, in one run; the others are those of the sound venue."""
    sound = await diffs(twin.venue, twin, 10)
    ids = await diffs(lively, reader, 10, stream=DEPTH, **fault)

    assert gaps(ids) == holes
    assert ids == sound[:10] + sound[10 + lost :]


async def test_a_doubled_message_comes_twice(lively: PaperVenue, reader: Client, twin: Client) -> None:
    """N17: the same bytes, one after the other."""
    sound = await diffs(twin.venue, twin, 10)
    ids = await diffs(lively, reader, 10, name="duplicate", stream=DEPTH, skip=5, count=1)

    assert ids == sound[:6] + sound[5:]


async def test_reordered_messages_are_all_there(lively: PaperVenue, reader: Client, twin: Client) -> None:
    """N18: the sixth comes after the eighth."""
    sound = await diffs(twin.venue, twin, 10)
    ids = await diffs(lively, reader, 10, name="reorder", stream=DEPTH, skip=5, count=1, frames=2)

    assert ids == [*sound[:5], sound[6], sound[7], sound[5], *sound[8:]]


async def test_what_was_held_back_comes_when_the_fault_is_removed(lively: PaperVenue, reader: Client) -> None:
    """Nothing is lost with the fault."""
    async with open_socket(f"{lively.ws}/ws/{DEPTH}") as socket:
        fault = await reader.control("faults", name="reorder", frames=1_000, count=1)
        await reader.control("advance", ms=2_000)
        early = [one["u"] for one in await socket.so_far()]
        headers = {"Authorization": f"Bearer {lively.control.secret}"}
        await reader.http.delete(f"{lively.control.url}/faults/{fault['id']}", headers=headers)
        late = [one["u"] for one in await socket.so_far()]

    assert len(late) == 1
    assert late[0] < early[0]


async def test_half_a_message_is_a_whole_frame_of_broken_json(lively: PaperVenue, reader: Client) -> None:
    """The socket lives on."""
    async with open_socket(f"{lively.ws}/ws/{DEPTH}") as socket:
        await reader.control("faults", name="half_frame", count=1)
        await reader.control("advance", ms=1_000)
        with pytest.raises(json.JSONDecodeError):
            await socket.receive()
        assert (await socket.receive())["e"] == "depthUpdate"


@pytest.mark.parametrize("form", ["ws", "stream"])
async def test_one_stream_can_be_silent_beside_another(lively: PaperVenue, reader: Client, form: str) -> None:
    """N24 by stream: the depth of one symbol stops, everything else on the socket goes on."""
    names = (DEPTH, "ethusdt@depth@100ms")
    path = f"/ws/{'/'.join(names)}" if form == "ws" else f"/stream?streams={'/'.join(names)}"
    async with open_socket(lively.ws + path) as socket:
        await reader.control("faults", name="drop", stream="btcusdt@depth*")
        await reader.control("advance", ms=3_000)
        got = [one.get("data", one)["s"] for one in await socket.so_far()]

    assert set(got) == {"ETHUSDT"}
    assert len(got) > 10


async def test_the_same_seed_loses_the_same_messages(client_of: type[Client]) -> None:
    """Twice the same venue, one message in five lost; another seed loses others."""
    runs = []
    for seed in (1, 1, 2):
        async with (
            PaperVenue(clock="manual", terms=Terms(messages_1s=1_000)) as venue,
            client_of(venue) as client,
        ):
            runs.append(await diffs(venue, client, 10, name="drop", probability=0.2, seed=seed))

    assert runs[0] == runs[1] != runs[2]
    assert gaps(runs[0]) > 3


async def test_late_messages_keep_their_order_and_their_event_time(client_of: type[Client]) -> None:
    """N28: a second late by the clock on the wall, as old as they say; none overtakes another."""
    async with PaperVenue(terms=Terms(messages_1s=1_000)) as venue, client_of(venue) as client:
        await client.control("faults", name="late", stream="btcusdt@trade", ms=400, jitter_ms=400, seed=4)
        async with open_socket(f"{venue.ws}/ws/btcusdt@trade") as socket:
            ages, ids = [], []
            for _ in range(15):
                trade = await socket.receive(20)
                ages.append(venue.session.clock.now_ms() - trade["E"])
                ids.append(trade["t"])

    assert ids == sorted(ids)
    assert min(ages) >= 350  # the venue's own step is up to 20 ms late; the clock is read in milliseconds


# -- an account's own events


async def trade(alice: Client, bob: Client) -> None:
    """Alice buys 0.02 of Bob, in two fills."""
    await alice.limit("BUY", "0.02", "60000", newClientOrderId="maker")
    await bob.limit("SELL", "0.01", "60000")
    await bob.limit("SELL", "0.01", "60000")


def reports(events: list[Any]) -> list[tuple[str, str]]:
    return [(one["x"], one["z"]) for one in events if one["e"] == "executionReport"]


NEW, HALF, WHOLE = ("NEW", "0.00000000"), ("TRADE", "0.01000000"), ("TRADE", "0.02000000")
REPORTS = {"stream": "user", "event": "executionReport", "account": "account-1"}


@pytest.mark.parametrize(
    ("fault", "got"),
    [
        ({"name": "drop", "skip": 1, "count": 1}, [NEW, WHOLE]),
        ({"name": "duplicate", "skip": 1, "count": 1}, [NEW, HALF, HALF, WHOLE]),
        ({"name": "reorder", "count": 1}, [HALF, NEW, WHOLE]),
        ({"name": "reorder", "skip": 1, "count": 1}, [NEW, WHOLE, HALF]),
        ({"name": "gap", "frames": 3}, []),
    ],
)
async def test_execution_reports_are_lost_doubled_and_out_of_order(
    alice: Client, bob: Client, venue: PaperVenue, fault: dict[str, Any], got: list[tuple[str, str]]
) -> None:
    """V9, V10, V11: a fill before NEW, an older total after a newer one; the account itself is right."""
    async with user_stream(alice) as mine, user_stream(bob) as theirs:
        await alice.control("faults", **REPORTS, **fault)
        await trade(alice, bob)
        assert reports(await arrived(mine)) == got
        assert len(reports(await arrived(theirs))) == 4  # two orders, two fills: nothing is lost there

    assert venue.exchange.order("account-1", "BTCUSDT", client_order_id="maker").status == "FILLED"


async def test_a_user_stream_ends_and_can_be_had_again(alice: Client, venue: PaperVenue) -> None:
    """V13: eventStreamTerminated, then silence on a socket that lives; a new subscription works."""
    async with user_stream(alice) as socket:
        await alice.control("faults", name="user_stream_end", account="account-1")
        assert await socket.receive() == {
            "subscriptionId": 0, "event": {"e": "eventStreamTerminated", "E": venue.session.time_ms},
        }  # fmt: skip
        await alice.limit("BUY", "0.01", "59000")
        assert await arrived(socket) == []
        assert (await socket.ask("session.subscriptions"))["result"] == []

    async with user_stream(alice) as again:
        await alice.limit("BUY", "0.01", "59000")
        assert len(await arrived(again)) == 2


async def test_only_the_named_account_loses_its_stream(alice: Client, bob: Client) -> None:
    """The other one goes on."""
    async with user_stream(alice) as mine, user_stream(bob) as theirs:
        await alice.control("faults", name="user_stream_end", account="account-2")
        assert (await theirs.receive())["event"]["e"] == "eventStreamTerminated"
        await trade(alice, bob)
        assert len(reports(await arrived(mine))) == 3


# -- sockets


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013])
async def test_a_socket_closes_with_the_code(alice: Client, venue: PaperVenue, code: int) -> None:
    """N21, N23: a Close frame with code and reason; who connects afterwards stays."""
    async with open_socket(f"{venue.ws}/ws/{DEPTH}") as socket:
        await alice.control("faults", name="close", code=code, reason="a drill")
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.receive()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "a drill")
    async with open_socket(f"{venue.ws}/ws/{DEPTH}") as socket:
        assert await socket.ask("LIST_SUBSCRIPTIONS") == {"result": [DEPTH], "id": 1}


async def test_1006_is_no_goodbye(alice: Client, venue: PaperVenue) -> None:
    """N22: the connection just ends."""
    async with open_socket(f"{venue.ws}/ws/{DEPTH}") as socket:
        await alice.control("faults", name="close", code=1006)
        with pytest.raises(websockets.ConnectionClosedError) as closed:
            await socket.receive()
        assert closed.value.rcvd is None


async def test_a_close_chooses_by_path_stream_and_account(alice: Client, venue: PaperVenue) -> None:
    """Three sockets, three scopes: each fault closes its own and no other."""
    for number, scope in enumerate(({"path": "/ws/*"}, {"stream": "ethusdt@*"}, {"account": "account-1"})):
        async with (
            open_socket(f"{venue.ws}/ws/{DEPTH}") as first,
            open_socket(f"{venue.ws}/stream?streams=ethusdt@trade") as second,
            user_stream(alice) as third,
        ):
            await alice.control("faults", name="close", code=1012, **scope)
            for at, (socket, question) in enumerate(
                ((first, "LIST_SUBSCRIPTIONS"), (second, "LIST_SUBSCRIPTIONS"), (third, "ping"))
            ):
                if at == number:
                    with pytest.raises(websockets.ConnectionClosed):
                        await socket.receive()
                else:
                    assert (await socket.ask(question))["id"]


async def test_a_close_that_lasts_meets_those_who_come(client_of: type[Client]) -> None:
    """N27: while it lasts every new connection is closed after its handshake; then they stay."""
    async with PaperVenue(market="none") as venue, client_of(venue) as client:
        await client.control("faults", name="close", code=1001, duration_ms=600_000)
        for _ in range(3):
            async with open_socket(f"{venue.ws}/ws/{DEPTH}") as socket:
                with pytest.raises(websockets.ConnectionClosed):
                    await socket.receive()
        await client.http.delete(
            f"{venue.control.url}/faults", headers={"Authorization": f"Bearer {venue.control.secret}"}
        )
        async with open_socket(f"{venue.ws}/ws/{DEPTH}") as socket:
            assert (await socket.ask("LIST_SUBSCRIPTIONS"))["result"] == [DEPTH]


async def test_a_shutdown_is_announced_before_the_socket_closes(alice: Client, venue: PaperVenue) -> None:
    """N21: serverShutdown as each kind of socket has it, then 1001 after the venue's time."""
    async with (
        open_socket(f"{venue.ws}/ws/{DEPTH}") as raw,
        open_socket(f"{venue.ws}/stream?streams={DEPTH}") as combined,
        open_socket(venue.ws_api) as api,
    ):
        await alice.control("faults", name="shutdown", ms=500)
        event = {"e": "serverShutdown", "E": venue.session.time_ms}
        assert await raw.receive() == event
        assert await combined.receive() == {"stream": "!serverShutdown", "data": event}
        assert await api.receive() == {"event": event}
        await alice.control("advance", ms=499)
        assert (await api.ask("ping"))["status"] == 200
        await alice.control("advance", ms=1)
        for socket in (raw, combined, api):
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.receive()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001


@pytest.mark.parametrize("backlog", ["drop", "keep"])
async def test_a_stall_sends_nothing_and_answers_pings(
    lively: PaperVenue, reader: Client, backlog: str
) -> None:
    """N24, N28: no data, the connection lives; afterwards a burst of what is old by then, or new data."""
    async with open_socket(f"{lively.ws}/ws/{DEPTH}") as socket:
        fault = await reader.control("faults", name="stall", backlog=backlog, duration_ms=5_000)
        stalled_ms = lively.session.time_ms
        await reader.control("advance", ms=4_999)
        with pytest.raises(TimeoutError):
            await socket.receive(0.3)
        await asyncio.wait_for(await socket.connection.ping(), 30)
        await reader.control("advance", ms=1_000)
        got = [one["E"] for one in await socket.so_far()]

    assert fault["name"] == "stall"
    assert (got[0] < stalled_ms + 1_000) == (backlog == "keep")
    assert got[-1] >= stalled_ms + 5_800
    assert got == sorted(got)


async def test_a_deaf_stall_answers_no_ping_and_does_not_close(client_of: type[Client]) -> None:
    """N25: pings vanish, and the venue does not take its own silence for the client's."""
    terms = Terms(ping_every_s=0.1, pong_within_s=1.0)
    async with PaperVenue(market="none", terms=terms) as venue, client_of(venue) as client:
        await client.control("faults", name="stall", pings="swallowed")
        async with open_socket(f"{venue.ws}/ws/{DEPTH}") as socket:
            await asyncio.sleep(0.1)
            answer = await socket.connection.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(answer), 2.5)
            headers = {"Authorization": f"Bearer {venue.control.secret}"}
            await client.http.delete(f"{venue.control.url}/faults", headers=headers)
            await asyncio.wait_for(await socket.connection.ping(), 30)


async def test_a_stalled_user_socket_keeps_its_answers_back_too(alice: Client, venue: PaperVenue) -> None:
    """The order that goes in over a stalled socket lives; its answer comes when the stall ends."""
    async with user_stream(alice) as socket:
        await alice.control("faults", name="stall", backlog="keep", account="account-1", duration_ms=1_000)
        await socket.send({"id": "asked", "method": "ping"})
        await alice.limit("BUY", "0.01", "59000")
        with pytest.raises(TimeoutError):
            await socket.receive(0.2)
        await alice.control("advance", ms=1_000)
        got = [await socket.receive() for _ in range(3)]

    assert {one.get("id", "event") for one in got} == {"asked", "event"}
