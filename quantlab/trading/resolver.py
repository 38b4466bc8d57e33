"""What became of an order whose answer was lost: ask until the venue knows it, or has proven not to.

Runs on the wire loop. Nothing is ever sent again, and one absence proves nothing: the order may
still be on its way. The user stream may know first; then what is found here says nothing new.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from quantlab.domain.orders import OrderSnapshot
from quantlab.errors import VenueError, VenueRejected
from quantlab.trading.answers import OrderAnswer
from quantlab.trading.owntrades import NO_SUCH_ORDER, OrderClient, trades_of
from quantlab.trading.reconcile import Reconciled, status_by_name
from quantlab.trading.states import OrderEvent

VENUE_TIMEOUT_S = 10.0  # the venue's own, of an order on its way to the matching engine
ARCHIVED = -2026  # "canceled or expired with no executed qty over 90 days ago and has been archived"


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """How long an unknown order is asked for. A late request may still arrive in `settle_s`.

    An absence is believed after at least `absences` answers of which two came later than `settle_s`
    (the receive window and the venue's own 10 s timeout: `within`), and where the open orders do
    not have it either. `pauses_s`: between queries, the last one again and again.

    Source: Binance spot REST API, "Timing security"; "Errors", -1007.
    """

    settle_s: float = 15.0
    absences: int = 4
    pauses_s: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0, 5.0)

    @classmethod
    def within(cls, recv_window_ms: int) -> Doubt:
        """For requests that the venue may take `recv_window_ms` after their timestamp."""
        return cls(settle_s=recv_window_ms / 1_000 + VENUE_TIMEOUT_S)


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
        loop, asked = asyncio.get_running_loop(), 0
        absences = late = 0  # all of them, and those when nothing can be on its way any more
        started = loop.time()
        while True:
            await asyncio.sleep(self._doubt.pauses_s[min(asked, len(self._doubt.pauses_s) - 1)])
            settled = loop.time() - started >= self._doubt.settle_s  # as it is asked, not as it is answered
            asked += 1
            try:
                found = await self._find(symbol, client_order_id)
                if found is None:
                    absences, late = absences + 1, late + settled
                    if absences < self._doubt.absences or late < 2:
                        continue
                    found = await self._open(symbol, client_order_id)
            except VenueRejected as refused:
                if refused.code != ARCHIVED:
                    continue  # the limits, the clock or the key: ask again later
                self._tell(client_order_id, OrderEvent.CANCEL, "it ended without a fill, long ago")
                return
            except VenueError:
                continue  # unreachable: it stays unknown
            if found is None:
                reason = f"the venue does not know it ({absences} queries)"
                self._tell(client_order_id, OrderEvent.NOT_SENT, reason)
            else:
                self._post(found)
            return

    def _tell(self, client_order_id: str, event: OrderEvent, reason: str) -> None:
        self._report(OrderAnswer(client_order_id=client_order_id, event=event, reason=reason))

    async def _find(self, symbol: str, client_order_id: str) -> Reconciled | None:
        """The order by its id, with its fills; None where the venue says that there is none."""
        try:
            order = await status_by_name(self._client, symbol, client_order_id)
        except VenueRejected as refused:
            if refused.code != NO_SUCH_ORDER:
                raise
            return None
        return await self._with_trades(order)

    async def _open(self, symbol: str, client_order_id: str) -> Reconciled | None:
        """The order among the open ones: another table of the venue's, which may know it first."""
        for order in await self._client.open_orders(symbol):
            if order.client_order_id == client_order_id:
                return await self._with_trades(order)
        return None

    async def _with_trades(self, order: OrderSnapshot) -> Reconciled:
        if not order.executed_quantity:
            return Reconciled(orders=(order,))
        return Reconciled(
            orders=(order,), trades=tuple(await trades_of(self._client, order.symbol, order.order_id))
        )
