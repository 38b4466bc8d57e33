"""An account's life with python-binance's blocking client: orders, order lists, refusals."""

from binance import Client
from binance.exceptions import BinanceAPIException
from paper import KEYS, SYMBOL, near, show

client = Client(**KEYS)
best = client.get_orderbook_ticker(symbol=SYMBOL)
low, high = near(best["bidPrice"], "0.9"), near(best["askPrice"], "1.1")
order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}

tested = client.create_test_order(**order, quantity="0.01", price=low)
placed = client.order_limit_buy(symbol=SYMBOL, quantity="0.01", price=low)
queried = client.get_order(symbol=SYMBOL, orderId=placed["orderId"])
opened = client.get_open_orders(symbol=SYMBOL)
locked = client.get_asset_balance("USDT")["locked"]
cancelled = client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"])

bought = client.order_market_buy(symbol=SYMBOL, quantity="0.02")
by_quote = client.order_market_buy(symbol=SYMBOL, quoteOrderQty="500")
sold = client.order_market_sell(symbol=SYMBOL, quantity=0.01)

working = client.order_limit_buy(symbol=SYMBOL, quantity="0.01", price=low)
replaced = client.cancel_replace_order(
    **order, quantity="0.02", price=low, cancelReplaceMode="STOP_ON_FAILURE", cancelOrderId=working["orderId"]
)
all_cancelled = client.cancel_all_open_orders(symbol=SYMBOL)

oco = client.create_oco_order(
    symbol=SYMBOL, side="SELL", quantity="0.01", aboveType="LIMIT_MAKER", abovePrice=high,
    belowType="STOP_LOSS_LIMIT", belowStopPrice=low, belowPrice=near(low, "0.99"), belowTimeInForce="GTC",
)  # fmt: skip
open_lists = client.get_open_oco_orders()
known_list = client.v3_get_order_list(orderListId=oco["orderListId"])
oco_cancelled = client.v3_delete_order_list(symbol=SYMBOL, orderListId=oco["orderListId"])
oto = client.v3_post_order_list_oto(
    symbol=SYMBOL, workingType="LIMIT", workingSide="BUY", workingPrice=low, workingQuantity="0.01",
    workingTimeInForce="GTC", pendingType="MARKET", pendingSide="SELL", pendingQuantity="0.01",
)  # fmt: skip
lists_cancelled = client.cancel_all_open_orders(symbol=SYMBOL)

refused = {}
for name, attempt in {
    "absent": lambda: client.get_order(symbol=SYMBOL, orderId=2**40),
    "gone": lambda: client.cancel_order(symbol=SYMBOL, orderId=placed["orderId"]),
    "poor": lambda: client.order_limit_sell(symbol=SYMBOL, quantity="50", price=high),
    "off_grid": lambda: client.order_limit_buy(symbol=SYMBOL, quantity="0.01", price=f"{low}1"),
    "signature": lambda: Client(KEYS["api_key"], "wrong").get_account(),
    "key": lambda: Client("k" * 64, "wrong").get_account(),
}.items():
    try:
        attempt()
    except BinanceAPIException as error:
        refused[name] = [error.status_code, error.code, error.message]

show(
    tested=tested, placed=placed, queried=queried, opened=opened, locked=locked, cancelled=cancelled,
    bought=bought, by_quote=by_quote, sold=sold, replaced=replaced, all_cancelled=all_cancelled, oco=oco,
    open_lists=open_lists, known_list=known_list, oco_cancelled=oco_cancelled, oto=oto, refused=refused,
    lists_cancelled=lists_cancelled,
    my_trades=client.get_my_trades(symbol=SYMBOL), history=client.get_all_orders(symbol=SYMBOL),
    counts=client.get_current_order_count(), commission=client.v3_get_account_commission(symbol=SYMBOL),
    account=client.get_account(),
    prevented=client.get_prevented_matches(symbol=SYMBOL, preventedMatchId=1),
)  # fmt: skip
