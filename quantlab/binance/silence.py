"""Which streams of one connection have fallen silent, and when a new connection is worth trying.

Pure: time is an argument, in seconds of any steady clock. What a stream was like outlives its connection:
one that spoke ten times a second and says nothing on the next connection is silent there, too. A stream
that rests cannot be told from one that stalls, so new connections are tried ever more seldom.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from quantlab.binance.pulse import Pulse

CHANGE_EVERY_S = 60.0  # a new connection for silent streams; twice as long each time it did not help
CHANGE_SELDOM_S = 960.0


class Fallen(msgspec.Struct, frozen=True):
    """Streams that have fallen silent since the last look, and a sentence."""

    names: tuple[str, ...]
    reason: str


class Silence:
    """The ear for one connection's streams.

    Attributes:
        pulses: By the stream's name; the reader counts there (`count += 1`).
    """

    def __init__(self, silent_after_s: float) -> None:
        self.pulses: dict[bytes, Pulse] = {}
        self._silent_after_s = silent_after_s
        self._fallen: list[str] = []  # since the last new connection
        self._reason = ""
        self._change_at_s: float | None = None
        self._change_after_s = CHANGE_EVERY_S

    @property
    def silent(self) -> tuple[str, ...]:
        """Streams that have spoken regularly and say nothing any more."""
        return tuple(name.decode() for name, pulse in self.pulses.items() if pulse.silent)

    def watch(self, names: Iterable[str]) -> None:
        for name in names:
            self.pulses.setdefault(name.encode(), Pulse())

    def forget(self, names: Iterable[str]) -> None:
        for name in names:
            self.pulses.pop(name.encode(), None)

    def look(self, now_s: float, pause_s: float) -> Fallen | None:
        """Look at every stream; `pause_s` is how long we were blocked ourselves since the last look."""
        fallen = []
        for name, pulse in self.pulses.items():
            if pause_s:  # what came meanwhile is being read only now
                pulse.excuse(pause_s)
            if pulse.tick(now_s, self._silent_after_s):
                fallen.append(name.decode())
        if not fallen:
            return None
        known = [pulse for pulse in self.pulses.values() if pulse.last_s is not None]
        every = all(pulse.silent for pulse in known)
        what = "every stream" if every else f"{len(fallen)} of {len(known)} streams"
        self._reason = f"{what} fell silent, {fallen[0]} among them"
        self._fallen += fallen
        return Fallen(tuple(fallen), self._reason)

    def change(self, now_s: float) -> str:
        """Why a new connection is due now; "" where it is not. Asking for it counts as trying it."""
        if self._change_at_s is not None and now_s < self._change_at_s:
            return ""
        if not any(pulse.silent for pulse in self.pulses.values()):
            if not any(pulse.awaited for pulse in self.pulses.values()):  # all speak again
                self._change_after_s = CHANGE_EVERY_S
            return ""
        self._change_at_s = now_s + self._change_after_s
        self._change_after_s = min(2 * self._change_after_s, CHANGE_SELDOM_S)
        return self._reason

    def renewed(self, now_s: float) -> tuple[str, ...]:
        """A new connection took over: which of the fallen streams have their chance on it."""
        fallen, self._fallen = tuple(self._fallen), []
        for pulse in self.pulses.values():
            if pulse.silent:
                pulse.begin(now_s, paused=True)
        return fallen

    def connected(self, now_s: float) -> None:
        """There was no connection; there is one now."""
        self._fallen = []
        for pulse in self.pulses.values():
            pulse.begin(now_s, paused=False)
