"""Streams, user data and orders over the WebSocket API, with ccxt.pro."""

import asyncio

import ccxt.pro
from paper import OPTIONS, SYMBOL, near, point, show


async def market(exchange):
    watched = {
        "ticker": exchange.watch_ticker(SYMBOL),
        "best": exchange.watch_bids_asks([SYMBOL]),
        "trades": exchange.watch_trades(SYMBOL),
        "candles": exchange.watch_ohlcv(SYMBOL, "1m"),
        "book": exchange.watch_order_book(SYMBOL),
    }
    found = await asyncio.wait_for(asyncio.gather(*watched.values()), 30)
    facts = dict(zip(watched, found, strict=True))
    for _ in range(10):  # a book that goes on: every update's number is checked against the one before
        book = await asyncio.wait_for(exchange.watch_order_book(SYMBOL), 20)
    return facts | {"book": {"bids": book["bids"][:5], "asks": book["asks"][:5], "nonce": book["nonce"]}}


async def account(exchange):
    events = {"orders": [], "trades": [], "balances": []}

    async def follow(name, watch):
        while True:
            found = await watch()
            events[name] += found if isinstance(found, list) else [found["USDT"]]

    followers = [
        asyncio.create_task(follow("orders", lambda: exchange.watch_orders(SYMBOL))),
        asyncio.create_task(follow("trades", lambda: exchange.watch_my_trades(SYMBOL))),
        asyncio.create_task(follow("balances", exchange.watch_balance)),
    ]
    await asyncio.sleep(3)  # ccxt.pro does not say when it has subscribed
    low = near(exchange, (await exchange.fetch_ticker(SYMBOL))["last"], 0.9)
    facts = {"placed": await exchange.create_order_ws(SYMBOL, "limit", "buy", 0.01, low)}
    facts["fetched"] = await exchange.fetch_order_ws(facts["placed"]["id"], SYMBOL)
    facts["opened"] = await exchange.fetch_open_orders_ws(SYMBOL)
    facts["edited"] = await exchange.edit_order_ws(facts["placed"]["id"], SYMBOL, "limit", "buy", 0.02, low)
    facts["cancelled"] = await exchange.cancel_order_ws(facts["edited"]["id"], SYMBOL)
    facts["bought"] = await exchange.create_order_ws(SYMBOL, "market", "buy", 0.01)
    facts["balance"] = await exchange.fetch_balance_ws()
    facts["history"] = await exchange.fetch_orders_ws(SYMBOL)
    facts["my_trades"] = await exchange.fetch_my_trades_ws(SYMBOL)
    facts["candles"] = await exchange.fetch_ohlcv_ws(SYMBOL, "1m", limit=3)
    facts["recent"] = await exchange.fetch_trades_ws(SYMBOL, limit=3)

    async def filled():
        while not events["trades"] or not any(order["status"] == "closed" for order in events["orders"]):
            await asyncio.sleep(0.02)

    await asyncio.wait_for(filled(), 20)
    for follower in followers:
        follower.cancel()
    return facts | {"events": events}


async def main() -> None:
    exchange = point(ccxt.pro.binance(OPTIONS))
    try:
        await exchange.load_markets()
        show(market=await market(exchange), account=await account(exchange))
    finally:
        await exchange.close()


asyncio.run(main())
