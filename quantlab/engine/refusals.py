"""What a refusal means beyond its order: our key is no good any more, or the market's rules have changed.

Main thread only. It sends no order, and has the rules read at most once at a time.
"""

from __future__ import annotations

from collections.abc import Callable

from quantlab.errors import QuantlabError
from quantlab.wire import WireCall

KEY = frozenset({-2014, -2015})  # no such key, or not from here, or it may not trade
RULES = frozenset({-1013, -1111})  # a filter, a precision; we check both before we send
CLOSED = "Market is closed"  # of -2010, which has many reasons


class Refusals:
    """Hears of every order that the venue has refused.

    Args:
        lock_out: Called with a sentence when the key is refused.
        fetch: Has the rules read anew; they are taken over as they always are.
        alarm: Called with a sentence for people.
    """

    def __init__(
        self,
        *,
        lock_out: Callable[[str], object],
        fetch: Callable[[], WireCall[None]],
        alarm: Callable[[str], object],
    ) -> None:
        self._lock_out, self._fetch, self._alarm = lock_out, fetch, alarm
        self._asking = False

    def on_refused(self, code: int, reason: str) -> None:
        """An order was refused with the venue's `code`."""
        if code in KEY:
            self._lock_out(f"the venue refused our key: {reason}")
        elif (code in RULES or CLOSED in reason) and not self._asking:
            self._asking = True
            self._fetch().add_done_callback(self._on_rules)

    def _on_rules(self, call: WireCall[None]) -> None:
        self._asking = False
        try:
            call.result()
        except QuantlabError as error:
            self._alarm(f"an order was refused by a rule of its symbol, and the rules were not read: {error}")
