"""Faults of sockets and of what is sent on them, carried out: lost and late messages, stalls, closings."""

from __future__ import annotations

import asyncio
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
        self._not_before_s: dict[Outlet, float] = {}
        self.time_ms = 0

    def begin(self) -> None:
        """A fault has begun: from now on the hub asks."""
        self._hub.spoil = self._spoil if self._plan.frames else None

    def end(self, active: Active) -> None:
        """A fault has ended: what it held back goes out."""
        for outlet, frame in self._sieve.release(active):
            if isinstance(outlet, Outlet):
                _send(outlet, encode(frame))
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
        for outlet in [each for each in self._not_before_s if not each.open]:
            del self._not_before_s[outlet]
            self._sieve.forget(outlet)

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
                self._stalled.setdefault(active.number, []).append(outlet)
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
        head = msgspec.json.decode(payload, type=_Head) if payload[:1] == b"{" else _Head()
        symbol = head.s or stream.partition("@")[0].upper()
        message = Message(stream, symbol, head.e, account)
        made = self._sieve.deliver(outlet, message, text, self.time_ms)
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        due_s = max(now_s + made.wait_ms / 1_000, self._not_before_s.get(outlet, 0))
        for frame in map(encode, made.payloads):
            if due_s <= now_s:
                outlet.put(frame)
                continue
            self._not_before_s[outlet] = due_s
            loop.call_at(due_s, _send, outlet, frame)


def _send(outlet: Outlet, frame: bytes) -> None:
    outlet.put(frame)
    outlet.flush()


def _close(outlet: Outlet, code: int, reason: str) -> None:
    if code == ABNORMAL:
        outlet.cut()
    else:
        outlet.end(code, reason)
