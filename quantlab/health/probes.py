"""Probes: the values that a health sample is made of, each asked so that none can do harm.

A probe that raises or does not answer gives None and a sentence, never a made-up number and
never an exception. Under a fixed clock nothing that is a duration is measured.
"""

from __future__ import annotations

import asyncio
import statistics
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

import msgspec

from quantlab.clock import NS_PER_MS, Clock
from quantlab.health.signals import Sample

FIXED_CLOCK = "clock is fixed"
TYPICAL_OF = 3  # pings, of which the median is judged

NO_STREAMS: tuple[bool | None, int | None, int] = (False, None, 0)  # a probe that fails shows nothing good
NO_CLOCK: tuple[float | None, float | None] = (None, None)

T = TypeVar("T")


class StreamState(Protocol):
    """What the market streams say of themselves; `last_message_ns` by the monotonic clock."""

    @property
    def connected(self) -> bool: ...

    @property
    def last_message_ns(self) -> int | None: ...

    @property
    def reconnects(self) -> int: ...


class Sources(msgspec.Struct, frozen=True, kw_only=True):
    """Where each value comes from: plain calls that return at once, given by the engine.

    `streams` returns None before the first attempt to connect; `user_live` is None (the callable
    itself) where no credentials ask for a user stream. `books` returns (synced, total), `clock`
    (offset_ms, uncertainty_ms) of the venue's clock. Lags are in milliseconds, None if unknown.
    `problem` says what is wrong with the venue itself, where we know better than by asking it.
    `mismatch` says in what our books and the venue's differ, `model_store` why models are not saved.
    """

    streams: Callable[[], StreamState | None]
    books: Callable[[], tuple[int, int]]
    clock: Callable[[], tuple[float | None, float | None]]
    user_live: Callable[[], bool] | None = None
    subscribed: Callable[[], bool] = lambda: True
    gaps: Callable[[], int] = lambda: 0
    kernel_lag: Callable[[], float | None] = lambda: None
    wire_lag: Callable[[], float | None] = lambda: None
    problem: Callable[[], str] = lambda: ""
    mismatch: Callable[[], str] = lambda: ""
    model_store: Callable[[], str] = lambda: ""


class Pinger:
    """Measures the round trip of `ping()` every `every_s` seconds, the first one at once."""

    def __init__(
        self,
        ping: Callable[[], Awaitable[object]],
        clock: Clock,
        *,
        every_s: float = 5.0,
        timeout_s: float = 4.0,
    ) -> None:
        self._ping = ping
        self._clock = clock
        self._every_s = every_s
        self._timeout_s = timeout_s
        self._last: deque[float] = deque(maxlen=TYPICAL_OF)
        self._answered_ns = clock.monotonic_ns()
        self.rtt_ms: float | None = None
        self.missing = FIXED_CLOCK if clock.fixed else "no ping was answered yet"
        self.failure = ""

    @property
    def typical_ms(self) -> float | None:
        """The median of the last three round trips; None before there are three."""
        return statistics.median(self._last) if len(self._last) == TYPICAL_OF else None

    async def run(self) -> None:
        """Ping for ever."""
        while True:
            await self.once()
            await asyncio.sleep(self._every_s)

    async def once(self) -> None:
        """One ping; a failure is kept as a sentence until the next one is answered."""
        sent_ns = self._clock.monotonic_ns()
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._ping()
        except TimeoutError:
            self._failed(f"a ping was not answered in {self._timeout_s:g} s")
        except Exception as error:  # noqa: BLE001  # whatever a probe does becomes a reason
            self._failed(f"a ping failed: {type(error).__name__}: {error}")
        else:
            self.failure = ""
            self._answered_ns = self._clock.monotonic_ns()
            if not self._clock.fixed:
                self.rtt_ms = (self._clock.monotonic_ns() - sent_ns) / NS_PER_MS
                self._last.append(self.rtt_ms)

    def check_alive(self) -> None:
        """Forget the round trip if the pings themselves hang: the last one is no measure of now.

        Under a fixed clock the time between two pings is whatever somebody moved it by.
        """
        if self._clock.fixed:
            return
        silent_s = (self._clock.monotonic_ns() - self._answered_ns) / (1_000 * NS_PER_MS)
        if not self.failure and silent_s > 2 * (self._every_s + self._timeout_s):
            self._failed(f"no ping was answered for {silent_s:.0f} s")

    def _failed(self, text: str) -> None:
        self.rtt_ms = None
        self.failure = text
        if not self._clock.fixed:
            self.missing = text


