"""The kinds of rows that the tables are made of.

A `Row` is one endpoint, a `Case` one call of it with its whole answer. Values that begin with "$" stand
for what a given has left in the scene ("$open" is the id of an open order).
"""

from __future__ import annotations

from typing import Any, NamedTuple

ORDER_COST = 0  # a successful call that places or cancels, since 2026-04-02


class Case(NamedTuple):
    """One call. `weight` is the row's own unless said; `status` is 200, or that of a documented error."""

    params: dict[str, Any]
    answer: Any
    weight: int | None = None
    given: tuple[str, ...] = ()
    status: int = 200


class Row(NamedTuple):
    """One endpoint as its section describes it.

    `weight` is what it costs: for TRADE what a refused call costs. `mandatory` and `optional` are the
    parameters by kind (see `kinds.py`), without `timestamp`, `recvWindow`, `signature` and `apiKey`.
    """

    title: str
    method: str
    path: str
    ws: str
    weight: int
    security: str
    mandatory: dict[str, str]
    optional: dict[str, str]
    cases: tuple[Case, ...]

    @property
    def signed(self) -> bool:
        return self.security != "NONE"

    @property
    def kinds(self) -> dict[str, str]:
        return self.mandatory | self.optional

    def base(self, *names: str) -> Case:
        """The first case that sends these parameters, or else the first."""
        return next((case for case in self.cases if set(names) <= case.params.keys()), self.cases[0])
