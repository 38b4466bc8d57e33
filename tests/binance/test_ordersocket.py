"""Orders over the WebSocket API, at the paper venue: as by REST, once, in order, and none after a HALT."""

from __future__ import annotations

import asyncio
import logging
import socket as sockets
import ssl
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faultproxy import FaultProxy

from quantlab.binance.client import BinanceClient
from quantlab.binance.limits import RateLimit
from quantlab.binance.signing import Credentials
from quantlab.clock import SystemClock
from quantlab.domain.orders import OrderRequest
from quantlab.errors import (
    Halted,
    NotSent,
    OrderOutcomeUnknown,
    OrderRejected,
    RateLimited,
    VenueRejected,
    VenueUnavailable,
)
from quantlab.paper.faults.reading import from_text
from quantlab.paper.terms import Terms
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret
from quantlab.wire import HaltLatch

Make = Callable[..., Any]
ROOMY = Terms(orders_10s=10_000)


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.002)


def strike(venue: PaperVenue, fault: str) -> None:
    venue.session.faults.add(from_text(fault))


def placed(venue: PaperVenue) -> list[tuple[str, str | None]]:
    """The new orders that the venue saw: by which way, and under which id."""
    ways = {("WS", "order.place"): "socket", ("POST", "/api/v3/order"): "rest"}
    return [
        (ways[each.method, each.path], each.client_order_id)
        for each in venue.requests
        if (each.method, each.path) in ways
    ]


def open_ids(venue: PaperVenue) -> list[str]:
    return [order.client_order_id for order in venue.exchange.open_orders("account-1")]


@pytest.fixture
async def venue() -> AsyncIterator[PaperVenue]:
    async with PaperVenue(market="none", terms=ROOMY) as venue:
        yield venue


@pytest.fixture
async def ways(venue: PaperVenue) -> AsyncIterator[Make]:
    """Makes clients of the venue's first account: by both ways, or by REST alone."""
    async with AsyncExitStack() as stack:

        async def make(*, fast: bool = True, down: bool = False, **changes: Any) -> BinanceClient:
            key, secret = venue.accounts[0]
            fields = {"clock": SystemClock(), "credentials": Credentials(key, Secret(secret))}
            fields |= {"ws_api": venue.ws_api} if fast else {}
            client = BinanceClient(changes.pop("rest", venue.rest), **(fields | changes))
            await stack.enter_async_context(client)
            if client.socket is not None and not down:
                await client.socket.wait_up()
            return client

        yield make


@pytest.fixture
def send(order: Make, permit: Make) -> Make:
    """Sends one resting order: `await send(client, "q-1")`."""

    def sent(
        client: BinanceClient, name: str = "q-1", halts: int | None = None, **changes: Any
    ) -> Awaitable[Any]:
        request: OrderRequest = order(name, **changes)
        return client.submit_order(request, permit(request, halts=halts, life_ns=60_000_000_000))

    return sent


