"""Endpoints of a venue, and the level that follows from them alone.

What is not loopback and not a listed test host is production, also a host that merely looks
like one of them. A URL that two readers could read differently is refused.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

import msgspec

from quantlab.domain.venue import Level
from quantlab.errors import ConfigError, InvalidField

TESTNET_HOSTS = frozenset({
    "testnet.binance.vision", "api1.testnet.binance.vision",
    "stream.testnet.binance.vision", "ws-api.testnet.binance.vision",
    "demo-api.binance.com", "demo-stream.binance.com", "demo-ws-api.binance.com",
    "testnet.binancefuture.com", "stream.binancefuture.com",
    "demo-fapi.binance.com", "demo-fstream.binance.com",
})  # fmt: skip
"""Hosts where nothing has a price. Source: Binance spot "Testnet" and "Demo Mode" general info."""

PRODUCTION_HOSTS = frozenset({
    "api.binance.com", "api-gcp.binance.com",
    "api1.binance.com", "api2.binance.com", "api3.binance.com", "api4.binance.com",
    "data-api.binance.vision", "stream.binance.com", "data-stream.binance.vision", "ws-api.binance.com",
    "fapi.binance.com", "fstream.binance.com", "ws-fapi.binance.com",
    "dapi.binance.com", "dstream.binance.com", "ws-dapi.binance.com",
})  # fmt: skip
"""Hosts where everything has a price.

Source: Binance spot REST API, WebSocket API and WebSocket Streams, "General API Information"; derivatives
"General Info".
"""

MAX_PORT = 65_535

# One plain form: scheme, host, port, path. No user, no query, no escapes, no blanks.
URL = re.compile(
    r"(https?|wss?)://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?((?:/[A-Za-z0-9._~-]+)*)", re.ASCII
)


class Endpoints(msgspec.Struct, frozen=True, kw_only=True):
    """Base URLs: `rest` and `ws` take paths after them; `ws_api` is the WebSocket API's own URL.

    `ws_api` is empty where the venue has none. Plain http and ws are for loopback only.
    """

    rest: str
    ws: str
    ws_api: str

    def __post_init__(self) -> None:
        _check("rest", self.rest, ("https", "http"))
        _check("ws", self.ws, ("wss", "ws"))
        if self.ws_api:
            _check("ws_api", self.ws_api, ("wss", "ws"))


def check_port(port: int) -> int:
    """`port` where one can listen there (0 takes a free one), else `InvalidField`."""
    if not 0 <= port <= MAX_PORT:
        raise InvalidField("port", f"{port} is no port", f"give 1 to {MAX_PORT}, or 0 for a free one")
    return port


def level_of(endpoints: Endpoints) -> Level:
    """The level of the endpoint that is nearest to real money."""
    return max(_host_level(host_of(url)) for url in (endpoints.rest, endpoints.ws, endpoints.ws_api) if url)


def host_of(url: str) -> str:
    """The host of a URL in the plain form, without brackets."""
    match = URL.fullmatch(url)
    if match is None:
        raise ConfigError("an endpoint is no plain URL", 'write it like "https://host:port/path"')
    return match[2].strip("[]")


def require_known_host(url: str, named: Collection[str] = ()) -> None:
    """Return where a key may be sent to `url`: loopback, a documented host, or one that the caller named.

    A name counts whole: "api.binance.com.example" and "example/api.binance.com" are other hosts.

    Raises:
        ConfigError: Another host; a slip or a trick in an address must not get the key.
    """
    host = urlsplit(url).hostname or ""
    if is_loopback(host) or host in TESTNET_HOSTS or host in PRODUCTION_HOSTS or host in named:
        return
    raise ConfigError(
        f"{host or 'an address without a host'} is no host of Binance's, and would get the key",
        "correct the address, or name the host: trusted_hosts=(...)",
    )


def _host_level(host: str) -> Level:
    if is_loopback(host):
        return Level.PAPER
    return Level.TESTNET if host in TESTNET_HOSTS else Level.PRODUCTION


def is_loopback(host: str) -> bool:
    """Whether this host is this machine, by its address or as "localhost"."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _check(name: str, url: str, schemes: tuple[str, str]) -> None:
    secure, plain = schemes
    match = URL.fullmatch(url)
    if match is None:  # not quoted: it may hold a password
        raise ConfigError(
            f"the endpoint {name} is no plain URL", f'write it like "{secure}://host:port/path"'
        )
    if match[1] not in schemes:
        raise ConfigError(f"the endpoint {name} begins with {match[1]}://", f"use {secure}://")
    if match[3] and not 0 < int(match[3][1:]) < 65_536:
        raise ConfigError(f"the endpoint {name} has the port {match[3][1:]}", "use 1 to 65535")
    if match[1] == plain and not is_loopback(match[2].strip("[]")):
        raise ConfigError(
            f"the endpoint {name} is not encrypted", f"use {secure}://; {plain}:// is for loopback only"
        )


KNOWN_VENUES: Mapping[str, Endpoints | None] = {
    "paper": None,  # embedded: its endpoints are known once it runs
    "testnet": Endpoints(
        rest="https://testnet.binance.vision",
        ws="wss://stream.testnet.binance.vision",
        ws_api="wss://ws-api.testnet.binance.vision/ws-api/v3",
    ),
    # The venue's hosts for public market data: they know no order and no account at all.
    "live": Endpoints(
        rest="https://data-api.binance.vision", ws="wss://data-stream.binance.vision", ws_api=""
    ),
}
