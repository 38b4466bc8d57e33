"""The limits in force, and the only place where a permit is made."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from quantlab.domain.limits import PERMIT_LIFE_NS, Limits, Permissible, Permit
from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest
from quantlab.domain.orders import OrderRequest
from quantlab.frames import frame
from quantlab.trading.amounts import subtract
from quantlab.trading.decision import Decision, Exposure, described
from quantlab.trading.rails.catalogue import AMEND_RAILS, LIMITED, LIST_RAILS, RAILS
from quantlab.trading.rails.deciding import decide
from quantlab.trading.rails.largest import largest
from quantlab.trading.together import Part, merged

if TYPE_CHECKING:
    import pandas as pd

USAGE = ("limit", "rail", "value", "used", "headroom", "unit")


class Rails:
    """Decides on whatever creates exposure: an order, a list of orders, a replacement."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self.last: Decision | None = None

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
        decision = self._decided(request, parts)
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
        self.last = decision = self._decided(request, parts)
        if not decision.allowed:
            return decision, None
        return decision, self._permit(request, now_ns, state_sequence, halts)

    def frame(self) -> pd.DataFrame:
        """Every limit in force, and what the last decided order used of it (None: nothing yet)."""
        last = {each.rail: each for each in self.last.verdicts} if self.last else {}
        rows = []
        for rail, name in LIMITED.items():
            verdict = last.get(rail)
            value = getattr(self._limits, name)
            known = verdict is not None and verdict.used is not None and value is not None
            used, unit = (verdict.used, verdict.unit) if verdict and known else (None, "")
            headroom = subtract(Decimal(value), used) if used is not None else None
            rows.append(dict(zip(USAGE, (name, rail, value, used, headroom, unit), strict=True)))
        return frame(rows, columns=USAGE, index="limit")

    def _decided(self, request: AnyRequest, parts: Sequence[Part]) -> Decision:
        if isinstance(request, OrderRequest):
            return decide(request, parts[0].exposure, self._limits)
        rails = RAILS
        if isinstance(request, AmendRequest):
            rails = AMEND_RAILS
        elif isinstance(request, OrderListRequest):
            rails = (*RAILS, *LIST_RAILS)
        decisions = [decide(order, exposure, self._limits, rails) for order, exposure in parts]
        return merged(described(request), decisions)

    def _permit(self, request: Permissible, now_ns: int, state_sequence: int, halts: int | None) -> Permit:
        return Permit(
            digest=request.digest(),
            limits_version=self._limits.version,
            state_sequence=state_sequence,
            expires_ns=now_ns + PERMIT_LIFE_NS,
            halts=halts,
        )
