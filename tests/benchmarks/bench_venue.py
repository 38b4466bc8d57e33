"""How many signed orders a second does the paper venue take, and how soon is each answered?

Orders go over loopback: HTTP on 1 and on 10 kept connections, and the WebSocket API on 1 and on 10
sockets. Each is placed (a limit order that rests) and then cancelled, so the book stays small; both are
signed orders. Beside it, in the same interleaved rounds, the canned answers of the peers' benchmark
server (../shared/bench/srv_rest.py, or QUANTLAB_SHARED), which does none of a venue's work: it runs as
a process of its own over TLS, and its very answer is also served here over plain TCP, as the venue's is.
The client signs beforehand and is the same for all. Goals: at most twice the canned answer's latency;
5,000 orders/s over HTTP and 8,000 over the WebSocket API on one core. Prints JSON; asserts nothing.

    python tests/benchmarks/bench_venue.py [--rounds 5] [--orders 4000] [--peer-python PYTHON]

srv_rest.py needs uvloop (`pip install uvloop`), in this Python or in the one of --peer-python; without
it, the rows of canned answers are left out and the reason is told.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil

WIDTHS = (1, 10)
VENUE = ("-m", "quantlab.cli", "venue", "--die-with-parent", "--market", "none")
NEVER_FULL = ("--orders-10s", "1000000", "--orders-1d", "1000000000", "--raw-requests-5m", "1000000000")
SHARED = Path(os.environ.get("QUANTLAB_SHARED") or Path(__file__).parents[3] / "shared")
CANNED = SHARED / "bench" / "srv_rest.py"
PING = b"\x89"
Requests = list[bytes]


# ---- what is sent


def signed(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def http_requests(key: str, secret: str, count: int, connection: int) -> Requests:
    """`count` requests of one connection: place, cancel, place, ..."""
    made = []
    for number in range(count):
        client_id, stamp = f"bench-{connection}-{number // 2}", int(time.time() * 1_000)
        if number % 2:
            method, text = "DELETE", f"symbol=BTCUSDT&origClientOrderId={client_id}"
        else:
            method = "POST"
            text = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01"
            text += f"&price={50_000 + connection}&newClientOrderId={client_id}"
        text += f"&recvWindow=60000&timestamp={stamp}"
        line = f"{method} /api/v3/order?{text}&signature={signed(secret, text)} HTTP/1.1\r\n"
        made.append(f"{line}Host: venue\r\nX-MBX-APIKEY: {key}\r\nContent-Length: 0\r\n\r\n".encode())
    return made


def socket_requests(key: str, secret: str, count: int, connection: int) -> Requests:
    """The same orders as frames of the WebSocket API."""
    made = []
    for number in range(count):
        client_id = f"bench-{connection}-{number // 2}"
        params: dict[str, Any] = {"apiKey": key, "symbol": "BTCUSDT", "recvWindow": 60_000}
        params["timestamp"] = int(time.time() * 1_000)
        if number % 2:
            params["origClientOrderId"] = client_id
        else:
            params |= {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
            params |= {"price": str(50_000 + connection), "newClientOrderId": client_id}
        text = "&".join(f"{name}={value}" for name, value in sorted(params.items()))
        params["signature"] = signed(secret, text)
        method = "order.cancel" if number % 2 else "order.place"
        made.append(masked(json.dumps({"id": number, "method": method, "params": params}).encode()))
    return made


def masked(payload: bytes) -> bytes:
    """A client's text frame, masked with zeros. Source: RFC 6455, section 5.2."""
    return bytes((0x81, 0x80 | 126)) + len(payload).to_bytes(2, "big") + bytes(4) + payload


# ---- the client


