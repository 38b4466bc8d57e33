"""Market streams and a local book, with python-binance's socket manager and depth cache."""

import asyncio

from binance import AsyncClient, BinanceSocketManager
from binance.ws.depthcache import DepthCacheManager
from paper import KEYS, SYMBOL, show


async def first(socket):
    async with socket as stream:
        return await asyncio.wait_for(stream.recv(), 20)


async def local_book(client):
    """The client's own book, kept by the documented procedure over a while."""
    async with DepthCacheManager(client, SYMBOL, ws_interval=100) as book:
        for _ in range(10):
            cache = await asyncio.wait_for(book.recv(), 20)
        return {"bids": cache.get_bids()[:5], "asks": cache.get_asks()[:5], "update": cache.update_time}


async def main() -> None:
    client = await AsyncClient.create(**KEYS)
    sockets = BinanceSocketManager(client)
    sockets_of = {
        "trade": sockets.trade_socket(SYMBOL),
        "aggregated": sockets.aggtrade_socket(SYMBOL),
        "kline": sockets.kline_socket(SYMBOL),
        "diff": sockets.depth_socket(SYMBOL, interval=100),
        "partial": sockets.depth_socket(SYMBOL, depth=BinanceSocketManager.WEBSOCKET_DEPTH_5),
        "ticker": sockets.symbol_ticker_socket(SYMBOL),
        "mini": sockets.symbol_miniticker_socket(SYMBOL),
        "minis": sockets.miniticker_socket(),
        "best": sockets.symbol_book_ticker_socket(SYMBOL),
        "combined": sockets.multiplex_socket(["btcusdt@bookTicker", "ethusdt@trade"]),
    }
    try:
        found = await asyncio.gather(*(first(socket) for socket in sockets_of.values()), local_book(client))
    finally:
        await client.close_connection()
    show(**dict(zip([*sockets_of, "local_book"], found, strict=True)))


asyncio.run(main())