async def test_both_ways_give_the_same_values_and_the_same_errors(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """One encoder, one decoder: place, ask, list, cancel, cancel all; and each one's refusal."""
    fast, plain = await ways(), await ways(fast=False)
    seen: dict[str, list[Any]] = {"fast": [], "plain": []}
    for name, client in (("fast", fast), ("plain", plain)):
        ack = await send(client)
        status = await client.order_status("BTCUSDT", client_order_id="q-1")
        (listed,) = await client.open_orders("BTCUSDT")
        cancelled = await client.cancel_order("BTCUSDT", client_order_id="q-1")
        await send(client, "q-2")
        (swept,) = await client.cancel_all("BTCUSDT")
        assert await client.cancel_all("BTCUSDT") == []
        values = [ack, status, listed, cancelled, swept]
        for refused in (
            send(client, quantity=Decimal(1_000_000)), send(client, price=Decimal("0.001")),
            client.cancel_order("BTCUSDT", client_order_id="none"),
            client.order_status("BTCUSDT", client_order_id="none"), send(client, symbol="NONEUSDT"),
        ):  # fmt: skip
            with pytest.raises(VenueRejected) as error:
                await refused
            told = error.value
            values.append(
                (type(told), told.code, told.message, told.status, told.method, told.client_order_id)
            )
        seen[name] = values

    def timeless(value: Any) -> Any:
        gone = {"order_id", "transact_ms", "created_ms", "updated_ms"}
        if isinstance(value, tuple):
            return value
        return type(value), {f: getattr(value, f) for f in value.__struct_fields__ if f not in gone}

    assert [timeless(each) for each in seen["fast"]] == [timeless(each) for each in seen["plain"]]
    assert {each[0] for each in seen["fast"] if isinstance(each, tuple)} == {OrderRejected, VenueRejected}
    counted = Counter(way for way, _ in placed(venue))
    assert counted == {"socket": 5, "rest": 5}, "each way was really taken"


UNKNOWN = {
    "a lost reply": "lost_reply:",
    "no reply": "no_reply:",
    "half a reply": "garbled_reply:shape=half,",
    "a page": "garbled_reply:shape=html,",
    "500 -1000": "error:code=-1000,",
    "500 -1001": "error:code=-1001,",
    "500 -1006": "error:code=-1006,",
    "504 -1007": "error:code=-1007,",
    "503 -1008": "error:code=-1008,",
    "502": "error:code=-1000,status=502,",
    "408": "error:code=-1000,status=408,",
}


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_an_order_whose_answer_is_lost_may_live_and_is_sent_once(
    venue: PaperVenue, ways: Make, send: Make, fault: str
) -> None:
    """The venue had acted: there is one order, one typed error, and nothing goes by the other way."""
    client = await ways(timeout_s=0.7)
    await client.warm()  # the way by which it is asked for afterwards
    strike(venue, f"{UNKNOWN[fault]}endpoint=order.place,count=1")

    with pytest.raises(OrderOutcomeUnknown) as lost:
        await send(client)

    assert lost.value.client_order_id == "q-1"
    assert "POST /api/v3/order" in lost.value.cause
    await asyncio.sleep(0.1)
    assert placed(venue) == [("socket", "q-1")]
    assert open_ids(venue) == ["q-1"]
    assert (await client.order_status("BTCUSDT", client_order_id="q-1")).status == "NEW"  # and it goes on
    assert client.socket is not None
    await asyncio.wait_for(client.socket.wait_up(), 30)
    await send(client, "q-2")
    assert placed(venue)[1:] == [("socket", "q-2")]


@pytest.mark.parametrize("fault", ["lost_reply:when=before,", "error:code=-1007,when=before,"])
async def test_it_is_unknown_also_where_the_venue_had_not_acted(
    venue: PaperVenue, ways: Make, send: Make, fault: str
) -> None:
    """From here both look alike."""
    client = await ways()
    strike(venue, f"{fault}endpoint=order.place,count=1")
    with pytest.raises(OrderOutcomeUnknown):
        await send(client)
    assert open_ids(venue) == []


async def test_a_cancel_whose_answer_is_lost_is_unknown(venue: PaperVenue, ways: Make, send: Make) -> None:
    """It may be open or not: it is to be asked for."""
    client = await ways()
    await send(client)
    strike(venue, "lost_reply:endpoint=order.cancel,count=1")
    with pytest.raises(OrderOutcomeUnknown):
        await client.cancel_order("BTCUSDT", client_order_id="q-1")
    assert open_ids(venue) == []


@pytest.mark.parametrize(("fault", "status"), [("rate_limit", 429), ("ban", 418)])
async def test_a_limit_is_told_with_the_time_to_wait_and_then_nothing_is_sent(
    venue: PaperVenue, ways: Make, send: Make, fault: str, status: int
) -> None:
    """`retryAfter` of the socket's error is REST's Retry-After; it closes the budget of everybody."""
    client = await ways()
    strike(venue, f"{fault}:retry_after_s=77,count=1")
    with pytest.raises(RateLimited) as limited:
        await send(client)
    assert (limited.value.status, limited.value.code, limited.value.retry_after_s) == (status, -1003, 77)
    for call in (send(client, "q-2"), client.cancel_order("BTCUSDT", client_order_id="q-1")):
        with pytest.raises(RateLimited, match="not sent"):
            await call
    assert len(placed(venue)) <= 1


async def test_the_governor_is_asked_first_and_hears_what_the_replies_say(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """Counts come with each answer; nine tenths of a limit are spent, and the next order stays here."""
    client = await ways()
    await send(client)
    assert client.limits.used("ORDERS", "10S") == 1
    windows = {(each.kind, each.name): each for each in client.governor.budget.windows}
    assert windows["ORDERS", "10S"].limit == 10_000
    assert windows["REQUEST_WEIGHT", "1M"].told > 0

    client.governor.learn([RateLimit(kind="ORDERS", window="1D", limit=10)])
    while (windows := {(w.kind, w.name): w for w in client.governor.budget.windows})[
        "ORDERS", "1D"
    ].spent < 9:
        await send(client, f"q-{windows['ORDERS', '1D'].spent + 10}")
        client.governor.learn([RateLimit(kind="ORDERS", window="1D", limit=10)])
    before = len(placed(venue))
    with pytest.raises(RateLimited, match="ORDERS in 1D are used"):
        await send(client, "q-last")
    assert len(placed(venue)) == before > 5


async def test_the_orders_of_one_turn_arrive_in_the_order_they_were_given(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """Two hundred at once: the venue numbers them as we did."""
    client = await ways()
    names = [f"q-{number}" for number in range(200)]
    acks = await asyncio.gather(*(send(client, name) for name in names))

    assert [name for _, name in placed(venue)] == names
    numbers = [ack.order_id for ack in acks]
    assert numbers == sorted(numbers)


async def test_without_a_socket_an_order_goes_by_rest_and_by_rest_alone(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """Chosen before sending: a socket that is down, one that comes back."""
    async with FaultProxy(venue.ws_api) as proxy:
        client = await ways(ws_api=proxy.url)
        assert client.socket is not None
        await send(client, "q-1")
        proxy.refuse()
        proxy.reset()
        await until(lambda: not client.socket.up)
        await send(client, "q-2")
        await proxy.accept()
        await client.socket.wait_up()
        await send(client, "q-3")

    assert placed(venue) == [("socket", "q-1"), ("rest", "q-2"), ("socket", "q-3")]


async def test_a_socket_cut_after_the_write_leaves_unknown_and_before_it_not_sent(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """Orders wait unsigned while the path takes no more bytes: when it is cut, each knows which it was."""
    async with FaultProxy(venue.ws_api) as proxy:
        client = await ways(ws_api=proxy.url)
        await _clog(client, proxy)
        sending = [asyncio.ensure_future(send(client, f"q-{number}")) for number in range(3_000)]
        await asyncio.sleep(0.3)
        proxy.refuse()
        proxy.reset()
        outcomes = Counter(type(each) for each in await asyncio.gather(*sending, return_exceptions=True))

    assert set(outcomes) == {OrderOutcomeUnknown, NotSent}
    assert outcomes[OrderOutcomeUnknown] > 50
    assert outcomes[NotSent] > 50
    assert placed(venue) == []  # all of it was on its way when the path broke


@pytest.mark.parametrize("lifted", [False, True], ids=["halted", "lifted again"])
async def test_no_order_is_written_after_a_halt_that_came_while_it_waited(
    venue: PaperVenue, ways: Make, send: Make, lifted: bool
) -> None:
    """500 orders behind a path that is full: after the latch none of those that wait is written."""
    latch = HaltLatch()
    async with FaultProxy(venue.ws_api) as proxy:
        client = await ways(ws_api=proxy.url, latch=latch)
        await _clog(client, proxy)
        filling = [asyncio.ensure_future(send(client, f"f-{number}")) for number in range(2_500)]
        await asyncio.sleep(0.2)
        queued = [asyncio.ensure_future(send(client, f"q-{number}", halts=0)) for number in range(500)]
        await asyncio.sleep(0.1)
        latch.set("stop")
        if lifted:
            latch.clear()
        proxy.restore()
        outcomes = await asyncio.gather(*queued, return_exceptions=True)
        written = [type(each) for each in await asyncio.gather(*filling, return_exceptions=True)]

    assert Counter(map(type, outcomes)) == {Halted: 500}
    assert not [name for _, name in placed(venue) if str(name).startswith("q-")]
    assert sum(kind is not Halted for kind in written) > 50, "the path was open before"
    if not lifted:
        assert sum(kind is Halted for kind in written) > 50


async def test_a_halt_between_asking_and_writing_stops_every_order_of_the_turn(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """500 orders have passed every check but the last one when the latch is set; cancels still go."""
    latch = HaltLatch()
    client = await ways(latch=latch)
    await send(client, "q-0")
    sending = [asyncio.ensure_future(send(client, f"q-{number}")) for number in range(1, 501)]
    asyncio.get_running_loop().call_soon(latch.set, "stop")  # behind their turn, before the write
    outcomes = await asyncio.gather(*sending, return_exceptions=True)

    assert Counter(map(type, outcomes)) == {Halted: 500}
    assert [name for _, name in placed(venue)] == ["q-0"]
    await client.cancel_order("BTCUSDT", client_order_id="q-0")
    assert open_ids(venue) == []


async def test_a_caller_that_goes_away_takes_its_unwritten_order_along(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """Cancelled before the write it is not written; the socket goes on."""
    client = await ways()
    going = asyncio.ensure_future(send(client, "q-1"))
    asyncio.get_running_loop().call_soon(going.cancel)
    with pytest.raises(asyncio.CancelledError):
        await going
    await send(client, "q-2")
    assert placed(venue) == [("socket", "q-2")]


async def test_a_socket_that_owes_an_answer_and_is_silent_is_replaced(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """A half-open path says no goodbye: the first time-out ends it, the next order finds another way."""
    async with FaultProxy(venue.ws_api) as proxy:
        client = await ways(ws_api=proxy.url, timeout_s=1.5)
        assert client.socket is not None
        proxy.freeze()
        with pytest.raises(OrderOutcomeUnknown, match=r"no answer within 1\.5 s"):
            await send(client)
        assert not client.socket.up
        await send(client, "q-2")
    assert ("rest", "q-2") in placed(venue)


async def test_a_shutdown_is_heard_and_nothing_is_lost_by_it(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """`serverShutdown`: the orders that come go by REST or a new socket, none is unknown."""
    client = await ways()
    assert client.socket is not None
    strike(venue, "shutdown:ms=500,path=/ws-api/v3,count=1")
    for number in range(100):
        await send(client, f"q-{number}")
        await asyncio.sleep(0.01)
    await until(lambda: client.socket.opened == 2)
    assert [name for _, name in placed(venue)] == [f"q-{number}" for number in range(100)]


class Logged:
    """An Ed25519 key at the venue."""

    def __init__(self, venue: PaperVenue) -> None:
        key = Ed25519PrivateKey.generate()
        plain = serialization.NoEncryption()
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.name = venue.add_key(public.decode()).api_key
        self.credentials = Credentials(self.name, Secret(pem.decode()))


async def test_an_ed25519_session_is_logged_on_once_and_again_after_each_loss(
    venue: PaperVenue, ways: Make, send: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its orders carry neither key nor signature; a new connection is logged on before it is used."""
    key = Logged(venue)
    signed: list[bytes] = []
    kind = type(key.credentials.signer)
    sign = kind.sign
    monkeypatch.setattr(
        kind, "sign", lambda signer, payload: (signed.append(payload), sign(signer, payload))[1]
    )
    client = await ways(credentials=key.credentials)
    assert client.socket is not None
    for number in range(20):
        await send(client, f"q-{number}")
    assert len(signed) == 1
    strike(venue, "close:path=/ws-api/v3,count=1")
    await until(lambda: not client.socket.up)
    await client.socket.wait_up()
    await send(client, "q-20")

    assert len(signed) == 2
    assert Counter(way for way, _ in placed(venue)) == {"socket": 21}


async def test_a_session_whose_key_is_revoked_is_over_and_its_order_is_unknown(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """The venue refuses under no id: what is in flight is unknown, and the next order hears why."""
    key = Logged(venue)
    client = await ways(credentials=key.credentials)
    await send(client, "q-1")
    venue.session.keyring.revoke(key.name)
    with pytest.raises(OrderOutcomeUnknown, match="-2015"):
        await send(client, "q-2")
    assert client.socket is not None
    assert not client.socket.up
    with pytest.raises(OrderRejected) as refused:
        await send(client, "q-3")
    assert refused.value.code == -2015
    assert open_ids(venue) == ["q-1"]


async def test_a_refused_logon_keeps_the_socket_down_and_orders_on_rest(
    venue: PaperVenue, ways: Make, send: Make
) -> None:
    """`session.logon` -2015: REST until it is taken."""
    strike(venue, "key_refused:count=1")
    client = await ways(credentials=Logged(venue).credentials, down=True)
    assert client.socket is not None
    await until(lambda: client.socket.attempts == 1 and "-2015" in client.socket.reason)
    await send(client, "q-1")
    await client.socket.wait_up()
    await send(client, "q-2")
    assert placed(venue) == [("rest", "q-1"), ("socket", "q-2")]
    assert client.socket.attempts == 2


async def test_tls_and_an_authority_of_its_own(send: Make) -> None:
    """wss, with the certificate that the venue shows."""
    async with PaperVenue(market="none", tls=True) as venue:
        key, secret = venue.accounts[0]
        context = ssl.create_default_context(cafile=str(venue.ca))
        async with BinanceClient(
            venue.rest, ws_api=venue.ws_api, clock=SystemClock(), ssl_context=context,
            credentials=Credentials(key, Secret(secret)),
        ) as client:  # fmt: skip
            assert client.socket is not None
            await asyncio.wait_for(client.socket.wait_up(), 30)
            await send(client)
        assert placed(venue) == [("socket", "q-1")]
        async with BinanceClient(
            venue.rest, ws_api=venue.ws_api, clock=SystemClock(),
            credentials=Credentials(key, Secret(secret)),
        ) as stranger:  # fmt: skip
            assert stranger.socket is not None
            await until(lambda: "CERTIFICATE_VERIFY_FAILED" in stranger.socket.reason)
            assert not stranger.socket.up


async def test_what_is_secret_is_in_no_log_error_or_repr(
    venue: PaperVenue, ways: Make, send: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Also where the venue's answer cannot be read."""
    caplog.set_level(logging.DEBUG)
    client = await ways()
    shown = []
    for fault in ("garbled_reply:shape=half,", "lost_reply:", "error:code=-1007,"):
        strike(venue, f"{fault}endpoint=order.place,count=1")
        assert client.socket is not None
        await client.socket.wait_up()
        with pytest.raises(OrderOutcomeUnknown) as lost:
            await send(client, f"q-{len(shown)}")
        shown.append(repr(lost.value) + str(lost.value.__context__) + str(lost.value.__cause__))
        shown.append(client.socket.reason + repr(client.socket) + repr(vars(client)))
    text = "".join(shown) + "".join(each.getMessage() for each in caplog.records)
    key, secret = venue.accounts[0]
    assert key not in text
    assert secret not in text
    assert "signature=" not in text.replace("signature=[redacted]", "")


async def test_nothing_is_left_when_the_client_is_closed(venue: PaperVenue, ways: Make, send: Make) -> None:
    """What waits for an answer is told; no task and no connection stays."""
    client = await ways()
    strike(venue, "no_reply:endpoint=order.place,count=1")
    waiting = asyncio.ensure_future(send(client))
    await until(lambda: placed(venue))
    await client.aclose()
    with pytest.raises((OrderOutcomeUnknown, VenueUnavailable)):
        await waiting
    await asyncio.sleep(0.05)
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "order socket"]


async def _clog(client: BinanceClient, proxy: FaultProxy) -> None:
    """Make the path full after a few hundred orders: small buffers, and nobody who reads."""
    assert client.socket is not None
    connection: Any = client.socket
    raw: sockets.socket = connection._requests.socket._transport.get_extra_info("socket")
    raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_SNDBUF, 4_096)
    proxy.up.frozen = True