class Talker(asyncio.Protocol):
    """One connection: sends the next request when the answer to the last one is whole."""

    def __init__(self, requests: Requests, head: bytes = b"") -> None:
        self.requests, self.head = iter(requests), head
        self.buffer = b""
        self.seconds: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.head:
            transport.write(self.head)
        else:
            self.send()

    def send(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.transport.close()
            self.done.set_result(None)
            return
        self.began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        size = self.whole()
        if not size:
            return
        if self.head:
            self.head = b""
        else:
            self.seconds.append(time.perf_counter() - self.began)
        self.buffer = self.buffer[size:]
        self.send()

    def whole(self) -> int:
        """The size of the first answer in the buffer, which must be a good one; 0 until it is whole."""
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return 0
        start = self.buffer.lower().find(b"content-length:")
        size = end + 4 + (int(self.buffer[start + 15 :].split(b"\r\n", 1)[0]) if 0 <= start < end else 0)
        if len(self.buffer) < size:
            return 0
        if self.buffer[9:12] not in (b"200", b"101"):
            self.fail()
        return size

    def fail(self) -> None:
        raise SystemExit(f"not an acknowledgement: {self.buffer[:600]!r}")

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(error or ConnectionError("closed by the server"))


class SocketTalker(Talker):
    """The same, over a WebSocket."""

    def whole(self) -> int:
        if self.head:
            return super().whole()
        while self.buffer[:1] == PING and len(self.buffer) >= 2 + self.buffer[1]:
            payload, self.buffer = self.buffer[2 : 2 + self.buffer[1]], self.buffer[2 + self.buffer[1] :]
            self.transport.write(bytes((0x8A, 0x80 | len(payload))) + bytes(4) + payload)
        data = self.buffer
        if len(data) < 4:
            return 0
        size = data[1] if data[1] < 126 else int.from_bytes(data[2:4], "big")
        size += 2 if data[1] < 126 else 4
        if len(data) < size:
            return 0
        if b'"status":200' not in data[:size]:
            self.fail()
        return size


def handshake() -> bytes:
    key = base64.b64encode(os.urandom(16)).decode()
    return (
        "GET /ws-api/v3?returnRateLimits=false HTTP/1.1\r\nHost: venue\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


async def talk(talkers: list[Talker], port: int, tls: ssl.SSLContext | None) -> float:
    """Let them all send; the seconds it took."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    for talker in talkers:
        name = "localhost" if tls else None
        await loop.create_connection(lambda one=talker: one, "127.0.0.1", port, ssl=tls, server_hostname=name)
    await asyncio.gather(*(talker.done for talker in talkers))
    return time.perf_counter() - began


# ---- the servers


class Server:
    """A running server: its port, its process, and how to speak with it."""

    def __init__(self, port: int, pid: int, keys: tuple[str, str], tls: ssl.SSLContext | None) -> None:
        self.port, self.process, self.keys, self.tls = port, psutil.Process(pid), keys, tls

    async def measure(self, kind: str, width: int, orders: int) -> dict[str, float]:
        """One round: orders/s, p50 and p99 of each kind of order, and the server's CPU time for each."""
        make = http_requests if kind == "http" else socket_requests
        talker = Talker if kind == "http" else SocketTalker
        head = b"" if kind == "http" else handshake()
        each = orders // width // 2 * 2
        talkers = [talker(make(*self.keys, each, number), head) for number in range(width)]
        spent = sum(self.process.cpu_times()[:2])
        seconds = await talk(talkers, self.port, self.tls)
        spent = sum(self.process.cpu_times()[:2]) - spent
        times = [one for talker in talkers for one in talker.seconds]
        places = [one for talker in talkers for one in talker.seconds[::2]]
        return {
            "orders_per_s": len(times) / seconds,
            "p50_us": statistics.median(times) * 1e6,
            "place_p50_us": statistics.median(places) * 1e6,
            "p99_us": sorted(times)[len(times) * 99 // 100] * 1e6,
            "server_cpu_us": spent / len(times) * 1e6,
        }


@contextlib.contextmanager
def started(command: list[str]) -> Iterator[tuple[dict[str, Any], int]]:
    """A child that says where it listens in one JSON line, and ends when its input closes."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            line = child.stdout.readline()
            if not line:
                raise RuntimeError(f"{command[1:3]} said nothing")
            yield json.loads(line), child.pid
        finally:
            child.stdin.close()
            child.wait()


class Canned(asyncio.Protocol):
    """Answers every request with the same bytes."""

    answer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(self.answer * data.count(b"\r\n\r\n"))


async def serve_canned(answer: bytes) -> None:
    """Until standard input closes: the canned answer over plain TCP."""
    Canned.answer = answer
    server = await asyncio.get_running_loop().create_server(Canned, "127.0.0.1", 0)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost with its key in one file, and a context that trusts it."""
    import trustme

    authority = trustme.CA()
    both, trusting = folder / "both.pem", ssl.create_default_context()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(both)
    authority.configure_trust(trusting)
    return both, trusting


async def canned_answer(server: Server) -> bytes:
    """What the peers' server answers to an order, byte by byte."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, ssl=server.tls, server_hostname="localhost"
    )
    writer.write(http_requests(*server.keys, 1, 0)[0])
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    body = await reader.readexactly(size)
    writer.close()
    return head + body


@contextlib.asynccontextmanager
async def contenders(peer_python: str) -> AsyncIterator[tuple[dict[str, Server], str]]:
    """Every server by name, running; and why canned answers are missing, if they are."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        facts, pid = stack.enter_context(started([sys.executable, *VENUE, *NEVER_FULL]))
        keys = (facts["accounts"][0]["api_key"], facts["accounts"][0]["api_secret"])
        servers = {"venue": Server(int(facts["rest"].rsplit(":", 1)[1]), pid, keys, None)}
        both, tls = certificate(folder)
        missing = ""
        if not CANNED.is_file():
            missing = "srv_rest.py is absent: set QUANTLAB_SHARED"
        elif subprocess.run(
            [peer_python, "-c", "import uvloop"], capture_output=True, check=False
        ).returncode:
            missing = "srv_rest.py needs uvloop: pip install uvloop, or --peer-python"
        else:
            ports, pid = stack.enter_context(started([peer_python, str(CANNED), "--cert", str(both)]))
            servers["canned_tls"] = Server(int(ports["0"]), pid, keys, tls)
            answer = base64.b64encode(await canned_answer(servers["canned_tls"])).decode()
            ports, pid = stack.enter_context(started([sys.executable, __file__, "--serve", answer]))
            servers["canned"] = Server(ports["port"], pid, keys, None)
        yield servers, missing


# ---- the comparison


async def compare(rounds: int, orders: int, peer_python: str) -> dict[str, Any]:
    """Interleaved rounds, so that a slow minute of the machine hits all alike; medians of the rounds."""
    seen: dict[str, list[dict[str, float]]] = {}
    async with contenders(peer_python) as (servers, missing):
        for _ in range(rounds):
            for width in WIDTHS:
                for name, server in servers.items():
                    kinds = ("http", "ws_api") if name == "venue" else ("http",)
                    for kind in kinds:
                        seen.setdefault(f"{kind}_{width}_{name}", []).append(
                            await server.measure(kind, width, orders)
                        )
    rows = {name: {key: round(statistics.median(one[key] for one in found), 1) for key in found[0]}
            for name, found in seen.items()}  # fmt: skip
    ratios = {}
    for width in WIDTHS if not missing else ():
        floor = rows[f"http_{width}_canned"]["p50_us"]
        for kind in ("http", "ws_api"):
            ratios[f"{kind}_{width}_p50_x_canned"] = round(rows[f"{kind}_{width}_venue"]["p50_us"] / floor, 2)
    return {
        "bench": "venue orders",
        "rounds": rounds,
        "rows": rows,
        "ratios": ratios,
        "missing": missing or None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--orders", type=int, default=4_000, help="of each row and round")
    parser.add_argument("--peer-python", default=sys.executable, help="the Python that runs srv_rest.py")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve_canned(base64.b64decode(options.serve)))
        return
    print(json.dumps(asyncio.run(compare(options.rounds, options.orders, options.peer_python)), indent=1))


if __name__ == "__main__":
    main()
