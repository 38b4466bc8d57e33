"""What the engine's answers look like: one function per kind, value in, `Table` out.

Pure text. A number that was not measured is shown as not measured, with the reason; an answer
that is old is shown as old. Nothing here is fetched, decided or remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from quantlab.control.effects import DeskStatus
from quantlab.domain.decimals import plain
from quantlab.domain.market import BookView
from quantlab.domain.orders import OrderAck
from quantlab.domain.position import Fill
from quantlab.domain.venue import VenueHealth
from quantlab.domain.verdict import Verdict
from quantlab.health.signals import NO_SAMPLE
from quantlab.health.state import as_seen
from quantlab.notebook.parse import GRAMMAR
from quantlab.notebook.table import Table, cell, of_rows
from quantlab.trading.flatten import Flattened

STATES = {
    "PENDING": "PENDING: on its way, no answer yet",
    "PARTIALLY_FILLED": "PARTIALLY FILLED",
    "UNKNOWN": "UNKNOWN: it may live; it is being resolved, do not send it again",
    "REJECTED": "REJECTED by the venue",
    "DENIED": "DENIED by our rails, nothing was sent",
    "NOT_PLACED": "NOT PLACED: it is not at the venue",
}


def status(rows: Sequence[tuple[str, str]]) -> Table:
    """The engine at a glance."""
    return Table(title="quantlab", rows=tuple((str(label), str(text)) for label, text in rows))


def health(snapshot: VenueHealth | None, *, now_ms: int | None, desk: DeskStatus) -> Table:
    """Is the venue fit to trade on: the state in words, its reasons, and what was measured.

    `now_ms` is our clock (UTC ms); the age is the reader's to judge, so a dead monitor cannot
    look well. It is None under a fixed clock, where there are no ages.
    """
    if snapshot is None:
        return Table(title="venue health: UNKNOWN", notes=("nothing was measured yet", _actions(desk)))
    age: tuple[tuple[str, str], ...] = ()
    if now_ms is not None:
        now_ms += round(snapshot.clock_offset_ms or 0)
        age = (("age", f"{max(0, now_ms - snapshot.as_of_ms) / 1_000:.1f} s when this was shown"),)
        snapshot = as_seen(snapshot, now_ms)
    rows = (
        ("venue", f"{snapshot.venue}, {snapshot.level}"),
        *(("because", reason.text) for reason in snapshot.reasons if reason.code != NO_SAMPLE),
        *age,
        ("since", f"{moment(snapshot.since_ms)} UTC"),
        ("round trip", _measured(snapshot, "rtt_ms")),
        ("newest message", _measured(snapshot, "message_age_ms", " old")),
        (
            "user stream",
            {True: "live", False: "down", None: _why_not(snapshot, "user_stream")}[snapshot.user_stream],
        ),
        ("books", f"{snapshot.books_synced} of {snapshot.books_total} synced, {snapshot.gaps} gaps"),
        ("clock offset", _measured(snapshot, "clock_offset_ms", _uncertainty(snapshot))),
        ("kernel lag", _measured(snapshot, "kernel_lag_ms")),
        ("wire lag", _measured(snapshot, "wire_lag_ms")),
        ("reconnects", str(snapshot.reconnects)),
        ("actions", _actions(desk)),
    )
    as_of = f"snapshot as of {moment(snapshot.as_of_ms)} UTC"
    return Table(title=f"venue health: {snapshot.state.value}, {as_of}", rows=rows)


def book(view: BookView) -> Table:
    """Both sides, best first; a book that is not synced says so in its headline."""
    state = "" if view.state == "synced" else f" ({view.state}: {view.reason or 'do not trade on it'})"
    depth = max(len(view.bids), len(view.asks))
    blank = (None, None)
    rows = [
        (*reversed(view.bids[index] if index < len(view.bids) else blank),
         *(view.asks[index] if index < len(view.asks) else blank))
        for index in range(depth)
    ]  # fmt: skip
    return of_rows(
        ("bid quantity", "bid", "ask", "ask quantity"),
        rows,
        title=f"{view.symbol} book{state}",
        empty="empty",
    )


def decision(answer: Any) -> Table:
    """Every rail's answer to one order. `answer` is a `trading.decision.Decision`."""
    table = verdicts(answer.order, answer.verdicts)
    if answer.largest is None:
        return table
    return msgspec.structs.replace(table, notes=(answer.largest.describe(),))


def verdicts(order: str, answers: Sequence[Verdict]) -> Table:
    """Every rail: verdict, used, limit, headroom; what denies stands first, the rest in the rails' order.

    `order` is the order in words; no answer denies it.
    """
    rows = [
        (
            each.rail,
            "allow" if each.allowed else "DENY",
            each.used,
            each.limit,
            each.headroom,
            each.unit or None,
            each.reason,
        )
        for each in sorted(answers, key=lambda each: each.allowed)
    ]
    columns = ("rail", "verdict", "used", "limit", "headroom", "unit", "reason")
    denied_by = ", ".join(each.rail for each in answers if not each.allowed)
    headline = f"DENIED by {denied_by}" if denied_by else "allowed" if answers else "DENIED"
    return of_rows(columns, rows, title=f"{order}: {headline}", empty="no rail answered: denied")


