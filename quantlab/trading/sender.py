"""The wire side of the gateway: journal line, request, answer, and what to do about a lost one.

Runs on the wire loop and touches no engine state: whatever happens is posted home as a message.
No order is ever sent twice, and none without its line on the disk. A cancel waits for no line
and no latch.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from quantlab.domain.limits import Permit
from quantlab.domain.orders import NO_ORDER_ID, OrderAck, OrderRequest, OrderSnapshot
from quantlab.errors import (
    ConfigError,
    InvalidField,
    JournalError,
    NotSent,
    OrderDenied,
    PermitRefused,
    QuantlabError,
    VenueError,
    VenueRejected,
)
from quantlab.trading.reconcile import NO_SUCH_ORDER, Known, OrderClient, Reconciled, gather, trades_after
from quantlab.trading.states import OrderEvent

NOTHING_LEFT = (OrderDenied, InvalidField, ConfigError, PermitRefused, JournalError, NotSent)


class Latch(Protocol):
    """`wire.HaltLatch`, as far as we need it."""

    @property
    def is_set(self) -> bool: ...

    @property
    def reason(self) -> str: ...

    def check(self) -> None: ...


class Notes(Protocol):
    """Takes lines that nobody waits for."""

    def append_nowait(self, kind: str, data: Mapping[str, Any]) -> None: ...


class Lines(Protocol):
    """`journal.Journal`, as far as we need it."""

    async def append(self, kind: str, data: Mapping[str, Any]) -> int: ...

    def append_nowait(self, kind: str, data: Mapping[str, Any]) -> None: ...


class OrderAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Posted home: what came of one request of ours."""

    client_order_id: str
    event: OrderEvent
    reason: str = ""
    order_id: int = NO_ORDER_ID


class Doubt(msgspec.Struct, frozen=True, kw_only=True):
    """How long an unknown order is asked for. A late request may still arrive in `settle_s`.

    An absence is believed after at least `absences` answers, the last one later than `settle_s`
    (the venue's receive window and its own 10 s timeout). `pauses_s`: between queries, the last
    one again and again.
    """

    settle_s: float = 15.0
    absences: int = 4
    pauses_s: Sequence[float] = (0.25, 0.5, 1.0, 2.0, 4.0, 5.0)


