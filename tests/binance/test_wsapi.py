"""The user stream against a scripted WebSocket API, and once against the paper venue."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from quantlab.binance.line import Line
from quantlab.binance.link import LinkSettings
from quantlab.binance.signing import Credentials
from quantlab.binance.stream_shapes import Unknown
from quantlab.binance.wsapi import UserStream
from quantlab.clock import ManualClock, SystemClock
from quantlab.domain.orders import ExecutionReport
from quantlab.domain.position import AccountPosition, Transfer
from quantlab.errors import NotSent
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret

KEY = "key-that-nobody-may-read"
SECRET = "secret-that-nobody-may-read"
QUICK = LinkSettings(first_retry_s=0.01, longest_retry_s=0.02, reply_timeout_s=2.0, messages_per_s=1000)
REPORT = {
    "e": "executionReport", "E": 2, "s": "BTCUSDT", "c": "order-1", "S": "BUY", "o": "LIMIT", "f": "GTC",
    "q": "1", "p": "5", "C": "", "x": "NEW", "X": "NEW", "r": "NONE", "i": 1, "l": "0", "z": "0", "L": "0",
    "n": "0", "N": None, "T": 1, "t": -1, "I": 1, "m": False, "Z": "0",
}  # fmt: skip


class Venue:
    """A WebSocket API on a free port; `refusals` are given out before it says yes."""

    def __init__(self) -> None:
        self.sockets: list[ServerConnection] = []
        self.requests: list[dict[str, Any]] = []
        self.refusals: list[dict[str, Any]] = []
        self._server: Server

    async def __aenter__(self) -> Venue:
        self._server = await serve(self._converse, "127.0.0.1", 0, close_timeout=0.1)
        self.ws_api = f"ws://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}/ws-api/v3"
        return self

    async def __aexit__(self, *_: object) -> None:
        for socket in self.sockets:
            socket.transport.abort()
        self._server.close()
        await self._server.wait_closed()

    async def say(self, event: dict[str, Any]) -> None:
        await self.sockets[-1].send(json.dumps({"subscriptionId": 0, "event": event}))

    async def _converse(self, socket: ServerConnection) -> None:
        self.sockets.append(socket)
        try:
            async for raw in socket:
                request = json.loads(raw)
                self.requests.append(request)
                answer: dict[str, Any] = {"status": 200, "result": {"subscriptionId": 0}, "rateLimits": []}
                if request["method"] == "ping":
                    answer["result"] = {}
                elif self.refusals:
                    answer = {"status": 400, "error": self.refusals.pop(0)}
                await socket.send(json.dumps({"id": request["id"], **answer}))
        except ConnectionClosed:
            return


class User:
    """`UserStream` with everything it said kept."""

    def __init__(self, ws_api: str, **changes: Any) -> None:
        self.events: list[Any] = []
        self.states: list[tuple[str, str]] = []
        self.clock = ManualClock()
        fields = {
            "credentials": Credentials(KEY, Secret(SECRET)), "clock": self.clock, "settings": QUICK,
            "on_event": self.events.append,
            "on_state": lambda state, reason: self.states.append((state, reason)),
        }  # fmt: skip
        self.stream = UserStream(ws_api, **(fields | changes))
        self.running: asyncio.Task[None] | None = None

    async def live(self) -> UserStream:
        self.running = asyncio.create_task(self.stream.run())
        await until(lambda: self.stream.live)
        return self.stream

    async def stop(self) -> None:
        if self.running is not None:
            self.running.cancel()
            await asyncio.gather(self.running, return_exceptions=True)


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Wait for a condition, not for a time."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
async def venue() -> AsyncIterator[Venue]:
    """A scripted WebSocket API."""
    async with Venue() as venue:
        yield venue


@pytest.fixture
async def users(venue: Venue) -> AsyncIterator[Callable[..., User]]:
    """Makes user streams at `venue`; stops them all."""
    made: list[User] = []

    def make(ws_api: str = "", **changes: Any) -> User:
        made.append(User(ws_api or venue.ws_api, **changes))
        return made[-1]

    yield make
    for user in made:
        await user.stop()


@pytest.mark.parametrize("recv_window_ms", [None, 3000])
async def test_the_subscription_is_signed_over_all_its_parameters_in_the_venues_time(
    venue: Venue, users: Callable[..., User], recv_window_ms: int | None
) -> None:
    """F13: Sorted, raw `name=value`, HMAC-SHA256; recvWindow only where one is wanted."""
    user = users(recv_window_ms=recv_window_ms)
    await user.live()

    params = venue.requests[0]["params"]
    signature = params.pop("signature")
    payload = "&".join(f"{name}={params[name]}" for name in sorted(params))
    assert venue.requests[0]["method"] == "userDataStream.subscribe.signature"
    assert signature == hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()
    window = {} if recv_window_ms is None else {"recvWindow": recv_window_ms}
    assert params == {"apiKey": KEY, "timestamp": user.clock.now_ms(), **window}
    assert user.states == [("live", "")]


async def test_events_arrive_typed_in_order_and_before_the_barrier(
    venue: Venue, users: Callable[..., User]
) -> None:
    """Reports and balances become events; other types are kept as text."""
    user = users()
    stream = await user.live()
    await venue.say(REPORT)
    await venue.say({"e": "outboundAccountPosition", "E": 2, "u": 1, "B": []})
    await venue.say({"e": "balanceUpdate", "E": 2, "a": "BTC", "d": "1", "T": 1})
    await venue.say({"e": "externalLockUpdate", "E": 2, "a": "BTC", "d": "1", "T": 1})

    await stream.barrier()

    assert [type(event) for event in user.events] == [ExecutionReport, AccountPosition, Transfer, Unknown]


@pytest.mark.parametrize("end", ["terminated", "close", "reset", "junk", "revoked"])
async def test_a_lost_stream_is_told_and_subscribed_again(
    venue: Venue, users: Callable[..., User], end: str
) -> None:
    """There is no replay: the owner must hear "lost" and reconcile when it is "live" again."""
    user = users()
    await user.live()

    if end == "terminated":
        await venue.say({"e": "eventStreamTerminated", "E": 1})
    elif end == "close":
        await venue.sockets[0].close(1001, "bye")
    elif end == "reset":
        venue.sockets[0].transport.abort()
    elif end == "junk":
        await venue.say(REPORT | {"q": "NaN"})
    else:
        await venue.sockets[0].send('{"id":null,"status":401,"error":{"code":-2015,"msg":"Invalid API-key"}}')
    await until(lambda: len(user.states) == 3)

    assert [state for state, _ in user.states] == ["live", "lost", "live"]
    assert user.states[1][1]
    assert (user.stream.reconnects, user.events) == (1, [])


async def test_a_refused_subscription_is_lost_with_the_venues_reason_and_tried_again(
    venue: Venue, users: Callable[..., User]
) -> None:
    """A wrong clock is refused; after the clock is right the stream comes up by itself."""
    venue.refusals = [{"code": -1021, "msg": "Timestamp for this request is outside of the recvWindow."}] * 2
    user = users()
    await user.live()

    assert [state for state, _ in user.states] == ["lost", "lost", "live"]
    assert "-1021" in user.states[0][1]
    assert len({request["params"]["timestamp"] for request in venue.requests}) == 1  # a clock that stands


async def test_key_and_signature_are_in_no_log_reason_or_repr(
    venue: Venue, users: Callable[..., User], caplog: pytest.LogCaptureFixture
) -> None:
    """Even with every logger at DEBUG, where websockets would print its frames."""
    caplog.set_level(logging.DEBUG)
    for name in ("websockets", "websockets.client", "quantlab", "quantlab.websockets"):
        caplog.set_level(logging.DEBUG, logger=name)
    venue.refusals = [{"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}]
    user = users()
    await user.live()
    venue.sockets[-1].transport.abort()
    await until(lambda: len(user.states) == 4)

    ours = [record for record in caplog.records if not record.name.startswith("websockets.server")]
    shown = "".join(record.getMessage() for record in ours)
    shown += repr(user.states) + repr(user.stream) + repr(vars(user.stream))
    assert not [record for record in ours if record.name.startswith("websockets")]
    assert SECRET not in shown
    assert KEY not in shown
    assert not any(request["params"]["signature"] in shown for request in venue.requests)


async def test_without_a_connection_the_barrier_says_so(users: Callable[..., User]) -> None:
    """Nothing is sent, nothing is awaited."""
    with pytest.raises(NotSent):
        await users().stream.barrier()


async def test_an_order_and_its_cancel_at_the_paper_venue_arrive_as_reports_and_balances(
    users: Callable[..., User],
) -> None:
    """The same stream against a real server: signature, subscription, events and barrier."""
    from quantlab.binance.client import BinanceClient
    from quantlab.binance.timing import VenueClock
    from quantlab.clock import SystemClock
    from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
    from quantlab.domain.permit import PERMIT_LIFE_NS, Permit
    from quantlab.paper.venue import PaperVenue

    clock = SystemClock()
    order = OrderRequest(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"),
        price=Decimal(60_000), time_in_force=TimeInForce.GTC, client_order_id="q-1",
    )  # fmt: skip
    permit = Permit(
        digest=order.digest(), limits_version=1, state_sequence=1,
        expires_ns=clock.monotonic_ns() + PERMIT_LIFE_NS,
    )  # fmt: skip
    async with PaperVenue(market="none") as venue:
        api_key, api_secret = venue.accounts[0]
        credentials = Credentials(api_key, Secret(api_secret))
        user = users(venue.ws_api, credentials=credentials, clock=VenueClock(clock))
        stream = await user.live()
        async with BinanceClient(venue.rest, clock=clock, credentials=credentials) as client:
            await client.submit_order(order, permit)
            await client.cancel_order("BTCUSDT", client_order_id="q-1")
            await stream.barrier()
        reports = [event for event in user.events if isinstance(event, ExecutionReport)]
        await user.stop()

    assert [(each.execution_type, each.client_order_id) for each in reports] == [
        ("NEW", "q-1"),
        ("CANCELED", "q-1"),
    ]
    assert any(isinstance(event, AccountPosition) for event in user.events)


async def test_v9_a_report_that_comes_again_is_handed_on_once(
    venue: Venue, users: Callable[..., User]
) -> None:
    """V9: on the same connection, and on the next one. The same id of another symbol is another report."""
    user = users()
    await user.live()
    for report in (REPORT, REPORT, REPORT | {"I": 2}, REPORT | {"s": "ETHUSDT"}):
        await venue.say(report)
    await user.stream.barrier()
    venue.sockets[0].transport.abort()
    await until(lambda: user.stream.reconnects == 1 and user.stream.live)
    await venue.say(REPORT | {"I": 2})
    await user.stream.barrier()

    assert [(event.symbol, event.execution_id) for event in user.events] == [
        ("BTCUSDT", 1),
        ("BTCUSDT", 2),
        ("ETHUSDT", 1),
    ]
    assert (user.stream.duplicates, user.stream.out_of_order) == (2, 0)


async def test_v10_a_report_after_a_newer_one_is_counted_and_not_lost(
    venue: Venue, users: Callable[..., User]
) -> None:
    """V10: a fill before its NEW; orders of their own do not disturb each other."""
    user = users()
    await user.live()
    fill = {"x": "TRADE", "X": "PARTIALLY_FILLED", "l": "0.5", "L": "5", "z": "0.5", "Z": "2.5", "t": 9}
    for report in (REPORT | fill | {"I": 8}, REPORT | {"I": 7}, REPORT | {"i": 2, "I": 5}):
        await venue.say(report)
    await user.stream.barrier()

    assert [event.execution_id for event in user.events] == [8, 7, 5]
    assert (user.stream.duplicates, user.stream.out_of_order) == (0, 1)


async def test_an_ed25519_key_logs_the_connection_on_and_subscribes_by_the_session(
    users: Callable[..., User],
) -> None:
    """And again on a new connection; the account's events come."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    async with PaperVenue(market="none") as paper:
        name = paper.add_key(public).api_key
        user = User(paper.ws_api, clock=SystemClock(), credentials=Credentials(name, Secret(pem)))
        sent: list[str] = []
        request = Line.request

        async def seen(line: Line, method: str, **params: object) -> Any:
            sent.append(method)
            return await request(line, method, **params)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Line, "request", seen)
            await user.live()
            await user.stream.restart("a drill")
            await until(lambda: user.stream.reconnects == 1)
            async with httpx.AsyncClient(trust_env=False, verify=False) as http:
                headers = {"Authorization": f"Bearer {paper.control.secret}"}
                body = {"name": "transfer", "account": "account-1", "asset": "USDT", "amount": "1"}
                await http.post(f"{paper.control.url}/faults", json=body, headers=headers)
            await until(lambda: user.events)
        await user.stop()

    assert sent == ["session.logon", "userDataStream.subscribe"] * 2
    assert [state for state, _ in user.states] == ["live", "lost", "live"]
    assert user.events[0].amount == 1
