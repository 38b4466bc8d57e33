"""Signatures: how a request proves that it comes from the holder of an API key.

Pure: text in, text out. REST signs the percent-encoded query exactly as it will travel; the
WebSocket API signs the sorted, raw, not encoded `name=value` text. A secret is revealed only
inside the expression that makes the key; no repr, error or attribute shows it.

A key is one of three: an HMAC secret, or an RSA or Ed25519 private key as PKCS#8 text (PEM). The text
tells which; `Credentials` picks the signer. Ed25519 is the fastest and the one that the venue advises.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from quantlab.errors import InvalidField
from quantlab.secret import Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

WsValue = str | int | bool
PLAIN = re.compile(r"[A-Za-z0-9_.~-]*", re.ASCII)  # text that percent-encoding leaves as it is: nearly all
PEM = "-----BEGIN "
LEAST_RSA_BITS = 2_048
KEY_REMEDY = "give an Ed25519 or RSA private key as PKCS#8 text, as `openssl genpkey` writes it"


class Signer(Protocol):
    """A private key that signs bytes: `HmacSigner`, `RsaSigner` or `Ed25519Signer`."""

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


class RsaSigner:
    """RSASSA-PKCS1-v1_5 with SHA-256, in base64.

    Source: Binance spot REST API, "SIGNED request example (RSA)".
    """

    __slots__ = ("_key",)

    def __init__(self, key: RSAPrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        return base64.b64encode(self._key.sign(payload, PKCS1v15(), SHA256())).decode()


class Ed25519Signer:
    """Ed25519, in base64.

    Source: Binance spot REST API, "SIGNED request example (Ed25519)".
    """

    __slots__ = ("_key",)

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, payload: bytes) -> str:
        return base64.b64encode(self._key.sign(payload)).decode()


def signer_of(secret: Secret) -> Signer:
    """The signer of an HMAC secret or of a private key's PEM text, whichever `secret` is.

    Raises:
        InvalidField: A PEM text that is no unencrypted RSA (2048 bits at least) or Ed25519 private key
            in PKCS#8; the message never quotes it.
    """
    if not secret.reveal().lstrip().startswith(PEM):
        return HmacSigner(secret)
    problem = "it is no private key that can be read"
    if secret.reveal().lstrip().startswith("-----BEGIN PRIVATE KEY-----"):  # PKCS#8, without a password
        found = _private_key(secret)
        if not isinstance(found, str):
            return found
        problem = found
    elif secret.reveal().lstrip().startswith("-----BEGIN ENCRYPTED"):
        problem = "the private key is locked by a password"
    raise InvalidField("private_key", problem, KEY_REMEDY)


def _private_key(secret: Secret) -> Signer | str:
    """The signer, or what is wrong. Never raises: no traceback has a frame that reads a key."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(secret.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return "it is no private key that can be read"
    if isinstance(key, Ed25519PrivateKey):
        return Ed25519Signer(key)
    if not isinstance(key, RSAPrivateKey):
        return "the private key is neither Ed25519 nor RSA"
    if key.key_size < LEAST_RSA_BITS:
        return f"the RSA key has {key.key_size} bits, and {LEAST_RSA_BITS} are the least"
    return RsaSigner(key)


class Credentials:
    """One API key: the public `api_key` (sent in a header) and the secret that signs.

    `api_secret` is an HMAC secret, or an RSA or Ed25519 private key as PKCS#8 text.

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
                "api_secret",
                "it is empty",
                "set QUANTLAB_API_SECRET, QUANTLAB_API_SECRET_FILE or QUANTLAB_PRIVATE_KEY_FILE",
            )
        self.api_key = api_key
        self.api_secret = api_secret
        self.signer: Signer = signer_of(api_secret)

    def __repr__(self) -> str:
        return f"<Credentials {self.api_key[:4]}...>"


def encode_query(params: Mapping[str, str]) -> str:
    """`params` in their order, percent-encoded as they will travel (UTF-8, blank as %20).

    Source: Binance spot REST API, "Request Security": percent-encode before signing.
    """
    return "&".join([f"{_encoded(name)}={_encoded(value)}" for name, value in params.items()])


def _encoded(text: str) -> str:
    return text if PLAIN.fullmatch(text) else quote(text, safe="")


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
    payload = "&".join([f"{name}={_literal(name, params[name])}" for name in sorted(params)])
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
    return signer_of(secret) if isinstance(secret, Secret) else secret
