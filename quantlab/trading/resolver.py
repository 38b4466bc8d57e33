"""What became of an order whose answer was lost: ask until the venue knows it, or has proven not to.

Runs on the wire loop. Nothing is ever sent again, and one absence proves nothing: the order may
still be on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from quantlab.errors import VenueError, VenueRejected
from quantlab.trading.answers import OrderAnswer
from quantlab.trading.reconcile import NO_SUCH_ORDER, OrderClient, Reconciled, status_by_name, trades_of
from quantlab.trading.states import OrderEvent


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """How long an unknown order is asked for. A late request may still arrive in `settle_s`.

    An absence is believed after at least `absences` answers, the last one later than `settle_s`
    (the venue's receive window and its own 10 s timeout). `pauses_s`: between queries, the last
    one again and again.
    """

    settle_s: float = 15.0
    absences: int = 4
    pauses_s: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0, 5.0)


class Resolver:
    """Asks for unknown orders of one account.

    Args:
        client: The venue's client.
        post: Gets the order and its fills, once found.
        report: Gets the proof that there is no such order.
        doubt: How long it takes to be one.
    """

    def __init__(
        self,
        client: OrderClient,
        *,
        post: Callable[[Reconciled], None],
        report: Callable[[OrderAnswer], None],
        doubt: Doubt,
    ) -> None:
        self._client, self._post, self._report, self._doubt = client, post, report, doubt

    async def resolve(self, symbol: str, client_order_id: str) -> None:
        """Ask for one order until its fate is certain; then tell that."""
        loop, absences, asked = asyncio.get_running_loop(), 0, 0
        started = loop.time()
        while True:
            await asyncio.sleep(self._doubt.pauses_s[min(asked, len(self._doubt.pauses_s) - 1)])
            asked += 1
            try:
                found = await self._find(symbol, client_order_id)
            except VenueRejected as refused:
                if refused.code != NO_SUCH_ORDER:
                    continue  # the limits or the clock: ask again later
                absences += 1
                if absences >= self._doubt.absences and loop.time() - started >= self._doubt.settle_s:
                    reason = f"the venue does not know it ({absences} queries)"
                    self._report(
                        OrderAnswer(client_order_id=client_order_id, event=OrderEvent.NOT_SENT, reason=reason)
                    )
                    return
            except VenueError:
                continue  # unreachable: it stays unknown
            else:
                self._post(found)
                return

    async def _find(self, symbol: str, client_order_id: str) -> Reconciled:
        order = await status_by_name(self._client, symbol, client_order_id)
        trades = await trades_of(self._client, symbol, order.order_id) if order.executed_quantity else []
        return Reconciled(orders=(order,), trades=tuple(trades))
