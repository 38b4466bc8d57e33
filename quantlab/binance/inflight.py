"""Requests on their way over one socket: who asked, what is written when, and what became of each.

What is asked first is written first. The HALT latch is asked at the write of each, after every wait that
there is before it: a request waits here, unsigned, for as long as the system takes no more bytes. Each
is settled once, with its answer or with why there is none and whether it had been written.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Mapping

from quantlab.binance.errors import redact
from quantlab.binance.socketcodec import Frame, reply_of
from quantlab.binance.transport import Gate, Lost, Reply
from quantlab.binance.websocket import WebSocket
from quantlab.errors import Halted

TOGETHER = 16  # requests in one write; more would stretch the time between the latch's check and it


class Asked:
    """One request on its way."""

    __slots__ = ("answer", "due_s", "gate", "id", "method", "params")

    def __init__(
        self,
        number: int,
        method: str,
        params: Mapping[str, str],
        gate: Gate,
        answer: asyncio.Future[Reply | Lost],
    ) -> None:
        self.id, self.method, self.params = number, method, params
        self.gate, self.answer = gate, answer
        self.due_s = 0.0

    def settle(self, outcome: Reply | Lost) -> None:
        if not self.answer.done():
            self.answer.set_result(outcome)


class InFlight:
    """The requests of one `OrderSocket`, over however many connections it lives through.

    Args:
        sign: The bytes of a request, made just before they are written.
        timeout_s: For one request, from asking to its answer.

    Attributes:
        socket: The connection of now; None while there is none, and then nothing is written.
    """

    def __init__(self, sign: Callable[[Asked], bytes], timeout_s: float) -> None:
        self.socket: WebSocket | None = None
        self._sign, self._timeout_s = sign, timeout_s
        self._ids = itertools.count(1)
        self._asked: dict[int, Asked] = {}
        self._queue: deque[Asked] = deque()
        self._flushing = False
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, method: str, params: Mapping[str, str], gate: Gate) -> Reply | Lost:
        """Send one request, once, and wait for what becomes of it."""
        loop = asyncio.get_running_loop()
        asked = Asked(next(self._ids), method, params, gate, loop.create_future())
        asked.due_s = loop.time() + self._timeout_s
        self._asked[asked.id] = asked
        if self._timer is None:  # one for all: the oldest request is due first
            self._timer = loop.call_at(asked.due_s, self._expire)
        self._queue.append(asked)
        if not self._flushing:  # once for all that this turn of the loop asks
            self._flushing = True
            loop.call_soon(self.flush)
        try:
            return await asked.answer
        finally:
            self._asked.pop(asked.id, None)

    def flush(self) -> None:
        """Write what waits, the oldest first, while the system takes it: `TOGETHER` in one piece."""
        self._flushing = False
        socket = self.socket
        while self._queue and socket is not None and socket.open and not socket.full:
            ready: list[tuple[Asked, bytes]] = []
            while self._queue and len(ready) < TOGETHER:
                asked = self._queue.popleft()
                if asked.answer.done():  # timed out, or its caller has gone: it is not written any more
                    continue
                try:
                    ready.append((asked, self._sign(asked)))
                except Exception as error:  # noqa: BLE001  # whatever it is: it was not written
                    asked.settle(Lost(redact(f"{type(error).__name__}: {error}"), sent=False))
            self._write(socket, ready)

    def _write(self, socket: WebSocket, ready: list[tuple[Asked, bytes]]) -> None:
        """Ask the latch for each, now that nothing is left to do but the write itself."""
        messages = []
        for asked, message in ready:
            try:
                asked.gate.write()
                messages.append(message)
            except Halted as halted:
                asked.settle(Lost(halted.reason, sent=False, halted=True))
        if messages:
            socket.send(*messages)

    def _expire(self) -> None:
        """Tell those whose time is up; a connection that was silent all that time is dead."""
        self._timer = None
        loop, socket, owing = asyncio.get_running_loop(), self.socket, False
        for asked in self._asked.values():
            if asked.due_s > loop.time():
                self._timer = loop.call_at(asked.due_s, self._expire)
                break
            owing |= asked.gate.written
            reason = f"no answer within {self._timeout_s:g} s"
            asked.settle(Lost(reason, sent=asked.gate.written, timed_out=True))
        if socket is not None and owing:
            silent_s = loop.time() - socket.heard_s
            if silent_s >= self._timeout_s:
                socket.drop(f"it was silent for {silent_s:.1f} s while it owed an answer")

    def answer(self, frame: Frame, now_ms: int) -> bool:
        """Settle the request that `frame` answers; False where it answers none of ours."""
        number = frame.id
        asked = self._asked.get(number) if type(number) is int else None
        if asked is None:
            return False
        asked.settle(reply_of(frame, now_ms))
        return True

    async def settled(self) -> None:
        """Return when all that is on its way was answered, or its time is up."""
        owed = [asked.answer for asked in self._asked.values()]
        if owed:
            await asyncio.wait(owed, timeout=self._timeout_s)

    def lose(self, cause: str) -> None:
        """The connection is over: what was written is lost, what was not was not sent."""
        for asked in list(self._asked.values()):
            asked.settle(Lost(cause, sent=asked.gate.written))
        self._queue.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