class OrderSender:
    """Sends orders and cancels of one account.

    Args:
        client: The venue's client; the latch is checked again at its socket write.
        journal: Takes the intent line before each order.
        latch: The HALT latch.
        post: Hands a message to the main thread, lossless and in order (`Wire.post_order`).
        cancel_client: A client with a connection of its own, so that a cancel never waits
            behind orders; None uses `client`.
        barrier: Returns when all that the user stream was sent before has been posted (for
            example `UserStream.barrier`): an order that traded at once answers after its fills.
        barrier_s: How long that may take; then the answer comes without.
        doubt: How an unknown outcome is resolved.
    """

    def __init__(
        self,
        *,
        client: OrderClient,
        journal: Lines,
        latch: Latch,
        post: Callable[[object], None],
        cancel_client: OrderClient | None = None,
        barrier: Callable[[], Awaitable[object]] | None = None,
        barrier_s: float = 1.0,
        doubt: Doubt = Doubt(),  # noqa: B008  # frozen
    ) -> None:
        self._client, self._cancel_client = client, cancel_client or client
        self._journal, self._latch, self._post = journal, latch, post
        self._barrier, self._barrier_s = barrier, barrier_s
        self._doubt = doubt

    async def send(self, request: OrderRequest, permit: Permit) -> OrderAck:
        """Write the line, send the order once, and post what came of it.

        Raises:
            Halted, JournalUnavailable, PermitRefused, NotSent: No byte left.
            OrderRejected, RateLimited: The venue refused, definitely.
            OrderOutcomeUnknown: Sent and not answered; it is being resolved.
        """
        client_order_id = request.client_order_id
        answer = OrderAnswer(client_order_id=client_order_id, event=OrderEvent.NOT_SENT, reason="cancelled")
        try:
            self._latch.check()
            await self._journal.append("intent", _intent(request, permit))
            answer = msgspec.structs.replace(answer, event=OrderEvent.LOST, reason="no answer")
            ack = await self._client.submit_order(request, permit)
            answer = msgspec.structs.replace(answer, event=OrderEvent.ACK, reason="", order_id=ack.order_id)
        except NOTHING_LEFT as error:
            answer = msgspec.structs.replace(answer, event=OrderEvent.NOT_SENT, reason=str(error))
            raise
        except VenueRejected as error:
            answer = msgspec.structs.replace(
                answer, event=OrderEvent.REFUSED, reason=f"{error.code} {error.message}"
            )
            raise
        except Exception as error:
            answer = msgspec.structs.replace(
                answer, reason=str(error)
            )  # NOT_SENT before the send, LOST after
            raise
        finally:
            self._report(answer)
        if ack.executed_quantity:
            await self._wait_for_reports()
        return ack

    async def resolve(self, symbol: str, client_order_id: str, after: int | None) -> None:
        """Ask for an unknown order until the venue knows it, or has proven not to; then post that.

        Args:
            symbol: The order's symbol.
            client_order_id: Its id.
            after: The trade id after which its fills are looked for; None looks at the latest.
        """
        loop, absences, asked = asyncio.get_running_loop(), 0, 0
        started = loop.time()
        while True:
            await asyncio.sleep(self._doubt.pauses_s[min(asked, len(self._doubt.pauses_s) - 1)])
            asked += 1
            try:
                snapshot = await self._client.order_status(symbol, client_order_id=client_order_id)
                found = Reconciled(orders=(snapshot,), trades=await self._trades_of(snapshot, after))
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

    async def reconcile(self, known: Known) -> Reconciled:
        """Ask the venue for all of it and post the answer home; it is applied when this returns there."""
        found = await gather(self._client, known)
        self._post(found)
        return found

    async def cancel(self, symbol: str, client_order_id: str) -> OrderSnapshot:
        """Cancel one order; passes when halted and when the journal fails.

        The order is over when its execution report says so, not when this returns.
        """
        self._journal.append_nowait("cancel", {"symbol": symbol, "client_order_id": client_order_id})
        cancelled = await self._cancel_client.cancel_order(symbol, client_order_id=client_order_id)
        await self._wait_for_reports()
        return cancelled

    async def cancel_all(self, symbol: str | None) -> list[OrderSnapshot]:
        """Cancel all that the venue says is open, of one symbol or of all; passes as `cancel` does."""
        self._journal.append_nowait("cancel", {"symbol": symbol, "client_order_id": None})
        symbols = (
            [symbol] if symbol else sorted({each.symbol for each in await self._cancel_client.open_orders()})
        )
        cancelled = [each for one in symbols for each in await self._cancel_client.cancel_all(one)]
        await self._wait_for_reports()
        return cancelled

    async def _trades_of(self, snapshot: OrderSnapshot, after: int | None) -> tuple[Any, ...]:
        if not snapshot.executed_quantity:
            return ()
        if after is None:
            trades = await self._client.my_trades(snapshot.symbol)
        else:
            trades = await trades_after(self._client, snapshot.symbol, after)
        return tuple(each for each in trades if each.order_id == snapshot.order_id)

    async def _wait_for_reports(self) -> None:
        if self._barrier is None:
            return
        with contextlib.suppress(TimeoutError, QuantlabError):  # late reports come late, the answer stands
            await asyncio.wait_for(self._barrier(), self._barrier_s)

    def _report(self, answer: OrderAnswer) -> None:
        line = {name: getattr(answer, name) for name in ("client_order_id", "event", "reason", "order_id")}
        self._journal.append_nowait("outcome", line)
        self._post(answer)


def _intent(request: OrderRequest, permit: Permit) -> dict[str, Any]:
    return {
        "order": request,
        "digest": permit.digest,
        "limits_version": permit.limits_version,
        "state_sequence": permit.state_sequence,
    }
