"""Orders over one WebSocket, beside orders by REST: requests a second and CPU for each.

A server in a process of its own gives canned answers by both: HTTP on as many connections as the client
opens, the WebSocket API on one. Every contender signs each order (HMAC) and decodes each answer. What is
ours goes the whole way (`BinanceClient.submit_order`: permit, governor, signature, latch, typed answer);
the sockets of others do what a script would: sign, send, match by id, `json.loads`.

Prints one JSON document of medians over interleaved rounds and asserts nothing. `picows` is measured where
it is installed (it is no dependency of quantlab); everything else is.

    python tests/benchmarks/bench_wsapi.py [--rounds 5] [--requests 3000] [--plain]
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import importlib.util
import itertools
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import trustme

from quantlab.binance.client import BinanceClient
from quantlab.binance.signing import Credentials
from quantlab.clock import SystemClock
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.domain.permit import Permit
from quantlab.secret import Secret

KEY, SECRET = "k" * 64, "s" * 64
AT = (1, 10, 50)
ORDER = OrderRequest(
    symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.01"),
    price=Decimal(60_000), time_in_force=TimeInForce.GTC, client_order_id="q-1",
)  # fmt: skip
PARAMS = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01",
          "price": "60000", "newClientOrderId": "q-1", "newOrderRespType": "FULL"}  # fmt: skip
ACK = json.dumps({"symbol": "BTCUSDT", "orderId": 28, "orderListId": -1, "clientOrderId": "q-1",
                  "transactTime": 1767225600000, "price": "60000.00000000", "origQty": "0.01000000",
                  "executedQty": "0.00000000", "origQuoteOrderQty": "0.00000000",
                  "cummulativeQuoteQty": "0.00000000", "status": "NEW", "timeInForce": "GTC",
                  "type": "LIMIT", "side": "BUY", "workingTime": 1767225600000,
                  "selfTradePreventionMode": "NONE", "fills": []})  # fmt: skip
LIMITS = json.dumps([
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 10**9, "count": 1},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 10**9, "count": 1},
    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 10**9, "count": 3},
])  # fmt: skip
HTTP = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-mbx-used-weight: 3\r\nx-mbx-used-weight-1m: 3\r\n"
    "x-mbx-order-count-10s: 1\r\nx-mbx-order-count-1d: 1\r\n"
    f"Content-Length: {len(ACK)}\r\n\r\n{ACK}"
).encode()  # fmt: skip


class Canned(asyncio.Protocol):
    """One connection of the server: HTTP until it is upgraded, then the WebSocket API."""

    def __init__(self) -> None:
        self.buffer = b""
        self.upgraded = False

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while not self.upgraded and (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head, self.buffer = self.buffer[:end], self.buffer[end + 4 :]
            at = head.lower().find(b"sec-websocket-key: ")
            if at < 0:
                self.transport.write(HTTP)
                continue
            key = head[at + 19 :].split(b"\r\n")[0]
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
            self.transport.write(
                b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                + accept + b"\r\n\r\n"
            )  # fmt: skip
            self.upgraded = True
        if self.upgraded:
            self.answer()

    def answer(self) -> None:
        """Every whole frame of the buffer, in one write."""
        data, at, out = self.buffer, 0, []
        while len(data) - at >= 6:
            kind, length, start = data[at] & 15, data[at + 1] & 127, at + 2
            if length == 126:
                length, start = int.from_bytes(data[start : start + 2]), start + 2
            if len(data) < start + 4 + length:
                break
            mask = (data[start : start + 4] * (length // 4 + 1))[:length]
            body = data[start + 4 : start + 4 + length]
            text = (int.from_bytes(body) ^ int.from_bytes(mask)).to_bytes(length)
            at = start + 4 + length
            if kind == 1:
                number = text[text.find(b'"id":') + 5 :].lstrip().split(b",", 1)[0].rstrip(b"}")
                reply = b'{"id":%b,"status":200,"result":%b,"rateLimits":%b}' % (
                    number, ACK.encode(), LIMITS.encode(),
                )  # fmt: skip
                out.append(b"\x81\x7e" + len(reply).to_bytes(2) + reply)
            elif kind == 9:
                out.append(b"\x8a" + bytes((length,)) + text)
        self.buffer = data[at:]
        if out:
            self.transport.write(b"".join(out))


async def serve(certificate: str) -> None:
    """The child: tells its port, and ends with its input."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Canned, "127.0.0.1", 0, ssl=context, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    os._exit(0)


