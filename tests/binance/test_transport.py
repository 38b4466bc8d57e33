"""What can go wrong between us and a venue, and which error says so. The venue here is scripted."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import re
import ssl
import threading
import traceback
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import websockets
from websockets.asyncio.server import ServerConnection

from quantlab.binance.client import BinanceClient
from quantlab.binance.errors import redact
from quantlab.binance.link import LinkSettings
from quantlab.binance.signing import Credentials
from quantlab.binance.timing import VenueClock
from quantlab.binance.transport import CONNECTIONS, Reply, Transport
from quantlab.binance.wsapi import UserStream
from quantlab.clock import SystemClock
from quantlab.domain.orders import OrderRequest
from quantlab.domain.permit import Permit
from quantlab.errors import (
    ConfigError,
    EngineStopped,
    Halted,
    NotSent,
    OrderOutcomeUnknown,
    OrderRejected,
    RateLimited,
    UndecodableReply,
    VenueError,
    VenueRejected,
    VenueUnavailable,
    WrongThread,
)
from quantlab.wire import HaltLatch

Make = Callable[..., Any]
SHORT_S = 0.8
ACK = {"symbol": "BTCUSDT", "orderId": 1, "clientOrderId": "q-1", "transactTime": 1, "executedQty": "0",
       "cummulativeQuoteQty": "0", "status": "NEW"}  # fmt: skip


def error(code: int, message: str = "no") -> dict[str, Any]:
    return {"code": code, "msg": message}


def slow_loris(play: SimpleNamespace) -> Any:
    """A body whose bytes come one by one: no single read ever times out."""

    async def answer(_received: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b" ")
            await asyncio.sleep(SHORT_S / 6)

    return answer


# what the venue does with an order that it has received: the outcome is not known
UNKNOWN: dict[str, Callable[[SimpleNamespace], Any]] = {
    "resets the connection": lambda play: play.raw(b"", then="reset"),
    "closes without a word": lambda play: play.raw(b"", then="close"),
    "hangs": lambda play: play.raw(b"", then="hang"),
    "hangs in the headers": lambda play: play.raw(b"HTTP/1.1 200 OK\r\nConte", then="hang"),
    "sends half a header": lambda play: play.raw(b"HTTP/1.1 200 OK\r\nConte", then="close"),
    "sends half a body": lambda play: play.raw(play.http(200, json.dumps(ACK).encode())[:-20], then="close"),
    "sends the body byte by byte": slow_loris,
    "sends no HTTP": lambda play: play.raw(b"\x00\x01\x02 nonsense\r\n\r\n", then="close"),
    "answers 500": lambda play: play.reply(b"", 500),
    "answers 502 with a page": lambda play: play.reply(b"<html>Bad Gateway</html>", 502),
    "answers 503 -1008": lambda play: play.reply(error(-1008), 503),
    "answers 504 -1007": lambda play: play.reply(error(-1007), 504),
    "answers 400 -1006": lambda play: play.reply(error(-1006), 400),
    "answers 400 -1007": lambda play: play.reply(error(-1007), 400),
    "answers 400 -1000": lambda play: play.reply(error(-1000), 400),
    "answers 400 -1001": lambda play: play.reply(error(-1001), 400),
    "answers 400 with nothing": lambda play: play.reply(b"", 400),
    "answers 400 with a page": lambda play: play.reply(b"<html>Bad Request</html>", 400),
    "answers 400 without a code": lambda play: play.reply({"msg": "no"}, 400),
    "answers 408": lambda play: play.reply(b"", 408),
    "answers 302": lambda play: play.reply(b"", 302, {"Location": "/elsewhere"}),
    "answers 200 with nothing": lambda play: play.reply(b""),
    "answers 200 with a page": lambda play: play.reply(b"<html>hello</html>"),
    "answers 200 with half JSON": lambda play: play.reply(json.dumps(ACK).encode()[:-9]),
    "answers 200 about another order": lambda play: play.reply({**ACK, "clientOrderId": "q-2"}),
    "answers 200 with a broken encoding": lambda play: play.reply(b"junk", 200, {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_an_order_whose_answer_is_lost_is_unknown_and_sent_once(
    fault: str, stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """Whatever happens after the order was written, it may live: one request, one typed error."""
    client: BinanceClient = connect(stub.base, timeout_s=SHORT_S)
    stub.answer = UNKNOWN[fault](play)
    request = order()

    with pytest.raises(OrderOutcomeUnknown) as lost:
        await client.submit_order(request, permit(request))

    assert lost.value.client_order_id == "q-1"
    assert "POST /api/v3/order" in lost.value.cause
    assert lost.value.method == "POST /api/v3/order"
    status, code = (
        re.search(r"answers (\d+)(?!.*encoding)", fault),
        re.search(r"-\d+", fault),
    )  # as the fault's name says
    assert lost.value.status == (int(status[1]) if status else 0)
    assert lost.value.code == (int(code[0]) if code else 0)
    assert len(stub.requests) == 1
    stub.answer = play.taken  # and the client goes on working
    request = order("q-2")
    assert (await client.submit_order(request, permit(request))).client_order_id == "q-2"


@pytest.mark.parametrize("fault", UNKNOWN)
async def test_a_cancel_whose_answer_is_lost_is_unknown_and_sent_once(
    fault: str, stub: Any, connect: Make, play: SimpleNamespace
) -> None:
    """The order may be open or cancelled: it is to be asked for by its id."""
    client: BinanceClient = connect(stub.base, timeout_s=SHORT_S)
    stub.answer = UNKNOWN[fault](play)

    with pytest.raises(OrderOutcomeUnknown):
        await client.cancel_order("BTCUSDT", client_order_id="q-1")
    assert len(stub.requests) == 1
    with pytest.raises(VenueUnavailable):
        await client.cancel_all("BTCUSDT")
    assert len(stub.requests) == 2


# status, code, further headers -> the error and what it carries
REFUSALS: list[tuple[int, int, dict[str, str], type[VenueRejected], int | None]] = [
    (400, -2010, {}, OrderRejected, None),
    (400, -1013, {}, OrderRejected, None),
    (400, -1021, {}, OrderRejected, None),
    (401, -2015, {}, OrderRejected, None),
    (403, -1000, {}, OrderRejected, None),
    (404, -1020, {}, OrderRejected, None),
    (409, -2021, {}, OrderRejected, None),
    (400, -1003, {}, RateLimited, None),
    (400, -1008, {}, RateLimited, None),
    (429, -1003, {"Retry-After": "3"}, RateLimited, 3),
    (429, -1015, {}, RateLimited, None),
    (418, -1003, {"Retry-After": "120"}, RateLimited, 120),
    (418, -1003, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, RateLimited, None),
]


@pytest.mark.parametrize(("status", "code", "headers", "kind", "retry_after_s"), REFUSALS)
async def test_a_definite_refusal_is_told_as_such_and_sent_once(
    status: int,
    code: int,
    headers: dict[str, str],
    kind: type[VenueRejected],
    retry_after_s: int | None,
    stub: Any,
    connect: Make,
    play: SimpleNamespace,
    order: Make,
    permit: Make,
) -> None:
    """Code, message, status, request and our id are all on the error."""
    client: BinanceClient = connect(stub.base)
    stub.answer = play.reply(error(code, "the reason"), status, headers)
    request = order()

    with pytest.raises(VenueRejected) as refused:
        await client.submit_order(request, permit(request))

    assert type(refused.value) is kind
    assert (refused.value.code, refused.value.status, refused.value.message) == (code, status, "the reason")
    assert (refused.value.method, refused.value.client_order_id) == ("POST /api/v3/order", "q-1")
    assert getattr(refused.value, "retry_after_s", None) == retry_after_s
    assert sum(each.verb == "POST" for each in stub.requests) == 1


@pytest.mark.parametrize("status", [403, 404])
async def test_a_firewall_page_is_a_definite_refusal_without_a_code(
    status: int, stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """403 (or 404) with HTML: not asked again, and nothing of the page is repeated."""
    client: BinanceClient = connect(stub.base)
    stub.answer = play.reply(b"<html>your signature=deadbeef</html>", status)
    request = order()

    for call in (client.account, lambda: client.submit_order(request, permit(request))):
        stub.requests.clear()
        with pytest.raises(VenueRejected) as refused:
            await call()
        assert (refused.value.code, refused.value.status, len(stub.requests)) == (0, status, 1)
        assert "html" not in str(refused.value)


async def test_without_a_connection_an_order_was_not_sent(
    stub: Any, connect: Make, order: Make, permit: Make
) -> None:
    """Connection refused: no byte left, and the error says that a new attempt is safe."""
    await stub.__aexit__()
    client: BinanceClient = connect(stub.base)
    request = order()

    with pytest.raises(NotSent, match="POST /api/v3/order was not sent"):
        await client.submit_order(request, permit(request))
    with pytest.raises(NotSent):
        await client.cancel_order("BTCUSDT", client_order_id="q-1")
    with pytest.raises(VenueUnavailable):
        await client.ping()


async def test_an_order_that_waited_for_a_connection_in_vain_was_not_sent(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """A venue that hangs holds every connection: who had none says so, who had one is unknown."""
    client: BinanceClient = connect(stub.base, timeout_s=SHORT_S)
    stub.answer = play.raw(b"", then="hang")
    requests = [order(f"q-{number}") for number in range(60)]  # far more than there are connections

    outcomes = await asyncio.gather(
        *(client.submit_order(each, permit(each)) for each in requests), return_exceptions=True
    )

    arrived = {each.params["newClientOrderId"] for each in stub.requests}
    not_sent = {
        each.client_order_id for each, got in zip(requests, outcomes, strict=True) if type(got) is NotSent
    }
    unknown = [each.client_order_id for each in outcomes if isinstance(each, OrderOutcomeUnknown)]
    assert not_sent.isdisjoint(arrived)
    assert arrived <= set(unknown)
    assert len(not_sent) + len(unknown) == 60
    assert not_sent
    assert arrived


# a fault of a read, and what it is called once the attempts are spent
READ_FAULTS: dict[str, tuple[Callable[[SimpleNamespace], Any], type[VenueError], int]] = {
    "500": (lambda play: play.reply(b"", 500), VenueUnavailable, 3),
    "503 -1008": (lambda play: play.reply(error(-1008), 503), VenueUnavailable, 3),
    "reset": (lambda play: play.raw(b"", then="reset"), VenueUnavailable, 3),
    "half JSON": (lambda play: play.reply(b'{"symbol":'), UndecodableReply, 3),
    "page": (lambda play: play.reply(b"<html>"), UndecodableReply, 3),
    "hang": (lambda play: play.raw(b"", then="hang"), VenueUnavailable, 1),
    "redirect": (lambda play: play.reply(b"", 301, {"Location": "/x"}), VenueUnavailable, 3),
    "unknown symbol": (lambda play: play.reply(error(-1121), 400), VenueRejected, 1),
    "400 -1000": (lambda play: play.reply(error(-1000), 400), VenueRejected, 1),
    "400 page": (lambda play: play.reply(b"<html>", 400), VenueRejected, 1),
    "429": (lambda play: play.reply(error(-1003), 429, {"Retry-After": "1"}), RateLimited, 1),
}


@pytest.mark.parametrize("fault", READ_FAULTS)
async def test_a_read_is_asked_again_a_bounded_number_of_times_where_that_can_help(
    fault: str, stub: Any, connect: Make, play: SimpleNamespace
) -> None:
    """Not after a refusal, not after a time-out, and never more than three times."""
    answer, kind, attempts = READ_FAULTS[fault]
    client: BinanceClient = connect(stub.base, timeout_s=SHORT_S if fault == "hang" else 5.0)
    stub.answer = answer(play)

    with pytest.raises(VenueError) as failed:
        await client.ticker_price("BTCUSDT")

    assert type(failed.value) is kind
    assert "GET /api/v3/ticker/price" in str(failed.value)
    assert len(stub.requests) == attempts


async def test_a_read_succeeds_when_the_fault_has_passed_and_a_probe_is_asked_once(
    stub: Any, connect: Make, play: SimpleNamespace
) -> None:
    """A second attempt answers; ping measures, so it reports the first failure."""
    client: BinanceClient = connect(stub.base)
    price = play.reply({"symbol": "BTCUSDT", "price": "60000.00"})
    stub.answer = play.in_turn(play.reply(b"", 503), play.raw(b"", then="reset"), price)

    assert str(await client.ticker_price("BTCUSDT")) == "60000.00"
    assert len(stub.requests) == 3

    stub.answer = play.in_turn(play.reply(b"", 503), play.reply({}))
    with pytest.raises(VenueUnavailable, match="GET /api/v3/ping"):
        await client.ping()
    await client.ping()


async def test_one_connection_serves_every_call_for_life(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """60 mixed calls after the first, refusals among them: the server counts no new connection."""
    client: BinanceClient = connect(stub.base)
    stub.answer = play.taken
    await client.ping()

    for number in range(20):
        request = order(f"q-{number}")
        await client.submit_order(request, permit(request))
        await client.ping()
        stub.answer = play.reply(error(-2011), 400)
        assert await client.cancel_all("BTCUSDT") == []
        stub.answer = play.taken

    assert (len(stub.requests), stub.connections) == (61, 1)


async def test_a_connection_that_the_venue_closed_while_idle_costs_no_unknown_order(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """It is noticed before the order is written, and a new one is opened."""
    client: BinanceClient = connect(stub.base)
    stub.answer = play.raw(play.http(200, b"{}"), then="close")
    await client.ping()
    await asyncio.sleep(0.02)
    stub.answer = play.taken
    request = order()

    assert (await client.submit_order(request, permit(request))).status == "NEW"
    assert stub.connections == 2


async def test_cancelled_callers_leave_the_pool_usable(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """Thirty callers give up mid-flight, in the queue and on the wire; the next order goes through."""
    client: BinanceClient = connect(stub.base, timeout_s=5.0)
    stub.answer = play.raw(b"", then="hang")
    waiting = [asyncio.create_task(client.account()) for _ in range(30)]
    await asyncio.sleep(0.1)
    for task in waiting:
        task.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError)
        for each in await asyncio.gather(*waiting, return_exceptions=True)
    )

    stub.answer = play.taken
    requests = [order(f"q-{number}") for number in range(20)]
    acks = await asyncio.gather(*(client.submit_order(each, permit(each)) for each in requests))

    assert [ack.client_order_id for ack in acks] == [each.client_order_id for each in requests]


async def test_halt_set_before_the_call_lets_nothing_out_and_cancels_pass(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """The caller gets Halted with the reason; reads and cancels go on; resume opens the gate again."""
    latch = HaltLatch()
    client: BinanceClient = connect(stub.base, latch=latch)
    latch.set("fat finger")
    request = order()

    with pytest.raises(Halted, match="fat finger"):
        await client.submit_order(request, permit(request))
    assert (stub.requests, stub.connections) == ([], 0)

    stub.answer = play.reply(error(-2011), 400)
    assert await client.cancel_all("BTCUSDT") == []
    with pytest.raises(OrderRejected):
        await client.cancel_order("BTCUSDT", client_order_id="q-1")
    stub.answer = play.taken
    await client.ping()
    latch.clear()
    request = order()
    assert (await client.submit_order(request, permit(request))).status == "NEW"


async def test_of_500_queued_orders_none_is_written_after_the_latch_is_set(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """Only what was in flight arrives; all others are Halted; the pool stays small and usable."""
    latch = HaltLatch()
    client: BinanceClient = connect(stub.base, latch=latch, timeout_s=30.0)
    stub.answer = play.after(0.02, play.taken)
    requests = [order(f"q-{number}") for number in range(500)]
    permits = [permit(each, life_ns=60_000_000_000) for each in requests]  # queueing takes its time
    storm = [
        asyncio.create_task(client.submit_order(each, leave))
        for each, leave in zip(requests, permits, strict=True)
    ]
    while len(stub.requests) < 40:
        await asyncio.sleep(0.001)

    latch.set("stop")
    written = len(stub.requests)
    outcomes = await asyncio.gather(*storm, return_exceptions=True)

    halted = [each for each in outcomes if isinstance(each, Halted)]
    in_flight = len(stub.requests) - written  # passed the gate before the latch, still in a socket buffer
    assert in_flight <= 8
    assert len(halted) == 500 - len(stub.requests) > 400
    assert not [each for each in outcomes if isinstance(each, Exception) and not isinstance(each, Halted)]
    assert stub.connections <= 16  # a halted order opens no connection of its own

    stub.answer = play.reply(error(-2011), 400)
    assert await client.cancel_all("BTCUSDT") == []
    stub.answer = play.taken
    latch.clear()
    request = order("after")
    assert (await client.submit_order(request, permit(request))).client_order_id == "after"


async def test_an_order_queued_before_a_halt_is_not_written_after_resume(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """HALT and RESUME while orders wait for a connection: they are Halted, new ones go out."""
    latch = HaltLatch()
    client: BinanceClient = connect(stub.base, latch=latch)
    stub.answer = play.after(1.0, play.taken)
    storm = [
        asyncio.create_task(client.submit_order(each, permit(each, life_ns=60_000_000_000)))
        for each in (order(f"q-{number}") for number in range(20))
    ]
    while len(stub.requests) < CONNECTIONS:  # all that there are, and each waits for its answer
        await asyncio.sleep(0.001)
    written = len(stub.requests)

    latch.set("stop")
    latch.clear()
    outcomes = await asyncio.gather(*storm, return_exceptions=True)

    assert len(stub.requests) == written < 20
    assert sum(isinstance(each, Halted) for each in outcomes) == 20 - written
    request = order("after")
    assert (await client.submit_order(request, permit(request))).client_order_id == "after"


async def test_an_order_decided_before_a_halt_is_not_even_begun_after_resume(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """The permit knows on which state of the latch it was minted."""
    latch = HaltLatch()
    client: BinanceClient = connect(stub.base, latch=latch)
    stub.answer, request = play.taken, order()
    minted = permit(request, halts=latch.generation)
    latch.set("stop")
    latch.clear()

    with pytest.raises(Halted, match="stop"):
        await client.submit_order(request, minted)
    assert (stub.requests, stub.connections) == ([], 0)
    request = order("after")
    await client.submit_order(request, permit(request, halts=latch.generation))


async def test_the_gate_is_asked_when_the_headers_are_about_to_be_written(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """httpx's trace hook, our one tie to its insides: open at the call, shut at the write."""

    class ShutsAtTheWrite(HaltLatch):
        asked = 0

        def check(self, generation: int | None = None) -> None:
            self.asked += 1
            if self.asked == 2:  # 1 at the call, 2 at the write on the warm connection
                self.set("at the write")
            super().check(generation)

    latch = ShutsAtTheWrite()
    client: BinanceClient = connect(stub.base, latch=latch)
    await client.ping()
    request = order()

    with pytest.raises(Halted, match="at the write"):
        await client.submit_order(request, permit(request))

    assert latch.asked == 2
    assert [each.verb for each in stub.requests] == ["GET"]


