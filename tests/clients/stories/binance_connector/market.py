"""The market as binance-connector's REST client reads it."""

from binance.spot import Spot
from paper import KEYS, SYMBOL, VENUE, show

client = Spot(**KEYS, base_url=VENUE["rest"])
usage = Spot(base_url=VENUE["rest"], show_limit_usage=True).ping()["limit_usage"]

show(
    weight=int(usage["x-mbx-used-weight-1m"]),
    time=client.time(),
    symbol=client.exchange_info(symbols=[SYMBOL, "ETHUSDT"])["symbols"][0],
    book=client.depth(SYMBOL, limit=5),
    trades=client.trades(SYMBOL, limit=5),
    older=client.historical_trades(SYMBOL, limit=5),
    aggregated=client.agg_trades(SYMBOL, limit=5),
    klines=client.klines(SYMBOL, "1m", limit=5),
    ui_klines=client.ui_klines(SYMBOL, "1m", limit=5),
    average=client.avg_price(SYMBOL),
    day=client.ticker_24hr(SYMBOL),
    days=client.ticker_24hr(symbols=[SYMBOL, "ETHUSDT"]),
    trading_day=client.trading_day_ticker(SYMBOL),
    window=client.rolling_window_ticker(SYMBOL, windowSize="1h"),
    price=client.ticker_price(SYMBOL),
    prices=client.ticker_price(),
    best=client.book_ticker(SYMBOL),
)