def stamped() -> dict[str, Any]:
    return {**PARAMS, "recvWindow": 5000, "timestamp": time.time_ns() // 1_000_000}


def sign(payload: str) -> str:
    return hmac.new(SECRET.encode(), payload.encode(), hashlib.sha256).hexdigest()


class Contender:
    """`order` sends one order and returns when its answer is decoded."""

    def __init__(self, port: int, context: ssl.SSLContext | None) -> None:
        secure = "s" if context else ""
        self.rest, self.ws = f"http{secure}://127.0.0.1:{port}", f"ws{secure}://127.0.0.1:{port}/ws-api/v3"
        self.context = context

    share = 1.0  # of the requests

    async def start(self) -> None: ...
    async def order(self) -> None: ...
    async def stop(self) -> None: ...


class AiohttpRest(Contender):
    async def start(self) -> None:
        import aiohttp

        connector = aiohttp.TCPConnector(ssl=self.context or False, limit=200)
        self.session = aiohttp.ClientSession(connector=connector, headers={"X-MBX-APIKEY": KEY})

    async def order(self) -> None:
        from yarl import URL

        query = urlencode(stamped())
        url = URL(f"{self.rest}/api/v3/order?{query}&signature={sign(query)}", encoded=True)
        async with self.session.post(url) as reply:
            json.loads(await reply.read())

    async def stop(self) -> None:
        await self.session.close()


class Ours(Contender):
    """`BinanceClient.submit_order`, by REST or by the socket."""

    socket = True

    async def start(self) -> None:
        clock = SystemClock()
        self.client = BinanceClient(
            self.rest, clock=clock, credentials=Credentials(KEY, Secret(SECRET)), ssl_context=self.context,
            ws_api=self.ws if self.socket else "",
        )  # fmt: skip
        self.permit = {
            "digest": ORDER.digest(), "limits_version": 1, "state_sequence": 1,
            "expires_ns": clock.monotonic_ns() + 3_600_000_000_000,
        }  # fmt: skip
        await self.client.__aenter__()
        if self.client.socket is not None:
            await self.client.socket.wait_up()

    async def order(self) -> None:
        await self.client.submit_order(ORDER, Permit(**self.permit))

    async def stop(self) -> None:
        await self.client.aclose()


class OursRest(Ours):
    socket = False


class Mux(Contender):
    """A script's own matching by id, over somebody's socket."""

    def message(self) -> tuple[bytes, asyncio.Future[Any]]:
        params = {**stamped(), "apiKey": KEY}
        params["signature"] = sign("&".join(f"{name}={params[name]}" for name in sorted(params)))
        number = next(self.ids)
        self.waiting[number] = answer = asyncio.get_running_loop().create_future()
        return json.dumps({"id": number, "method": "order.place", "params": params}).encode(), answer

    def begin(self) -> None:
        self.ids, self.waiting = itertools.count(1), dict[int, asyncio.Future[Any]]()

    def hear(self, message: bytes | str) -> None:
        reply = json.loads(message)
        self.waiting.pop(reply["id"]).set_result(reply)


class Websockets(Mux):
    async def start(self) -> None:
        import websockets

        self.begin()
        self.socket = await websockets.connect(
            self.ws, ssl=self.context, compression=None, proxy=None, max_queue=512, close_timeout=0.1
        )
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        import websockets

        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                self.hear(await self.socket.recv(decode=False))

    async def order(self) -> None:
        message, answer = self.message()
        await self.socket.send(message, text=True)
        await answer

    async def stop(self) -> None:
        await self.socket.close()


class AiohttpSocket(Mux):
    async def start(self) -> None:
        import aiohttp

        self.begin()
        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(self.ws, ssl=self.context or False, compress=0)
        self.reader = asyncio.create_task(self.read())

    async def read(self) -> None:
        async for message in self.socket:
            self.hear(message.data)

    async def order(self) -> None:
        message, answer = self.message()
        await self.socket.send_str(message.decode())
        await answer

    async def stop(self) -> None:
        await self.socket.close()
        await self.session.close()


class Picows(Mux):
    async def start(self) -> None:
        import picows

        self.begin()
        outer = self

        class Listener(picows.WSListener):  # type: ignore[misc]
            def on_ws_frame(self, transport: Any, frame: Any) -> None:
                if frame.msg_type == picows.WSMsgType.TEXT:
                    outer.hear(frame.get_payload_as_bytes())

        self.transport, _ = await picows.ws_connect(Listener, self.ws, ssl_context=self.context)
        self.kind = picows.WSMsgType.TEXT

    async def order(self) -> None:
        message, answer = self.message()
        self.transport.send(self.kind, message)
        await answer

    async def stop(self) -> None:
        self.transport.disconnect()


class Slim(Mux):
    """Our protocol (`quantlab.binance.websocket`) under the same script's matching."""

    async def start(self) -> None:
        from quantlab.binance.websocket import connect

        self.begin()
        self.socket = await connect(
            self.ws, on_text=self.hear, on_end=lambda reason: None, on_room=lambda: None,
            ssl_context=self.context, timeout_s=5,
        )  # fmt: skip

    async def order(self) -> None:
        message, answer = self.message()
        self.socket.send(message)
        await answer

    async def stop(self) -> None:
        self.socket.close()


CONTENDERS: dict[str, type[Contender]] = {
    "aiohttp REST": AiohttpRest,
    "quantlab REST": OursRest,
    "quantlab WebSocket API": Ours,
    "script over quantlab's protocol": Slim,
    "script over websockets": Websockets,
    "script over aiohttp's WebSocket": AiohttpSocket,
    "script over picows": Picows,
}


async def measured(contender: Contender, requests: int) -> dict[str, float]:
    """One round: sequential, then at each concurrency; requests a second and CPU us for each."""
    found: dict[str, float] = {}
    await contender.start()
    try:
        for workers in AT:
            left = itertools.repeat(
                None, max(workers * 2, int(requests * contender.share / (4 if workers == 1 else 1)))
            )
            total = left.__length_hint__()
            await asyncio.gather(*(contender.order() for _ in range(workers)))  # warm

            async def work(left: Any = left) -> None:
                for _ in left:
                    await contender.order()

            began_s, cpu_s = time.perf_counter(), time.process_time()
            await asyncio.gather(*(work() for _ in range(workers)))
            took_s, cpu_s = time.perf_counter() - began_s, time.process_time() - cpu_s
            found[f"requests_per_s@{workers}"] = total / took_s
            found[f"cpu_us@{workers}"] = cpu_s / total * 1e6
    finally:
        await contender.stop()
    return found


def main(contenders: dict[str, type[Contender]], peers: tuple[str, ...], about: str) -> None:
    """Run them all against one server, and print medians and what they are of each of `peers`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--serve", metavar="CERTIFICATE", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve is not None:
        asyncio.run(serve(options.serve))
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        certificate, context = "", None
        if not options.plain:
            authority = trustme.CA()
            certificate = str(Path(folder) / "server.pem")
            authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
            context = ssl.create_default_context()
            authority.configure_trust(context)
        child = subprocess.Popen(
            [sys.executable, __file__, "--serve", certificate],  # this file, whoever imports it
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        stack.callback(child.wait)
        stack.callback(child.kill)
        assert child.stdout is not None
        port = int(child.stdout.readline())
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
        for _, (name, made) in itertools.product(range(options.rounds), contenders.items()):
            rounds[name].append(asyncio.run(measured(made(port, context), options.requests)))
    medians = {
        name: {key: round(statistics.median(one[key] for one in found), 1) for key in found[0]}
        for name, found in rounds.items()
    }
    result: dict[str, Any] = {"tls": not options.plain, "rounds": options.rounds, "medians": medians}
    for peer in peers:  # round by round, because a busy machine slows neighbours alike
        result[f"times {peer}"] = {
            name: {
                key: round(statistics.median(
                    ours[key] / theirs[key] for ours, theirs in zip(found, rounds[peer], strict=True)
                ), 2)
                for key in found[0]
            }
            for name, found in rounds.items()
        }  # fmt: skip
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main(
        {
            name: made
            for name, made in CONTENDERS.items()
            if made is not Picows or importlib.util.find_spec("picows")
        },
        peers=("aiohttp REST",),
        about=__doc__ or "",
    )
