"""The wire side of the gateway: journal line, request, answer, and what to do about a lost one.

Runs on the wire loop and touches no engine state: whatever happens is posted home as a message.
No order is ever sent twice, none without its line on the disk, and none that was decided before
a HALT or under other limits. A cancel waits for no line and no latch.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import msgspec

from quantlab.domain.order_lists import AnyRequest, orders_of
from quantlab.domain.orders import OrderSnapshot
from quantlab.domain.permit import Permit
from quantlab.errors import (
    ConfigError,
    EngineStopped,
    InvalidField,
    JournalError,
    NotSent,
    OrderDenied,
    PermitRefused,
    QuantlabError,
    VenueError,
    VenueRejected,
)
from quantlab.trading.answers import Latch, Lines, OrderAnswer, noted, to_all
from quantlab.trading.dispatch import Placed, line_of, place
from quantlab.trading.owntrades import OrderClient
from quantlab.trading.patrol import Asked, Look, look
from quantlab.trading.reconcile import Known, Reconciled, gather
from quantlab.trading.reruns import CELL
from quantlab.trading.resolver import Doubt, Resolver
from quantlab.trading.states import OrderEvent
from quantlab.trading.underway import UnderWay
from quantlab.trading.waiters import Begun, written

NOTHING_LEFT = (OrderDenied, InvalidField, ConfigError, PermitRefused, JournalError, NotSent, EngineStopped)
CANCEL_WAITS_S = 3.0  # for the answer to the order that it cancels


class OrderSender:
    """Sends orders and cancels of one account.

    Args:
        client: The venue's client; the latch is checked again at its socket write.
        journal: Takes the intent line before each order.
        latch: The HALT latch.
        limits_version: The version of the limits in force; an order decided under others is refused.
        post: Hands a message to the main thread, lossless and in order (`Wire.post_order`).
        cancel_client: A client with a connection of its own, so that a cancel never waits
            behind other orders; None uses `client`.
        barrier: Returns when all that the user stream was sent before has been posted (for
            example `UserStream.barrier`): an order that traded at once answers after its fills.
        barrier_s: How long that may take; then the answer comes without.
        doubt: How an unknown outcome is resolved.
        monotonic_ns: The clock of permits.
        in_turn: Send each order and cancel when the one before was answered, so that the venue
            gets them in the order they were given (deterministic runs); slower.
    """

    def __init__(
        self,
        *,
        client: OrderClient,
        journal: Lines,
        latch: Latch,
        limits_version: Callable[[], int],
        post: Callable[[object], None],
        cancel_client: OrderClient | None = None,
        barrier: Callable[[], Awaitable[object]] | None = None,
        barrier_s: float = 1.0,
        doubt: Doubt = Doubt(),  # noqa: B008  # frozen
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        in_turn: bool = False,
    ) -> None:
        self._monotonic_ns, self.in_turn = monotonic_ns, in_turn
        self._client, self._cancel_client = client, cancel_client or client
        self._journal, self._latch, self._post = journal, latch, post
        self._limits_version = limits_version
        self._barrier, self._barrier_s = barrier, barrier_s
        self._resolver = Resolver(client, post=post, report=self._report, doubt=doubt)
        self._under_way = UnderWay()
        self._turn: AbstractAsyncContextManager[None] = (
            asyncio.Lock() if in_turn else contextlib.nullcontext()
        )

    async def send(self, request: AnyRequest, permit: Permit, line: Begun) -> None:
        """Once `line` (of `note`) is on the disk, send the request once, and post what came of its orders.

        Raises:
            Halted: HALT was set since the decision; lifted or not, no byte left.
            PermitRefused: Spent, expired, or the limits changed since; no byte left.
            JournalUnavailable, NotSent, EngineStopped: No byte left.
            OrderRejected, RateLimited: The venue refused, definitely.
            OrderOutcomeUnknown: Sent and not answered; it is being resolved.
        """
        async with self._turn:
            placed = await self._send(request, permit, line)
            if placed.traded:
                await self._wait_for_reports()
        if placed.refusal is not None:
            raise placed.refusal

    def note(self, request: AnyRequest, permit: Permit) -> Begun:
        """Begin the request's line, in the step of its decision; a cancel may come right behind.

        The request is handed over when its line is written (`Begun.then`), or at once where all go in turn.
        """
        for each in orders_of(request):
            self._under_way.begin(each.client_order_id)
        kind, line = line_of(request)
        cell = CELL.get()
        came_from = {} if cell is None else {"cell": cell.cell}
        return self._journal.begin(kind, {**line, **came_from, **permit.named()})

    def note_not_sent(self, answer: OrderAnswer) -> None:
        """Write what became of a request that was never handed over, whatever its line said."""
        self._journal.append_nowait("outcome", noted(answer))
        self._under_way.end(answer.client_order_id)

    async def _send(self, request: AnyRequest, permit: Permit, line: Begun) -> Placed:
        names = [each.client_order_id for each in orders_of(request)]
        answers = to_all(names, OrderEvent.NOT_SENT, "cancelled")
        try:
            await written(line)
            self._require_current(permit)
            answers = to_all(names, OrderEvent.LOST, "no answer")
            placed = await place(self._client, request, permit, self._monotonic_ns())
            answers = placed.answers
        except NOTHING_LEFT as error:
            answers = to_all(names, OrderEvent.NOT_SENT, str(error))
            raise
        except VenueRejected as error:
            answers = to_all(names, OrderEvent.REFUSED, f"{error.code} {error.message}", error.code)
            raise
        except Exception as error:
            answers = tuple(  # NOT_SENT before the send, LOST after
                msgspec.structs.replace(each, reason=str(error)) for each in answers
            )
            raise
        finally:
            for answer in answers:
                self._report(answer)
        return placed

    async def resolve(self, symbol: str, client_order_id: str) -> None:
        """Ask for an unknown order until its fate is certain, and post it; see `Resolver`."""
        await self._resolver.resolve(symbol, client_order_id)

    async def reconcile(self, known: Known) -> Reconciled:
        """Ask the venue for all of it and post the answer home; it is applied when this returns there.

        What the user stream was sent before goes home before it: what is new in the answer then was
        never told.
        """
        found = await gather(self._client, known)
        await self._wait_for_reports()
        self._post(found)
        return found

    async def look(self, asked: Asked) -> Look:
        """Ask for balances and open orders; the stream's news go home before the answer.

        Raises:
            TimeoutError: The user stream does not answer, so that nothing can be compared.
        """
        seen = await look(self._client, asked)
        if self._barrier is not None:
            await asyncio.wait_for(self._barrier(), self._barrier_s)
        return seen

    async def cancel(self, symbol: str, client_order_id: str, order_id: int | None = None) -> OrderSnapshot:
        """Cancel one order; passes when halted and when the journal fails.

        One that is still on its way is answered first, or the cancel would overtake it; after
        `CANCEL_WAITS_S` it goes all the same. The order is over when its execution report says
        so, not when this returns.

        Args:
            symbol: The order's symbol.
            client_order_id: Its name here.
            order_id: The venue's id, for an order that the name does not name there.
        """
        self._journal.append_nowait("cancel", {"symbol": symbol, "client_order_id": client_order_id})
        async with self._turn:
            await self._under_way.answered(client_order_id, CANCEL_WAITS_S)
            cancelled = await self._cancel_client.cancel_order(
                symbol, client_order_id=client_order_id, order_id=order_id
            )
            await self._wait_for_reports()
        return cancelled

    async def cancel_all(self, symbol: str | None) -> list[OrderSnapshot]:
        """Cancel all that the venue says is open, of one symbol or of all; passes as `cancel` does.

        Of all: every symbol is tried, whatever became of those before.

        Raises:
            VenueError: Of all: names the symbols that could not be cancelled, and says how many
                orders were.
        """
        self._journal.append_nowait("cancel", {"symbol": symbol, "client_order_id": None})
        async with self._turn:
            cancelled, problems = await self._cancel_each(symbol)
            await self._wait_for_reports()
        if problems:
            raise VenueError(f"{len(cancelled)} orders cancelled; not cancelled: {'; '.join(problems)}")
        return cancelled

    async def _cancel_each(self, symbol: str | None) -> tuple[list[OrderSnapshot], list[str]]:
        client = self._cancel_client
        if symbol is not None:
            return await client.cancel_all(symbol), []
        cancelled: list[OrderSnapshot] = []
        problems = []
        for one in sorted({each.symbol for each in await client.open_orders()}):
            try:
                cancelled += await client.cancel_all(one)
            except VenueError as error:
                problems.append(f"{one}: {error}")
        return cancelled, problems

    def _require_current(self, permit: Permit) -> None:
        """Raise where HALT was set, or other limits came in force, after the order was decided."""
        self._latch.check(permit.halts)
        version = self._limits_version()
        if permit.limits_version != version:
            raise PermitRefused(
                f"the limits changed (version {permit.limits_version} is now {version}); decide again"
            )

    async def _wait_for_reports(self) -> None:
        if self._barrier is None:
            return
        with contextlib.suppress(TimeoutError, QuantlabError):  # late reports come late, the answer stands
            await asyncio.wait_for(self._barrier(), self._barrier_s)

    def _report(self, answer: OrderAnswer) -> None:
        self._journal.append_nowait("outcome", noted(answer))
        self._post(answer)
        self._under_way.end(answer.client_order_id)
