"""ccxt and ccxt.pro, pointed at the venue of venue.json, and what their stories share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

VENUE = json.loads(Path("venue.json").read_text())
ACCOUNT = VENUE["accounts"][0]
SYMBOL = "BTC/USDT"
OPTIONS = {
    "apiKey": ACCOUNT["api_key"],
    "secret": ACCOUNT["api_secret"],
    # the venue, like Binance's testnet, has no /sapi: margins and currencies are not asked for
    "options": {"fetchMarkets": {"types": ["spot"]}, "fetchMargins": False, "fetchCurrencies": False},
}


def point(exchange: Any) -> Any:
    """The exchange, with the venue's addresses in place of Binance's."""
    exchange.urls["api"] = {
        "public": f"{VENUE['rest']}/api/v3",
        "private": f"{VENUE['rest']}/api/v3",
        "ws": {"spot": f"{VENUE['ws']}/ws", "ws-api": {"spot": VENUE["ws_api"]}},
    }
    return exchange


def near(exchange: Any, price: float, factor: float) -> float:
    return float(exchange.price_to_precision(SYMBOL, price * factor))


def show(**facts: Any) -> None:
    """What the story has found, for the test that started it."""
    print(json.dumps(facts, default=str))
