"""What came of several orders at once, as lists that a cell shows as tables."""

from __future__ import annotations

from typing import Any

from quantlab.domain.orders import OrderSnapshot
from quantlab.frames import Rows


class Cancelled(list[OrderSnapshot]):
    """The orders that a cancel of many has ended; a list, which a cell shows as a table."""

    __slots__ = ()


class Several(list[Any]):
    """What came of several orders, or of several symbols; a list, which a cell shows as a table."""

    def __init__(self, rows: Rows[Any]) -> None:
        super().__init__(rows)
        self._rows = rows

    def frame(self) -> Any:
        """One line for each, as a pandas frame."""
        return self._rows.frame()


def cancelled(answer: Any) -> Cancelled:
    """The venue's answer to a cancel of many."""
    return Cancelled(answer)


def several(answer: Any) -> Several:
    """The records of several orders, or the rows of a flatten."""
    return Several(answer)
