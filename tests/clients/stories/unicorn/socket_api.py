"""Orders and user data over the WebSocket API, with unicorn's manager; its prices must be floats.

It begins to wait for an answer only after it has sent the request, which is too late on loopback
(`return_response=True` then waits for ever): so the answers are taken from the stream, by their ids. Its
cancel_and_replace_order sends `NewClientOrderId`, which is no parameter of Binance's (-1104), and its
get_unfilled_order_count no timestamp (-1102).
"""

from paper import KEYS, SYMBOL, near, rest, show, sockets, until

events = []
answers = {}


def hear(message):
    if "event" in message:
        events.append(message["event"])
    else:
        answers[message.get("id")] = message


def tell(manager):
    user = manager.create_stream("arr", "!userData", **KEYS)
    stream = manager.create_stream(api=True, **KEYS)
    until(lambda: manager.is_socket_ready(user) and manager.is_socket_ready(stream))
    spot = manager.api.spot

    def ask(send, **params):
        request_id = f"ask-{len(answers)}"
        send(**params, stream_id=stream, request_id=request_id)
        until(lambda: request_id in answers)
        answer = answers[request_id]
        return answer["result"] if answer["status"] == 200 else answer["error"]

    low = near(rest().get_orderbook_ticker(symbol=SYMBOL)["bidPrice"], 0.9)
    limit = {"symbol": SYMBOL, "side": "BUY", "order_type": "LIMIT", "time_in_force": "GTC", "price": low}
    facts = {"tested": ask(spot.create_test_order, **limit, quantity=0.01)}
    placed = facts["placed"] = ask(spot.create_order, **limit, quantity=0.01)
    facts["queried"] = ask(spot.get_order, symbol=SYMBOL, order_id=placed["orderId"])
    facts["opened"] = ask(spot.get_open_orders, symbol=SYMBOL)
    facts["cancelled"] = ask(spot.cancel_order, symbol=SYMBOL, order_id=placed["orderId"])
    facts["bought"] = ask(spot.create_order, symbol=SYMBOL, side="BUY", order_type="MARKET", quantity=0.02)
    ask(spot.create_order, **limit, quantity=0.01)
    facts["all_cancelled"] = ask(spot.cancel_open_orders, symbol=SYMBOL)
    facts["absent"] = ask(spot.get_order, symbol=SYMBOL, order_id=2**40)["code"]
    facts["account"] = ask(spot.get_account_status)
    facts["book"] = ask(spot.get_order_book, symbol=SYMBOL, limit=5)
    facts["klines"] = ask(spot.get_klines, symbol=SYMBOL, interval="1m", limit=5)
    facts["ui_klines"] = ask(spot.get_ui_klines, symbol=SYMBOL, interval="1m", limit=5)
    facts["trades"] = ask(spot.get_recent_trades, symbol=SYMBOL, limit=5)
    facts["older"] = ask(spot.get_historical_trades, symbol=SYMBOL, limit=5)
    facts["aggregated"] = ask(spot.get_aggregate_trades, symbol=SYMBOL, limit=5)
    facts["average"] = ask(spot.get_current_average_price, symbol=SYMBOL)
    facts["time"] = ask(spot.get_server_time)
    facts["symbol"] = ask(spot.get_exchange_info, symbols=[SYMBOL])["symbols"][0]
    until(lambda: sum(event.get("X") == "CANCELED" for event in events) == 2)
    show(**facts, events=events)


manager = sockets(hear)
try:
    tell(manager)
finally:
    manager.stop_manager()  # else its threads keep the process
