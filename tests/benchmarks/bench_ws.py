"""What does a typed, exact market event cost on its way from the socket to its handler?

A server of its own process floods best prices (170 B) over loopback, as a combined stream, and closes.
Our receive path (`MarketStreams`: frames, decoding, checks, lateness, the pulse of each stream) stands
beside what one would write by hand with `websockets` and msgspec with Decimal fields, and beside
python-binance, in the same interleaved rounds. Reported is the client's CPU time a message. Goals: no
more than websockets + msgspec; at least 4 times less than python-binance (better: 10 times). Prints JSON;
asserts nothing. Peers that are not installed are left out and the reason is told; `--peer-python PYTHON`
runs each contender in that Python (which needs quantlab's own dependencies, too).

    python tests/benchmarks/bench_ws.py [--rounds 5] [--messages 40000] [--peer-python PYTHON]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
ACCEPT = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PATIENCE_S = 30.0
Handler = Callable[[Any], None]


# ---- the server: a process of its own


def message(number: int) -> bytes:
    price = Decimal(60_000) + Decimal(number % 997) / 100
    data = {
        "u": 400_900_217 + number,
        "s": "BTCUSDT",
        "b": f"{price:.8f}",
        "B": f"{31 + number % 7}.21000000",
        "a": f"{price + Decimal('0.01'):.8f}",
        "A": f"{40 + number % 5}.66000000",
    }
    return json.dumps({"stream": "btcusdt@bookTicker", "data": data}, separators=(",", ":")).encode()


def frame(payload: bytes) -> bytes:
    """A server's text frame. Source: RFC 6455, section 5.2."""
    length = len(payload)
    head = bytes((length,)) if length < 126 else b"\x7e" + length.to_bytes(2)
    return b"\x81" + head + payload


async def serve(messages: int) -> None:
    flood = b"".join(map(frame, map(message, range(messages))))

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            key = next(
                line[19:].strip()
                for line in head.split(b"\r\n")
                if line.lower()[:18] == b"sec-websocket-key:"
            )
            accept = base64.b64encode(hashlib.sha1(key + ACCEPT, usedforsecurity=False).digest())
            writer.write(b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
            writer.write(b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
            if b" /stream " in head:  # ours subscribes first
                await acknowledged(reader, writer)
            for start in range(0, len(flood), 1 << 18):
                writer.write(flood[start : start + (1 << 18)])
                await writer.drain()
            await reader.read(1)  # a goodbye
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def acknowledged(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one masked frame and say yes to its id."""
    head = await reader.readexactly(2)
    length = head[1] & 0x7F
    if length == 126:
        length = int.from_bytes(await reader.readexactly(2))
    mask = await reader.readexactly(4)
    body = bytes(each ^ mask[at % 4] for at, each in enumerate(await reader.readexactly(length)))
    writer.write(frame(json.dumps({"result": None, "id": json.loads(body)["id"]}).encode()))


# ---- the contenders: each gives every event to `handle` until `enough`


async def quantlab(port: int, handle: Handler, enough: asyncio.Event) -> None:
    from quantlab.binance.streams import MarketStreams
    from quantlab.binance.timing import VenueClock
    from quantlab.clock import SystemClock

    streams = MarketStreams(
        f"ws://127.0.0.1:{port}",
        clock=VenueClock(SystemClock()),
        on_event=handle,
        on_state=lambda _state, _reason: None,
    )
    running = asyncio.create_task(streams.run())
    await streams.subscribe("btcusdt@bookTicker")
    await enough.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def websockets_msgspec_decimal(port: int, handle: Handler, enough: asyncio.Event) -> None:
    import msgspec
    import websockets

    ticker = msgspec.defstruct(
        "Ticker", [("s", str), ("u", int), *((name, Decimal) for name in "bBaA")], gc=False
    )
    decode = msgspec.json.Decoder(msgspec.defstruct("Envelope", [("data", ticker)], gc=False)).decode
    url = f"ws://127.0.0.1:{port}/raw"
    async with websockets.connect(
        url, compression=None, max_size=None, ping_interval=None, proxy=None
    ) as socket:
        while not enough.is_set():
            handle(decode(await socket.recv(decode=False)).data)


async def python_binance(port: int, handle: Handler, enough: asyncio.Event) -> None:
    from binance import AsyncClient, BinanceSocketManager

    client = AsyncClient("key", "secret")
    manager = BinanceSocketManager(client, max_queue_size=10**9)
    manager.STREAM_URL = f"ws://127.0.0.1:{port}/"
    try:
        async with manager.multiplex_socket(["btcusdt@bookTicker"]) as socket:
            while not enough.is_set():
                handle((await socket.recv())["data"])
    finally:
        await client.close_connection()


CONTENDERS: dict[str, Callable[[int, Handler, asyncio.Event], Awaitable[None]]] = {
    "quantlab": quantlab,
    "websockets + msgspec Decimal": websockets_msgspec_decimal,
    "python-binance": python_binance,
}


async def measure(name: str, port: int, messages: int) -> float:
    """CPU microseconds a message, from the first to the last."""
    enough, count, began_s, spent_s = asyncio.Event(), 0, 0.0, 0.0

    def handle(_event: Any) -> None:
        nonlocal count, began_s, spent_s
        count += 1
        if count == 1:
            began_s = time.process_time()
        elif count == messages:
            spent_s = time.process_time() - began_s
            enough.set()

    async with asyncio.timeout(PATIENCE_S):
        await CONTENDERS[name](port, handle, enough)
    return spent_s / (messages - 1) * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve(given.messages))
    elif given.contender:
        print(asyncio.run(measure(given.contender, given.port, given.messages)))
    else:
        print(json.dumps(compare(given.rounds, given.messages, given.peer_python), indent=1))


def compare(rounds: int, messages: int, python: str) -> dict[str, Any]:
    script, size = str(Path(__file__).resolve()), ("--messages", str(messages))
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, script, "--serve", *size]
    found: dict[str, list[float]] = {}
    missing: dict[str, str] = {}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        for _ in range(rounds):
            for name in CONTENDERS:
                one = [python, script, "--contender", name, "--port", port, *size]
                done = subprocess.run(one, capture_output=True, text=True, env=environment, check=False)
                if done.returncode:
                    missing[name] = (done.stderr.strip().splitlines() or ["no answer"])[-1]
                else:
                    found.setdefault(name, []).append(float(done.stdout.strip().splitlines()[-1]))
    medians = {name: statistics.median(each) for name, each in found.items()}
    ours = medians.get("quantlab")
    return {
        "messages": messages,
        "rounds": rounds,
        "cpu_us_a_message": {name: round(each, 2) for name, each in medians.items()},
        "times_ours": {name: round(each / ours, 2) for name, each in medians.items()} if ours else {},
        "left_out": missing,
    }


if __name__ == "__main__":
    main()
