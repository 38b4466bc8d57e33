"""Which HTTP server carries the paper venue: aiohttp, or uvicorn with a raw ASGI application?

Both run the same signed-order-like handler and the same WebSocket fan-out, each in a process of its
own; a small raw client measures them in interleaved rounds and prints one JSON document of medians.
uvicorn (and httptools) are needed here only: `pip install uvicorn httptools websockets`; without them
aiohttp stands alone.

    python tests/benchmarks/bench_server.py [--rounds 5] [--requests 1500]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import hmac
import importlib.util
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

SECRET = b"s" * 64
ORDER = json.dumps({"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "ql-1-2",
                    "transactTime": 1767225600000, "price": "60000.00000000", "origQty": "0.01000000",
                    "executedQty": "0.00000000", "origQuoteOrderQty": "0.00000000",
                    "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC",
                    "type": "LIMIT", "side": "BUY", "workingTime": 1767225600000,
                    "selfTradePreventionMode": "NONE", "fills": []}).encode()  # fmt: skip
TRADE = json.dumps({"stream": "btcusdt@trade", "data": {"e": "trade", "E": 1767225600000, "s": "BTCUSDT",
                    "t": 12345, "p": "60000.00000000", "q": "0.01000000", "T": 1767225600000, "m": True,
                    "M": True}})  # fmt: skip
HEADERS = [
    ("content-type", "application/json"),
    ("x-mbx-used-weight-1m", "1"),
    ("x-mbx-order-count-10s", "1"),
]
CONTENDERS = {
    "aiohttp": "aiohttp",
    "aiohttp-hub": "aiohttp",
    "uvicorn-httptools": "httptools",
    "uvicorn-h11": "h11",
}  # and the module that each needs besides
TICK = 20  # messages that one market step sends to each socket


def signed(query: bytes, body: bytes) -> bool:
    """The venue's work on an order, as both servers do it: parameters, then the signature."""
    payload, _, signature = (query + body).rpartition(b"&signature=")
    parameters = dict(parse_qsl(payload.decode()))
    expected = hmac.new(SECRET, payload, hashlib.sha256).hexdigest()
    return "symbol" in parameters and hmac.compare_digest(expected, signature.decode())


async def serve_aiohttp(*, hub: bool) -> None:
    """aiohttp without its router: one handler, as raw as the ASGI application.

    With `hub` its frames go the venue's way: encoded by us, one write of the transport for each step.
    ASGI gives no access to the transport, so uvicorn has no such row.
    """
    from aiohttp import web

    from quantlab.paper.server.hub import Outlet, encode

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/ws":
            socket = web.WebSocketResponse(compress=False)
            await socket.prepare(request)
            count = int((await socket.receive_str()) or 0)
            outlet = Outlet(request.transport)
            for sent in range(count):
                if hub:
                    outlet.put(encode(TRADE.encode()))
                else:
                    await socket.send_str(TRADE)
                if sent % TICK == TICK - 1:
                    outlet.flush()
                    await asyncio.sleep(0)
            await socket.receive()
            return socket
        body = await request.read()
        good = signed(request.rel_url.raw_query_string.encode(), body)
        return web.Response(body=ORDER, status=200 if good else 400, headers=HEADERS)

    runner = web.ServerRunner(web.Server(handler, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    announce(runner.addresses[0][1])
    await stdin_closed()
    await runner.cleanup()


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The same two handlers as a raw ASGI application."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        count = int((await receive()).get("text") or 0)
        for sent in range(count):
            await send({"type": "websocket.send", "text": TRADE})
            if sent % TICK == TICK - 1:
                await asyncio.sleep(0)
        await receive()
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    good = signed(scope["query_string"], body)
    headers = [(name.encode(), value.encode()) for name, value in HEADERS]
    headers.append((b"content-length", str(len(ORDER)).encode()))
    await send({"type": "http.response.start", "status": 200 if good else 400, "headers": headers})
    await send({"type": "http.response.body", "body": ORDER})


async def serve_uvicorn(http: str) -> None:
    """uvicorn as a library, on a socket of its own choice."""
    import uvicorn

    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, http=http, ws="websockets-sansio", lifespan="off",
        access_log=False, log_level="error", loop="asyncio", ws_per_message_deflate=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server.serve())
    while not server.started:
        await asyncio.sleep(0.001)
    announce(server.servers[0].sockets[0].getsockname()[1])
    await stdin_closed()
    server.should_exit = True
    await running


def announce(port: int) -> None:
    print(json.dumps({"port": port}), flush=True)


async def stdin_closed() -> None:
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextlib.asynccontextmanager
async def running(contender: str) -> AsyncIterator[tuple[int, int, float]]:
    """Start one server; gives its port, its process id and the seconds to its first line."""
    started = time.perf_counter()
    child = await asyncio.create_subprocess_exec(
        sys.executable, __file__, "--serve", contender, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        port = json.loads(await child.stdout.readline())["port"]
        yield port, child.pid, time.perf_counter() - started
    finally:
        assert child.stdin is not None
        child.stdin.close()
        await child.wait()


def request_bytes() -> bytes:
    payload = (b"symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=60000"
               b"&timestamp=1767225600000")  # fmt: skip
    signature = hmac.new(SECRET, payload, hashlib.sha256).hexdigest().encode()
    return (b"POST /api/v3/order?" + payload + b"&signature=" + signature + b" HTTP/1.1\r\nHost: venue\r\n"
            b"X-MBX-APIKEY: " + b"k" * 64 + b"\r\nContent-Length: 0\r\n\r\n")  # fmt: skip


async def orders(port: int, count: int) -> None:
    """`count` orders one after another on one kept connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = request_bytes()
    for _ in range(count):
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        await reader.readexactly(len(ORDER))
    writer.close()


async def fan_out(port: int, count: int) -> None:
    """One socket that asks for `count` frames and counts their bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /ws HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                 b"\r\n")  # fmt: skip
    await reader.readuntil(b"\r\n\r\n")
    text = str(count).encode()
    writer.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)  # masked with zeros
    await reader.readexactly(count * (len(TRADE) + (2 if len(TRADE) < 126 else 4)))
    writer.write(bytes([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8]))
    writer.close()


