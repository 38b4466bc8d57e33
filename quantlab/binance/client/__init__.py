"""The REST client: one class, one module per subject behind it."""

from __future__ import annotations

from quantlab.binance.client.spot_account import SpotAccount
from quantlab.binance.client.spot_lists import SpotLists
from quantlab.binance.client.spot_market import SpotMarket
from quantlab.binance.client.spot_orders import SpotOrders
from quantlab.binance.client.spot_statistics import SpotStatistics

__all__ = ["BinanceClient"]


class BinanceClient(SpotMarket, SpotStatistics, SpotAccount, SpotOrders, SpotLists):
    """Binance by REST: typed, exact, over one connection pool kept for life.

    Testnet, production and the paper venue differ by the base URL `rest` alone. Times are UTC
    milliseconds, prices in the quote asset, quantities in the base asset. `venue_clock` is the
    venue's time (after `sync_clock`), `limits` what the venue last said we have used. Made
    anywhere, used on one event loop, closed there by `aclose` or by `async with`.

    >>> async with BinanceClient("http://127.0.0.1:8080", clock=SystemClock()) as client:  # doctest: +SKIP
    ...     await client.ticker_price("BTCUSDT")
    Decimal('60000.00')
    """
