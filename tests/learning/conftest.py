"""The recorded market, as typed events."""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1]))  # faultproxy.py is one up
sys.path.append(str(Path(__file__).parent))  # tests are no packages: markets.py stands beside them

from quantlab.binance.codec_stream import decode_market
from quantlab.domain.market import BookTicker, Trade
from quantlab.errors import UndecodableReply


@pytest.fixture(scope="session")
def recorded(shared: Path) -> list[Any]:
    """The recorded spot stream of BTCUSDT: 346 s of trades and best prices, in their order."""
    events = []
    with gzip.open(shared / "data" / "spot_btcusdt_20240808.gz") as lines:
        for line in lines:
            received, text = line.split(b" ", 1)
            try:
                event = decode_market(text, int(received) // 1_000_000)
            except UndecodableReply:
                continue  # the REST snapshot that stands among them
            if isinstance(event, Trade | BookTicker):
                events.append(event)
    return events
