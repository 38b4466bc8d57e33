"""Market streams with unicorn's manager: one socket with several streams, more of them while connected."""

from paper import show, sockets, until

NAMES = {
    "trade": "btcusdt@trade",
    "best": "btcusdt@bookTicker",
    "kline": "btcusdt@kline_1m",
    "diff": "btcusdt@depth",
    "partial": "btcusdt@depth5",
    "ticker": "btcusdt@ticker",
    "mini": "btcusdt@miniTicker",
    "aggregated": "btcusdt@aggTrade",
}
first = {}


def hear(message):
    if "stream" in message:
        first.setdefault(message["stream"], message["data"])


manager = sockets(hear)
try:
    *early, later = (name.split("@")[1] for name in NAMES.values())
    stream = manager.create_stream(early, ["btcusdt"])
    until(lambda: len(first) == len(early))
    manager.subscribe_to_stream(stream, channels=[later])
    until(lambda: len(first) == len(NAMES))
    show(**{name: first[each] for name, each in NAMES.items()})
finally:
    manager.stop_manager()  # else its threads keep the process
