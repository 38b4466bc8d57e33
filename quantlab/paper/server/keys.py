"""The API keys of the venue: HMAC, RSA and Ed25519, what each may do, and whether it still may.

A key made from a file has an API key that follows from the file alone, so a client's settings outlive
the venue. Secrets stay in here: compared in constant time, never part of a message or a repr.

Source: Binance spot "API Key Types"; REST API, "Request Security".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Collection, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from quantlab.errors import ConfigError
from quantlab.paper.exchange import Refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SHAPE = re.compile(r"[A-Za-z0-9]{64}", re.ASCII)
RSA_BITS = (2_048, 4_096)
PERMISSIONS = ("TRADE", "USER_DATA", "USER_STREAM")
Verify = Callable[[bytes, str], bool]


class KeyType(StrEnum):
    """How a key signs."""

    HMAC = "HMAC"
    RSA = "RSA"
    ED25519 = "Ed25519"


class ApiKey(msgspec.Struct, frozen=True):
    """One key that an account has registered.

    Attributes:
        permissions: Which security types of endpoints it may call.
        verify: Whether a text is the signature of these bytes.
    """

    api_key: str
    type: KeyType
    account: str
    permissions: frozenset[str]
    verify: Verify


class Keyring:
    """The keys that the venue knows. Each account has an HMAC pair, made when the venue starts."""

    def __init__(self, accounts: Sequence[str]) -> None:
        self._keys: dict[str, ApiKey] = {}
        self._pairs: list[tuple[str, str]] = []
        for account in accounts:
            name, secret = random_text(), random_text()
            self._pairs.append((name, secret))
            self._keys[name] = ApiKey(
                name, KeyType.HMAC, account, frozenset(PERMISSIONS), _hmac(secret.encode())
            )

    def pairs(self) -> list[tuple[str, str]]:
        """(api key, api secret) of each account's own pair, in the accounts' order."""
        return list(self._pairs)

    def every(self) -> list[ApiKey]:
        """Every key, oldest first."""
        return list(self._keys.values())

    def add(self, account: str, text: str, permissions: Collection[str] = PERMISSIONS) -> ApiKey:
        """Register what a key file says (see `read_key`) for an account; again, it replaces itself.

        Raises:
            ConfigError: It is no key, or another account has it.
        """
        type_, name, verify = read_key(text)
        known = self._keys.get(name)
        if known is not None and known.account != account:
            raise ConfigError("another account has this key", "make a key for each account")
        key = ApiKey(name, type_, account, frozenset(permissions), verify)
        self._keys[name] = key
        return key

    def revoke(self, api_key: str) -> bool:
        """Forget a key: from now on it is -2015. False where it was not known."""
        return self._keys.pop(api_key, None) is not None

    def get(self, api_key: str) -> ApiKey | None:
        """The key of that name, if it is known."""
        return self._keys.get(api_key)

    def find(self, api_key: str | None) -> ApiKey:
        """The key of that name: -2014 where it is missing or has no key's shape, -2015 where unknown."""
        if api_key is None or SHAPE.fullmatch(api_key) is None:
            raise Refused(-2014, "API-key format invalid.")
        key = self._keys.get(api_key)
        if key is None:
            raise not_allowed()
        return key


def not_allowed() -> Refused:
    """-2015: an unknown key, or one without the permission."""
    return Refused(-2015, "Invalid API-key, IP, or permissions for action.")


def read_key(text: str) -> tuple[KeyType, str, Verify]:
    """Type, API key and verification of a key file's text.

    It is a public key in PEM, a private key in PEM (PKCS#8; its public half is used), or an HMAC secret of
    64 letters and digits. The API key is a fingerprint of it.

    Raises:
        ConfigError: It is none of them; the message holds nothing of it.
    """
    text = text.strip()
    if SHAPE.fullmatch(text):
        secret = text.encode()
        return KeyType.HMAC, _fingerprint(secret), _hmac(secret)
    public = _public_key(text)
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    if isinstance(public, Ed25519PublicKey):
        name = _fingerprint(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        return KeyType.ED25519, name, _ed25519(public)
    if isinstance(public, RSAPublicKey) and public.key_size in RSA_BITS:
        name = _fingerprint(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        return KeyType.RSA, name, _rsa(public)
    raise ConfigError("this kind of key is not taken", "use Ed25519, or RSA of 2048 or 4096 bits")


def random_text() -> str:
    """64 letters and digits: an API key, or an HMAC secret."""
    return "".join(secrets.choice(ALPHABET) for _ in range(64))


def public_half(text: str) -> str | None:
    """The public key of a key file's text, in PEM; None for an HMAC secret. Errors as `read_key`."""
    text = text.strip()
    if SHAPE.fullmatch(text):
        return None
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = _public_key(text)
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _public_key(text: str) -> PublicKeyTypes:
    """The public key in a PEM text."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

    try:
        if text.startswith("-----BEGIN PUBLIC KEY-----"):
            return load_pem_public_key(text.encode())
        if text.startswith("-----BEGIN PRIVATE KEY-----"):
            return load_pem_private_key(text.encode(), password=None).public_key()
    except (ValueError, UnsupportedAlgorithm):
        pass  # told below, without the library's words: they may quote the text
    raise ConfigError(
        "this is no key: neither PEM (PKCS#8) nor an HMAC secret of 64 letters and digits",
        "make one with `quantlab venue keys new FILE`",
    )


def _fingerprint(material: bytes) -> str:
    digest = hashlib.sha512(b"quantlab venue, api key\0" + material).digest()
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in digest)


def _hmac(secret: bytes) -> Verify:
    """Hexadecimal; letter case does not matter."""

    def verify(payload: bytes, signature: str) -> bool:
        expected = hmac.digest(secret, payload, "sha256").hex()
        return hmac.compare_digest(expected.encode(), signature.lower().encode())

    return verify


def _rsa(public: RSAPublicKey) -> Verify:
    """RSASSA-PKCS1-v1_5 with SHA-256, in base64."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    def verify(payload: bytes, signature: str) -> bool:
        try:
            public.verify(_decoded(signature), payload, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    return verify


def _ed25519(public: Ed25519PublicKey) -> Verify:
    """Ed25519, in base64."""
    from cryptography.exceptions import InvalidSignature

    def verify(payload: bytes, signature: str) -> bool:
        try:
            public.verify(_decoded(signature), payload)
        except InvalidSignature:
            return False
        return True

    return verify


def _decoded(signature: str) -> bytes:
    """Base64 as it must be; b"" for anything else, which is nobody's signature."""
    try:
        return base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return b""
