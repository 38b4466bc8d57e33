"""Orders and user data over the WebSocket API, through the SDK.

Its models of exchangeInfo and myFilters have no `result`, so that they lose the answer.
"""

import asyncio

from paper import SYMBOL, Answers, near, plain, spot


async def trade(api, note):
    best = plain((await api.ticker_book(symbol=SYMBOL)).data())["result"]
    low, high = near(best["bidPrice"], 0.9), near(best["askPrice"], 1.1)
    limit = {"time_in_force": "GTC", "quantity": 0.01, "price": low}
    note("tested", await api.order_test(SYMBOL, "BUY", "LIMIT", **limit))
    placed = note("placed", await api.order_place(SYMBOL, "BUY", "LIMIT", **limit))
    note("queried", await api.order_status(SYMBOL, order_id=placed.order_id))
    note("opened", await api.open_orders_status(symbol=SYMBOL))
    note("cancelled", await api.order_cancel(SYMBOL, order_id=placed.order_id))
    note("bought", await api.order_place(SYMBOL, "BUY", "MARKET", quantity=0.02))
    working = (await api.order_place(SYMBOL, "BUY", "LIMIT", **limit)).data().result
    note("replaced", await api.order_cancel_replace(
        SYMBOL, "STOP_ON_FAILURE", "BUY", "LIMIT", **limit, cancel_order_id=working.order_id
    ))  # fmt: skip
    kept = (await api.order_place(SYMBOL, "BUY", "LIMIT", **limit)).data().result
    note("amended", await api.order_amend_keep_priority(SYMBOL, 0.005, order_id=kept.order_id))
    note("amendments", await api.order_amendments(SYMBOL, kept.order_id))
    note("all_cancelled", await api.open_orders_cancel_all(SYMBOL))
    oco = note("oco", await api.order_list_place_oco(
        SYMBOL, "SELL", 0.01, "LIMIT_MAKER", "STOP_LOSS", above_price=high, below_stop_price=low
    ))  # fmt: skip
    note("known_list", await api.order_list_status(order_list_id=oco.order_list_id))
    note("open_lists", await api.open_order_lists_status())
    note("oco_cancelled", await api.order_list_cancel(SYMBOL, order_list_id=oco.order_list_id))
    note("oto", await api.order_list_place_oto(
        SYMBOL, "LIMIT", "BUY", low, 0.01, "MARKET", "SELL", 0.01, working_time_in_force="GTC"
    ))  # fmt: skip
    note("oto_cancelled", await api.open_orders_cancel_all(SYMBOL))


async def read(api, note):
    note("account", await api.account_status(omit_zero_balances=True))
    note("counts", await api.account_rate_limits_orders())
    note("commission", await api.account_commission(SYMBOL))
    note("history", await api.all_orders(SYMBOL))
    note("lists", await api.all_order_lists())
    note("my_trades", await api.my_trades(SYMBOL))
    note("book", await api.depth(SYMBOL, limit=5))
    note("klines", await api.klines(SYMBOL, "1m", limit=5))
    note("ui_klines", await api.ui_klines(SYMBOL, "1m", limit=5))
    note("trades", await api.trades_recent(SYMBOL, limit=5))
    note("older", await api.trades_historical(SYMBOL, limit=5))
    note("aggregated", await api.trades_aggregate(SYMBOL, limit=5))
    note("average", await api.avg_price(SYMBOL))
    note("day", await api.ticker24hr(symbol=SYMBOL))
    note("window", await api.ticker(symbol=SYMBOL))
    note("trading_day", await api.ticker_trading_day(symbol=SYMBOL))
    note("price", await api.ticker_price(symbol=SYMBOL))
    note("best", await api.ticker_book(symbol=SYMBOL))
    note("time", await api.time())


def told(event):
    """One event as JSON has it; which it is, the SDK tells by its model's name alone."""
    name = type(event).__name__
    return {"e": name[0].lower() + name[1:]} | plain(event)


async def main() -> None:
    api = spot().websocket_api
    answers = Answers()

    def note(name, response):
        """Keep the answer's result; a model that is a dict is the SDK's way to hand on an error."""
        whole = response.data()
        if isinstance(whole, dict):
            raise RuntimeError(f"{name}: {whole}")
        result = (getattr(whole, "actual_instance", None) or whole).result
        answers.keep(name, result)
        return result

    events = []
    await api.create_connection()
    try:
        subscribed = await api.user_data_stream_subscribe_signature()
        note("subscribed", subscribed.response)
        subscribed.stream.on("message", lambda event: events.append(told(event.actual_instance)))
        note("subscriptions", await api.session_subscriptions())
        note("session", await api.session_status())
        await trade(api, note)
        await read(api, note)
        absent = (await api.order_status(SYMBOL, order_id=2**40)).data()["error"]["code"]

        async def ended() -> None:
            while sum(event["e"] == "listStatus" for event in events) < 4:
                await asyncio.sleep(0.02)

        await asyncio.wait_for(ended(), 20)
        note("unsubscribed", await api.user_data_stream_unsubscribe())
    finally:
        await api.close_connection(close_session=True)
    answers.show(events=events, absent=absent)


asyncio.run(main())
