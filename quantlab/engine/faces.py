"""What the engine shows of its market and its health: looks and waits, no rules.

Used on the main thread. Both ask the wire for what lives there and keep nothing but the last
health they were given.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from quantlab.clock import is_duration
from quantlab.domain.market import BookView, Kline, Trade
from quantlab.domain.venue import HealthState, VenueHealth
from quantlab.errors import InvalidField, UnknownSymbol, VenueUnavailable
from quantlab.frames import frame
from quantlab.market.history import History, Past, Progress

if TYPE_CHECKING:
    import pandas as pd

HISTORY = 1_000
DURATIONS = ("rtt_ms", "message_age_ms", "kernel_lag_ms", "wire_lag_ms")
HEALTH_COLUMNS = (
    "as_of_ms", "state", "rtt_ms", "message_age_ms", "kernel_lag_ms", "wire_lag_ms",
    "books_synced", "reconnects", "gaps",
)  # fmt: skip


class MarketSource(Protocol):
    """What the market face needs of the engine."""

    @property
    def symbols(self) -> Sequence[str]: ...

    @property
    def past(self) -> History: ...

    async def ready(self) -> None: ...

    async def fetch_book(self, symbol: str, limit: int) -> BookView: ...

    async def watch(self, symbol: str) -> None: ...

    async def advance(self, milliseconds: int) -> None: ...

    async def fault(self, name: str, fields: dict[str, object]) -> int: ...

    async def mend(self) -> int: ...


class Market:
    """Symbols, books and the passing of time."""

    def __init__(self, source: MarketSource) -> None:
        self._source = source

    @property
    def symbols(self) -> tuple[str, ...]:
        """What the venue lists; empty before the engine is ready."""
        return tuple(self._source.symbols)

    async def book(self, symbol: str, limit: int = 10) -> BookView:
        """Our own book of `symbol`, the best `limit` levels of each side; watched from now on.

        Raises:
            UnknownSymbol: The venue lists no such symbol.
        """
        if type(limit) is not int or not 1 <= limit <= 1_000:
            raise InvalidField("limit", f"{limit!r} is no number of levels", "give 1 to 1000")
        await self._require(symbol)
        return await self._source.fetch_book(symbol, limit)

    async def watch(self, symbol: str) -> None:
        """Start the streams of `symbol`: trades, best prices, depth and one-minute candles."""
        await self._require(symbol)
        await self._source.watch(symbol)

    async def history(
        self,
        symbol: str,
        what: str,
        start: object,
        end: object = None,
        *,
        progress: Callable[[Progress], object] | None = None,
    ) -> Past[Kline] | Past[Trade]:
        """Candles of an interval ("1m", "1h", ...) or the "trades" of `symbol` from `start` up to `end`.

        `start` and `end` are UTC milliseconds, ISO text, datetimes with a zone, or timedeltas (so long
        ago); without `end` until now. Complete pages are kept under QUANTLAB_HOME and not asked for
        again; a paper venue's only while this engine runs. Weight: 2 for 1,000 candles, 25 for 1,000
        trades, within what is left for reads.

        Raises:
            UnknownSymbol: The venue lists no such symbol.
            InvalidField: Names the argument.
            RateLimited: The venue said to wait for more than 120 s. What came is kept: ask again.
            VenueUnavailable: No answer, or a 5XX. What came is kept: ask again.

        Source: Binance spot REST API, "Kline/Candlestick data", "Old trade lookup".
        """
        await self._require(symbol)
        return await self._source.past.fetch(symbol, what, start, end, progress=progress)

    async def advance(self, seconds: float) -> None:
        """Let the market run for `seconds`.

        In deterministic mode the paper market moves by exactly that and stands still again, and
        every event of it has been handled when this returns; else this simply waits.
        """
        if not is_duration(seconds) or not 0 < seconds <= 3_600:
            raise InvalidField(
                "seconds", f"{seconds!r:.40} is no such time", "give more than 0, at most 3600"
            )
        await self._source.ready()
        await self._source.advance(round(seconds * 1_000))

    async def fault(self, name: str, **fields: object) -> int:
        """Break the embedded paper venue on purpose, to see what one does then; the fault's number.

        `name` and `fields` are those of the README, "Faults of the venue": `fault("drop", stream="user")`.

        Raises:
            InvalidField: There is no such fault, or a field of it cannot be used; by the field.
            EngineError: This venue is none of ours.
        """
        await self._source.ready()
        return await self._source.fault(name, fields)

    async def mend(self) -> int:
        """End every fault, and put back what it changed; how many there were."""
        await self._source.ready()
        return await self._source.mend()

    async def _require(self, symbol: str) -> None:
        await self._source.ready()
        if symbol not in self._source.symbols:
            raise UnknownSymbol(symbol, self._source.symbols)


class Health:
    """The venue's health as last measured, and its history."""

    def __init__(self) -> None:
        self.snapshot: VenueHealth | None = None
        self._history: deque[VenueHealth] = deque(maxlen=HISTORY)
        self._waiters: list[tuple[Callable[[VenueHealth], bool], asyncio.Future[VenueHealth]]] = []

    def on_health(self, health: VenueHealth) -> None:
        """Take the newest measurement (main thread)."""
        self.snapshot = health
        self._history.append(health)
        for met, waiter in self._waiters:
            if not waiter.done() and met(health):
                waiter.set_result(health)
        self._waiters = [(met, waiter) for met, waiter in self._waiters if not waiter.done()]

    def until_ok(self, timeout_s: float = 30.0) -> Awaitable[VenueHealth]:
        """Wait until the state is OK.

        Raises:
            VenueUnavailable: It was not OK within `timeout_s` seconds; the message says why.
        """
        return self.until(HealthState.OK, timeout_s)

    async def until(self, state: HealthState, timeout_s: float = 30.0) -> VenueHealth:
        """Wait until the health is in `state` and return it."""
        if self.snapshot is not None and self.snapshot.state is state:
            return self.snapshot
        waiter: asyncio.Future[VenueHealth] = asyncio.get_running_loop().create_future()
        self._waiters.append((lambda health: health.state is state, waiter))
        try:
            async with asyncio.timeout(timeout_s):  # wait_for of 3.11 may swallow a cancel
                return await waiter
        except TimeoutError:
            last = self.snapshot
            why = "; ".join(reason.text for reason in last.reasons) if last else "nothing was measured"
            where = last.state.value if last else HealthState.UNKNOWN.value
            raise VenueUnavailable(
                f"the venue is {where}, not {state.value}, after {timeout_s:g} s: {why}"
            ) from None

    def frame(self) -> pd.DataFrame:
        """The measurements so far, one row each; ages and lags in milliseconds."""
        rows = [
            {name: getattr(each, name) for name in HEALTH_COLUMNS} | {"state": each.state.value}
            for each in self._history
        ]
        return frame(rows, columns=HEALTH_COLUMNS, index="as_of", durations=DURATIONS)
