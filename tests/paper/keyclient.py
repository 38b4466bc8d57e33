"""A client with a key of any type: signs as the documents do, and shares no code with the venue."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any
from urllib.parse import quote, urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from quantlab.paper import keyfile
from quantlab.paper.venue import PaperVenue


def sign(key: keyfile.NewKey, payload: str) -> str:
    """As a client signs: by the `cryptography` examples of the documents, or HMAC in hexadecimal."""
    if key.public is None:
        return hmac.new(key.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
    private: Any = load_pem_private_key(key.secret.encode(), password=None)
    if isinstance(private, rsa.RSAPrivateKey):
        return base64.b64encode(private.sign(payload.encode(), padding.PKCS1v15(), SHA256())).decode()
    return base64.b64encode(private.sign(payload.encode())).decode()


class Caller:
    """A client of one key."""

    def __init__(self, venue: PaperVenue, key: keyfile.NewKey, **register: Any) -> None:
        self.venue, self.key = venue, key
        self.api_key = venue.add_key(key.public or key.secret, **register).api_key
        self.http = httpx.AsyncClient(base_url=venue.rest, trust_env=False, verify=False, timeout=60)

    def query(self, **params: Any) -> str:
        return urlencode(
            {"timestamp": self.venue.session.clock.now_ms()} | params, quote_via=quote, encoding="utf-8"
        )

    async def send(self, method: str, path: str, query: str, signature: str) -> httpx.Response:
        url = f"{path}?{query}&signature={quote(signature, safe='')}"
        return await self.http.request(method, url, headers={"X-MBX-APIKEY": self.api_key})

    async def call(self, method: str, path: str, **params: Any) -> httpx.Response:
        query = self.query(**params)
        return await self.send(method, path, query, sign(self.key, query))
