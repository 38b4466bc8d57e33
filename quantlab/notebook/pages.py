"""What the panel's pages and its ticket say: the engine's state in, tables out.

Nothing is fetched, decided or kept. A number of the venue is shown with the time at which the venue
said it; one that it has not said, or that is of an earlier window, is not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from quantlab.binance.limits import LimitUsage, Usage
from quantlab.clock import Clock
from quantlab.domain.orders import OrderRequest
from quantlab.domain.position import Fill
from quantlab.errors import OrderDenied
from quantlab.notebook import views
from quantlab.notebook.table import Table, of_rows
from quantlab.trading.order import Order

if TYPE_CHECKING:
    from quantlab.engine import Engine

MOST_FILLS = 20
UNITS_MS = {"S": 1_000, "M": 60_000, "H": 3_600_000, "D": 86_400_000}
IN_HEADLINE = ("venue", "engine", "trading", "actions", "alarm")
UNMEASURED = "not measured"


def as_of(clock: Clock) -> str:
    """When a table was true, to the second; nothing under a fixed clock, where no time passes."""
    if clock.fixed:
        return ""
    return f"as of {datetime.fromtimestamp(clock.now_ms() / 1_000, UTC):%H:%M:%S UTC, %Y-%m-%d}"


def headline(engine: Engine) -> Table:
    """Venue, engine, trading and who may act, in one line; how long they may is in the status."""
    rows = dict(engine.status())
    rows["actions"] = rows["actions"].split("; ")[0]
    said = (f"{label}: {rows[label]}" for label in IN_HEADLINE if label in rows)
    return Table(notes=(" · ".join(said),))


def static(engine: Engine) -> Table:
    """What a front end without widgets shows: the status, and when it was so."""
    notes = ("the live panel needs a front end that shows widgets", as_of(engine.clock))
    return Table(title="quantlab panel", rows=tuple(engine.status()), notes=tuple(filter(None, notes)))


def open_orders(orders: Sequence[Order]) -> Table:
    """Orders that may still trade, oldest first."""
    rows = [
        (each.client_order_id, each.symbol, each.side, each.type, each.quantity, each.quote_quantity,
         each.price, each.filled, views.STATES.get(each.state, each.state),
         f"{views.moment(each.time_ms)} UTC")
        for each in orders
    ]  # fmt: skip
    columns = (
        "client id", "symbol", "side", "type", "quantity", "quote quantity", "price",
        "filled", "state", "since",
    )  # fmt: skip
    return of_rows(columns, rows, title=f"open orders: {len(rows)}", empty="none is open")


def last_fills(fills: Sequence[Fill]) -> Table:
    """Executions of our orders, the newest first; the rest is in `ql.portfolio.fills`."""
    rows = [
        (f"{views.moment(each.time_ms)} UTC", each.symbol, each.side, each.quantity, each.price,
         each.commission, each.commission_asset, each.client_order_id)
        for each in reversed(fills[-MOST_FILLS:])
    ]  # fmt: skip
    columns = ("time", "symbol", "side", "quantity", "price", "fee", "fee in", "client id")
    title = f"fills, newest first: {len(rows)} of {len(fills)}"
    return of_rows(columns, rows, title=title, empty="nothing was traded")


def client_limits(usage: LimitUsage, *, now_ms: int) -> Table:
    """The venue's limits, and how much of each is used in the window that runs now.

    `now_ms` is the venue's time (UTC ms). Only the venue counts: what it has not said in this
    window is not measured.
    """
    rows = []
    for kind, window, limit in _limits(usage):
        said = next((row for row in usage.rows if (row.kind, row.window) == (kind, window)), None)
        current = said is not None and _of_this_window(said, now_ms)
        rows.append((
            kind,
            window,
            "not told" if limit is None else limit,
            said.used if said and current else UNMEASURED,
            said.headroom if said and current else None,
            f"{said.used} at {views.moment(said.as_of_ms)} UTC" if said else "never",
        ))  # fmt: skip
    columns = ("limit", "window", "at most", "used now", "left", "last said by the venue")
    return of_rows(columns, rows, title="limits of the venue", empty="the venue has told no limit yet")


def answered(order: Order, fills: Sequence[Fill]) -> tuple[Table, ...]:
    """What became of an order that was sent."""
    return (views.order(order, fills=fills),)


def refused(error: Exception, request: OrderRequest, order: Order | None) -> tuple[Table, ...]:
    """What stood against an order, in the words of whoever refused it; `order` is our record of it."""
    tables = [views.message(f"{type(error).__name__}: {error}")]
    if isinstance(error, OrderDenied) and error.verdicts:
        tables.append(views.verdicts(request.describe(), error.verdicts))  # type: ignore[arg-type]  # Verdicts
    if order is not None:
        tables.append(views.order(order))
    return tuple(tables)


def _limits(usage: LimitUsage) -> Iterator[tuple[str, str, int | None]]:
    """What the venue told with its listing, then what it only counts."""
    told = [(each.kind, each.window) for each in usage.limits]
    yield from ((each.kind, each.window, each.limit) for each in usage.limits)
    yield from ((row.kind, row.window, row.limit) for row in usage.rows if (row.kind, row.window) not in told)


def _of_this_window(said: Usage, now_ms: int) -> bool:
    """Windows are aligned to the venue's clock: each counts anew."""
    unit_ms = UNITS_MS.get(said.window[-1:])
    if unit_ms is None or not said.window[:-1].isdecimal() or said.window[:-1].strip("0") == "":
        return False
    length_ms = int(said.window[:-1]) * unit_ms
    return said.as_of_ms // length_ms == now_ms // length_ms
