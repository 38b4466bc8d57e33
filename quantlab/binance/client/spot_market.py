"""Public market data by REST: what anyone may ask, no key needed.

Reads only. A read that gets no answer is asked again a little later, a bounded number of times;
`ping` and `server_time` are asked once, because they are measurements.
"""

from __future__ import annotations

from decimal import Decimal
from typing import overload

from quantlab.binance import codec_rest as codec
from quantlab.binance.client.base import RestCalls
from quantlab.binance.client.params import Symbols, given, limited, several
from quantlab.binance.codec_rest import ExchangeInfo, OrderBook
from quantlab.domain.market import BookTicker, Kline, Trade
from quantlab.frames import ByName, Rows


class SpotMarket(RestCalls):
    """Public spot market data. Every method raises:

    * `VenueUnavailable`: no answer, or a 5XX.
    * `RateLimited`: the request weight is spent; wait `retry_after_s`.
    * `VenueRejected`: a definite refusal (-1121 for an unknown symbol).
    * `UndecodableReply`: the answer is not what the document says.
    """

    async def ping(self) -> None:
        """Return once the venue has answered; asked once. Weight: 1.

        Raises:
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Test connectivity".
        """
        await self._read("ping", {}, codec.decode_ping)

    async def server_time(self) -> int:
        """The venue's clock, UTC milliseconds; asked once. Weight: 1.

        Raises:
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Check server time".
        """
        return await self._read("server_time", {}, codec.decode_time)

    async def exchange_info(self, *symbols: str) -> ExchangeInfo:
        """Every symbol with its grid and bounds, or those named; and the rate limits. Weight: 20.

        The whole reply is large (2 MB on the real venue): ask once and keep it, and name the symbols
        whose rules have to stay young. `limits` knows the limits afterwards.

        Raises:
            VenueRejected: One of the symbols is unknown (-1121); then none is answered.
            VenueUnavailable: No answer, or a 5XX.
            UndecodableReply: A symbol or a filter is not as documented; nothing is taken over.

        Source: Binance spot REST API, "Exchange information", and "Filters".
        """
        named = several(symbols) if symbols else {}
        info = await self._read("exchange_info", named, codec.decode_exchange_info)
        self._rules = info.rate_limits
        self.governor.learn(info.rate_limits)
        return info

    async def order_book(self, symbol: str, limit: int = 100) -> OrderBook:
        """The book of one symbol, best level first, at most `limit` levels a side (up to 5000).

        Levels are the venue's text: price in the quote asset, quantity in the base asset.
        Weight: 5 up to 100 levels, 25 up to 500, 50 up to 1000, 250 up to 5000.

        Raises:
            VenueRejected: Unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Order book".
        """
        params = {"symbol": symbol, **limited(limit)}
        return await self._read("order_book", params, lambda body: codec.decode_depth(body, symbol))

    async def trades(self, symbol: str, limit: int = 500) -> Rows[Trade]:
        """The latest public trades, oldest first, at most `limit` (up to 1000). Weight: 25.

        Prices in the quote asset, quantities in the base asset; `event_ms` is the trade's time.

        Raises:
            VenueRejected: Unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Recent trades list".
        """
        params = {"symbol": symbol, **limited(limit)}
        return await self._read("trades", params, lambda body: codec.decode_trades(body, symbol))

    async def klines(
        self,
        symbol: str,
        interval: str,
        limit: int = 500,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> Rows[Kline]:
        """Candles, oldest first, at most `limit` (up to 1000). Weight: 2.

        Args:
            symbol: The market.
            interval: The venue's word: "1s", "1m", "5m", "1h", "1d", ...
            limit: How many at most.
            start_ms: Open time of the first, UTC ms; None for the latest ones.
            end_ms: Open time of the last, UTC ms.

        Prices in the quote asset. The last candle is usually not `closed` yet.

        Raises:
            VenueRejected: Unknown symbol (-1121) or interval (-1120).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Kline/Candlestick data".
        """
        params = {"symbol": symbol, "interval": interval, **limited(limit)}
        return await self._read(
            "klines",
            params | given(startTime=start_ms, endTime=end_ms),
            lambda body: codec.decode_klines(body, symbol, interval, self.venue_clock.now_ms()),
        )

    @overload
    async def ticker_price(self, symbol: str) -> Decimal: ...
    @overload
    async def ticker_price(self, symbol: Symbols | None = None) -> ByName[Decimal]: ...
    async def ticker_price(self, symbol: str | Symbols | None = None) -> Decimal | ByName[Decimal]:
        """The last price in the quote asset, of one symbol; by name, of several or of all.

        Weight: 2 for one symbol, else 4.

        Raises:
            VenueRejected: Unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Symbol price ticker".
        """
        if isinstance(symbol, str):
            return await self._read("ticker_price", {"symbol": symbol}, codec.decode_price)
        params = {} if symbol is None else several(symbol)
        return await self._read("ticker_price", params, codec.decode_prices)

    @overload
    async def book_ticker(self, symbol: str) -> BookTicker: ...
    @overload
    async def book_ticker(self, symbol: Symbols | None = None) -> ByName[BookTicker]: ...
    async def book_ticker(self, symbol: str | Symbols | None = None) -> BookTicker | ByName[BookTicker]:
        """Best bid and ask of one symbol; by name, of several or of all.

        Only the stream numbers its updates: `update_id` is -1 here. Weight: 2 for one symbol, else 4.

        Raises:
            VenueRejected: Unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Symbol order book ticker".
        """
        now_ms = self.venue_clock.now_ms
        if isinstance(symbol, str):
            named = {"symbol": symbol}
            return await self._read(
                "book_ticker", named, lambda body: codec.decode_book_ticker(body, now_ms())
            )
        params = {} if symbol is None else several(symbol)
        return await self._read("book_ticker", params, lambda body: codec.decode_book_tickers(body, now_ms()))
