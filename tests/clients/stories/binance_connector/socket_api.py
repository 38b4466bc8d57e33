"""Orders and user data over the WebSocket API, with binance-connector's threads.

The client has no method for the user data stream of today: the request goes as any other message.
"""

from binance.lib.utils import websocket_api_signature
from binance.websocket.spot.websocket_api import SpotWebsocketAPIClient
from paper import KEYS, SYMBOL, VENUE, Inbox, near, show

heard = Inbox()
api = SpotWebsocketAPIClient(stream_url=VENUE["ws_api"], **KEYS, on_message=heard)


def ask(name, send, *args, **params):
    """The result of one request."""
    send(*args, **params, id=name)
    answer = heard.answer(name)
    if answer["status"] != 200:
        raise RuntimeError(answer["error"])
    return answer["result"]


def trade():
    best = ask("best", api.ticker_book, symbol=SYMBOL)
    low, high = near(best["bidPrice"], 0.9), near(best["askPrice"], 1.1)
    limit = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": low}
    facts = {"best": best, "tested": ask("tested", api.new_order_test, **limit, quantity=0.01)}
    placed = facts["placed"] = ask("placed", api.new_order, **limit, quantity=0.01)
    facts["queried"] = ask("queried", api.get_order, SYMBOL, orderId=placed["orderId"])
    facts["opened"] = ask("opened", api.get_open_orders, symbol=SYMBOL)
    facts["cancelled"] = ask("cancelled", api.cancel_order, SYMBOL, orderId=placed["orderId"])
    facts["bought"] = ask("bought", api.new_order, SYMBOL, "BUY", "MARKET", quantity=0.02)
    working = ask("working", api.new_order, **limit, quantity=0.01)
    facts["replaced"] = ask(
        "replaced", api.cancel_replace_order, **limit, cancelReplaceMode="STOP_ON_FAILURE", quantity=0.02,
        cancelOrderId=working["orderId"],
    )  # fmt: skip
    facts["all_cancelled"] = ask("all", api.cancel_open_orders, SYMBOL)
    oco = facts["oco"] = ask(
        "oco", api.new_oco_order, SYMBOL, "SELL", 0.01, "LIMIT_MAKER", "STOP_LOSS", abovePrice=high,
        belowStopPrice=low,
    )  # fmt: skip
    facts["known_list"] = ask("known", api.get_oco_order, orderListId=oco["orderListId"])
    facts["open_lists"] = ask("lists", api.get_open_oco_orders)
    facts["oco_cancelled"] = ask("unlist", api.cancel_oco_order, SYMBOL, orderListId=oco["orderListId"])
    api.get_order(SYMBOL, orderId=2**40, id="absent")
    return facts | {"absent": heard.answer("absent")["error"]["code"]}


def read():
    requests = {
        "account": (api.account, {}),
        "counts": (api.order_rate_limit, {}),
        "history": (api.order_history, {"symbol": SYMBOL}),
        "my_trades": (api.my_trades, {"symbol": SYMBOL}),
        "book": (api.order_book, {"symbol": SYMBOL, "limit": 5}),
        "klines": (api.klines, {"symbol": SYMBOL, "interval": "1m", "limit": 5}),
        "ui_klines": (api.ui_klines, {"symbol": SYMBOL, "interval": "1m", "limit": 5}),
        "trades": (api.recent_trades, {"symbol": SYMBOL, "limit": 5}),
        "older": (api.historical_trades, {"symbol": SYMBOL, "apiKey": KEYS["api_key"], "limit": 5}),
        "aggregated": (api.aggregate_trades, {"symbol": SYMBOL, "limit": 5}),
        "average": (api.avg_price, {"symbol": SYMBOL}),
        "day": (api.ticker_24hr, {"symbol": SYMBOL}),
        "window": (api.ticker, {"symbol": SYMBOL}),
        "price": (api.ticker_price, {"symbol": SYMBOL}),
        "time": (api.server_time, {}),
    }
    return {name: ask(name, send, **params) for name, (send, params) in requests.items()}


try:
    params = websocket_api_signature(KEYS["api_key"], KEYS["api_secret"], {})
    api.send({"id": "listen", "method": "userDataStream.subscribe.signature", "params": params})
    heard.answer("listen")
    facts = trade() | read()
finally:
    api.stop()  # else its thread keeps the process
show(**facts, events=[each["event"] for each in heard.events])
