"""One decision, and what it was taken on: enough to take it again, to the last word. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AnyRequest
from quantlab.trading.decision import Decision
from quantlab.trading.rails.judging import judge
from quantlab.trading.together import Part


class Decided(NamedTuple):
    """One decision: its number (the first ever is 1), what it was taken on, and what came of it."""

    number: int
    request: AnyRequest
    parts: Sequence[Part]
    limits: Limits
    state_sequence: int
    allowed: bool

    @property
    def time_ms(self) -> int | None:
        """When (UTC); None where whoever asked had no clock."""
        return self.parts[0].exposure.now_ms

    @property
    def decision(self) -> Decision:
        """Every rail's answer, as it was."""
        return self.under(self.limits)

    def under(self, limits: Limits) -> Decision:
        """Every rail's answer had these limits been in force."""
        return judge(self.request, self.parts, limits)
