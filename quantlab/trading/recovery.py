"""What earlier sessions left in the journal: used ids, open outcomes, what was traded, a HALT that stands.

Read-only, and no more than hints: what became of an order, only the venue can say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from quantlab.domain.limits import Limits
from quantlab.domain.orders import ExecutionReport, OrderRequest
from quantlab.trading.chain import Line
from quantlab.trading.kept import KIND, KeptLine
from quantlab.trading.states import OrderEvent

SETTLED = frozenset({OrderEvent.ACK.value, OrderEvent.REFUSED.value, OrderEvent.NOT_SENT.value})


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """`unfinished` may live at the venue: sent, or about to be, and no answer was written down.

    `traded` are the executions that were reported, oldest first: what we hold began with them.
    `marks` are, by symbol, the trade ids up to which reconciliation had seen all of our trades.
    `halted` is the reason of a HALT that nobody lifted; empty where there is none. `limits` are
    those last set, None where nobody changed them. `kept` is what `kept.Kept` kept, by name.
    """

    client_order_ids: frozenset[str]
    unfinished: tuple[OrderRequest, ...]
    traded: tuple[ExecutionReport, ...] = ()
    marks: Mapping[str, int] = {}
    halted: str = ""
    limits: Limits | None = None
    kept: Mapping[str, Any] = {}


def recovered(lines: Iterable[Line]) -> Recovered:
    """Read the lines that `sender.OrderSender` and the engine's HALT wrote."""
    open_: dict[str, OrderRequest] = {}
    used: set[str] = set()
    traded: list[ExecutionReport] = []
    marks: dict[str, int] = {}
    halted = ""
    limits: Limits | None = None
    kept: dict[str, Any] = {}
    for line in lines:
        if line.kind == "intent":
            for request in msgspec.json.decode(line.data, type=Intent).all:
                used.add(request.client_order_id)
                open_[request.client_order_id] = request
        elif line.kind == "outcome":
            outcome = msgspec.json.decode(line.data, type=dict[str, Any])
            if outcome.get("event") in SETTLED:
                open_.pop(str(outcome.get("client_order_id")), None)
        elif line.kind == "execution":
            report = msgspec.json.decode(line.data, type=ExecutionReport)
            open_.pop(report.client_order_id, None)
            traded.append(report)
        elif line.kind == "reconciled":
            marks |= msgspec.json.decode(line.data, type=Marks).marks
        elif line.kind == "halt.set":
            halted = halted or msgspec.json.decode(line.data, type=dict[str, str])["reason"] or "no reason"
        elif line.kind == "halt.cleared":
            halted = ""
        elif line.kind == "limits.set":
            limits = msgspec.json.decode(line.data, type=Limits)
        elif line.kind == KIND:
            state = msgspec.json.decode(line.data, type=KeptLine)
            kept[state.key] = state.value
    return Recovered(
        client_order_ids=frozenset(used),
        unfinished=tuple(open_.values()),
        traded=tuple(traded),
        marks=marks,
        halted=halted,
        limits=limits,
        kept={key: value for key, value in kept.items() if value is not None},
    )


class Marks(msgspec.Struct, frozen=True):
    """A "reconciled" line."""

    marks: dict[str, int]


class Intent(msgspec.Struct, frozen=True):
    """The part of an "intent" line that names the order, or the orders of a list."""

    order: OrderRequest | None = None
    orders: tuple[OrderRequest, ...] = ()

    @property
    def all(self) -> tuple[OrderRequest, ...]:
        return self.orders if self.order is None else (self.order,)
