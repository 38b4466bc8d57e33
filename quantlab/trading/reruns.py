"""Which cell an order comes from, and what its earlier runs have sent: running a cell again is no intent.

Pure. The notebook names the cell (`CELL`); a front end that names none has none to run again. Main thread
only; it costs the same however much was sent, and the oldest is forgotten.
"""

from __future__ import annotations

import contextvars
from contextvars import ContextVar
from typing import TypeVar

import msgspec

K = TypeVar("K")
V = TypeVar("V")
MOST = 10_000  # of which we remember who sent them; the oldest are forgotten


class Cell(msgspec.Struct, frozen=True):
    """Which cell an order comes from, and its how-manieth run that is."""

    cell: str
    run: int


CELL: ContextVar[Cell | None] = ContextVar("cell", default=None)
"""The cell whose run is under way; set by the notebook, and seen by what that run starts."""


def outside_cells() -> contextvars.Context:
    """The context of here, belonging to no cell: for what answers to events and clicks, not to a run."""
    context = contextvars.copy_context()
    context.run(CELL.set, None)
    return context


class Reruns:
    """What cells have sent, and which of them was held back last."""

    def __init__(self) -> None:
        self._sent: dict[tuple[str, str], tuple[int, str]] = {}
        self._held = ""

    def sent(self, cell: Cell, content: str, client_order_id: str) -> None:
        """A run of `cell` has sent `content`."""
        remember(self._sent, (cell.cell, content), (cell.run, client_order_id))

    def earlier(self, cell: Cell | None, content: str) -> str:
        """The client id under which an earlier run of the cell sent the same; empty where none did."""
        if cell is None:
            return ""
        run, client_order_id = self._sent.get((cell.cell, content), (cell.run, ""))
        return client_order_id if run != cell.run else ""

    def held(self, cell: Cell | None) -> None:
        """An order of this cell was denied because an earlier run had sent it."""
        if cell is not None:
            self._held = cell.cell

    def allow(self, *, every: bool = False) -> int:
        """Let the cell that was held back last send all of its orders once more, or every one; how many."""
        cells = {cell for cell, _ in self._sent if every or cell == self._held}
        self._sent = {key: value for key, value in self._sent.items() if key[0] not in cells}
        self._held = ""
        return len(cells)


def remember(known: dict[K, V], key: K, value: V) -> None:
    """Put `value` last, and forget the oldest where there are too many."""
    known.pop(key, None)
    known[key] = value
    if len(known) > MOST:
        del known[next(iter(known))]
