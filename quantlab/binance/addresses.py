"""Where a client connects: a plain address, encrypted unless it is loopback, and whose word counts there."""

from __future__ import annotations

import ipaddress
import ssl
from functools import cache
from urllib.parse import urlsplit

from quantlab.errors import ConfigError


def checked_url(url: str, schemes: tuple[str, str] = ("http", "https")) -> str:
    """A venue's address without its last slash, or `ConfigError`; the first scheme is for loopback only."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    plain, secure = schemes
    what = "REST" if secure == "https" else "WebSocket API"
    if parts.scheme not in schemes or not host:
        raise ConfigError(
            f"the venue's {what} address is no {plain}(s) URL", f"give one like {secure}://api.binance.com"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            f"the {what} address of {host} carries a user, a query or a fragment",
            "give only scheme, host and port",
        )
    try:
        parts.port  # noqa: B018  # it is read when it is asked for
    except ValueError:
        raise ConfigError(
            f"the {what} address of {host} has a port that is none", "give 1 to 65535"
        ) from None
    if parts.scheme == plain and not _is_loopback(host):
        raise ConfigError(
            f"plain {plain} to {host} would show orders and keys", f"use {secure}://{parts.netloc}"
        )
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@cache
def own_ssl_context() -> ssl.SSLContext:
    """TLS that trusts certifi's authorities only: SSL_CERT_FILE, set by a cell, cannot redirect us.

    One for all connections: to read the authorities stops a loop for 20 ms, and nobody changes it.
    """
    import certifi

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certifi.where())
    return context
