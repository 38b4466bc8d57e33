"""Thin faces of the engine's parts: they show themselves as tables and look everything up anew.

Each looks its part up when it is used, so that a name in the notebook outlives a restart of the
engine. A face decides nothing, keeps nothing, and offers no way around the desk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from quantlab.clock import is_duration
from quantlab.control.commands import EndOverride, OverrideLimit
from quantlab.control.handle import Handle
from quantlab.control.overriding import in_force
from quantlab.domain.limits import Limits, Override
from quantlab.domain.market import BookView, Kline, Trade
from quantlab.domain.venue import VenueHealth
from quantlab.errors import InvalidField
from quantlab.frames import Rows
from quantlab.market.history import Past
from quantlab.notebook import views, whatif
from quantlab.notebook.progress import ProgressLine, of_download
from quantlab.notebook.table import Table, View, of_frame
from quantlab.topics import Difference

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.engine import Engine
    from quantlab.pictures import Picture
    from quantlab.trading.decision import Decision
    from quantlab.trading.equity import EquityHistory

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


class PortfolioFace(Face):
    """What our orders came to."""

    __slots__ = ()

    @property
    def fills(self) -> Listing:
        """Executions of our orders, oldest first."""
        return Listing(self._engine, lambda engine: engine.portfolio.fills, "fills")

    @property
    def positions(self) -> Listing:
        """The net of our fills, by symbol."""
        return Listing(self._engine, lambda engine: engine.portfolio.positions, "positions")

    @property
    def balances(self) -> Listing:
        """Free and locked, by asset."""
        return Listing(self._engine, lambda engine: engine.portfolio.balances, "balances")

    @property
    def equity(self) -> EquityHistory:
        """What the account was worth: `.frame()` over time, `.plot()` as a picture."""
        return self._engine().portfolio.equity

    @property
    def strategies(self) -> Listing:
        """Position and profit of each strategy, by symbol."""
        return Listing(self._engine, lambda engine: engine.portfolio.strategies, "strategies")

    @property
    def slippage(self) -> Listing:
        """What orders cost more than the market's price when they were decided."""
        return Listing(self._engine, lambda engine: engine.portfolio.slippage, "slippage")

    @property
    def markouts(self) -> Listing:
        """Where the market went after each fill."""
        return Listing(self._engine, lambda engine: engine.portfolio.markouts, "markouts")

    @property
    def exposure(self) -> tuple[Decimal | None, Decimal | None]:
        """Gross and net exposure of all symbols, in the account's currency; None where not known."""
        return self._engine().portfolio.exposure

    def reconcile(self) -> Lazy[Rows[Difference]]:
        """Compare our books with the venue's now: `await` it. What differed, and was put right or not."""
        return Lazy("reconciliation with the venue", self._reconcile)

    async def _reconcile(self) -> Rows[Difference]:
        return Rows(await self._engine().compare(), of=Difference)

    def frame(self) -> pd.DataFrame:
        """The positions as a pandas frame."""
        return self.positions.frame()

    def table(self) -> Table:
        return of_frame(self.positions.frame(), title="positions", empty="no position; see also .balances")


class DecisionsFace(Face):
    """What the rails decided, newest last; `ql.rails.decisions[7]` is the seventh, with every answer."""

    __slots__ = ()

    def frame(self) -> pd.DataFrame:
        """One row per decision, by its time (UTC): the order, the rail that decided, what was used of what.

        `allowed`, `number` (the first ever is 1), `limits_version` and `state_sequence` say on what;
        `permit` begins the digest in the journal. Money is exact, `share` a float.
        """
        return self._engine().rails.decisions.frame()

    def usage(self) -> pd.DataFrame:
        """A row per decision and limit: what the order used of it."""
        return self._engine().rails.decisions.usage()

    def __getitem__(self, number: int) -> View[Decision]:
        decisions = self._engine().rails.decisions
        try:
            return whatif.explained(decisions[number])
        except KeyError:
            kept = (
                f"there are {decisions.forgotten + 1} to {decisions.taken}" if decisions else "there is none"
            )
            raise InvalidField("number", f"there is no decision {number!r:.40}", kept) from None

    def __iter__(self) -> Iterator[View[Decision]]:
        return map(whatif.explained, self._engine().rails.decisions)

    def __len__(self) -> int:
        return len(self._engine().rails.decisions)

    def table(self) -> Table:
        return whatif.decisions_table(self._engine().rails.decisions)


