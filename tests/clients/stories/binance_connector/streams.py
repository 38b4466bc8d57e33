"""Market streams with binance-connector's threads."""

from binance.websocket.spot.websocket_stream import SpotWebsocketStreamClient
from paper import VENUE, Inbox, show

NAMES = {
    "trade": "btcusdt@trade",
    "aggregated": "btcusdt@aggTrade",
    "best": "btcusdt@bookTicker",
    "kline": "btcusdt@kline_1m",
    "diff": "btcusdt@depth@100ms",
    "partial": "btcusdt@depth5",
    "ticker": "btcusdt@ticker",
    "mini": "btcusdt@miniTicker",
}


def follow(heard, stream):
    """The first frame of each stream, and the list of subscriptions."""
    stream.subscribe(list(NAMES.values()), id=7)
    heard.answer(7)
    first = {}
    while len(first) < len(NAMES):
        message = heard.next()
        first.setdefault(message["stream"], message["data"])
    stream.list_subscribe(id=8)
    facts = {name: first[each] for name, each in NAMES.items()}
    return facts | {"subscriptions": heard.answer(8)["result"]}


def raw(heard, stream):
    """The other address, /ws, where frames come without their stream's name."""
    stream.mini_ticker(id=1)
    heard.answer(1)
    return {"minis": heard.next()}


facts = {}
for tell, combined in ((follow, True), (raw, False)):
    inbox = Inbox()
    client = SpotWebsocketStreamClient(stream_url=VENUE["ws"], on_message=inbox, is_combined=combined)
    try:
        facts |= tell(inbox, client)
    finally:
        client.stop()  # else its thread keeps the process
show(**facts)
