"""Do we know where we stand with the venue? Until we do, no order passes.

After each (re)connection of the user stream the account is reconciled; what happened while it
was away is unknown until that succeeded. It is tried again until it does. From then on it is asked
every few seconds whether the books still agree: a report that was lost is found in time, and a
difference stops new risk until a look finds none. Main thread only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from quantlab.clock import NS_PER_MS, Clock
from quantlab.engine.rhythm import BUSY_SHARE, Rhythm
from quantlab.topics import Difference, ReconcileChange
from quantlab.trading.causes import Causes, TradingState
from quantlab.trading.gateway import Gateway
from quantlab.trading.patrol import Look
from quantlab.trading.reconcile import Reconciled
from quantlab.wire import WireCall

STREAM, ACCOUNT, BOOKS = "user stream", "reconciliation", "books"  # the causes that are ours
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # before the next try; the last one again and again


class Standing:
    """Whether portfolio and orders agree with the venue, and the work of making them agree.

    Args:
        gateway: Reconciles.
        symbols: What is reconciled besides what has orders or trades.
        live: Is the user stream up at this moment?
        why: Why it went down, in the words of the connection.
        alarm: Told each failure in a sentence.
        told: Told when a difference is found, and when none is any more.
        clock: Ours; under a fixed one nothing is asked unasked.
        spent: How much of the venue's request weight is used, from 0 to 1.
        rhythm: How often the books are compared.
        causes: Where our causes stand beside those of others.

    Attributes:
        mismatch: What differed when the venue was last asked; empty while nothing does.
        looks, reconciliations: How many were answered.
    """

    def __init__(
        self,
        gateway: Gateway,
        symbols: tuple[str, ...],
        *,
        live: Callable[[], bool],
        why: Callable[[], str],
        alarm: Callable[[str], object],
        told: Callable[[ReconcileChange], object],
        clock: Clock,
        spent: Callable[[], float] = lambda: 0.0,
        rhythm: Rhythm = Rhythm(),  # noqa: B008  # frozen
        causes: Causes | None = None,
    ) -> None:
        self._gateway, self._symbols, self._live, self._alarm = gateway, symbols, live, alarm
        self._why, self._told, self._clock, self._spent, self._rhythm = why, told, clock, spent, rhythm
        self.causes = Causes() if causes is None else causes
        self.mismatch = ""
        self.looks = self.reconciliations = 0
        self._found: tuple[Difference, ...] = ()
        self._known = False
        self._number = self._tries = self._cheap = 0
        self._agreed_ns = clock.monotonic_ns()
        self._timer: asyncio.TimerHandle | None = None

    def trading_state(self) -> str:
        """What the rails are told besides the latch: ACTIVE, or the state and why; see `Causes`."""
        self._say_causes()
        return self.causes.describe()

    def lost(self) -> None:
        """The user stream went away: what happens from now on we do not hear.

        An answer that is still on its way is from before, and counts no more.
        """
        self._stop()
        self._known = False

    def reconcile(self) -> WireCall[Reconciled]:
        """Ask the venue what we have, and again until it has answered; the newest request counts."""
        self._stop()
        self._known = False
        self._tries = 0
        return self._ask(self._learned)

    async def compare(self) -> tuple[Difference, ...]:
        """A whole reconciliation now; what differed comes back, and is told like any other.

        Raises:
            VenueError: The venue did not answer.
        """
        self._stop()
        call = self._reconcile_again()
        await call
        return self._found

    def close(self) -> None:
        """Ask no more."""
        self._stop()

    def _say_causes(self) -> None:
        """Our causes as of now: is the stream there, do we know the account, do the books agree?"""
        live, causes = self._live(), self.causes
        if live:
            causes.clear(STREAM)
        else:
            why = self._why()
            text = f"the user stream is down{': ' + why if why else ''}"
            causes.set(STREAM, TradingState.HALTED, text)
        if self._known or not live:  # without the stream, that is the reason
            causes.clear(ACCOUNT)
        else:
            causes.set(ACCOUNT, TradingState.HALTED, "the account is not reconciled with the venue yet")
        if doubt := self.mismatch or self._silence():
            causes.set(BOOKS, TradingState.REDUCING, doubt)
        else:
            causes.clear(BOOKS)

    def _silence(self) -> str:
        """For how long nobody could compare the books, in a sentence; empty while that is no doubt."""
        silent_s = (self._clock.monotonic_ns() - self._agreed_ns) / (1_000 * NS_PER_MS)
        if silent_s <= self._rhythm.trust_s or self._clock.fixed or not self._known:
            return ""
        return f"the books were not compared with the venue's for {silent_s:.0f} s"

    # -- after a reconnection

    def _ask(self, then: Callable[[], None]) -> WireCall[Reconciled]:
        call = self._gateway.reconcile(self._symbols)
        self._follow(call, then, self._unanswered)
        return call

    def _learned(self) -> None:
        """What happened while nobody listened is no difference; what cannot be made right is."""
        self._known = True
        self._compared(routine=False)

    def _unanswered(self, error: Exception) -> None:
        self._alarm(f"reconciliation failed, no order passes until it succeeds: {error}")
        pause_s = PAUSES_S[min(self._tries, len(PAUSES_S) - 1)]
        self._tries += 1
        self._in(pause_s, partial(self._ask, self._learned))

    # -- from then on

    def _look(self) -> None:
        """The next look: a cheap one, or a whole reconciliation where it is time for one."""
        if self._spent() > BUSY_SHARE:
            self._in(self._rhythm.every_s, self._look)
            return
        self._cheap += 1
        if self.mismatch or self._cheap >= self._rhythm.whole:
            self._reconcile_again()
            return
        call = self._gateway.look(self._symbols)
        self._follow(call, partial(self._looked, call), self._failed)

    def _looked(self, call: WireCall[Look]) -> None:
        self.looks += 1
        if self._gateway.suspicion(call.result()):
            self._reconcile_again()
        else:
            self._agree()
            self._in(self._rhythm.every_s, self._look)

    def _reconcile_again(self) -> WireCall[Reconciled]:
        self._cheap = 0
        call = self._gateway.reconcile(self._symbols)
        self._follow(call, partial(self._compared, routine=True), self._failed)
        return call

    def _compared(self, *, routine: bool) -> None:
        """A whole reconciliation was applied: what it found, and when to look again."""
        self.reconciliations += 1
        found = self._gateway.take_differences()
        if not routine:
            found = tuple(each for each in found if not each.repaired)
        self._found = found
        lasting = any(not each.repaired for each in found) and bool(self.mismatch)
        if found:
            text = "; ".join(each.describe() for each in found[:3])
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            mismatch = f"the venue's books differ: {text}{more}"
            if mismatch != self.mismatch:
                self.mismatch = mismatch
                self._told(ReconcileChange(clean=False, differences=found, time_ms=self._clock.now_ms()))
        else:
            self._agree()
        again = bool(found) and not lasting
        self._in(self._rhythm.again_s if again else self._rhythm.every_s, self._look)

    def _agree(self) -> None:
        self._tries = 0
        self._agreed_ns = self._clock.monotonic_ns()
        if self.mismatch:
            self.mismatch = ""
            self._told(ReconcileChange(clean=True, differences=(), time_ms=self._clock.now_ms()))

    def _failed(self, error: Exception) -> None:
        """A look that was not answered says nothing; too many of them do (`Rhythm.trust_s`)."""
        if not self._tries:
            self._alarm(f"the books were not compared with the venue's: {error}")
        self._tries += 1
        self._in(self._rhythm.every_s, self._look)

    # -- how

    def _follow(
        self, call: WireCall[Any], then: Callable[[], None], otherwise: Callable[[Exception], None]
    ) -> None:
        self._number += 1
        call.add_done_callback(partial(self._answered, self._number, then, otherwise))

    def _answered(
        self,
        number: int,
        then: Callable[[], None],
        otherwise: Callable[[Exception], None],
        call: WireCall[Any],
    ) -> None:
        if number != self._number:
            return  # an older question: a newer one is under way
        try:
            call.result()
        except Exception as error:  # noqa: BLE001  # whatever it is: we do not know where we stand
            otherwise(error)
        else:
            then()

    def _in(self, pause_s: float, do: Callable[[], object]) -> None:
        self._stop()
        if self._clock.fixed and self._known:
            return  # equal runs ask equally often: only after a reconnection
        self._timer = asyncio.get_running_loop().call_later(pause_s, do)

    def _stop(self) -> None:
        """No answer to what was asked before counts, and nothing is asked later."""
        self._number += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