async def measure(contender: str, requests: int, frames: int) -> dict[str, float]:
    """One round for one server: start, orders on 1 and on 20 connections, frames to 10 sockets."""
    import psutil

    async with running(contender) as (port, pid, start_s):
        process = psutil.Process(pid)
        await orders(port, 50)
        figures = {"start_ms": start_s * 1e3}
        for name, work, total in (
            ("order_1", lambda: [orders(port, requests)], requests),
            ("order_20", lambda: [orders(port, requests // 20) for _ in range(20)], requests // 20 * 20),
            ("frame_10", lambda: [fan_out(port, frames) for _ in range(10)], frames * 10),
        ):
            spent, began = sum(process.cpu_times()[:2]), time.perf_counter()
            await asyncio.gather(*work())
            figures[f"{name}_per_s"] = total / (time.perf_counter() - began)
            figures[f"{name}_cpu_us"] = (sum(process.cpu_times()[:2]) - spent) / total * 1e6
        figures["rss_mb"] = process.memory_info().rss / 1e6
        return figures


def installed(contender: str) -> bool:
    needed = (contender.partition("-")[0], CONTENDERS[contender])
    return all(importlib.util.find_spec(name) is not None for name in needed)


async def compare(rounds: int, requests: int, frames: int) -> dict[str, dict[str, float]]:
    """Interleaved rounds, so that a slow minute of the machine hits all contenders alike."""
    there = [name for name in CONTENDERS if installed(name)]
    results: dict[str, list[dict[str, float]]] = {name: [] for name in there}
    for _ in range(rounds):
        for name in there:
            results[name].append(await measure(name, requests, frames))
    return {
        name: {key: round(statistics.median(one[key] for one in all_rounds), 1) for key in all_rounds[0]}
        for name, all_rounds in results.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--frames", type=int, default=4000, help="a multiple of the step of 20")
    parser.add_argument("--serve", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve in ("aiohttp", "aiohttp-hub"):
        asyncio.run(serve_aiohttp(hub=options.serve == "aiohttp-hub"))
    elif options.serve:
        asyncio.run(serve_uvicorn(options.serve.removeprefix("uvicorn-")))
    else:
        print(json.dumps(asyncio.run(compare(options.rounds, options.requests, options.frames)), indent=2))


if __name__ == "__main__":
    main()
