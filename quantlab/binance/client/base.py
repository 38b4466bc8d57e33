"""How every method of the client asks: a read again where that can help, a change once, and exactly told.

A read may be asked again (bounded, with full jitter); what changes something never is. How a request goes
out is `sending`, what its answer means `answers`.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from quantlab.binance.client.endpoints import ENDPOINTS
from quantlab.binance.client.sending import Sending
from quantlab.binance.codec_rest import decode_time
from quantlab.binance.errors import CLOCK_OUTSIDE_WINDOW
from quantlab.binance.retries import pause_s
from quantlab.binance.transport import Lost, Reply
from quantlab.errors import (
    Halted,
    NotSent,
    OrderOutcomeUnknown,
    UndecodableReply,
    VenueError,
    VenueRejected,
    VenueUnavailable,
)

T = TypeVar("T")
RESYNC_SAMPLES = 3


class RestCalls(Sending):
    """The part of `BinanceClient` below its methods: reads, changes, and the venue's clock.

    Arguments and attributes are those of `Sending`, which keeps all state.
    """

    async def sync_clock(self, samples: int = 5) -> None:
        """Measure the venue's clock: `samples` readings, the shortest round trip counts.

        Weight: 1 for each sample. Afterwards `venue_clock` gives the venue's time.

        Raises:
            VenueUnavailable: The venue did not answer.

        Source: Binance spot REST API, "Check server time" and "Timing security".
        """
        readings = []
        for _ in range(max(1, samples)):
            sent_ns = self.venue_clock.monotonic_ns()
            server_ms = await self._read("server_time", {}, decode_time)
            readings.append(self.venue_clock.sample(sent_ns, server_ms))
        self.venue_clock.adopt(readings)

    async def _read(self, name: str, params: Mapping[str, str], decode: Callable[[bytes], T]) -> T:
        """Ask for something; a failed read is asked again as often as its endpoint and the budget allow.

        Not after a time-out, and not once as much time has passed: that has cost the caller enough already.
        """
        endpoint, loop = ENDPOINTS[name], asyncio.get_running_loop()
        until_s = loop.time() + self._patience_s
        attempt = 0
        while True:
            attempt += 1
            outcome = await self._exchange(endpoint, params)
            left_s = until_s - loop.time()
            again = attempt < endpoint.attempts and left_s > 0
            try:
                reply = self._answers.succeeded(endpoint, outcome)
                return self._answers.decoded(reply, decode, endpoint.call)
            except (VenueUnavailable, UndecodableReply):
                timed_out = isinstance(outcome, Lost) and outcome.timed_out
                if not again or timed_out or not self._retries.take(loop.time()):
                    raise
            except VenueRejected as refused:
                if not again or not await self._resynced_after(refused):
                    raise
            await asyncio.sleep(min(left_s, pause_s(attempt, random.uniform)))

    async def _change(
        self,
        name: str,
        params: Mapping[str, str],
        decode: Callable[[bytes], T],
        *,
        client_order_id: str | None,
        halts: int | None = None,
        partly: tuple[Collection[int], Callable[[bytes], T | None]] | None = None,
    ) -> T:
        """Send something that changes the account: once, and the outcome is told apart exactly.

        `halts`: the HALT latch's generation it was decided on; None counts from here. `partly`: the HTTP
        statuses of a refusal that may have done something after all, and what reads that out of it.
        """
        endpoint = ENDPOINTS[name]
        outcome = await self._exchange(endpoint, params, halts)
        if isinstance(outcome, Lost) and not outcome.sent:
            if outcome.halted:
                raise Halted(outcome.cause)
            raise NotSent(
                f"{endpoint.call} was not sent: {outcome.cause}",
                message=outcome.cause, method=endpoint.call, client_order_id=client_order_id,
            )  # fmt: skip
        try:
            if partly is not None and isinstance(outcome, Reply) and outcome.status in partly[0]:
                done = self._answers.decoded(outcome, partly[1], endpoint.call)
                if done is not None:
                    return done
            reply = self._answers.succeeded(endpoint, outcome, client_order_id=client_order_id)
            return self._answers.decoded(reply, decode, endpoint.call, client_order_id=client_order_id)
        except VenueRejected as refused:
            await self._resynced_after(refused)  # never sent again by us: the refusal stands
            raise
        except (VenueUnavailable, UndecodableReply) as lost:
            cause, code, status = str(lost), lost.code, lost.status
        if client_order_id is None:
            raise VenueUnavailable(
                f"{cause}; it may have worked: ask for the open orders",
                code=code, status=status, method=endpoint.call,
            )  # fmt: skip
        raise OrderOutcomeUnknown(client_order_id, cause, code=code, status=status, method=endpoint.call)

    async def _resynced_after(self, refused: VenueRejected) -> bool:
        """After -1021 our clock is wrong: measure again. True where that was the matter and worked."""
        if refused.code != CLOCK_OUTSIDE_WINDOW:
            return False
        before = self._resyncs
        with contextlib.suppress(VenueError):  # the refusal is what the caller must hear; -1021 comes again
            async with self._resync_lock:  # a burst of refusals measures once
                if self._resyncs == before:
                    await self.sync_clock(RESYNC_SAMPLES)
                    self._resyncs += 1
            return True
        return False
