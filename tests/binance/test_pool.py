"""Connections that are kept: every way an answer can be framed, and every way one can end."""

from __future__ import annotations

import asyncio
import gzip
from types import SimpleNamespace
from typing import Any

import pytest

from quantlab.binance.client import BinanceClient
from quantlab.binance.http1 import Broken
from quantlab.binance.pool import Pool
from quantlab.binance.signing import Credentials
from quantlab.binance.transport import CONNECTIONS, Lost, Reply, Transport
from quantlab.clock import SystemClock
from quantlab.paper.venue import PaperVenue
from quantlab.secret import Secret

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b'{"symbol":"BTCUSDT","price":"60000.00"}'
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = (
    b"%x\r\n%s\r\n" % (10, BODY[:10]) + b"%x;note=1\r\n%s\r\n" % (len(BODY) - 10, BODY[10:]) + b"0\r\n\r\n"
)
GZIPPED = gzip.compress(BODY)
FRAMED = {
    "length": OK + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
    "chunked": OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
    "gzip": OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(GZIPPED), GZIPPED),
    "chunked gzip": OK + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
    % (len(GZIPPED), GZIPPED),
    "trailers": OK + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED[:-2] + b"X-Sum: 1\r\n\r\n",
    "after a hint": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    + OK + b"Content-Length: %d\r\n\r\n%s" % (len(BODY), BODY),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMED)
@pytest.mark.parametrize("piece", [1, 7, 10_000])
async def test_an_answer_is_understood_however_it_is_framed_and_cut(
    name: str, piece: int, stub: Any, play: SimpleNamespace
) -> None:
    """Byte by byte as well as at once; the connection is used again."""
    data = FRAMED[name]

    async def answer(_received: Any, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(data), piece):
            writer.write(data[start : start + piece])
            await writer.drain()

    stub.answer = answer
    transport = Transport(stub.base, timeout_s=5.0)
    for _ in range(2):
        reply = await transport.exchange("GET", "/api/v3/ticker/price", lambda: "symbol=BTCUSDT")
        assert isinstance(reply, Reply)
        assert (reply.status, reply.body) == (200, BODY)
    await transport.aclose()

    assert stub.connections == 1


async def test_a_body_without_a_length_ends_with_its_connection(stub: Any, play: SimpleNamespace) -> None:
    """It is whole all the same; the next request has a connection of its own."""
    stub.answer = play.raw(OK + b"\r\n" + BODY, then="close")
    transport = Transport(stub.base, timeout_s=5.0)
    for _ in range(2):
        reply = await transport.exchange("GET", "/", lambda: "")
        assert isinstance(reply, Reply)
        assert reply.body == BODY
    await transport.aclose()

    assert stub.connections == 2


@pytest.mark.parametrize("cut", [5, 20, 60])
async def test_an_answer_that_is_cut_off_is_lost_and_was_sent(
    cut: int, stub: Any, play: SimpleNamespace
) -> None:
    """In the status line, in a header, in the body."""
    stub.answer = play.raw(FRAMED["length"][:cut], then="close")
    transport = Transport(stub.base, timeout_s=5.0)
    lost = await transport.exchange("POST", "/api/v3/order", lambda: "")
    await transport.aclose()

    assert isinstance(lost, Lost)
    assert lost.sent
    assert "ended before the answer was whole" in lost.cause


@pytest.mark.parametrize("how", ["close", "connection header", "garbage"])
async def test_a_connection_that_the_venue_has_ended_is_not_used_again(
    how: str, stub: Any, play: SimpleNamespace
) -> None:
    """Half closed while idle, announced to be closed, or spoiled by bytes that nobody asked for."""
    good = play.reply({"serverTime": 1})
    if how == "close":
        stub.answer = play.raw(play.http(200, BODY), then="close")
    elif how == "connection header":
        stub.answer = play.reply({}, headers={"Connection": "close"})
    else:

        async def twice(received: Any, writer: asyncio.StreamWriter) -> None:
            await good(received, writer)
            await asyncio.sleep(0.02)
            writer.write(play.http(200, b"{}"))

        stub.answer = twice
    transport = Transport(stub.base, timeout_s=5.0)
    await transport.exchange("GET", "/", lambda: "")
    await asyncio.sleep(0.1)
    stub.answer = good
    reply = await transport.exchange("GET", "/", lambda: "")
    await transport.aclose()

    assert isinstance(reply, Reply)
    assert b"serverTime" in reply.body
    assert stub.connections == 2


