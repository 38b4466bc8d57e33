"""The limits in force, and the only place where a permit is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AnyRequest
from quantlab.domain.orders import OrderRequest
from quantlab.domain.permit import PERMIT_LIFE_NS, Permissible, Permit
from quantlab.frames import frame
from quantlab.trading.decision import Decision
from quantlab.trading.exposure import Exposure
from quantlab.trading.rails.judging import judge
from quantlab.trading.rails.largest import largest
from quantlab.trading.rails.record import Decisions
from quantlab.trading.rails.usage import COLUMNS, usage
from quantlab.trading.together import Part

if TYPE_CHECKING:
    import pandas as pd


class Rails:
    """Decides on whatever creates exposure: an order, a list of orders, a replacement.

    Attributes:
        decisions: Those that were taken, with what they were taken on.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.decisions = Decisions()

    @property
    def limits(self) -> Limits:
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        """Put other limits in force; their version is one above the last, whatever they say."""
        self._limits = msgspec.structs.replace(limits, version=self._limits.version + 1)

    def explain(self, request: OrderRequest, exposure: Exposure) -> Decision:
        """What `decide` would answer, and the largest amount that passes; no permit, nothing reserved."""
        return self.explain_together(request, (Part(request, exposure),))

    def explain_together(self, request: AnyRequest, parts: Sequence[Part]) -> Decision:
        """What `decide_together` would answer; no permit, nothing reserved. Of one order as `explain`."""
        decision = judge(request, parts, self._limits)
        if isinstance(request, OrderRequest):
            decision.largest = largest(request, parts[0].exposure, self._limits)
        return decision

    def decide(
        self,
        request: OrderRequest,
        exposure: Exposure,
        *,
        now_ns: int,
        state_sequence: int,
        halts: int | None = None,
    ) -> tuple[Decision, Permit | None]:
        """As `decide_together`, for one order."""
        return self.decide_together(
            request, (Part(request, exposure),), now_ns=now_ns, state_sequence=state_sequence, halts=halts
        )

    def decide_together(
        self,
        request: AnyRequest,
        parts: Sequence[Part],
        *,
        now_ns: int,
        state_sequence: int,
        halts: int | None = None,
    ) -> tuple[Decision, Permit | None]:
        """The decision, and the one-shot permit for all of it where every rail allowed every order.

        Args:
            request: Exactly as it will be sent.
            parts: Each of its orders with the state it is decided on, numbered `state_sequence`.
            now_ns: The monotonic clock; the permit lives one second from here.
            halts: The HALT latch's generation, read before the state; see `Permit`.
        """
        decision = judge(request, parts, self._limits)
        self.decisions.note(request, parts, self._limits, state_sequence, decision.allowed)
        if not decision.allowed:
            return decision, None
        return decision, self._permit(request, now_ns, state_sequence, halts)

    def frame(self) -> pd.DataFrame:
        """Every limit in force that is a number, and what the last decided order used of it; see `usage`."""
        return frame(usage(self._limits, self.decisions.last), columns=COLUMNS, index="limit")

    def _permit(self, request: Permissible, now_ns: int, state_sequence: int, halts: int | None) -> Permit:
        return Permit(
            digest=request.digest(),
            limits_version=self._limits.version,
            state_sequence=state_sequence,
            expires_ns=now_ns + PERMIT_LIFE_NS,
            halts=halts,
        )
