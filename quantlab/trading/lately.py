"""What earlier sessions did lately, as their journal has it: a restart empties no window.

Pure. Every order, amendment, cancel, answer and execution is a line with its wall time already; from these
the windows of `pace` and the cells of `reruns` are filled again. Nothing is written for it.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

from quantlab.domain.limits import Limits
from quantlab.domain.orders import ExecutionReport, OrderRequest
from quantlab.trading.chain import Line
from quantlab.trading.pace import MS_NS, STOPS, Tempo
from quantlab.trading.reruns import Cell
from quantlab.trading.states import ERRORS, OrderEvent

MOST = 10_000  # lines; what is older has left every window, as good as
CELLS_MS = 86_400_000  # to run a cell again tomorrow is an intent
NOTHING = (OrderEvent.REFUSED, OrderEvent.NOT_SENT)
EARLIER = -1  # the run of a cell of an earlier session; the notebook counts from one


class Intent(msgspec.Struct, frozen=True):
    """The part of an "intent" line that names the order, or the orders of a list, and the cell it is from."""

    order: OrderRequest | None = None
    orders: tuple[OrderRequest, ...] = ()
    cell: str = ""

    @property
    def all(self) -> tuple[OrderRequest, ...]:
        return self.orders if self.order is None else (self.order,)


class Lately:
    """The newest of those lines, to be played back to a `Tempo`."""

    def __init__(self) -> None:
        self._lines: deque[tuple[Line, Any]] = deque(maxlen=MOST)

    def note(self, line: Line, said: Intent | ExecutionReport | dict[str, Any] | None = None) -> None:
        """The next line, and what it says."""
        self._lines.append((line, said))

    def restore(self, tempo: Tempo, limits: Limits, now_ns: int, now_ms: int) -> None:
        """Have `tempo` know all of it, as if there had been no restart.

        A moment that lies ahead of our clock, which was set back meanwhile, is now.
        """
        nothing_came, stopped = self._nothing_came(), set[str]()
        for line, said in self._lines:
            age_ms = max(0, now_ms - line.time_ms)
            moment = now_ns - age_ms * MS_NS
            match said:
                case Intent():
                    held = Cell(said.cell, EARLIER) if said.cell and age_ms < CELLS_MS else None
                    for each in said.all:
                        name = each.client_order_id
                        cell = None if name in nothing_came else held
                        tempo.sent(each, limits, moment, client_order_id=name, cell=cell)
                case ExecutionReport():
                    name = said.client_order_id
                    if said.status == "FILLED" and said.type in STOPS and name not in stopped:
                        stopped.add(name)
                        tempo.stopped(said.symbol, limits, moment, line.time_ms)
                case dict() if line.kind == "outcome":
                    tempo.answered(moment, error=said.get("event") in ERRORS)
                case dict() if line.kind == "cancel" and said.get("client_order_id") is not None:
                    tempo.cancelled(moment, limits.max_cancels_per_second)
                case None if line.kind == "amend":
                    tempo.amended(moment)
                case None if line.kind == "halt.cleared":
                    tempo.rearm()

    def _nothing_came(self) -> set[str]:
        """The orders that the venue refused, or that never left: their cells may send them again."""
        return {
            said["client_order_id"]
            for line, said in self._lines
            if line.kind == "outcome" and said.get("event") in NOTHING
        }
