"""python-binance, pointed at the venue of venue.json, and what its stories share."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from binance import BinanceSocketManager
from binance.base_client import BaseClient

VENUE = json.loads(Path("venue.json").read_text())
KEYS = {name: VENUE["accounts"][0][name] for name in ("api_key", "api_secret")}
SYMBOL = "BTCUSDT"

BaseClient.API_URL = f"{VENUE['rest']}/api"
BaseClient.WS_API_URL = VENUE["ws_api"]
BinanceSocketManager.STREAM_URL = f"{VENUE['ws']}/"


def near(price: str, factor: str) -> str:
    """`price` times `factor`, on the symbol's grid."""
    return str((Decimal(price) * Decimal(factor)).quantize(Decimal("0.01")))


def show(**facts: Any) -> None:
    """What the story has found, for the test that started it."""
    print(json.dumps(facts))
