"""An account's life with unicorn's REST manager; its OCO is the endpoint that Binance calls deprecated."""

from paper import KEYS, SYMBOL, PaperRest, near, rest, show
from unicorn_binance_rest_api.exceptions import BinanceAPIException

client = rest()
best = client.get_orderbook_ticker(symbol=SYMBOL)
low, high = near(best["bidPrice"], 0.9), near(best["askPrice"], 1.1)
order = {"symbol": SYMBOL, "quantity": 0.01, "price": low}

tested = client.create_test_order(**order, side="BUY", type="LIMIT", timeInForce="GTC")
placed = client.order_limit_buy(**order)
queried = client.get_order(symbol=SYMBOL, orderId=placed["orderId"])
opened = client.get_open_orders(symbol=SYMBOL)
cancelled = client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
bought = client.order_market_buy(symbol=SYMBOL, quantity=0.02)
by_quote = client.order_market_buy(symbol=SYMBOL, quoteOrderQty=500)
client.order_limit_buy(**order)
all_cancelled = client.cancel_all_open_orders(symbol=SYMBOL)
oco = client.order_oco_sell(
    symbol=SYMBOL, quantity=0.01, price=high, stopPrice=low, stopLimitPrice=near(low, 0.99),
    stopLimitTimeInForce="GTC",
)  # fmt: skip
lists_cancelled = client.cancel_all_open_orders(symbol=SYMBOL)

refused = {}
for name, attempt in {
    "absent": lambda: client.get_order(symbol=SYMBOL, orderId=2**40),
    "gone": lambda: client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"]),
    "poor": lambda: client.order_limit_sell(symbol=SYMBOL, quantity=50, price=high),
    "off_grid": lambda: client.order_limit_buy(**order | {"price": round(low + 0.001, 3)}),
    "signature": lambda: PaperRest(KEYS["api_key"], "wrong", tld="com", warn_on_update=False).get_account(),
    "key": lambda: PaperRest("k" * 64, "wrong", tld="com", warn_on_update=False).get_account(),
}.items():
    try:
        attempt()
    except BinanceAPIException as error:
        refused[name] = [error.status_code, error.code, error.message]

show(
    tested=tested, placed=placed, queried=queried, opened=opened, cancelled=cancelled, bought=bought,
    by_quote=by_quote, all_cancelled=all_cancelled, oco=oco, lists_cancelled=lists_cancelled, refused=refused,
    account=client.get_account(), my_trades=client.get_my_trades(symbol=SYMBOL),
    history=client.get_all_orders(symbol=SYMBOL),
)  # fmt: skip
client.stop_manager()
