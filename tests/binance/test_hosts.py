"""Who may get a key: loopback, the documented hosts, and whom the caller named. Nobody else."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from quantlab.binance.addresses import own_ssl_context
from quantlab.binance.client import BinanceClient
from quantlab.binance.wsapi import UserStream
from quantlab.clock import SystemClock
from quantlab.endpoints import KNOWN_VENUES, PRODUCTION_HOSTS, TESTNET_HOSTS, require_known_host
from quantlab.errors import ConfigError

STRANGERS = [
    "https://api.binance.com.evil.example", "https://evil.example/api.binance.com", "https://binance.com",
    "https://xapi.binance.com", "https://api-binance.com", "https://api.bìnance.com", "https://10.0.0.7:8443",
    "https://api.binance.us", "https://API.BINANCE.COM.evil",
]  # fmt: skip


@pytest.mark.parametrize("rest", STRANGERS)
def test_a_key_is_not_taken_to_a_stranger(rest: str, credentials: Any) -> None:
    """Before anything is connected; the error names the host and how to name it on purpose."""
    with pytest.raises(ConfigError, match="would get the key") as refused:
        BinanceClient(rest, clock=SystemClock(), credentials=credentials)
    assert "trusted_hosts" in refused.value.remedy
    BinanceClient(rest, clock=SystemClock())  # public data asks for no trust


def test_the_websocket_api_is_held_to_the_same_hosts(credentials: Any) -> None:
    with pytest.raises(ConfigError, match="evil"):
        BinanceClient(
            "https://api.binance.com", clock=SystemClock(), credentials=credentials,
            ws_api="wss://ws-api.binance.com.evil/ws-api/v3",
        )  # fmt: skip


def test_a_user_stream_is_held_to_the_same_hosts(credentials: Any) -> None:
    def stream(url: str, *named: str) -> UserStream:
        return UserStream(
            url, credentials=credentials, clock=SystemClock(), on_event=lambda _: None,
            on_state=lambda *_: None, trusted_hosts=named,
        )  # fmt: skip

    with pytest.raises(ConfigError, match="would get the key"):
        stream("wss://ws-api.binance.com.evil/ws-api/v3")
    stream("wss://venue.example/ws-api/v3", "venue.example")
    stream("wss://ws-api.binance.com:443/ws-api/v3")


@pytest.mark.parametrize(
    "rest",
    ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "https://api.binance.com:443/",
     "https://testnet.binance.vision", "https://API.binance.com"],
)  # fmt: skip
def test_the_documented_hosts_and_loopback_get_it(rest: str, credentials: Any) -> None:
    BinanceClient(rest, clock=SystemClock(), credentials=credentials)


def test_a_host_that_was_named_gets_it_and_no_other_of_its_kind(credentials: Any) -> None:
    named = ("venue.example",)
    BinanceClient("https://venue.example", clock=SystemClock(), credentials=credentials, trusted_hosts=named)
    with pytest.raises(ConfigError):
        BinanceClient(
            "https://x.venue.example", clock=SystemClock(), credentials=credentials, trusted_hosts=named
        )


def test_every_venue_that_we_know_by_name_is_on_a_list() -> None:
    """And the two lists have nothing in common: one is worth money."""
    assert not PRODUCTION_HOSTS & TESTNET_HOSTS
    for endpoints in KNOWN_VENUES.values():
        for url in (
            () if endpoints is None else filter(None, (endpoints.rest, endpoints.ws, endpoints.ws_api))
        ):
            require_known_host(url)


def test_the_authorities_are_read_once_for_all_connections() -> None:
    """Reading them stops the wire's loop; a reconnect or a rotation must not do it again."""
    context = own_ssl_context()
    assert own_ssl_context() is context
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
