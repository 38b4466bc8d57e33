"""Behind `ql.rails.decisions`, `replay` and the sweeps: what was decided, and what would have been.

Nothing is decided here. A sweep is run in slices, so that the loop, and with it every stream, goes on
while a thousand decisions are taken again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from quantlab.domain.limits import Limits
from quantlab.domain.orders import Side
from quantlab.errors import InvalidField
from quantlab.notebook import views
from quantlab.notebook.building import request
from quantlab.notebook.progress import ProgressLine, of_sweep
from quantlab.notebook.table import Table, View, of_frame
from quantlab.trading.decision import Decision
from quantlab.trading.rails.decided import Decided
from quantlab.trading.rails.sweeps import Step, Sweep, sweep_sizes
from quantlab.trading.rails.whatif import OtherLimits, require_limits
from quantlab.trading.together import Part

if TYPE_CHECKING:
    import pandas as pd

    from quantlab.engine import Engine
    from quantlab.trading.rails.record import Decisions

SLICE_S = 0.005
MOST_SIZES = 1_000  # their states are all read in one go, so that they are of one moment
SHOWN = {
    "time": "time", "number": "number", "order": "order", "allowed": "verdict", "rail": "rail",
    "used": "used", "limit": "limit", "headroom": "headroom", "unit": "unit",
}  # fmt: skip
REPLAYED = {
    "number": "number", "order": "order", "allowed_before": "was", "allowed_after": "would be",
    "rail_after": "rail", "used_after": "used", "limit_after": "limit", "unit_after": "unit",
}  # fmt: skip


def decisions_table(decisions: Decisions) -> Table:
    """Newest last. The headline says how many there were, and how many of them are gone."""
    title = f"decisions: {decisions.taken:,}"
    if decisions.forgotten:
        title += f", of which the last {len(decisions):,} are kept"
    return of_frame(_worded(decisions.frame(), SHOWN), title=title, empty="no order was decided yet")


def replay_table(table: pd.DataFrame) -> Table:
    """The decisions that would be others, and how many stay as they are."""
    changed = table[table["changed"]]
    now, then = int(table["allowed_after"].sum()), int(table["allowed_before"].sum())
    title = f"what if: of {len(table):,} decisions {then:,} were allowed, {now:,} would be"
    return of_frame(_worded(changed, REPLAYED), title=title, empty="no decision would be another")


async def sizes(
    engine: Engine,
    side: object,
    symbol: str,
    quantities: Iterable[object],
    *,
    limits: object = None,
    **terms: Any,
) -> Sweep:
    """The sweep of one order over `quantities`, all of them as things stand now."""
    side = side_of(side)
    given = [quantities] if isinstance(quantities, str) else list(quantities)
    if not 0 < len(given) <= MOST_SIZES:
        raise InvalidField(
            "quantities", f"there are {len(given):,}", f"give 1 to {MOST_SIZES:,} exact amounts"
        )
    asked = [request(side, symbol, each, **terms) for each in given]
    await engine.priced(symbol)
    in_force = engine.rails.limits
    others = OtherLimits(*require_limits(limits)).instead_of(in_force)[0]
    parts: list[Part] = [engine.parts_of(each)[0] for each in asked]
    return sweep_sizes(parts, others)


async def run(sweep: Sweep, show: ProgressLine[Step] | None) -> pd.DataFrame:
    """Run a sweep to its end, letting the loop go every 5 ms; its frame."""
    step, until = None, time.monotonic() + SLICE_S
    try:
        while True:
            try:
                step = next(sweep)
            except StopIteration as end:
                table: pd.DataFrame = end.value
                return table
            if time.monotonic() >= until:
                if show is not None:
                    show(step)
                await asyncio.sleep(0)
                until = time.monotonic() + SLICE_S
    finally:
        if show is not None and step is not None:
            show(step)
            show.close()


def line_of(engine: Engine, *, progress: bool) -> ProgressLine[Step] | None:
    """The bar of a sweep; in a repeatable notebook it shows where it ended, and nothing before."""
    return ProgressLine(of_sweep, when="end" if engine.clock.fixed else "slow") if progress else None


def side_of(value: object) -> Side:
    """A side, or the word for it."""
    try:
        return Side(str(value).upper())
    except ValueError:
        raise InvalidField("side", f"{value!r:.40} is none", 'give "buy" or "sell"') from None


def limits_and_changes(limits: object, changes: dict[str, object]) -> tuple[Limits | None, dict[str, object]]:
    """What `replay` takes: a whole set, or those that differ by name, or both."""
    whole, named = require_limits(limits)
    return whole, {**named, **changes}


def explained(each: Decided) -> View[Decision]:
    """One decision, shown as `%ql explain` does."""
    return View(lambda: each.decision, views.decision)


def _worded(table: pd.DataFrame, names: dict[str, str]) -> pd.DataFrame:
    """Some columns, with verdicts as words."""
    found = table.reset_index()[list(names)].rename(columns=names)
    for name in ("verdict", "was", "would be"):
        if name in found:
            found[name] = ["allow" if each else "DENY" for each in found[name]]
    return found