class RailsFace(Face):
    """The checks that every order passes. Limits are changed by `%ql limits NAME=VALUE`, not here."""

    __slots__ = ()

    @property
    def limits(self) -> Limits:
        """The limits in force."""
        return self._engine().rails.limits

    def frame(self) -> pd.DataFrame:
        """Every limit, and what the last decided order used of it."""
        return self._engine().rails.frame()

    @property
    def decisions(self) -> DecisionsFace:
        """Every decision that was taken: `.frame()`, `.usage()`, and each by its number."""
        return DecisionsFace(self._engine)

    def plot(self, *limits: str, symbol: str = "", sweep: pd.DataFrame | None = None) -> Picture:
        """Usage against limits over time, or what a `sweep` found.

        Args:
            limits: Which, by name; else the six of which most was used.
            symbol: Only what orders of it used; symbols may have limits of their own.
            sweep: The frame of a sweep.
        """
        if sweep is not None:
            from quantlab.trading.rails.pictures import swept

            return swept(sweep)
        return self._engine().rails.decisions.plot(*limits, symbol=symbol)

    def replay(self, limits: Limits | Mapping[str, object] | None = None, **changes: object) -> pd.DataFrame:
        """What another limit set would have done to every decision, each on the state that it met then.

        A row per decision: `changed`, and `..._before` and `..._after` of the verdict, the rail that
        decides, used, limit, headroom, unit. Nothing is changed, sent or published.

        Args:
            limits: The other set, or those that differ by name. None: each decision's own.
            changes: Limits by name that differ from that: `replay(max_position="50000")`.

        Raises:
            InvalidField: Of a limit by its name: there is none, its value is no exact number for it, or it
                says over what time was counted, which cannot be counted again.
        """
        return self._engine().rails.decisions.replay(*whatif.limits_and_changes(limits, changes))

    def sweep(
        self, *, limits: Limits | None = None, progress: bool = True, **values: Iterable[object]
    ) -> Lazy[pd.DataFrame]:
        """`replay` over and over: `await ql.rails.sweep(max_position=[10_000, 20_000])`.

        A row per combination of the values: how many orders would be allowed and denied, how many of
        those newly, and by which rails. `ql.rails.plot(sweep=...)` draws it.

        Args:
            limits: The set in which they differ. None: each decision's own.
            progress: Show how far it is, where it takes more than half a second.
            values: Several values of each limit, by its name.
        """

        async def ask() -> pd.DataFrame:
            engine = self._engine()
            sweep = engine.rails.decisions.sweep(values, limits)
            return await whatif.run(sweep, whatif.line_of(engine, progress=progress))

        return Lazy("a sweep of limits", ask)

    def sweep_sizes(
        self,
        side: object,
        symbol: str,
        quantities: Iterable[object],
        *,
        price: object = None,
        stop: object = None,
        limits: Limits | Mapping[str, object] | None = None,
        progress: bool = True,
    ) -> Lazy[pd.DataFrame]:
        """One order in many sizes, as things stand now; await it.

        `await ql.rails.sweep_sizes("buy", "BTCUSDT", ["0.1", "0.2"], price="60000")`.

        A row per quantity: the answer, the rail that decides with used, limit, headroom and unit, and how
        much of each limit is used (1.0 is all of it). `limits` are others to try. Sends nothing.
        """

        async def ask() -> pd.DataFrame:
            engine = self._engine()
            sweep = await whatif.sizes(
                engine, side, symbol, quantities, limits=limits, price=price, stop=stop
            )
            return await whatif.run(sweep, whatif.line_of(engine, progress=progress))

        return Lazy(f"a sweep of sizes in {symbol!s:.40}", ask)

    def override(self, rail: str, *, symbol: str, minutes: int, reason: str) -> Handle[Any]:
        """Let one of our own limits be broken in `symbol` ("*": in all) for so many minutes; scope admin.

        A handle: nothing changes before it is awaited. The verdicts of orders then say why they pass.
        """
        if type(minutes) is not int or minutes < 1:
            raise InvalidField("minutes", f"{minutes!r:.40} is no such time", "give whole minutes, like 30")
        engine = self._engine()
        until_ms = engine.clock.now_ms() + minutes * 60_000
        return engine.execute(OverrideLimit(rail=rail, symbol=symbol, until_ms=until_ms, reason=reason))

    def end_override(self, rail: str, *, symbol: str) -> Handle[Any]:
        """End the override of `rail` in `symbol` ("*": that for all) before its time; scope limits."""
        return self._engine().execute(EndOverride(rail=rail, symbol=symbol))

    @property
    def overrides(self) -> Rows[Override]:
        """The limits that may be broken now: where, until when (UTC ms), and why."""
        engine = self._engine()
        return Rows(in_force(engine.rails.limits, engine.clock.now_ms()), of=Override)

    def table(self) -> Table:
        return of_frame(self.frame(), title=f"limits, version {self.limits.version}")


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
