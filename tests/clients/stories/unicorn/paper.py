"""unicorn's REST and WebSocket managers, pointed at the venue of venue.json."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unicorn_binance_rest_api import BinanceRestApiManager
from unicorn_binance_websocket_api import BinanceWebSocketApiManager

VENUE = json.loads(Path("venue.json").read_text())
KEYS = {name: VENUE["accounts"][0][name] for name in ("api_key", "api_secret")}
SYMBOL = "BTCUSDT"


class PaperRest(BinanceRestApiManager):
    API_URL = f"{VENUE['rest']}/api"


def rest() -> BinanceRestApiManager:
    # with `exchange` given, the manager would overwrite API_URL
    return PaperRest(**KEYS, tld="com", warn_on_update=False, disable_colorama=True)


def sockets(hear: Callable[[Any], None]) -> BinanceWebSocketApiManager:
    return BinanceWebSocketApiManager(
        exchange="binance.com",
        websocket_base_uri=f"{VENUE['ws']}/",
        websocket_api_base_uri=VENUE["ws_api"],
        process_stream_data=hear,
        output_default="dict",
        warn_on_update=False,
        disable_colorama=True,
    )


def near(price: str, factor: float) -> float:
    return round(float(price) * factor, 2)


def until(true: Callable[[], bool], within_s: float = 20) -> None:
    end = time.monotonic() + within_s
    while not true():
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def show(**facts: Any) -> None:
    """What the story has found, for the test that started it."""
    print(json.dumps(facts))
