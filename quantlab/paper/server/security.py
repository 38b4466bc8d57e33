"""Who sent a request, and when: API keys, HMAC signatures, and the time window.

Secrets stay in here: they are compared in constant time and are never part of a message or a repr.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal

from quantlab.paper.exchange import Refused
from quantlab.paper.server.params import Params

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
KEY = re.compile(r"[A-Za-z0-9]{64}")
SIGNATURE = re.compile(r"&?signature=[^&]*")
AHEAD_MS = 1_000
RECV_WINDOW_MS = Decimal(5_000)
LONGEST_WINDOW_MS = Decimal(60_000)
MICROSECONDS_FROM = 10**14  # a timestamp this large is in microseconds: year 5138 in milliseconds


class Keyring:
    """The API keys of the venue's accounts. One key for each account, made when the venue starts."""

    def __init__(self, accounts: Sequence[str]) -> None:
        self._keys = {_random(): (account, _random()) for account in accounts}

    def pairs(self) -> list[tuple[str, str]]:
        """(api key, api secret) of each account, in the accounts' order."""
        return [(key, secret) for key, (_, secret) in self._keys.items()]

    def account(self, api_key: str | None) -> str:
        """The account behind a key: -2014 where the key is missing or no key at all, -2015 where unknown."""
        if api_key is None or KEY.fullmatch(api_key) is None:
            raise Refused(-2014, "API-key format invalid.")
        if api_key not in self._keys:
            raise Refused(-2015, "Invalid API-key, IP, or permissions for action.")
        return self._keys[api_key][0]

    def verify(self, api_key: str, payload: str, signature: str) -> None:
        """-1022 unless `signature` is the HMAC-SHA256 of `payload` (letter case does not matter)."""
        secret = self._keys[api_key][1]
        expected = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.lower().encode()):
            raise Refused(-1022, "Signature for this request is not valid.")


def rest_payload(query: str, body: str) -> str:
    """What a REST request's signature covers: query and body as sent, without the signature itself.

    Source: Binance spot REST API, "SIGNED Endpoint security".
    """
    return "".join(SIGNATURE.sub("", part).removeprefix("&") for part in (query, body))


def in_time(params: Params, now_ms: Callable[[], int]) -> None:
    """Check `timestamp` and `recvWindow` against the venue's clock, or -1021.

    Source: Binance spot REST API, "Timing security".
    """
    params.need("timestamp")
    stamp = params.integer("timestamp") or 0
    sent_ms = Decimal(stamp) / 1_000 if stamp >= MICROSECONDS_FROM else Decimal(stamp)
    window = params.decimal("recvWindow")
    if window is None:
        window = RECV_WINDOW_MS
    elif window > LONGEST_WINDOW_MS:
        raise Refused(-1131, "recvWindow must be less than 60000.")
    elif window != window.quantize(Decimal("0.001")):
        raise Refused(-1111, "Parameter 'recvWindow' has too much precision.")
    now = now_ms()
    if sent_ms >= now + AHEAD_MS:
        raise Refused(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now - sent_ms > window:
        raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")


def _random() -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(64))
