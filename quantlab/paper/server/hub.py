"""Fan-out: one encoded frame, written to every socket that asked for its stream.

Nothing here waits. A frame is encoded once for all sockets and goes straight to each transport; a
socket that does not read is cut off at `MOST_UNSENT` bytes, so a slow reader costs itself its
connection and never the venue its memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import msgspec

from quantlab.paper.faults.frames import USER
from quantlab.paper.server import timeunit
from quantlab.paper.terms import Terms

MOST_UNSENT = 8 * 1024 * 1024
MOST_HELD = 10_000  # messages of a stalled socket; then the oldest go
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


def encode(payload: bytes, opcode: int = TEXT) -> bytes:
    """One whole, unmasked WebSocket frame. Source: RFC 6455, section 5.2."""
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, size))
    elif size < 65_536:
        head = bytes((0x80 | opcode, 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, 127)) + size.to_bytes(8, "big")
    return head + payload


class Outlet:
    """The sending side of one WebSocket.

    Attributes:
        combined: Whether stream messages are wrapped as {"stream": ..., "data": ...}.
        micro: Whether times are told in microseconds.
        path: What the client asked for when it connected.
        streams: What it is subscribed to, in the order of asking.
        api_of: The IP address at the other end of the WebSocket API; "" for market streams.
        deaf: Pings and pongs are not sent either while it is stalled.
        end: Says goodbye with a close code and a reason; `sockets.converse` gives it.
    """

    __slots__ = (
        "_pending",
        "_stalled",
        "_transport",
        "api_of",
        "combined",
        "deaf",
        "end",
        "micro",
        "open",
        "path",
        "streams",
    )

    def __init__(
        self, transport: asyncio.WriteTransport, *, combined: bool = False, api_of: str = "", path: str = ""
    ) -> None:
        self._transport = transport
        self._stalled = self.deaf = False
        self.path = path
        self._pending: list[bytes] = []
        self.combined = combined
        self.micro = False
        self.streams: dict[str, None] = {}
        self.api_of = api_of
        self.end: Callable[[int, str], None] = lambda _code, _reason: self.cut()
        self.open = True

    def put(self, frame: bytes) -> None:
        """Keep a frame until `flush`: one write then carries a whole step of the market."""
        self._pending.append(frame)

    def flush(self) -> None:
        if self._stalled:
            del self._pending[:-MOST_HELD]
            return
        if self._pending and self.open:
            self._transport.write(b"".join(self._pending))
            if self.unsent > MOST_UNSENT:
                self.cut()
        self._pending.clear()

    def send(self, payload: bytes, opcode: int = TEXT) -> None:
        """Send at once, after whatever is kept."""
        if self._stalled and opcode != TEXT:
            self._send_control(payload, opcode)
            return
        self.put(encode(payload, opcode))
        self.flush()

    def stall(self, *, deaf: bool) -> None:
        """Send no more data, only control frames until `resume`; not even pings and pongs where `deaf`."""
        self._stalled, self.deaf = True, deaf

    def resume(self, *, keep: bool) -> None:
        """Go on, with what was held back or without it."""
        self._stalled = self.deaf = False
        if not keep:
            self._pending.clear()
        self.flush()

    def _send_control(self, payload: bytes, opcode: int) -> None:
        if self.deaf and opcode != CLOSE:
            return
        if self.open:
            self._transport.write(encode(payload, opcode))

    def cut(self) -> None:
        """Drop the connection without a word."""
        self.open = False
        self._transport.abort()

    @property
    def unsent(self) -> int:
        """Bytes that the socket has not taken yet."""
        return self._transport.get_write_buffer_size() if self.open else 0


Spoil = Callable[[Outlet, str, bytes, bytes, str], None]


class Hub:
    """Who listens to what: stream names to sockets, accounts to user-data subscriptions.

    Attributes:
        terms: What a socket may do, and how long it lives.
        turn: Held while a manual clock moves, and while a request is answered: never both.
        changes: How often a stream has got its first listener or lost its last one.
        spoil: Where there are faults: delivers a message to one outlet in place of `Outlet.put`. It is
            given the outlet, the stream, the message's own JSON, the text to send, and the account.
    """

    def __init__(self, terms: Terms | None = None) -> None:
        self.terms = Terms() if terms is None else terms
        self.turn = asyncio.Lock()
        self.changes = 0
        self.outlets: dict[Outlet, None] = {}
        self._streams: dict[str, dict[Outlet, None]] = {}
        self._users: dict[str, dict[tuple[Outlet, int], None]] = {}
        self._dirty: dict[Outlet, None] = {}
        self.spoil: Spoil | None = None

    def join(self, outlet: Outlet) -> None:
        self.outlets[outlet] = None

    def leave(self, outlet: Outlet) -> None:
        """Forget a socket and all that it asked for."""
        outlet.open = False
        self.outlets.pop(outlet, None)
        self.unsubscribe(outlet, tuple(outlet.streams))
        for listeners in self._users.values():
            for entry in [entry for entry in listeners if entry[0] is outlet]:
                del listeners[entry]

    def subscribe(self, outlet: Outlet, names: Iterator[str] | tuple[str, ...]) -> None:
        for name in names:
            outlet.streams[name] = None
            if name not in self._streams:
                self._streams[name] = {}
                self.changes += 1
            self._streams[name][outlet] = None

    def unsubscribe(self, outlet: Outlet, names: tuple[str, ...]) -> None:
        for name in names:
            outlet.streams.pop(name, None)
            listeners = self._streams.get(name, {})
            listeners.pop(outlet, None)
            if not listeners and self._streams.pop(name, None) is not None:
                self.changes += 1

    def listen(self, account: str, outlet: Outlet, subscription: int) -> None:
        """Push the account's events to this socket under its subscription id."""
        self._users.setdefault(account, {})[outlet, subscription] = None

    def unlisten(self, account: str, outlet: Outlet, subscription: int) -> None:
        self._users.get(account, {}).pop((outlet, subscription), None)

    def wanted(self) -> list[str]:
        """Names of all streams that anybody listens to."""
        return list(self._streams)

    def wants(self, stream: str) -> bool:
        return stream in self._streams

    def publish(self, stream: str, payload: bytes) -> None:
        """Keep one message for every socket subscribed to `stream` (sent by `flush`)."""
        frames: dict[tuple[bool, bool], bytes] = {}
        for outlet in self._streams.get(stream, ()):
            form = (outlet.combined, outlet.micro)
            if self.spoil is not None:
                self.spoil(outlet, stream, payload, _text(stream, payload, *form), "")
            else:
                if form not in frames:
                    frames[form] = encode(_text(stream, payload, *form))
                outlet.put(frames[form])
            self._dirty[outlet] = None

    def hears(self, account: str) -> bool:
        """Whether anybody listens to the account's events."""
        return bool(self._users.get(account))

    def publish_user(self, account: str, event: object) -> None:
        """Keep one user-data event for every subscription of the account."""
        listeners = self._users.get(account)
        if not listeners:
            return
        payload = msgspec.json.encode(event)
        for outlet, subscription in listeners:
            told = timeunit.payload(payload) if outlet.micro else payload
            text = b'{"subscriptionId":%d,"event":%s}' % (subscription, told)
            if self.spoil is None:
                outlet.put(encode(text))
            else:
                self.spoil(outlet, USER, payload, text, account)
            self._dirty[outlet] = None

    def subscriptions(self, outlet: Outlet) -> dict[int, str]:
        """This socket's user-data subscriptions: the account by the subscription's id."""
        return {
            subscription: account
            for account, listeners in self._users.items()
            for listener, subscription in listeners
            if listener is outlet
        }

    def flush(self) -> None:
        """Write everything that is kept, one write for each socket."""
        for outlet in self._dirty:
            outlet.flush()
        self._dirty.clear()

    async def drained(self, below: int = 0, timeout_s: float = 5.0) -> None:
        """Wait until no socket holds more than `below` unsent bytes; one that stays so is cut off."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout_s
        while slow := [outlet for outlet in self.outlets if outlet.unsent > below]:
            if loop.time() > end:
                for outlet in slow:
                    outlet.cut()
                return
            await asyncio.sleep(0.001)


def _text(stream: str, payload: bytes, combined: bool, micro: bool) -> bytes:  # noqa: FBT001  # an outlet's form
    """One message of a stream as those want it who ask for this form of it."""
    told = timeunit.payload(payload) if micro else payload
    return b'{"stream":%s,"data":%s}' % (msgspec.json.encode(stream), told) if combined else told
