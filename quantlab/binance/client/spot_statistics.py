"""Public market data that the venue has condensed: old and aggregate trades, averages, tickers."""

from __future__ import annotations

from typing import overload

from quantlab.binance import codec_market as codec
from quantlab.binance import codec_rest
from quantlab.binance.client.base import RestCalls
from quantlab.binance.client.params import Symbols, given, limited, several
from quantlab.domain.market import Kline, Trade
from quantlab.domain.tickers import AggregateTrade, AveragePrice, Ticker
from quantlab.frames import Rows


class SpotStatistics(RestCalls):
    """Public spot statistics. Every method raises what those of `SpotMarket` raise."""

    async def historical_trades(
        self, symbol: str, *, from_id: int | None = None, limit: int = 500
    ) -> Rows[Trade]:
        """Old public trades from `from_id` on, oldest first, at most `limit` (up to 1000). Weight: 25.

        Without `from_id` the latest. Prices in the quote asset, quantities in the base asset.

        Raises:
            VenueRejected: Unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Old trade lookup".
        """
        params = {"symbol": symbol, **limited(limit)} | given(fromId=from_id)
        return await self._read(
            "historical_trades", params, lambda body: codec_rest.decode_trades(body, symbol)
        )

    async def agg_trades(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> Rows[AggregateTrade]:
        """Trades of one taker order at one price as one, oldest first, at most `limit` (to 1000). Weight: 4.

        From the aggregate trade `from_id` on, or between two times (UTC ms, both included); else the
        latest.

        Raises:
            VenueRejected: Unknown symbol (-1121), or parameters that do not go together (-1128).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Compressed/Aggregate trades list".
        """
        window = given(fromId=from_id, startTime=start_ms, endTime=end_ms)
        params = {"symbol": symbol, **limited(limit)} | window
        return await self._read(
            "agg_trades", params, lambda body: codec.decode_aggregate_trades(body, symbol)
        )

    async def ui_klines(
        self,
        symbol: str,
        interval: str,
        limit: int = 500,
        start_ms: int | None = None,
        end_ms: int | None = None,
    ) -> Rows[Kline]:
        """As `klines`, as the venue prepares them for charts. Weight: 2.

        Args:
            symbol: The market.
            interval: The venue's word: "1s", "1m", "5m", "1h", "1d", ...
            limit: How many at most, up to 1000.
            start_ms: Open time of the first, UTC ms; None for the latest ones.
            end_ms: Open time of the last, UTC ms.

        Raises:
            VenueRejected: Unknown symbol (-1121) or interval (-1120).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "UIKlines".
        """
        params = {"symbol": symbol, "interval": interval, **limited(limit)}
        return await self._read(
            "ui_klines",
            params | given(startTime=start_ms, endTime=end_ms),
            lambda body: codec_rest.decode_klines(body, symbol, interval, self.venue_clock.now_ms()),
        )

    async def avg_price(self, symbol: str) -> AveragePrice:
        """The average price (quote asset) of the last minutes, as some filters use it. Weight: 2.

        Raises:
            VenueRejected: Unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Current average price".
        """
        return await self._read(
            "avg_price", {"symbol": symbol}, lambda body: codec.decode_average_price(body, symbol)
        )

    @overload
    async def ticker_24h(self, symbol: str) -> Ticker: ...
    @overload
    async def ticker_24h(self, symbol: Symbols | None = None) -> Rows[Ticker]: ...
    async def ticker_24h(self, symbol: str | Symbols | None = None) -> Ticker | Rows[Ticker]:
        """The last 24 hours of one symbol, of several, or of all.

        Weight: 2 up to 20 symbols, 40 up to 100, 80 beyond that and for all.

        Raises:
            VenueRejected: Unknown symbol (-1121).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "24hr ticker price change statistics".
        """
        return await self._tickers("ticker_24h", symbol, {})

    @overload
    async def ticker(self, symbol: str, window: str = "1d") -> Ticker: ...
    @overload
    async def ticker(self, symbol: Symbols, window: str = "1d") -> Rows[Ticker]: ...
    async def ticker(self, symbol: str | Symbols, window: str = "1d") -> Ticker | Rows[Ticker]:
        """The last `window` ("1m" to "59m", "1h" to "23h", "1d" to "7d") of one symbol or of several.

        It begins on a minute, so it is up to 59,999 ms longer than it says. Weight: 4 for each symbol,
        at most 200. At most 100 symbols.

        Raises:
            VenueRejected: Unknown symbol (-1121) or window (-1130).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Rolling window price change statistics".
        """
        return await self._tickers("ticker", symbol, {"windowSize": window})

    @overload
    async def trading_day(self, symbol: str, time_zone: str = "0") -> Ticker: ...
    @overload
    async def trading_day(self, symbol: Symbols, time_zone: str = "0") -> Rows[Ticker]: ...
    async def trading_day(self, symbol: str | Symbols, time_zone: str = "0") -> Ticker | Rows[Ticker]:
        """The running day of one symbol or of several, in `time_zone` ("0" is UTC; "-1:00", "05:45", "4").

        Weight: 4 for each symbol, at most 200. At most 100 symbols.

        Raises:
            VenueRejected: Unknown symbol (-1121) or time zone (-1130).
            VenueUnavailable: No answer, or a 5XX.

        Source: Binance spot REST API, "Trading Day Ticker".
        """
        return await self._tickers("trading_day", symbol, {"timeZone": time_zone})

    async def _tickers(
        self, name: str, symbol: str | Symbols | None, params: dict[str, str]
    ) -> Ticker | Rows[Ticker]:
        if isinstance(symbol, str):
            one = symbol
            return await self._read(
                name, params | {"symbol": one}, lambda body: codec.decode_ticker(body, one)
            )
        if symbol is not None:
            params = params | several(symbol)
        return await self._read(name, params, codec.decode_tickers)
