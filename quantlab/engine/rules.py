"""By what rules each symbol trades, never older than a minute where orders are decided on them.

The wire asks the venue for the symbols that are watched, again and again, and posts what it heard; the
engine takes it over before the next decision. Where the venue does not answer for a minute nobody knows
any more whether a symbol trades: its status says so, and the rails deny it.

Source: Binance spot REST API, "Exchange information" (weight 20, whatever the number of symbols).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NoReturn

import msgspec

from quantlab.binance.client import BinanceClient
from quantlab.domain.instrument import Instrument
from quantlab.errors import QuantlabError, VenueRejected, VenueUnavailable

MANY = 100  # symbols in one request; above it the whole listing is shorter than the question
NOT_LISTED = "NOT_LISTED"
UNKNOWN = "UNKNOWN"


class RulesPace(msgspec.Struct, frozen=True, kw_only=True):
    """How often the rules are asked for; all times in seconds. By default 60 of 6,000 weight a minute.

    An answer may take `answer_s`; after a failure it is asked again in `again_s`. Rules that would be
    older than `old_s` before the next answer can be here are unknown.
    """

    every_s: float = 20.0
    again_s: float = 5.0
    answer_s: float = 8.0
    old_s: float = 60.0


class TradingRules(msgspec.Struct, frozen=True, kw_only=True):
    """Posted to the engine: the rules that hold from now on.

    Attributes:
        instruments: What the venue said, by symbol.
        closed: Symbols that may not be ordered now, and the status that says why.
        problem: Why the venue was not heard; "" where it was.
    """

    instruments: dict[str, Instrument] = {}
    closed: dict[str, str] = {}
    problem: str = ""


class RulesKeeper:
    """The wire side: asks, and posts what it heard.

    Args:
        client: Asks the venue.
        symbols: Those whose rules matter.
        post: Gets a `TradingRules`, which must not be lost.
        pace: How often.
    """

    def __init__(
        self,
        client: BinanceClient,
        *,
        symbols: Callable[[], tuple[str, ...]],
        post: Callable[[TradingRules], object],
        pace: RulesPace,
    ) -> None:
        self._client, self._symbols, self._post, self._pace = client, symbols, post, pace
        self._read_s: float | None = None  # when the rules in force were asked for

    async def run(self) -> NoReturn:
        """Keep the rules young until cancelled; the caller has just read the whole listing."""
        pace, loop = self._pace, asyncio.get_running_loop()
        self._read_s = loop.time()
        wait_s = pace.every_s
        while True:
            await asyncio.sleep(wait_s)
            try:
                await self.refresh()
                wait_s = pace.every_s
            except QuantlabError as error:
                wait_s = pace.again_s
                age_s = loop.time() - self._read_s
                if age_s + wait_s + pace.answer_s > pace.old_s:
                    self.lost(self._symbols(), f"rules last read {age_s:.0f} s ago: {error}")

    async def refresh(self) -> None:
        """Ask once, now, and post the answer.

        Raises:
            VenueUnavailable: No answer within `answer_s`.
            RateLimited: The request weight is spent.
        """
        asked_s, symbols = asyncio.get_running_loop().time(), self._symbols()
        try:
            async with asyncio.timeout(self._pace.answer_s):
                heard = await self._ask(symbols)
        except TimeoutError:
            raise VenueUnavailable(f"no answer within {self._pace.answer_s:g} s") from None
        self._read_s = asked_s
        self._post(
            TradingRules(
                instruments={name: heard[name] for name in symbols if name in heard},
                closed={name: NOT_LISTED for name in symbols if name not in heard},
            )
        )

    def lost(self, symbols: tuple[str, ...], problem: str) -> None:
        """Say that nobody knows the rules of these any more."""
        self._post(TradingRules(closed=dict.fromkeys(symbols, UNKNOWN), problem=problem))

    async def _ask(self, symbols: tuple[str, ...]) -> dict[str, Instrument]:
        if len(symbols) <= MANY:
            try:
                return (await self._client.exchange_info(*symbols)).instruments
            except VenueRejected:  # one of them is not listed any more: then the others are not named either
                pass
        return (await self._client.exchange_info()).instruments


def adopt(
    rules: TradingRules,
    instruments: dict[str, Instrument],
    alarm: Callable[[str], object],
    *,
    bounded: Callable[[Instrument], Instrument] = lambda each: each,
) -> None:
    """Take the rules over, on the main thread, and say what has changed; `bounded` adds the account's own."""
    changed = []
    for name, heard in rules.instruments.items():
        new, old = bounded(heard), instruments.get(name)
        instruments[name] = new
        if old is not None and old.status in (UNKNOWN, NOT_LISTED) and old != new:
            alarm(f"the rules of {name} are known again: it is {new.status}")
        elif old != new:
            changed.append(name)
    if changed:
        alarm(f"the venue has changed the rules of {', '.join(sorted(changed)[:8])}")
    closed = []
    for name, status in rules.closed.items():
        known = instruments.get(name)
        if known is not None and known.status != status:
            instruments[name] = msgspec.structs.replace(known, status=status)
            closed.append(name)
    if closed:
        why = rules.problem or "the venue does not list it any more"
        alarm(f"no order in {', '.join(sorted(closed)[:8])}: {why}")
