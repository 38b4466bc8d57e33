"""What the account is worth, as the market moves: marks for the portfolio, samples of its equity.

Main thread. What is watched is valued at each quote; what is held besides at the venue's own prices,
asked for every ten seconds. The highest equity and the day's start outlive a restart.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import NoReturn, Protocol

import msgspec

from quantlab.clock import Clock
from quantlab.engine.quotes import Quotes
from quantlab.errors import QuantlabError
from quantlab.trading.equity import EquityState
from quantlab.trading.kept import Kept
from quantlab.trading.portfolio import Portfolio

KEY = "equity"
SAMPLE_MS = 1_000
KEEP_MS = 5_000  # a rising peak is written this often
PRICES_S = 10.0


class Prices(msgspec.Struct, frozen=True):
    """Posted to the engine: the venue's last price of every symbol (quote asset), at its `time_ms`."""

    prices: Mapping[str, Decimal]
    time_ms: int


class PriceClient(Protocol):
    """What `keep_prices` needs of the venue's client."""

    async def ticker_price(self, symbol: None = None) -> Mapping[str, Decimal]: ...


class Valuing:
    """Marks and samples of one portfolio.

    Args:
        portfolio: Is told the prices, and asked what all of it is worth.
        quotes: The prices of what is watched.
        clock: Ours.
        kept: Where peak and day's start outlive a restart.
        on_sample: Called after each sample.
    """

    def __init__(
        self,
        portfolio: Portfolio,
        quotes: Quotes,
        clock: Clock,
        kept: Kept,
        on_sample: Callable[[], object] = lambda: None,
    ) -> None:
        self._on_sample = on_sample
        self._portfolio, self._quotes, self._clock, self._kept = portfolio, quotes, clock, kept
        self._sampled_ms = self._kept_ms = 0
        portfolio.equity.restore(kept.get(KEY, EquityState, EquityState()))
        self._kept_start = portfolio.equity.day_start

    def on_quote(self, symbol: str) -> None:
        """A market event of a watched symbol came."""
        quote = self._quotes.get(symbol)
        if quote is not None:
            self._portfolio.mark(symbol, quote.price, quote.event_ms)
        now_ms = self._clock.now_ms()
        if now_ms - self._sampled_ms >= SAMPLE_MS:
            self.sample(now_ms)

    def on_prices(self, prices: Prices) -> None:
        """The venue's own prices: for what nobody watches."""
        for symbol, price in prices.prices.items():
            if symbol in self._portfolio.instruments and self._quotes.get(symbol) is None and price > 0:
                self._portfolio.mark(symbol, price, prices.time_ms)
        self.sample(self._clock.now_ms())

    def sample(self, now_ms: int) -> None:
        """Note what the account is worth now."""
        self._sampled_ms = now_ms
        self._portfolio.sample(now_ms)
        self._on_sample()
        if now_ms - self._kept_ms >= KEEP_MS or self._portfolio.equity.day_start != self._kept_start:
            self.keep()

    def keep(self) -> None:
        """Write down what must outlive a restart; where nothing changed, nothing."""
        self._kept_ms = self._clock.now_ms()
        state = self._portfolio.equity.state
        self._kept_start = state.day_start  # another day, or a transfer: that is written at once
        if state.peak is not None:
            self._kept.put(KEY, state)


async def ask_prices(
    client: PriceClient, now_ms: Callable[[], int], post: Callable[[Prices], object]
) -> None:
    """Ask the venue for all its prices, and post them: request weight 4."""
    prices = await client.ticker_price()
    post(Prices(dict(prices), now_ms()))


async def keep_prices(
    client: PriceClient,
    now_ms: Callable[[], int],
    post: Callable[[Prices], object],
    every_s: float = PRICES_S,
) -> NoReturn:
    """Ask again and again; an answer that does not come leaves the last prices as they are."""
    while True:
        await asyncio.sleep(every_s)
        try:
            await ask_prices(client, now_ms, post)
        except QuantlabError:
            continue  # the monitor reports an unreachable venue
