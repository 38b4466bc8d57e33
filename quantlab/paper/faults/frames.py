"""What becomes of one stream message on its way to one socket: nothing, several, another order, later.

Holds what is held back, by socket and stream. Knows messages as bytes and sockets as names.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from quantlab.paper.faults.kinds import Drop, Duplicate, FrameFault, Gap, HalfFrame, Late, Reorder
from quantlab.paper.faults.plan import Active, Plan, matches

USER = "user"  # the stream of an account's own events


class Message(NamedTuple):
    """One message as faults see it. `account` is "" on a market stream."""

    stream: str
    symbol: str
    event: str
    account: str = ""


class Delivery(NamedTuple):
    """What to send now, and how long to wait with it (real milliseconds)."""

    payloads: list[bytes]
    wait_ms: float = 0


class _Held:
    """A message that waits until others have gone before it."""

    __slots__ = ("left", "payload")

    def __init__(self, payload: bytes, left: int) -> None:
        self.payload = payload
        self.left = left


class Sieve:
    """Every stream message passes through here while a frame fault is on the list."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._gaps: dict[tuple[int, Hashable, str], int] = {}
        self._held: dict[tuple[int, Hashable, str], _Held] = {}

    def deliver(self, socket: Hashable, message: Message, payload: bytes, now_ms: int) -> Delivery:
        """What becomes of one message for one socket; each fault works on what the one before left."""
        payloads, wait_ms = [payload], 0.0
        for active in self._plan.frames:
            fault = active.fault
            if not isinstance(fault, FrameFault) or not _hits(fault, message):
                continue
            key = (active.number, socket, message.stream)
            if key in self._held:
                payloads = self._overtake(key, payloads)
            elif self._gaps.get(key):
                self._gaps[key] -= 1
                payloads = []
            elif active.in_force(now_ms) and payloads and self._plan.take(active, message.stream):
                payloads = self._strike(key, fault, payloads)
                wait_ms += fault.ms + active.jitter(fault.jitter_ms) if isinstance(fault, Late) else 0
        return Delivery(payloads, wait_ms)

    def release(self, active: Active) -> list[tuple[Hashable, bytes]]:
        """Forget a fault that has ended; what it held back, and for which socket."""
        for key in [key for key in self._gaps if key[0] == active.number]:
            del self._gaps[key]
        mine = [key for key in self._held if key[0] == active.number]
        return [(key[1], self._held.pop(key).payload) for key in mine]

    def forget(self, socket: Hashable) -> None:
        """The socket is gone."""
        for kept in (self._gaps, self._held):
            for key in [key for key in kept if key[1] == socket]:
                kept.pop(key)

    def _overtake(self, key: tuple[int, Hashable, str], payloads: list[bytes]) -> list[bytes]:
        held = self._held[key]
        held.left -= 1
        if held.left:
            return payloads
        del self._held[key]
        return [*payloads, held.payload]

    def _strike(
        self, key: tuple[int, Hashable, str], fault: FrameFault, payloads: list[bytes]
    ) -> list[bytes]:
        match fault:
            case Drop():
                return []
            case Gap():
                self._gaps[key] = fault.frames - 1
                return []
            case Duplicate():
                return [each for each in payloads for _ in range(2)]
            case Reorder():
                self._held[key] = _Held(payloads[0], fault.frames)
                return payloads[1:]
            case HalfFrame():
                return [payload[: len(payload) // 2] for payload in payloads]
            case _:
                return payloads


def _hits(fault: FrameFault, message: Message) -> bool:
    return (
        matches(fault.stream, message.stream)
        and matches(fault.symbol, message.symbol)
        and matches(fault.account, message.account)
        and matches(fault.event, message.event)
    )
