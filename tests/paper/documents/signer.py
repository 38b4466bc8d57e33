"""An Ed25519 key for an account that has another already, with rights of its own."""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

EVERY_RIGHT = ("TRADE", "USER_DATA", "USER_STREAM")


class Signer:
    """Stands in for `client` at a door: the same account and connection, another key."""

    def __init__(self, client: Any, permissions: Collection[str] = EVERY_RIGHT) -> None:
        self.venue = client.venue
        self.http = client.http
        self._private = Ed25519PrivateKey.generate()
        public = self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.key = self.venue.session.keyring.add("account-1", public.decode(), permissions).api_key

    def signature(self, text: str) -> str:
        return base64.b64encode(self._private.sign(text.encode())).decode()