class Prober:
    """Asks every source once and makes a `Sample` of the answers."""

    def __init__(self, sources: Sources, pinger: Pinger, clock: Clock) -> None:
        self._sources = sources
        self._pinger = pinger
        self._clock = clock

    def sample(self, *, stopped: bool = False) -> Sample:
        """Everything as it is now; what could not be asked is None, with the reason in `missing`."""
        sources, pinger = self._sources, self._pinger
        pinger.check_alive()
        missing: dict[str, str] = {"rtt_ms": pinger.missing}
        failures: list[str] = [pinger.failure] if pinger.failure else []

        def ask(name: str, call: Callable[[], T], otherwise: T) -> T:
            try:
                return call()
            except Exception as error:  # noqa: BLE001  # whatever a probe does becomes a reason
                missing[name] = f"its probe failed: {type(error).__name__}: {error}"
                failures.append(f"the probe of {name} failed: {type(error).__name__}: {error}")
                return otherwise

        if problem := ask("problem", sources.problem, ""):
            failures.insert(0, problem)
        connected, last_ns, reconnects = ask("streams", lambda: _read_streams(sources.streams()), NO_STREAMS)
        synced, total = ask("books", sources.books, (0, 1))
        offset, uncertainty = ask("clock_offset_ms", sources.clock, NO_CLOCK)
        values: dict[str, Any] = {
            "message_age_ms": self._age_ms(last_ns, missing),
            "user_stream": self._user_stream(missing, ask),
            "kernel_lag_ms": self._lag("kernel_lag_ms", sources.kernel_lag, missing, ask),
            "wire_lag_ms": self._lag("wire_lag_ms", sources.wire_lag, missing, ask),
        }
        if self._clock.fixed:
            missing["clock_uncertainty_ms"] = FIXED_CLOCK
        return Sample(
            connected=connected,
            subscribed=ask("subscribed", sources.subscribed, False),
            books_synced=synced,
            books_total=total,
            clock_offset_ms=offset,
            clock_uncertainty_ms=uncertainty,
            rtt_ms=pinger.rtt_ms,
            rtt_typical_ms=pinger.typical_ms,
            reconnects=reconnects,
            gaps=ask("gaps", sources.gaps, 0),
            mismatch=ask("mismatch", sources.mismatch, ""),
            model_store=ask("model_store", sources.model_store, ""),
            stopped=stopped,
            missing=missing,
            failures=tuple(failures),
            **values,
        )

    def _age_ms(self, last_ns: int | None, missing: dict[str, str]) -> float | None:
        if self._clock.fixed:
            missing["message_age_ms"] = FIXED_CLOCK
        elif last_ns is None:
            missing["message_age_ms"] = "no message has come yet"
        else:
            return (self._clock.monotonic_ns() - last_ns) / NS_PER_MS
        return None

    def _user_stream(self, missing: dict[str, str], ask: Callable[..., Any]) -> bool | None:
        if self._sources.user_live is None:
            missing["user_stream"] = "no API key, so there is none"
            return None
        return bool(ask("user_stream", self._sources.user_live, False))

    def _lag(
        self, name: str, call: Callable[[], float | None], missing: dict[str, str], ask: Callable[..., Any]
    ) -> float | None:
        if self._clock.fixed:
            missing[name] = FIXED_CLOCK
            return None
        lag: float | None = ask(name, call, None)
        return lag


def _read_streams(state: StreamState | None) -> tuple[bool | None, int | None, int]:
    return (None, None, 0) if state is None else (state.connected, state.last_message_ns, state.reconnects)
