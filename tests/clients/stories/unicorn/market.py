"""The market as unicorn's REST manager reads it.

Its get_recent_trades still asks under /api/v1, which is gone from Binance, and so from the venue.
"""

from paper import SYMBOL, rest, show

client = rest()
show(
    weight=int(client.get_used_weight()["weight"]),
    time=client.get_server_time(),
    symbol=client.get_symbol_info(SYMBOL),
    book=client.get_order_book(symbol=SYMBOL, limit=5),
    trades=client.get_historical_trades(symbol=SYMBOL, limit=5),
    aggregated=client.get_aggregate_trades(symbol=SYMBOL, limit=5),
    klines=client.get_klines(symbol=SYMBOL, interval="1m", limit=5),
    average=client.get_avg_price(symbol=SYMBOL),
    day=client.get_ticker(symbol=SYMBOL),
    price=client.get_symbol_ticker(symbol=SYMBOL),
    prices=client.get_all_tickers(),
    best=client.get_orderbook_ticker(symbol=SYMBOL),
    candles=len(client.get_historical_klines(SYMBOL, "1m", "30 minutes ago UTC")),
)
client.stop_manager()
