"""Thin faces of the engine's parts: they show themselves as tables and look everything up anew.

Each looks its part up when it is used, so that a name in the notebook outlives a restart of the
engine. A face decides nothing, keeps nothing, and offers no way around the desk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from quantlab.clock import is_duration
from quantlab.domain.market import BookView, Kline, Trade
from quantlab.domain.venue import VenueHealth
from quantlab.errors import InvalidField
from quantlab.market.history import Past
from quantlab.notebook import views
from quantlab.notebook.progress import ProgressLine, of_download
from quantlab.notebook.table import Table, of_frame

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.engine import Engine

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"

T = TypeVar("T")


class Lazy(Generic[T]):
    """What `await` gets: nothing is asked before, and forgetting it costs nothing and warns nobody.

    Awaited again it asks again. A task of its own is `asyncio.ensure_future(it)`.
    """

    __slots__ = ("_ask", "_what")

    def __init__(self, what: str, ask: Callable[[], Awaitable[T]]) -> None:
        self._what = what
        self._ask = ask

    def __await__(self) -> Generator[Any, Any, T]:
        return self._ask().__await__()

    def __repr__(self) -> str:
        return f"{self._what}: NOT AWAITED - write await before it"


class Face:
    """Something of the engine that shows itself as a table."""

    __slots__ = ("_engine",)

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    def table(self) -> Table:
        """What it shows, as text and as HTML."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.table().text()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002
        return self.table().bundle()


class Listing(Face):
    """A table of the engine, to look at: fills, positions or balances."""

    __slots__ = ("_find", "_title")

    def __init__(self, engine: Callable[[], Engine], find: Callable[[Engine], Any], title: str) -> None:
        super().__init__(engine)
        self._find = find
        self._title = title

    def frame(self) -> pd.DataFrame:
        """The table as a pandas frame; money stays Decimal."""
        frame: pd.DataFrame = self._find(self._engine()).frame()
        return frame

    def __getitem__(self, key: Any) -> Any:
        return self._find(self._engine())[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._find(self._engine()))

    def __len__(self) -> int:
        return len(self._find(self._engine()))

    def table(self) -> Table:
        return of_frame(self.frame(), title=self._title)


class HealthFace(Face):
    """Is the venue fit to trade on? Shown live in a browser, as a table with its time elsewhere."""

    __slots__ = ("_widget",)

    def __init__(self, engine: Callable[[], Engine], widget: Callable[[], Any]) -> None:
        super().__init__(engine)
        self._widget = widget

    @property
    def snapshot(self) -> VenueHealth | None:
        """The last answer, or None before the first."""
        return self._engine().health.snapshot

    def frame(self) -> pd.DataFrame:
        """The answers so far, one row each."""
        frame: pd.DataFrame = self._engine().health.frame()
        return frame

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:  # noqa: ARG002
        return {**self.table().bundle(), WIDGET_VIEW: self._widget().get_view_spec()}

    def until_ok(self, timeout_s: float = 30.0) -> Lazy[VenueHealth]:
        """Wait until the state is OK: `await` it; raises `VenueUnavailable`, saying why, when it is not."""
        if not is_duration(timeout_s):
            raise InvalidField("timeout_s", f"{timeout_s!r:.40} is no such time", "give seconds, like 30")
        return Lazy("the health OK", lambda: self._engine().health.until_ok(timeout_s))

    def table(self) -> Table:
        engine = self._engine()
        now_ms = None if engine.clock.fixed else engine.clock.now_ms()
        return views.health(self.snapshot, now_ms=now_ms, desk=engine.desk.status())


class MarketFace(Face):
    """The books and the symbols of the venue."""

    __slots__ = ()

    @property
    def symbols(self) -> tuple[str, ...]:
        """What the venue lists."""
        return tuple(self._engine().market.symbols)

    def book(self, symbol: str, limit: int = 10) -> Lazy[BookView]:
        """Our own book of `symbol`, the best `limit` levels: `await` it."""
        return Lazy(f"a book of {symbol!s:.40}", lambda: self._engine().market.book(symbol, limit))

    def watch(self, symbol: str) -> Lazy[None]:
        """Start the streams of one more symbol: `await` it."""
        return Lazy(f"the streams of {symbol!s:.40}", lambda: self._engine().market.watch(symbol))

    def history(
        self, symbol: str, what: str, start: object, end: object = None, *, progress: bool = True
    ) -> Lazy[Past[Kline] | Past[Trade]]:
        """Candles ("1m", "1h", ...) or "trades" from `start` up to `end`: `await` it.

        `start` and `end` are UTC milliseconds, ISO text, datetimes with a zone, or timedeltas (so long
        ago); without `end` until now. `.frame()` of the result is a table, `.bars(TickBars(100))` of
        trades are bars. A bar shows how far a download of more than half a second is.
        """

        async def ask() -> Past[Kline] | Past[Trade]:
            show = ProgressLine(of_download) if progress else None
            try:
                return await self._engine().market.history(symbol, what, start, end, progress=show)
            finally:
                if show is not None:
                    show.close()

        return Lazy(f"{what!s:.40} of {symbol!s:.40}", ask)

    def fault(self, name: str, **fields: object) -> Lazy[int]:
        """Break the embedded paper venue on purpose: `await ql.market.fault("drop", stream="user", count=2)`.

        See the README, "Faults of the venue". What comes back is the fault's number.
        """
        return Lazy(f"the fault {name!s:.40}", lambda: self._engine().market.fault(name, **fields))

    def mend(self) -> Lazy[int]:
        """End every fault of the embedded venue: `await` it; how many there were."""
        return Lazy("a venue without faults", self._engine().market.mend)

    def advance(self, seconds: float) -> Lazy[None]:
        """Let the market run for `seconds`: `await` it; a deterministic paper market moves only then."""
        return Lazy(f"{seconds!s:.40} s of market", lambda: self._engine().market.advance(seconds))

    def table(self) -> Table:
        return Table(title="market", rows=(("symbols", ", ".join(self.symbols) or "not known yet"),))
