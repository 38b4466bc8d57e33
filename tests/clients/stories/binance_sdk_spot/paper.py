"""binance-sdk-spot, pointed at the venue of venue.json, and what its stories share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from binance_sdk_spot.spot import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
    Spot,
)

VENUE = json.loads(Path("venue.json").read_text())
KEYS = {name: VENUE["accounts"][0][name] for name in ("api_key", "api_secret")}
SYMBOL = "BTCUSDT"


def spot() -> Spot:
    return Spot(
        # each call once: a retry would hide a refusal behind a wait
        config_rest_api=ConfigurationRestAPI(**KEYS, base_path=VENUE["rest"], timeout=10_000, retries=0),
        config_ws_api=ConfigurationWebSocketAPI(**KEYS, stream_url=VENUE["ws_api"]),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=f"{VENUE['ws']}/stream"),
    )


def near(price: str, factor: float) -> float:
    return round(float(price) * factor, 2)


def plain(found: Any) -> Any:
    """A model of the SDK as JSON has it: by the wire's names, what the SDK does not know beside."""
    if isinstance(found, list):
        return [plain(each) for each in found]
    if getattr(found, "actual_instance", None) is not None:
        return plain(found.actual_instance)
    return found.to_dict() if hasattr(found, "to_dict") else found


def unknown(found: Any, path: str = "") -> list[str]:
    """Fields that the venue sent and the SDK, made from Binance's schemas, has no name for."""
    if isinstance(found, list):
        return [name for each in found for name in unknown(each, f"{path}[]")]
    if not hasattr(found, "model_fields_set"):
        return []
    names = [f"{path}.{name}" for name in getattr(found, "additional_properties", {})]
    for name in found.model_fields_set - {"additional_properties"}:
        names += unknown(getattr(found, name), f"{path}.{name}")
    return names


class Answers:
    """The answers of a story by name, and the fields in them that the SDK does not know."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.unknown: set[str] = set()

    def note(self, name: str, response: Any) -> Any:
        """Keep one answer, and hand its model on."""
        data = response.data()
        self.keep(name, data)
        return data

    def keep(self, name: str, model: Any) -> None:
        self.found[name] = plain(model)
        self.unknown.update(unknown(model, name))

    def show(self, **more: Any) -> None:
        print(json.dumps(self.found | {"unknown": sorted(self.unknown)} | more))