async def test_the_headers_are_the_whole_order(
    stub: Any, connect: Make, play: SimpleNamespace, order: Make, permit: Make
) -> None:
    """Parameters and signature in the query, no body: what the gate lets pass is all there is."""
    client: BinanceClient = connect(stub.base)
    stub.answer = play.taken
    request = order()
    await client.submit_order(request, permit(request))
    await client.ping()

    sent, ping = stub.requests
    assert sent.headers.get("content-length", "0") == "0"
    assert "transfer-encoding" not in sent.headers
    assert sent.params["newClientOrderId"] == "q-1"
    assert list(sent.params)[-1] == "signature"
    assert "x-mbx-apikey" in sent.headers
    assert "x-mbx-apikey" not in ping.headers
    assert ping.query == ""


async def test_a_redirect_is_refused_and_never_followed(
    stub: Any, connect: Make, play: SimpleNamespace
) -> None:
    """The key must not travel to wherever an answer points."""
    client: BinanceClient = connect(stub.base)
    elsewhere = []

    async def catch(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        elsewhere.append(1)
        writer.close()

    server = await asyncio.start_server(catch, "127.0.0.1", 0)
    async with server:
        target = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/v3/account"
        for status in (302, 307):
            stub.answer = play.reply(b"", status, {"Location": target})
            with pytest.raises(VenueUnavailable, match=str(status)):
                await client.account()

    assert elsewhere == []


async def test_the_environment_cannot_redirect_the_client(
    stub: Any, connect: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F16: Proxies set by a cell are not used."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")

    await connect(stub.base).ping()

    assert len(stub.requests) == 1


@pytest.mark.parametrize(
    "rest",
    ["http://api.binance.com", "http://10.0.0.1:80", "http://localhost.evil.com", "ftp://127.0.0.1", "",
     "api",
     "https://user:word@api.binance.com", "https://api.binance.com?x=1", "http://127.0.0.1.nip.io"],
)  # fmt: skip
def test_a_base_address_that_would_show_keys_is_refused(rest: str) -> None:
    """Plain http is for loopback alone; the error says what to give and repeats no password."""
    with pytest.raises(ConfigError) as refused:
        BinanceClient(rest, clock=SystemClock())

    assert refused.value.remedy
    assert "word" not in str(refused.value)


@pytest.mark.parametrize(
    "rest", ["https://api.binance.com/", "http://localhost:1", "http://127.0.0.9:1", "http://[::1]:1"]
)
def test_https_anywhere_and_http_to_loopback_are_taken(rest: str) -> None:
    """Nothing is connected yet: a client is made anywhere and connects on first use."""
    BinanceClient(rest, clock=SystemClock())


async def test_tls_to_a_server_that_nobody_vouches_for_is_refused(
    connect: Make, order: Make, permit: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """N7: no fallback and no switch: only the authorities that the client was made with count.

    SSL_CERT_FILE, which a cell could set, does not make a false venue a trusted one.
    """
    certificate, key = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=served)
    rest = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    request = order()
    async with server:
        client: BinanceClient = connect(rest)
        with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
            await client.submit_order(request, permit(request))
        with pytest.raises(VenueUnavailable, match="https://localhost"):
            await client.ping()
        assert seen == []

        trusting = ssl.create_default_context(cafile=str(certificate))
        async with BinanceClient(rest, clock=SystemClock(), ssl_context=trusting) as own:
            await own.ping()
        with pytest.raises(VenueUnavailable, match="127.0.0.1"):  # the certificate is for localhost
            await connect(rest.replace("localhost", "127.0.0.1"), ssl_context=trusting).ping()
        assert len(seen) == 1


async def test_an_expired_certificate_is_refused_though_its_authority_is_trusted(
    connect: Make, tmp_path: Path
) -> None:
    """N7: the message names the host and says why; no byte is read."""
    certificate, key = self_signed(tmp_path, days_left=-1)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(1))

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=served) as server:
        rest = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        trusting = ssl.create_default_context(cafile=str(certificate))
        with pytest.raises(VenueUnavailable, match=r"https://localhost.*certificate has expired"):
            await connect(rest, ssl_context=trusting).ping()
    assert seen == []