def rails(functions: Sequence[Callable[..., object]]) -> Table:
    """The rails in order, each with the first sentence of its own documentation."""
    rows = tuple((each.__name__, (each.__doc__ or "").strip().split("\n")[0]) for each in functions)
    return Table(title="rails", columns=("rail", "what it does"), rows=rows)


def order(result: Any, *, fills: Iterable[Fill] = ()) -> Table:
    """One order: what was asked, its state, fills and fees so far, and its id.

    `result` is a `trading.orders.Order`, or the venue's `OrderAck`, which says TAKEN and no more:
    FILLED stands there only where an execution report said so. `fills` are searched for its fees.
    """
    if isinstance(result, OrderAck):
        return Table(title=f"{result.symbol}: TAKEN", rows=(("client id", result.client_order_id),))
    fees: dict[str, Decimal] = {}
    for fill in fills:
        if fill.client_order_id == result.client_order_id and fill.commission_asset:
            fees[fill.commission_asset] = fees.get(fill.commission_asset, Decimal(0)) + fill.commission
    by_worth = f"{cell(result.quote_quantity)} worth of"
    asked = by_worth if result.quantity is None else cell(result.quantity)
    price = "at market" if result.price is None else f"@ {plain(result.price)}"
    kind = "" if result.type in ("LIMIT", "MARKET") else f" {result.type}"
    of_asked = "" if result.quantity is None else f" of {plain(result.quantity)}"
    rows = (
        ("state", STATES.get(result.state, str(result.state))),
        *((("because", result.reason),) if result.reason else ()),
        ("filled", f"{plain(result.filled)}{of_asked}"),
        ("average price", cell(result.average_price)),
        ("fees", cell(fees) if fees else "none so far"),
        ("client id", result.client_order_id),
    )
    return Table(title=f"{result.side} {asked} {result.symbol} {price}{kind}", rows=rows)


def cancelled(result: Any) -> Table:
    """What the venue says of the orders that were cancelled: one `OrderSnapshot` or many."""
    snapshots = result if isinstance(result, list) else [result]
    rows = [
        (
            each.client_order_id,
            each.symbol,
            each.side,
            each.quantity,
            each.price,
            each.executed_quantity,
            each.status,
        )
        for each in snapshots
    ]
    columns = ("client id", "symbol", "side", "quantity", "price", "filled", "status")
    return of_rows(columns, rows, title="cancelled", empty="there was no open order")


def several(rows: Sequence[Any]) -> Table:
    """The orders of a list, or what became of each position that was flattened."""
    if rows and isinstance(rows[0], Flattened):
        names = ("symbol", "before", "left", "cancelled", "orders", "note")
        told = [
            (each.symbol, each.before, each.left, each.cancelled, ", ".join(each.orders), each.reason or None)
            for each in rows
        ]
        return of_rows(names, told, title="flattened")
    columns = ("client id", "symbol", "side", "type", "quantity", "price", "filled", "state")
    orders = [
        (each.client_order_id, each.symbol, each.side, each.type, each.quantity, each.price, each.filled,
         STATES.get(each.state, str(each.state)))
        for each in rows
    ]  # fmt: skip
    return of_rows(columns, orders, title="one request, several orders", empty="there is no position")


def help_table(subject: str) -> Table:
    """All subcommands, or one."""
    rows = []
    for name, entry in GRAMMAR.items():
        if subject in ("", name):
            rows.append((f"%ql {entry.usage}", entry.summary))
            rows.extend([(f"%ql {entry.also[0]}", entry.also[1])] if entry.also else [])
    if subject == "":
        rows.append(("%%on TOPIC [OVERFLOW]", "the cell below becomes a handler with `event` in scope"))
        rows.append(("ql.bus.errors()", "the tracebacks of handlers, which no cell shows"))
    return Table(title="quantlab", rows=tuple(rows))


def message(text: str) -> Table:
    """A sentence."""
    return Table(notes=(text,))


def moment(milliseconds: int) -> str:
    """UTC milliseconds as text: "2026-01-01 00:00:00.000"."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest:03d}"


def _measured(snapshot: VenueHealth, field: str, suffix: str = "") -> str:
    value: float | None = getattr(snapshot, field)
    return _why_not(snapshot, field) if value is None else f"{value:.1f} ms{suffix}"


def _why_not(snapshot: VenueHealth, field: str) -> str:
    """The monitor gives one reason per value that it did not measure: "rtt_ms: why."."""
    start = f"{field}: "
    said = (reason.text for reason in snapshot.reasons if reason.code == NO_SAMPLE)
    why = next((text.removeprefix(start).rstrip(".") for text in said if text.startswith(start)), "")
    return f"not measured ({why})" if why else "not measured"


def _uncertainty(snapshot: VenueHealth) -> str:
    uncertainty = snapshot.clock_uncertainty_ms
    return "" if uncertainty is None else f" ± {uncertainty:.1f} ms"


def _actions(desk: DeskStatus) -> str:
    return "armed" if desk.armed and not desk.glass_cockpit else desk.describe()