async def test_a_caller_that_goes_away_takes_its_connection_with_it(stub: Any, play: SimpleNamespace) -> None:
    """Its answer, which comes later, is nobody else's."""
    stub.answer = play.after(5.0, play.reply({"mine": 1}))
    transport = Transport(stub.base, timeout_s=5.0)
    asked = asyncio.create_task(transport.exchange("GET", "/", lambda: ""))
    while not stub.requests:
        await asyncio.sleep(0.005)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    stub.answer = play.reply({"yours": 1})
    reply = await transport.exchange("GET", "/", lambda: "")
    await transport.aclose()

    assert isinstance(reply, Reply)
    assert b"yours" in reply.body
    assert stub.connections == 2


async def test_a_time_out_frees_the_place_that_it_held(stub: Any, play: SimpleNamespace) -> None:
    """As many as there are connections hang, then as many do not."""
    stub.answer = play.raw(b"", then="hang")
    transport = Transport(stub.base, timeout_s=0.2)
    lost = await asyncio.gather(*(transport.exchange("GET", "/", lambda: "") for _ in range(CONNECTIONS)))
    assert all(isinstance(each, Lost) and each.timed_out and each.sent for each in lost)
    stub.answer = play.reply({})
    replies = await asyncio.gather(*(transport.exchange("GET", "/", lambda: "") for _ in range(CONNECTIONS)))
    await transport.aclose()

    assert all(isinstance(each, Reply) for each in replies)


async def test_who_waits_for_a_connection_gets_the_first_that_is_free(
    stub: Any, play: SimpleNamespace
) -> None:
    """One connection, thirty requests, some of which give up in the queue: all others are served."""
    host, port = stub.base.removeprefix("http://").split(":")
    pool = Pool(host, int(port), context=None, most=1, largest=1000)
    stub.answer = play.after(0.005, play.reply({}))
    tasks = [asyncio.create_task(pool.exchange(REQUEST)) for _ in range(30)]
    await asyncio.sleep(0.01)
    for task in tasks[5:25:3]:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    await pool.aclose()

    assert sum(isinstance(each, asyncio.CancelledError) for each in ended) == 7
    assert sum(not isinstance(each, BaseException) for each in ended) == 23
    assert pool.handshakes == 1


async def test_a_closed_pool_breaks_off_what_is_under_way_and_takes_nothing_more(
    stub: Any, play: SimpleNamespace
) -> None:
    """Those with a connection, those in the queue, and those who come later."""
    host, port = stub.base.removeprefix("http://").split(":")
    pool = Pool(host, int(port), context=None, most=1, largest=1000)
    stub.answer = play.raw(b"", then="hang")
    tasks = [asyncio.create_task(pool.exchange(REQUEST)) for _ in range(3)]
    await asyncio.sleep(0.05)
    await pool.aclose()
    ended = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(each) for each in ended] == [Broken] * 3
    with pytest.raises(Broken):
        await pool.exchange(REQUEST)


async def test_a_thousand_calls_after_warm_up_make_no_handshake(permit: Any, order: Any) -> None:
    """Reads, orders, cancels, ten at a time; the venue counts: the first connections serve them all."""
    async with PaperVenue(market="none", orders_10s=100_000) as venue:
        key, secret = venue.accounts[0]
        credentials = Credentials(key, Secret(secret))
        async with BinanceClient(venue.rest, clock=SystemClock(), credentials=credentials) as client:
            await asyncio.gather(*(client.ping() for _ in range(10)))
            accepted = venue.connections

            async def trade(number: int) -> None:
                request = order(f"q-{number}")
                await client.submit_order(request, permit(request))
                await client.cancel_order("BTCUSDT", client_order_id=request.client_order_id)

            for start in range(0, 1_000, 10):
                calls = [client.ping(), client.server_time(), client.ticker_price(), client.book_ticker()]
                await asyncio.gather(*calls, *(trade(start + each) for each in range(3)))
            assert len(venue.requests) == 600
            assert venue.connections == accepted <= 10
