"""binance-connector, pointed at the venue of venue.json, and what its stories share."""

from __future__ import annotations

import json
import queue
from pathlib import Path
from typing import Any

VENUE = json.loads(Path("venue.json").read_text())
KEYS = {name: VENUE["accounts"][0][name] for name in ("api_key", "api_secret")}
SYMBOL = "BTCUSDT"


def near(price: str, factor: float) -> str:
    return f"{float(price) * factor:.2f}"


class Inbox:
    """What a socket's thread hears, for the story to wait for."""

    def __init__(self) -> None:
        self.heard: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.events: list[dict[str, Any]] = []

    def __call__(self, _: Any, text: str) -> None:
        self.heard.put(json.loads(text))

    def next(self) -> dict[str, Any]:
        return self.heard.get(timeout=20)

    def answer(self, request_id: Any) -> dict[str, Any]:
        """The answer to one request; what comes before it is kept in `events`."""
        while (message := self.next()).get("id") != request_id:
            self.events.append(message)
        return message


def show(**facts: Any) -> None:
    """What the story has found, for the test that started it."""
    print(json.dumps(facts))
