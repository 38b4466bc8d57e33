"""Orders and user data over the WebSocket API, with python-binance's asynchronous client."""

import asyncio

from binance import AsyncClient, BinanceSocketManager
from binance.exceptions import BinanceAPIException
from paper import KEYS, SYMBOL, near, show


async def trade(client):
    best = await client.ws_get_orderbook_ticker(symbol=SYMBOL)
    low, high = near(best["bidPrice"], "0.9"), near(best["askPrice"], "1.1")
    order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    facts = {"tested": await client.ws_create_test_order(**order, quantity="0.01", price=low)}
    placed = facts["placed"] = await client.ws_create_order(**order, quantity="0.01", price=low)
    facts["queried"] = await client.ws_get_order(symbol=SYMBOL, orderId=placed["orderId"])
    facts["opened"] = await client.ws_get_open_orders(symbol=SYMBOL)
    facts["cancelled"] = await client.ws_cancel_order(symbol=SYMBOL, orderId=placed["orderId"])
    facts["bought"] = await client.ws_order_market_buy(symbol=SYMBOL, quantity=0.02)
    working = await client.ws_order_limit_buy(symbol=SYMBOL, quantity="0.01", price=low)
    facts["replaced"] = await client.ws_cancel_and_replace_order(
        **order, quantity="0.02", price=low, cancelReplaceMode="STOP_ON_FAILURE",
        cancelOrderId=working["orderId"],
    )  # fmt: skip
    facts["all_cancelled"] = await client.ws_cancel_all_open_orders(symbol=SYMBOL)
    oco = facts["oco"] = await client.ws_create_oco_order(
        symbol=SYMBOL, side="SELL", quantity="0.01", aboveType="LIMIT_MAKER", abovePrice=high,
        belowType="STOP_LOSS", belowStopPrice=low,
    )  # fmt: skip
    facts["open_lists"] = await client.ws_get_oco_open_orders()
    facts["oco_cancelled"] = await client.ws_cancel_oco_order(symbol=SYMBOL, orderListId=oco["orderListId"])
    try:
        await client.ws_get_order(symbol=SYMBOL, orderId=2**40)
    except BinanceAPIException as error:
        facts["absent"] = error.code
    return facts


async def read(client):
    return {
        "account": await client.ws_get_account(),
        "my_trades": await client.ws_get_my_trades(symbol=SYMBOL),
        "history": await client.ws_get_all_orders(symbol=SYMBOL),
        "counts": await client.ws_get_account_rate_limits_orders(),
        "commission": await client.ws_get_commission_rates(symbol=SYMBOL),
        "book": await client.ws_get_order_book(symbol=SYMBOL, limit=5),
        "klines": await client.ws_get_klines(symbol=SYMBOL, interval="1m", limit=5),
        "trades": await client.ws_get_recent_trades(symbol=SYMBOL, limit=5),
        "aggregated": await client.ws_get_aggregate_trades(symbol=SYMBOL, limit=5),
        "average": await client.ws_get_avg_price(symbol=SYMBOL),
        "day": await client.ws_get_ticker(symbol=SYMBOL),
        "best": await client.ws_get_orderbook_ticker(symbol=SYMBOL),
        "time": await client.ws_get_time(),
        "symbol": (await client.ws_get_exchange_info(symbol=SYMBOL))["symbols"][0],
    }


async def main() -> None:
    client = await AsyncClient.create(**KEYS)
    client.ws_api.TIMEOUT = 2  # for so long it also waits for a last message when it is closed
    events = []
    try:
        async with BinanceSocketManager(client).user_socket() as stream:
            facts = await trade(client) | await read(client)
            while sum(event["e"] == "listStatus" for event in events) < 2:
                events.append(await asyncio.wait_for(stream.recv(), 20))
    finally:
        await client.close_connection()
    show(**facts, events=events)


asyncio.run(main())
