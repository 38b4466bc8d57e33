"""Market streams through the SDK and its strict models."""

import asyncio
import json

from paper import SYMBOL, plain, spot


async def main() -> None:
    streams = spot().websocket_streams
    await streams.create_connection()
    first = {}

    async def follow(name, subscribe):
        handle = await subscribe
        handle.on("message", lambda data: first.setdefault(name, plain(data)))
        await asyncio.sleep(0.4)  # a socket that sends more than 5 messages in a second is closed
        return handle

    try:
        handles = [
            await follow("trade", streams.trade(SYMBOL)),
            await follow("aggregated", streams.agg_trade(SYMBOL)),
            await follow("kline", streams.kline(SYMBOL, "1m")),
            await follow("diff", streams.diff_book_depth(SYMBOL, update_speed="100ms")),
            await follow("partial", streams.partial_book_depth(SYMBOL, "5")),
            await follow("best", streams.book_ticker(SYMBOL)),
            await follow("ticker", streams.ticker(SYMBOL)),
            await follow("mini", streams.mini_ticker(SYMBOL)),
            await follow("minis", streams.all_mini_ticker()),
            await follow("window", streams.rolling_window_ticker(SYMBOL, "1h")),
            await follow("average", streams.avg_price(SYMBOL)),
        ]
        for _ in range(1_500):
            if len(first) == len(handles):
                break
            await asyncio.sleep(0.02)
        subscriptions = await streams.list_subscribe()
        await handles[0].unsubscribe()
    finally:
        await streams.close_connection(close_session=True)
    print(json.dumps(first | {"subscriptions": subscriptions["result"]}))


asyncio.run(main())
