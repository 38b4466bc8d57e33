"""One request judged whole: which rails are asked of which kind, and of each of its orders."""

from __future__ import annotations

from collections.abc import Sequence

from quantlab.domain.limits import Limits
from quantlab.domain.order_lists import AmendRequest, AnyRequest, OrderListRequest
from quantlab.domain.orders import OrderRequest
from quantlab.trading.decision import Decision, described
from quantlab.trading.rails.catalogue import AMEND_RAILS, LIST_RAILS, RAILS
from quantlab.trading.rails.deciding import decide
from quantlab.trading.together import Part, merged


def judge(request: AnyRequest, parts: Sequence[Part], limits: Limits) -> Decision:
    """The decision on `request`; a function of its arguments alone, so that it can be taken again."""
    if isinstance(request, OrderRequest):
        return decide(request, parts[0].exposure, limits)
    rails = RAILS
    if isinstance(request, AmendRequest):
        rails = AMEND_RAILS
    elif isinstance(request, OrderListRequest):
        rails = (*RAILS, *LIST_RAILS)
    return merged(described(request), [decide(order, seen, limits, rails) for order, seen in parts])
