"""Where an upstream's REST and stream endpoints are, from the one URL that the user gave."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from quantlab.domain.venue import Level
from quantlab.endpoints import KNOWN_VENUES, Endpoints, level_of
from quantlab.errors import ConfigError

STREAM = "wss://stream.binance.com:9443"
STREAMS: Mapping[str, str] = {
    **{f"{name}.binance.com": STREAM for name in ("api", "api-gcp", "api1", "api2", "api3", "api4")},
    "data-api.binance.vision": "wss://data-stream.binance.vision",
    "testnet.binance.vision": "wss://stream.testnet.binance.vision",
    "api1.testnet.binance.vision": "wss://stream.testnet.binance.vision",
    "demo-api.binance.com": "wss://demo-stream.binance.com",
}
"""Market streams by REST host. Source: Binance spot REST API and WebSocket Streams, "General API
Information"; Testnet and Demo Mode, "General Info"."""


def endpoints_of(upstream: str) -> Endpoints:
    """REST and stream addresses of an upstream.

    Args:
        upstream: `testnet` or `live`; a URL on loopback, where both are one; the URL of a REST
            host that Binance documents; or both URLs with a comma between them.

    Raises:
        ConfigError: It is none of these.
    """
    known = KNOWN_VENUES.get(upstream)
    if known is not None:
        return Endpoints(rest=known.rest, ws=known.ws, ws_api="")
    rest, comma, ws = (part.strip() for part in upstream.partition(","))
    rest, ws = rest.rstrip("/"), ws.rstrip("/")
    if not comma:
        ws = _streams_of(rest)
    return Endpoints(rest=rest, ws=ws, ws_api="")


def _streams_of(rest: str) -> str:
    alone = Endpoints(rest=rest, ws="ws://127.0.0.1", ws_api="")  # whatever is wrong with it is said here
    if level_of(alone) is Level.PAPER:
        return "ws" + rest.removeprefix("http")
    host = urlsplit(rest).hostname or ""
    if host not in STREAMS:
        raise ConfigError(
            f"the stream address of {host} is not known", "give both, --upstream https://REST,wss://STREAMS"
        )
    return STREAMS[host]
