"""The market as python-binance's blocking client reads it."""

from binance import Client
from paper import KEYS, SYMBOL, show

client = Client(**KEYS)
minute = {"symbol": SYMBOL, "interval": Client.KLINE_INTERVAL_1MINUTE}

show(
    time=client.get_server_time(),
    symbol=client.get_symbol_info(SYMBOL),
    book=client.get_order_book(symbol=SYMBOL, limit=5),
    trades=client.get_recent_trades(symbol=SYMBOL, limit=5),
    older=client.get_historical_trades(symbol=SYMBOL, limit=5),
    aggregated=client.get_aggregate_trades(symbol=SYMBOL, limit=5),
    klines=client.get_klines(**minute, limit=5),
    ui_klines=client.get_ui_klines(**minute, limit=5),
    average=client.get_avg_price(symbol=SYMBOL),
    day=client.get_ticker(symbol=SYMBOL),
    window=client.get_symbol_ticker_window(symbol=SYMBOL),
    trading_day=client.v3_get_ticker_trading_day(symbol=SYMBOL),
    price=client.get_symbol_ticker(symbol=SYMBOL),
    prices=client.get_all_tickers(),
    best=client.get_orderbook_ticker(symbol=SYMBOL),
    weight=int(client.response.headers["x-mbx-used-weight-1m"]),
    # this one pages by itself, from a date in words to now
    candles=len(client.get_historical_klines(SYMBOL, minute["interval"], "30 minutes ago UTC")),
)
