"""What a refusal means beyond its order: our key is no good any more, or the market's rules have changed.

Main thread only. It sends no order, and asks for the listing at most once at a time.
"""

from __future__ import annotations

from collections.abc import Callable

from quantlab.binance.codec_rest import ExchangeInfo
from quantlab.domain.instrument import Instrument
from quantlab.errors import QuantlabError
from quantlab.wire import WireCall

KEY = frozenset({-2014, -2015})  # no such key, or not from here, or it may not trade
RULES = frozenset({-1013, -1111})  # a filter, a precision; we check both before we send


class Refusals:
    """Hears of every order that the venue has refused.

    Args:
        lock_out: Called with a sentence when the key is refused.
        fetch: Asks for the listing.
        instruments: The rules in force, changed in place.
        alarm: Called with a sentence for people.
    """

    def __init__(
        self,
        *,
        lock_out: Callable[[str], object],
        fetch: Callable[[], WireCall[ExchangeInfo]],
        instruments: dict[str, Instrument],
        alarm: Callable[[str], object],
    ) -> None:
        self._lock_out, self._fetch, self._alarm = lock_out, fetch, alarm
        self._instruments = instruments
        self._asking = False

    def on_refused(self, code: int, reason: str) -> None:
        """An order was refused with the venue's `code`."""
        if code in KEY:
            self._lock_out(f"the venue refused our key: {reason}")
        elif code in RULES and not self._asking:
            self._asking = True
            self._fetch().add_done_callback(self._on_listing)

    def _on_listing(self, call: WireCall[ExchangeInfo]) -> None:
        self._asking = False
        try:
            new = call.result().instruments
        except QuantlabError as error:
            self._alarm(f"an order was refused by a filter, and the listing was not read: {error}")
            return
        changed = sorted(name for name, each in new.items() if self._instruments.get(name) != each)
        self._instruments.update(new)
        if changed:
            self._alarm(f"the venue has changed the rules of {', '.join(changed[:8])}")
