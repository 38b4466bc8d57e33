"""Key files: making one, and reading one.

A file holds an Ed25519 or RSA key in PEM (PKCS#8), as `openssl genpkey` writes it and Binance's examples
read it, or an HMAC secret on one line. What is secret must be readable by its owner alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from quantlab.errors import ConfigError
from quantlab.paper.server.keys import KeyType, random_text
from quantlab.privatefile import read_private

LONGEST = 16_384  # bytes; an RSA key of 4096 bits takes 3,300
PUBLIC = b"-----BEGIN PUBLIC KEY-----"


class NewKey(NamedTuple):
    """A key that nobody else has. `public` is None for HMAC, whose secret both sides hold."""

    secret: str
    public: str | None


def make(type_: KeyType, rsa_bits: int = 2_048) -> NewKey:
    """A fresh key: PEM without a password, private (PKCS#8) and public, or an HMAC secret."""
    if type_ is KeyType.HMAC:
        return NewKey(random_text(), None)
    from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    private: ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
    if type_ is KeyType.RSA:
        private = rsa.generate_private_key(public_exponent=65_537, key_size=rsa_bits)
    else:
        private = ed25519.Ed25519PrivateKey.generate()
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return NewKey(secret.decode(), public.decode())


def read(path: Path) -> str:
    """The text of a key file. A public key may be read by anybody; anything else only by its owner.

    Raises:
        ConfigError: It is missing, too long, or a secret that others can read.
    """
    try:
        with path.open("rb") as file:
            start = file.read(len(PUBLIC))
            if start == PUBLIC:
                return (start + file.read(LONGEST)).decode(errors="replace")
    except OSError as error:
        raise ConfigError(
            f"the key file {path} cannot be read: {error.strerror}", "name a key file"
        ) from None
    return read_private(path, "the key file", max_bytes=LONGEST).reveal()
