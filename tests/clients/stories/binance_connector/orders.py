"""An account's life with binance-connector's REST client."""

from binance.error import ClientError
from binance.spot import Spot
from paper import KEYS, SYMBOL, VENUE, near, show

client = Spot(**KEYS, base_url=VENUE["rest"])
best = client.book_ticker(SYMBOL)
low, high = near(best["bidPrice"], 0.9), near(best["askPrice"], 1.1)
limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": low}

tested = client.new_order_test(**limit, quantity=0.01)
placed = client.new_order(**limit, quantity=0.01)
queried = client.get_order(SYMBOL, orderId=placed["orderId"])
opened = client.get_open_orders(SYMBOL)
cancelled = client.cancel_order(SYMBOL, orderId=placed["orderId"])
bought = client.new_order(SYMBOL, "BUY", "MARKET", quantity=0.02)
by_quote = client.new_order(SYMBOL, "BUY", "MARKET", quoteOrderQty=500)
working = client.new_order(**limit, quantity=0.01)
replaced = client.cancel_and_replace(
    **limit, cancelReplaceMode="STOP_ON_FAILURE", quantity=0.02, cancelOrderId=working["orderId"]
)
all_cancelled = client.cancel_open_orders(SYMBOL)
oco = client.new_oco_order(
    SYMBOL, "SELL", 0.01, "LIMIT_MAKER", "STOP_LOSS_LIMIT", abovePrice=high, belowStopPrice=low,
    belowPrice=near(low, 0.99), belowTimeInForce="GTC",
)  # fmt: skip
open_lists = client.get_oco_open_orders()
known_list = client.get_oco_order(orderListId=oco["orderListId"])
oco_cancelled = client.cancel_oco_order(SYMBOL, orderListId=oco["orderListId"])
oto = client.new_oto_order(
    symbol=SYMBOL, workingType="LIMIT", workingSide="BUY", workingPrice=low, workingQuantity=0.01,
    workingTimeInForce="GTC", pendingType="MARKET", pendingSide="SELL", pendingQuantity=0.01,
)  # fmt: skip
lists_cancelled = client.cancel_open_orders(SYMBOL)

refused = {}
for name, attempt in {
    "absent": lambda: client.get_order(SYMBOL, orderId=2**40),
    "gone": lambda: client.cancel_order(SYMBOL, orderId=placed["orderId"]),
    "poor": lambda: client.new_order(**limit | {"side": "SELL", "price": high}, quantity=50),
    "off_grid": lambda: client.new_order(**limit | {"price": f"{low}1"}, quantity=0.01),
    "signature": lambda: Spot(KEYS["api_key"], "wrong", base_url=VENUE["rest"]).account(),
    "key": lambda: Spot("k" * 64, "wrong", base_url=VENUE["rest"]).account(),
    "half": lambda: client.cancel_and_replace(
        **limit, cancelReplaceMode="STOP_ON_FAILURE", quantity=0.02, cancelOrderId=2**40
    ),
}.items():
    try:
        attempt()
    except ClientError as error:
        refused[name] = [error.status_code, error.error_code, error.error_message, error.error_data]

show(
    tested=tested, placed=placed, queried=queried, opened=opened, cancelled=cancelled, bought=bought,
    by_quote=by_quote, replaced=replaced, all_cancelled=all_cancelled, oco=oco, open_lists=open_lists,
    known_list=known_list, oco_cancelled=oco_cancelled, oto=oto, lists_cancelled=lists_cancelled,
    lists=client.get_oco_orders(), account=client.account(), my_trades=client.my_trades(SYMBOL),
    history=client.get_orders(SYMBOL), counts=client.get_order_rate_limit(), refused=refused,
    commission=client.query_commission_rates(SYMBOL),
    prevented=client.query_prevented_matches(SYMBOL, preventedMatchId=1),
)  # fmt: skip
