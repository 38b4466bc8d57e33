"""What earlier sessions left in the journal: used ids, open outcomes, what was traded, a HALT that stands.

Read-only, and no more than hints: what became of an order, only the venue can say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from quantlab.domain.limits import Limits
from quantlab.domain.orders import ExecutionReport, OrderRequest
from quantlab.trading.chain import Line
from quantlab.trading.kept import KIND, KeptLine
from quantlab.trading.lately import Intent, Lately
from quantlab.trading.states import OrderEvent

SETTLED = frozenset({OrderEvent.ACK.value, OrderEvent.REFUSED.value, OrderEvent.NOT_SENT.value})


class Recovered(msgspec.Struct, frozen=True, kw_only=True):
    """`unfinished` may live at the venue: sent, or about to be, and no answer was written down.

    `traded` are the executions that were reported, oldest first: what we hold began with them.
    `marks` are, by symbol, the trade ids up to which reconciliation had seen all of our trades.
    `halted` is the reason of a HALT that nobody lifted; empty where there is none. `limits` are
    those last set, None where nobody changed them. `kept` is what `kept.Kept` kept, by name. `lately`
    fills the windows again.
    """

    client_order_ids: frozenset[str]
    unfinished: tuple[OrderRequest, ...]
    traded: tuple[ExecutionReport, ...] = ()
    marks: Mapping[str, int] = {}
    halted: str = ""
    limits: Limits | None = None
    kept: Mapping[str, Any] = {}
    lately: Lately = msgspec.field(default_factory=Lately)


def recovered(lines: Iterable[Line]) -> Recovered:
    """Read the lines that `sender.OrderSender` and the engine's HALT wrote."""
    reading = _Reading()
    for line in lines:
        read = reading.kinds.get(line.kind)
        if read is not None:
            read(line)
    return reading.result()


class _Reading:
    """What the lines said so far; each kind of line has a method."""

    def __init__(self) -> None:
        self._open: dict[str, OrderRequest] = {}
        self._used: set[str] = set()
        self._traded: list[ExecutionReport] = []
        self._marks: dict[str, int] = {}
        self._halted = ""
        self._limits: Limits | None = None
        self._kept: dict[str, Any] = {}
        self._lately = Lately()
        self.kinds: Mapping[str, Callable[[Line], object]] = {
            "intent": self._intent, "outcome": self._outcome, "execution": self._execution,
            "cancel": self._cancel, "amend": self._lately.note, "reconciled": self._reconciled,
            "halt.set": self._halt, "halt.cleared": self._resume, "limits.set": self._limit, KIND: self._keep,
        }  # fmt: skip

    def result(self) -> Recovered:
        return Recovered(
            client_order_ids=frozenset(self._used),
            unfinished=tuple(self._open.values()),
            traded=tuple(self._traded),
            marks=self._marks,
            halted=self._halted,
            limits=self._limits,
            kept={key: value for key, value in self._kept.items() if value is not None},
            lately=self._lately,
        )

    def _intent(self, line: Line) -> None:
        intent = msgspec.json.decode(line.data, type=Intent)
        self._lately.note(line, intent)
        for request in intent.all:
            self._used.add(request.client_order_id)
            self._open[request.client_order_id] = request

    def _outcome(self, line: Line) -> None:
        outcome = msgspec.json.decode(line.data, type=dict[str, Any])
        self._lately.note(line, outcome)
        if outcome.get("event") in SETTLED:
            self._open.pop(str(outcome.get("client_order_id")), None)

    def _execution(self, line: Line) -> None:
        report = msgspec.json.decode(line.data, type=ExecutionReport)
        self._lately.note(line, report)
        self._open.pop(report.client_order_id, None)
        self._traded.append(report)

    def _cancel(self, line: Line) -> None:
        self._lately.note(line, msgspec.json.decode(line.data, type=dict[str, Any]))

    def _reconciled(self, line: Line) -> None:
        self._marks |= msgspec.json.decode(line.data, type=Marks).marks

    def _halt(self, line: Line) -> None:
        self._halted = self._halted or msgspec.json.decode(line.data, type=dict[str, str])["reason"]
        self._halted = self._halted or "no reason"

    def _resume(self, line: Line) -> None:
        self._halted = ""
        self._lately.note(line)

    def _limit(self, line: Line) -> None:
        self._limits = msgspec.json.decode(line.data, type=Limits)

    def _keep(self, line: Line) -> None:
        state = msgspec.json.decode(line.data, type=KeptLine)
        self._kept[state.key] = state.value


class Marks(msgspec.Struct, frozen=True):
    """A "reconciled" line."""

    marks: dict[str, int]
