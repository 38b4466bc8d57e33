"""How much may still be asked of the venue: the arithmetic of its limits, before it says no.

Pure: time comes in as the venue's milliseconds. Windows are the venue's own, fixed and aligned to the
wall clock. What is used is what the venue last said in this window, or what we sent in it, whichever
is more; what is on its way counts as used. Each priority may use its share of a limit and no more, so
that there is always something left for cancels, and more for a HALT.

Source: Binance spot REST API, "LIMITS".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

import msgspec

from quantlab.binance.limits import RateLimit

WEIGHT, RAW, ORDERS = "REQUEST_WEIGHT", "RAW_REQUESTS", "ORDERS"
UNIT_MS = {"S": 1_000, "M": 60_000, "H": 3_600_000, "D": 86_400_000}
EDGE_MS = 5  # past a window's end, so that the venue's clock is there too


class Priority(IntEnum):
    """Who asks. A read can wait, an order should not, a cancel must not, a HALT never does."""

    READ = 0
    ORDER = 1
    CANCEL = 2
    HALT = 3


SHARES: Mapping[Priority, float] = {
    Priority.READ: 0.80, Priority.ORDER: 0.90, Priority.CANCEL: 0.97, Priority.HALT: 1.0,
}  # fmt: skip


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What one request takes of each limit."""

    weight: int = 1
    orders: int = 0
    raw: int = 1

    def of(self, kind: str) -> int:
        if kind == WEIGHT:
            return self.weight
        return self.orders if kind == ORDERS else self.raw if kind == RAW else 0


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Not now: `until_ms` is when to ask again (the venue's time), `reason` what is used up."""

    until_ms: int
    reason: str


class Window:
    """One limit: at most `limit` of `kind` in each fixed window of `length_ms`."""

    __slots__ = ("began_ms", "in_flight", "kind", "length_ms", "limit", "name", "told", "told_ms", "used")

    def __init__(self, rule: RateLimit) -> None:
        self.kind = rule.kind
        self.name = rule.window
        self.limit = rule.limit
        self.length_ms = int(rule.window[:-1]) * UNIT_MS[rule.window[-1]]
        self.began_ms = 0
        self.used = 0  # by our own count
        self.told = 0  # by the venue's
        self.told_ms: int | None = None  # when it said so last, in this window or before
        self.in_flight = 0

    def roll(self, now_ms: int) -> None:
        """Begin anew where a window has ended."""
        began_ms = now_ms - now_ms % self.length_ms
        if began_ms > self.began_ms:
            self.began_ms, self.used, self.told = began_ms, 0, 0

    @property
    def spent(self) -> int:
        return max(self.used, self.told) + self.in_flight

    def ends_ms(self) -> int:
        return self.began_ms + self.length_ms


class Budget:
    """Every limit of one venue, for everybody who asks it from here.

    Args:
        shares: How much of each limit a priority may use.
    """

    def __init__(self, shares: Mapping[Priority, float] = SHARES) -> None:
        self._shares = dict(shares)
        self._windows: dict[tuple[str, str], Window] = {}
        self._flying = dict.fromkeys((WEIGHT, RAW, ORDERS), 0)  # admitted and not settled, by kind
        self._closed_until_ms = 0
        self._why_closed = ""

    @property
    def windows(self) -> tuple[Window, ...]:
        return tuple(self._windows.values())

    @property
    def closed_until_ms(self) -> int:
        """Until when the venue has told us to keep silent; in the past where it has not."""
        return self._closed_until_ms

    @property
    def why_closed(self) -> str:
        """What the venue said when it told us to; empty where it never has."""
        return self._why_closed

    def allowed(self, window: Window, priority: Priority) -> int:
        """How much of a limit a priority may use."""
        return int(window.limit * self._shares[priority])

    def left(self, cost: Cost, priority: Priority, now_ms: int) -> int | None:
        """How many requests like this one may still be sent in the windows of now; None: no limit is known.

        Changes nothing, so it may be asked from another thread: what it says may be a request old.
        """
        if now_ms < self._closed_until_ms:
            return 0
        counts = [
            (max(self.allowed(window, priority), asked) - spent) // asked
            for window in tuple(self._windows.values())
            if (asked := cost.of(window.kind))
            for spent in (window.spent if now_ms < window.ends_ms() else window.in_flight,)
        ]
        return max(0, min(counts)) if counts else None

    def learn(self, rules: Iterable[RateLimit]) -> None:
        """Take over the venue's rules; what is counted already stays counted, what is on its way counts."""
        for rule in rules:
            known = self._windows.get((rule.kind, rule.window))
            if known is not None:
                known.limit = rule.limit
            elif rule.window[-1:] in UNIT_MS and rule.window[:-1].isdecimal():
                self._windows[rule.kind, rule.window] = window = Window(rule)
                window.in_flight = self._flying.get(rule.kind, 0)

    def admit(self, cost: Cost, priority: Priority, now_ms: int) -> Refusal | None:
        """Count a request as on its way, or say when to ask again; then nothing is counted."""
        if now_ms < self._closed_until_ms:
            return Refusal(until_ms=self._closed_until_ms, reason=self._why_closed)
        refusal = None
        for window in self._windows.values():
            asked = cost.of(window.kind)
            window.roll(now_ms)
            if asked and window.spent + asked > max(self.allowed(window, priority), asked):
                until_ms = window.ends_ms() + EDGE_MS
                if refusal is None or until_ms > refusal.until_ms:
                    reason = f"{window.spent} of {window.limit} {window.kind} in {window.name} are used"
                    refusal = Refusal(until_ms=until_ms, reason=reason)
        if refusal is None:
            self._fly(cost, 1)
        return refusal

    def settle(self, cost: Cost, charged: Cost, now_ms: int) -> None:
        """A request that was admitted as `cost` is over; `charged` is what it took in the end."""
        self._fly(cost, -1)
        for window in self._windows.values():
            window.roll(now_ms)
            window.used += charged.of(window.kind)

    def _fly(self, cost: Cost, way: int) -> None:
        for kind in self._flying:
            self._flying[kind] += way * cost.of(kind)
        for window in self._windows.values():
            window.in_flight += way * cost.of(window.kind)

    def told(self, kind: str, name: str, used: int, *, sent_ms: int, now_ms: int) -> None:
        """The venue said what is used of one limit, in the answer to what was sent at `sent_ms`.

        Nothing is taken over from an answer that may speak of the window before. Weight only grows;
        the count of orders is the venue's alone, because their fills lower it.
        """
        window = self._windows.get((kind, name))
        if window is None:
            return
        window.roll(now_ms)
        if sent_ms < window.began_ms:
            return
        window.told_ms = now_ms
        if kind == ORDERS:
            window.used = window.told = used
        else:
            window.told = max(window.told, used)

    def close(self, until_ms: int, reason: str) -> None:
        """Ask nothing at all before `until_ms`: the venue said so (429, 418)."""
        if until_ms > self._closed_until_ms:
            self._closed_until_ms, self._why_closed = until_ms, reason
