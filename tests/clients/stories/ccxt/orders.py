"""An account's life with ccxt's blocking client."""

import ccxt
from paper import OPTIONS, SYMBOL, near, point, show

exchange = point(ccxt.binance(OPTIONS))
exchange.load_markets()
ticker = exchange.fetch_ticker(SYMBOL)
low, high = near(exchange, ticker["last"], 0.9), near(exchange, ticker["last"], 1.1)
before = exchange.fetch_balance()

tested = exchange.create_order(SYMBOL, "limit", "buy", 0.01, low, {"test": True})
placed = exchange.create_limit_buy_order(SYMBOL, 0.01, low)
fetched = exchange.fetch_order(placed["id"], SYMBOL)
opened = exchange.fetch_open_orders(SYMBOL)
locked = exchange.fetch_balance()["USDT"]["used"]
edited = exchange.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.02, low)
cancelled = exchange.cancel_order(edited["id"], SYMBOL)
bought = exchange.create_market_buy_order(SYMBOL, 0.02)
by_cost = exchange.create_market_buy_order_with_cost(SYMBOL, 500)
post_only = exchange.create_post_only_order(SYMBOL, "limit", "buy", 0.01, low)
stop = exchange.create_stop_limit_order(SYMBOL, "sell", 0.01, low, low)
all_cancelled = exchange.cancel_all_orders(SYMBOL)

refusals = {}
for name, attempt in {
    "poor": lambda: exchange.create_limit_buy_order(SYMBOL, 100, ticker["last"]),
    "gone": lambda: exchange.cancel_order(placed["id"], SYMBOL),
    "absent": lambda: exchange.fetch_order("987654321", SYMBOL),
    "would_take": lambda: exchange.create_post_only_order(SYMBOL, "limit", "buy", 0.01, high),
}.items():
    try:
        attempt()
    except ccxt.BaseError as error:
        refusals[name] = type(error).__name__

show(
    usdt=before["USDT"], locked=locked, tested=tested, placed=placed, fetched=fetched, opened=opened,
    edited=edited, cancelled=cancelled, bought=bought, by_cost=by_cost, post_only=post_only, stop=stop,
    all_cancelled=all_cancelled, my_trades=exchange.fetch_my_trades(SYMBOL), refusals=refusals,
    orders=exchange.fetch_orders(SYMBOL), closed=exchange.fetch_closed_orders(SYMBOL),
    btc=[before["BTC"]["total"], exchange.fetch_balance()["BTC"]["total"]],
)  # fmt: skip
