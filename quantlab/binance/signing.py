"""Signatures: how a request proves that it comes from the holder of an API key.

Pure: text in, text out. REST signs the percent-encoded query exactly as it will travel; the
WebSocket API signs the sorted, raw, not encoded `name=value` text. A secret is revealed only
inside the expression that makes the key; no repr, error or attribute shows it.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote, urlencode

from quantlab.errors import InvalidField
from quantlab.secret import Secret

WsValue = str | int | bool


class Signer(Protocol):
    """A private key that signs bytes: HMAC today; RSA and Ed25519 keys fit the same shape."""

    def sign(self, payload: bytes) -> str:
        """The signature as text, not yet percent-encoded."""
        ...


class HmacSigner:
    """HMAC-SHA256, in hexadecimal. The keyed state is made once and copied per signature."""

    __slots__ = ("_keyed",)

    def __init__(self, secret: Secret) -> None:
        self._keyed = hmac.new(secret.reveal().encode(), digestmod="sha256")

    def sign(self, payload: bytes) -> str:
        state = self._keyed.copy()
        state.update(payload)
        return state.hexdigest()


class Credentials:
    """One API key: the public `api_key` (sent in a header) and the secret that signs.

    `signer` is the secret ready for use; pass it (or the secret) to the functions below.
    """

    __slots__ = ("api_key", "api_secret", "signer")

    def __init__(self, api_key: str, api_secret: Secret) -> None:
        if not api_key or not api_key.isascii() or not api_key.isprintable():
            raise InvalidField(
                "api_key", "it is empty or no plain text", "set QUANTLAB_API_KEY to the key's text"
            )
        if not api_secret:
            raise InvalidField(
                "api_secret", "it is empty", "set QUANTLAB_API_SECRET or QUANTLAB_API_SECRET_FILE"
            )
        self.api_key = api_key
        self.api_secret = api_secret
        self.signer: Signer = HmacSigner(api_secret)

    def __repr__(self) -> str:
        return f"<Credentials {self.api_key[:4]}...>"


def encode_query(params: Mapping[str, str]) -> str:
    """`params` in their order, percent-encoded as they will travel (UTF-8, blank as %20).

    Source: Binance spot REST API, "Request Security": percent-encode before signing.
    """
    return urlencode(params, quote_via=quote, safe="")


def sign_query(params: Mapping[str, str], secret: Secret | Signer) -> str:
    """The whole signed query of a REST request: `a=1&b=2&signature=...`.

    Everything is in the query, so that the request has no body and its headers are the whole
    order. `timestamp` (UTC ms, the venue's clock) must be among `params`.

    Source: Binance spot REST API, "SIGNED request example (HMAC)".
    """
    query = encode_query(params)
    return f"{query}&signature={quote(_signer(secret).sign(query.encode()), safe='')}"


def sign_ws_params(params: Mapping[str, WsValue], secret: Secret | Signer) -> dict[str, WsValue]:
    """`params` of a WebSocket API request with their `signature` added.

    `apiKey` and `timestamp` (UTC ms, the venue's clock) must be among them. Numbers and
    booleans are signed as their JSON text; decimals travel as text, never as floats.

    Source: Binance spot WebSocket API, "SIGNED request example (HMAC)".
    """
    payload = "&".join(f"{name}={_literal(name, params[name])}" for name in sorted(params))
    return {**params, "signature": _signer(secret).sign(payload.encode())}


def _literal(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int):
        return str(value)
    raise InvalidField(
        name, f"a {type(value).__name__} has no single JSON text", "give text, an int or a bool"
    )


def _signer(secret: Secret | Signer) -> Signer:
    return HmacSigner(secret) if isinstance(secret, Secret) else secret
