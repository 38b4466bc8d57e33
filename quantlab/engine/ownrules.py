"""What bounds this account beside the listing: MAX_ASSET, and the average price of some filters.

The wire asks the venue for both, of the symbols that are watched, and posts what it heard. An order in a
symbol whose MAX_ASSET was never read is denied (`UNKNOWN_MAX_ASSET`); the last answer holds while the venue
gives no other. An average that grew old is none: the reference stands in for it, as the rails say.

Source: Binance spot REST API, "Query relevant filters" (weight 40); "Current average price" (weight 2).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import NoReturn, Protocol, TypeVar

import msgspec

from quantlab.binance.filters import MaxAsset, SymbolFilters
from quantlab.domain.instrument import Instrument
from quantlab.domain.tickers import AveragePrice
from quantlab.errors import QuantlabError, VenueUnavailable

T = TypeVar("T")
ZERO = Decimal(0)
NOTHING: Mapping[str, Decimal] = {}


class OwnRulesPace(msgspec.Struct, frozen=True, kw_only=True):
    """How often what is asked of each symbol, in seconds: by default 12 weight a minute, and 40 at first.

    An answer may take `answer_s`; after a failure it is asked again in `again_s`.
    """

    filters_s: float = 600.0
    average_s: float = 15.0
    again_s: float = 5.0
    answer_s: float = 8.0


class AssetLimits(msgspec.Struct, frozen=True):
    """Posted to the engine: by symbol what one order may move of each of its assets; others have no limit."""

    limits: Mapping[str, Mapping[str, Decimal]]


class Averages(msgspec.Struct, frozen=True):
    """Posted to the engine: average prices (quote asset) by symbol, as of `time_ms` (UTC, the venue's)."""

    prices: Mapping[str, Decimal]
    time_ms: int


class OwnClient(Protocol):
    """What this needs of the venue's client."""

    async def my_filters(self, symbol: str) -> SymbolFilters: ...

    async def avg_price(self, symbol: str) -> AveragePrice: ...


class OwnRulesKeeper:
    """The wire side: asks, and posts what it heard.

    Args:
        client: Asks the venue.
        symbols: Those that are watched.
        post: Gets `AssetLimits` and `Averages`, which must not be lost.
        now_ms: The venue's time (UTC ms).
        pace: How often.
    """

    def __init__(
        self,
        client: OwnClient,
        *,
        symbols: Callable[[], tuple[str, ...]],
        post: Callable[[object], object],
        now_ms: Callable[[], int],
        pace: OwnRulesPace = OwnRulesPace(),  # noqa: B008  # frozen
    ) -> None:
        self._client, self._symbols, self._post, self._now_ms, self._pace = (
            client,
            symbols,
            post,
            now_ms,
            pace,
        )
        self._filters_due: dict[str, float] = {}
        self._average_due: dict[str, float] = {}

    async def run(self) -> NoReturn:
        """Ask for what is due until cancelled; a symbol that came is asked for at the next look."""
        while True:
            await asyncio.sleep(min(self._pace.again_s, self._pace.average_s))
            for symbol in self._symbols():
                await self._try(self._filters_due, symbol, self.filters)
                await self._try(self._average_due, symbol, self.average)

    async def learn(self, symbols: Sequence[str]) -> None:
        """Ask for the account's bounds in each, at once; until they are known no order in it passes."""
        await asyncio.gather(*(self._try(self._filters_due, each, self.filters) for each in symbols))

    async def filters(self, symbol: str) -> None:
        """Ask for the account's bounds in a symbol, and post them.

        Raises:
            VenueUnavailable: No answer within `answer_s`.
            RateLimited: The request weight is spent.
        """
        found = await self._within(self._client.my_filters(symbol))
        self._filters_due[symbol] = self._from_now(self._pace.filters_s)
        self._post(
            AssetLimits(
                {symbol: {each.asset: each.limit for each in found.assets if isinstance(each, MaxAsset)}}
            )
        )

    async def average(self, symbol: str) -> None:
        """Ask for the average price of a symbol, and post it; raises as `filters` does."""
        found = await self._within(self._client.avg_price(symbol))
        self._average_due[symbol] = self._from_now(self._pace.average_s)
        if found.last_trade_ms:  # else nothing has traded: there is no average
            self._post(Averages({symbol: found.price}, self._now_ms()))

    async def _try(self, due: dict[str, float], symbol: str, ask: Callable[[str], Awaitable[None]]) -> None:
        if self._from_now(0) < due.get(symbol, 0):
            return
        due[symbol] = self._from_now(self._pace.again_s)
        with contextlib.suppress(QuantlabError):  # what is not known denies; it is asked for again
            await ask(symbol)

    async def _within(self, asked: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._pace.answer_s):
                return await asked
        except TimeoutError:
            raise VenueUnavailable(f"no answer within {self._pace.answer_s:g} s") from None

    @staticmethod
    def _from_now(seconds: float) -> float:
        return asyncio.get_running_loop().time() + seconds


class AccountBounds:
    """What is known of MAX_ASSET, put into the rules of each symbol. Main thread."""

    def __init__(self) -> None:
        self._known: dict[str, Mapping[str, Decimal]] = {}

    def on_limits(self, heard: AssetLimits, instruments: dict[str, Instrument]) -> None:
        """The venue has said what the account may move."""
        self._known |= heard.limits
        for symbol in heard.limits:
            if symbol in instruments:
                instruments[symbol] = self.bounded(instruments[symbol])

    def bounded(self, instrument: Instrument) -> Instrument:
        """`instrument` with what the account may move of its assets; not known where nobody was told."""
        limits = self._known.get(instrument.symbol)
        most = NOTHING if limits is None else limits
        rules = msgspec.structs.replace(
            instrument.rules,
            max_base=most.get(instrument.base, ZERO),
            max_quote=most.get(instrument.quote, ZERO),
            assets_known=limits is not None,
        )
        return msgspec.structs.replace(instrument, rules=rules)
