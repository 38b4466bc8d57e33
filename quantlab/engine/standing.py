"""Do we know where we stand with the venue? Until we do, no order passes.

After each (re)connection of the user stream the account is reconciled; what happened while it
was away is unknown until that succeeded. It is tried again until it does. Main thread only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from quantlab.trading.causes import Causes, TradingState
from quantlab.trading.gateway import Gateway
from quantlab.trading.reconcile import Reconciled
from quantlab.wire import WireCall

STREAM, ACCOUNT = "user stream", "reconciliation"  # the causes that are ours
PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)  # before the next try; the last one again and again


class Standing:
    """Whether portfolio and orders agree with the venue, and the work of making them agree.

    Args:
        gateway: Reconciles.
        symbols: What is reconciled besides what has orders or trades.
        live: Is the user stream up at this moment?
        why: Why it went down, in the words of the connection.
        alarm: Told each failure in a sentence.
        causes: Where our causes stand beside those of others.
    """

    def __init__(
        self,
        gateway: Gateway,
        symbols: tuple[str, ...],
        *,
        live: Callable[[], bool],
        why: Callable[[], str],
        alarm: Callable[[str], object],
        causes: Causes | None = None,
    ) -> None:
        self._gateway, self._symbols, self._live, self._alarm = gateway, symbols, live, alarm
        self._why, self.causes = why, Causes() if causes is None else causes
        self._known = False
        self._number = self._tries = 0
        self._timer: asyncio.TimerHandle | None = None

    def trading_state(self) -> str:
        """What the rails are told besides the latch: ACTIVE, or the state and why; see `Causes`."""
        self._look()
        return self.causes.describe()

    def lost(self) -> None:
        """The user stream went away: what happens from now on we do not hear.

        An answer that is still on its way is from before, and counts no more.
        """
        self._number += 1
        self._stop()
        self._known = False

    def reconcile(self) -> WireCall[Reconciled]:
        """Ask the venue what we have, and again until it has answered; the newest request counts."""
        self._stop()
        self._known = False
        self._tries = 0
        return self._ask()

    def close(self) -> None:
        """Ask no more."""
        self._number += 1
        self._stop()

    def _look(self) -> None:
        """Our two causes as of now: is the stream there, and do we agree with the venue?"""
        if self._live():
            self.causes.clear(STREAM)
        else:
            why = self._why()
            text = f"the user stream is down{': ' + why if why else ''}"
            self.causes.set(STREAM, TradingState.HALTED, text)
        if self._known or STREAM in {each.owner for each in self.causes.reasons()}:
            self.causes.clear(ACCOUNT)  # without the stream, that is the reason
        else:
            text = "the account is not reconciled with the venue yet"
            self.causes.set(ACCOUNT, TradingState.HALTED, text)

    def _ask(self) -> WireCall[Reconciled]:
        self._number += 1
        call = self._gateway.reconcile(self._symbols)
        call.add_done_callback(partial(self._answered, self._number))
        return call

    def _answered(self, number: int, call: WireCall[Reconciled]) -> None:
        if number != self._number:
            return  # an older question: a newer one is under way
        try:
            call.result()
        except Exception as error:  # noqa: BLE001  # whatever it is: we do not know where we stand
            self._alarm(f"reconciliation failed, no order passes until it succeeds: {error}")
            pause_s = PAUSES_S[min(self._tries, len(PAUSES_S) - 1)]
            self._tries += 1
            self._timer = asyncio.get_running_loop().call_later(pause_s, self._ask)
        else:
            self._known = True

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