async def test_a_websocket_trusts_no_other_authority_either(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, credentials: Credentials
) -> None:
    """The user stream sends the API key: a false venue must not get it."""
    certificate, key = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certificate, key)
    heard: list[str] = []

    async def serve(socket: ServerConnection) -> None:
        heard.append(str(await socket.recv()))
        await socket.wait_closed()

    async with websockets.asyncio.server.serve(serve, "127.0.0.1", 0, ssl=served) as server:
        url = f"wss://localhost:{next(iter(server.sockets)).getsockname()[1]}"
        states: list[str] = []

        async def user_stream(trusting: ssl.SSLContext | None, until: list[str]) -> None:
            stream = UserStream(
                url, credentials=credentials, clock=VenueClock(SystemClock()), on_event=lambda _: None,
                on_state=lambda _, reason: states.append(reason),
                settings=LinkSettings(ssl_context=trusting),
            )  # fmt: skip
            running = asyncio.create_task(stream.run())
            async with asyncio.timeout(30):
                while not until:
                    await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

        await user_stream(None, until=states)
        assert heard == []
        assert "CERTIFICATE_VERIFY_FAILED" in states[0]
        await user_stream(ssl.create_default_context(cafile=str(certificate)), until=heard)
        assert len(heard) == 1


async def test_a_reply_that_swells_is_cut_off(
    stub: Any, connect: Make, play: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A megabyte that unpacks to a gigabyte: the client says so and does not hold it."""
    packed = gzip.compress(b" " * (256 << 20), 1)
    assert len(packed) < 2 << 20
    stub.answer = play.raw(play.http(200, packed, {"Content-Encoding": "gzip"}))
    tracemalloc.start()
    try:
        with pytest.raises(VenueUnavailable, match="longer than 32 MiB"):
            await connect(stub.base).account()
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()
    stub.answer = play.reply({"balances": [], "canTrade": True, "updateTime": 0})
    await connect(stub.base).account()


def self_signed(folder: Path, *, days_left: int = 1) -> tuple[Path, Path]:
    """A certificate for localhost that only itself vouches for, and its key; expired where below 0."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=9))
        .not_valid_after(now + timedelta(days=days_left))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return folder / "cert.pem", folder / "key.pem"


async def test_the_request_line_is_the_path_and_the_query_as_it_was_signed() -> None:
    """Byte for byte, encoded once; nothing is added where there is no query."""
    lines: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            lines.append(head.split(b"\r\n")[0])
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        transport = Transport(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", timeout_s=5)
        for query in ("", "symbol=%E5%B8%81%2F456&note=a%20b%7E~&signature=x%3D%3D"):
            assert type(await transport.exchange("POST", "/api/v3/order", lambda text=query: text)) is Reply
        await transport.aclose()

    assert lines == [
        b"POST /api/v3/order HTTP/1.1",
        b"POST /api/v3/order?symbol=%E5%B8%81%2F456&note=a%20b%7E~&signature=x%3D%3D HTTP/1.1",
    ]


async def test_a_client_belongs_to_one_loop_and_ends_clean(stub: Any, connect: Make) -> None:
    """Another loop is refused; after aclose, which may be called twice, nothing can be sent."""
    client: BinanceClient = connect(stub.base)
    await client.ping()
    errors: list[Exception] = []

    def elsewhere() -> None:
        try:
            asyncio.run(client.ping())
        except WrongThread as error:
            errors.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(errors) == 1

    await client.aclose()
    await client.aclose()
    with pytest.raises(EngineStopped):
        await client.ping()
    assert len(stub.requests) == 1


# every way to fail: the request, what the venue does, what is raised
FAILURES: dict[str, tuple[str, Callable[[SimpleNamespace], Any]]] = {
    **{f"order, {name}": ("order", fault) for name, fault in UNKNOWN.items()},
    **{f"account, {name}": ("account", fault) for name, (fault, _, _) in READ_FAULTS.items()},
    "order, repeated back": ("order", lambda play: echo(play, 400)),
    "account, repeated back": ("account", lambda play: echo(play, 400)),
    "order, repeated back with 503": ("order", lambda play: echo(play, 503)),
    "order, halted at the write": ("halted", lambda play: play.reply({})),
}


def echo(play: SimpleNamespace, status: int) -> Any:
    """A venue that repeats the whole request in its error message."""

    async def answer(received: Any, writer: asyncio.StreamWriter) -> None:
        told = f"{received.path}?{received.query} {received.headers}"
        await play.reply({"code": -1100, "msg": told}, status)(received, writer)

    return answer


@pytest.mark.parametrize("failure", FAILURES)
async def test_no_error_traceback_or_log_shows_key_secret_or_signature(
    failure: str,
    stub: Any,
    connect: Make,
    play: SimpleNamespace,
    order: Make,
    permit: Make,
    credentials: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Not in the message, not in any frame's locals of the whole chain, not in a log at DEBUG."""
    caplog.set_level(logging.DEBUG)
    what, fault = FAILURES[failure]
    latch = HaltLatch()
    client: BinanceClient = connect(stub.base, timeout_s=SHORT_S, latch=latch)
    stub.answer = fault(play)
    request = order()
    if what == "halted":
        await client.ping()

        async def halt_once_one_has_come(received: Any, writer: asyncio.StreamWriter) -> None:
            latch.set("halted")
            await play.taken(received, writer)

        stub.answer = halt_once_one_has_come
        storm = [order(f"q-{number}") for number in range(30)]
        outcomes = await asyncio.gather(
            *(client.submit_order(each, permit(each)) for each in storm), return_exceptions=True
        )
        (raised, *_) = [each for each in outcomes if isinstance(each, Halted)]
    else:
        with pytest.raises(VenueError) as failed:
            await (client.account() if what == "account" else client.submit_order(request, permit(request)))
        raised = failed.value

    shown = "".join(traceback.TracebackException.from_exception(raised, capture_locals=True).format())
    shown += repr(raised) + repr(vars(raised)) + "".join(locals_of_chain(raised)) + caplog.text
    shown += "".join(repr(record.__dict__) for record in caplog.records if record.name != "asyncio")
    signatures = [each.params["signature"] for each in stub.requests if "signature" in each.params]
    assert signatures
    for hidden in (*signatures, credentials.api_key, credentials.api_secret.reveal()):
        assert hidden not in shown
    assert {record.name for record in caplog.records} <= {"asyncio"}  # nobody else knows of the request


def locals_of_chain(error: BaseException | None) -> Iterator[str]:
    """repr of every local of our code and of the libraries, of an error and all it hides behind.

    As IPython's Verbose mode shows them; the tests' own frames (which hold the stub) are left out.
    """
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            frame = trace.tb_frame
            if "/tests/" not in frame.f_code.co_filename.replace("\\", "/"):
                yield repr(frame.f_locals)
            trace = trace.tb_next
        error = error.__cause__ or error.__context__


def test_redact_knows_the_forms_a_secret_travels_in() -> None:
    """Query, JSON, header, and bare 64-character keys; ordinary text stays as it is."""
    key = "a1B2" * 16
    for text in (
        f"x&signature={key[:10]}&y",
        f'"signature": "{key[:9]}"',
        f"b'X-MBX-APIKEY': b'{key[:12]}'",
        key,
    ):
        assert key[:9] not in redact(text)
    assert (
        redact("GET /api/v3/order refused: -1121 Invalid symbol.")
        == "GET /api/v3/order refused: -1121 Invalid symbol."
    )


async def test_bytes_of_a_permit_less_order_never_exist(
    stub: Any, connect: Make, order: Make, permit: Make
) -> None:
    """See test_client for the permit's rules; here: nothing is even connected."""
    client: BinanceClient = connect(stub.base)
    request: OrderRequest = order()
    spent: Permit = permit(order("another"))

    with pytest.raises(Exception, match="another order"):
        await client.submit_order(request, spent)
    assert stub.connections == 0
