"""`ql.rails`: the limits, what was decided under them, and what others would have done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from quantlab.control.commands import EndOverride, OverrideLimit
from quantlab.control.handle import Handle
from quantlab.control.overriding import in_force
from quantlab.domain.limits import Limits, Override
from quantlab.errors import InvalidField
from quantlab.frames import Rows
from quantlab.notebook import whatif
from quantlab.notebook.faces import Face, Lazy
from quantlab.notebook.table import Table, View, of_frame

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.pictures import Picture
    from quantlab.trading.decision import Decision


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
