"""The market as ccxt's blocking client reads it, in ccxt's unified words."""

import ccxt
from paper import OPTIONS, SYMBOL, point, show

exchange = point(ccxt.binance(OPTIONS))
markets = exchange.load_markets()
book = exchange.fetch_order_book(SYMBOL, 5)

show(
    markets=sorted(markets),
    market={name: markets[SYMBOL][name] for name in ("spot", "active", "precision", "limits", "taker")},
    time=exchange.fetch_time(),
    bids=book["bids"],
    asks=book["asks"],
    trades=exchange.fetch_trades(SYMBOL, limit=5),
    candles=exchange.fetch_ohlcv(SYMBOL, "1m", limit=5),
    ticker=exchange.fetch_ticker(SYMBOL),
    tickers=len(exchange.fetch_tickers()),
    best=len(exchange.fetch_bids_asks()),
    prices=len(exchange.fetch_last_prices()),
)
