"""Faults of sockets and of what is sent on them, carried out: lost and late messages, stalls, closings."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from quantlab.paper.faults.frames import USER, Message, Sieve
from quantlab.paper.faults.kinds import Close, Shutdown, SocketFault, Stall, UserStreamEnd
from quantlab.paper.faults.plan import Active, Plan, matches
from quantlab.paper.server import timeunit
from quantlab.paper.server.hub import Hub, Outlet, encode
from quantlab.paper.server.sockets import announce_end

At = Callable[[int, Callable[[], None]], None]
ABNORMAL = 1006  # never on the wire: the connection just ends
GOING_AWAY = 1001


class _Head(msgspec.Struct):
    """What a message says of itself."""

    e: str = ""
    s: str = ""


class SocketFaults:
    """Stands between the hub and its outlets while there are faults.

    Args:
        plan: Whose `frames` and `sockets` are asked.
    """

    def __init__(self, hub: Hub, plan: Plan) -> None:
        self._hub = hub
        self._plan = plan
        self._sieve = Sieve(plan)
        self._asked: dict[int, set[Outlet]] = {}  # by fault: sockets that have had their chance
        self._stalled: dict[int, list[Outlet]] = {}
        self._queues: dict[Outlet, _Queue] = {}
        self._met: set[Outlet] = set()  # sockets of which the sieve may remember something
        self.time_ms = 0

    def begin(self) -> None:
        """A fault has begun: from now on the hub asks."""
        self._hub.spoil = self._spoil if self._plan.frames or self._queues else None

    def end(self, active: Active) -> None:
        """A fault has ended: what it held back goes out."""
        for outlet, frame in self._sieve.release(active):
            if isinstance(outlet, Outlet):
                outlet.put(encode(frame))
                outlet.flush()
        fault = active.fault
        for outlet in self._stalled.pop(active.number, ()):
            outlet.resume(keep=isinstance(fault, Stall) and fault.backlog == "keep")
        self._asked.pop(active.number, None)
        self.begin()

    def visit(self, now_ms: int, at: At) -> None:
        """Give every open socket that has not had it its chance with every socket fault in force."""
        for active in self._plan.sockets:
            fault = active.fault
            if not active.begun or not isinstance(fault, SocketFault):
                continue
            asked = self._asked.setdefault(active.number, set())
            asked &= self._hub.outlets.keys()
            for outlet in [each for each in self._hub.outlets if each not in asked]:
                if active.in_force(now_ms) and self._hits(fault, outlet):
                    asked.add(outlet)
                    if self._plan.take(active, outlet.path):
                        self._strike(active, fault, outlet, at)

    def _hits(self, fault: SocketFault, outlet: Outlet) -> bool:
        accounts = set(self._hub.subscriptions(outlet).values())
        if isinstance(fault, UserStreamEnd) and not accounts:
            return False
        streams = [*outlet.streams, *([USER] if accounts else [])]
        return (
            matches(fault.path, outlet.path)
            and (not fault.stream or any(matches(fault.stream, each) for each in streams))
            and (not fault.account or any(matches(fault.account, each) for each in accounts))
        )

    def _strike(self, active: Active, fault: SocketFault, outlet: Outlet, at: At) -> None:
        match fault:
            case Stall():
                outlet.stall(deaf=fault.pings == "swallowed")
                alive = [each for each in self._stalled.get(active.number, ()) if each.open]
                self._stalled[active.number] = [*alive, outlet]
            case Close():
                _close(outlet, fault.code, fault.reason)
            case Shutdown():
                announce_end([outlet], self.time_ms)
                at(fault.ms, lambda: outlet.end(GOING_AWAY, ""))
            case UserStreamEnd():
                self._end_user_stream(outlet, fault.account)

    def _end_user_stream(self, outlet: Outlet, accounts: str) -> None:
        for number, account in self._hub.subscriptions(outlet).items():
            if matches(accounts, account):
                event: dict[str, object] = {"e": "eventStreamTerminated", "E": self.time_ms}
                if outlet.micro:
                    event = timeunit.event(event)
                outlet.send(msgspec.json.encode({"subscriptionId": number, "event": event}))
                self._hub.unlisten(account, outlet, number)

    def _spoil(self, outlet: Outlet, stream: str, payload: bytes, text: bytes, account: str) -> None:
        """Send one message to one socket, or what the faults make of it."""
        self._met.add(outlet)
        head = msgspec.json.decode(payload, type=_Head) if payload[:1] == b"{" else _Head()
        symbol = head.s or stream.partition("@")[0].upper()
        message = Message(stream, symbol, head.e, account)
        made = self._sieve.deliver(outlet, message, text, self.time_ms)
        queue = self._queues.get(outlet)
        if queue is None and made.wait_ms:
            queue = self._queues[outlet] = _Queue(outlet)
        for frame in map(encode, made.payloads):
            if queue is None:
                outlet.put(frame)
            else:
                queue.put(frame, made.wait_ms / 1_000)

    def tidy(self) -> None:
        """Forget sockets that are gone, and queues that have run empty."""
        if not self._met:
            return
        for outlet in [each for each in self._met if not each.open]:
            self._sieve.forget(outlet)
            self._met.discard(outlet)
            self._queues.pop(outlet, None)
        if not self._plan.frames:
            self._queues = {each: queue for each, queue in self._queues.items() if queue}
            self._met &= self._queues.keys()
            self.begin()


class _Queue:
    """Late messages of one socket. None overtakes another, however long it had to wait."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[tuple[float, bytes]] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, frame: bytes, wait_s: float) -> None:
        """Send it after so long, and after everything that waits."""
        due_s = self._loop.time() + wait_s
        if not self._waiting:
            self._loop.call_at(due_s, self._send_due)
        self._waiting.append((due_s, frame))

    def _send_due(self) -> None:
        now_s = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now_s:
            self._outlet.put(self._waiting.popleft()[1])
        self._outlet.flush()
        if self._waiting:
            self._loop.call_at(self._waiting[0][0], self._send_due)


def _close(outlet: Outlet, code: int, reason: str) -> None:
    if code == ABNORMAL:
        outlet.cut()
    else:
        outlet.end(code, reason)
