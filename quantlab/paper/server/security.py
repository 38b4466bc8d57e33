"""Who sent a request, and when: what a signature covers, and the time window.

Source: Binance spot REST API, "Request Security"; WebSocket API, "Request security".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal

from quantlab.paper.exchange import Refused
from quantlab.paper.server.keys import ApiKey
from quantlab.paper.server.params import Params, is_microseconds
from quantlab.paper.terms import Terms

SIGNATURE = re.compile(r"(?:^|&)signature=[^&]*")
THOUSANDTH = Decimal("0.001")


def rest_payload(query: str, body: str) -> str:
    """What a REST request's signature covers: query and body as sent, without the signature itself.

    Source: Binance spot REST API, "SIGNED Endpoint security".
    """
    return "".join(SIGNATURE.sub("", part).removeprefix("&") for part in (query, body) if part)


def socket_payload(texts: Mapping[str, str]) -> str:
    """What a WebSocket API request's signature covers: `k=v` sorted by name, not percent-encoded.

    Source: Binance spot WebSocket API, "SIGNED request security".
    """
    return "&".join(f"{name}={text}" for name, text in sorted(texts.items()) if name != "signature")


def check_signature(key: ApiKey, payload: str, signature: str, *, encoded: bool) -> None:
    """-1022 unless it is the key's signature of the payload.

    Args:
        encoded: What is not ASCII had to be percent-encoded first, as by REST: -1022 where it was not.
    """
    if (encoded and not payload.isascii()) or not key.verify(payload.encode(errors="replace"), signature):
        raise Refused(-1022, "Signature for this request is not valid.")


class TimeWindow:
    """When a request was sent, and for how long it is good.

    Source: Binance spot REST API, "Timing security".
    """

    def __init__(self, params: Params, terms: Terms) -> None:
        """Read `timestamp` (milliseconds or microseconds) and `recvWindow` (milliseconds).

        Raises:
            Refused: -1102 without a timestamp, -1131 or -1111 for a window too large or too precise.
        """
        params.need("timestamp")
        sent = params.integer("timestamp") or 0
        self._sent_ms = Decimal(sent) / 1_000 if is_microseconds(sent) else Decimal(sent)
        self._ahead_ms = terms.ahead_ms
        window = params.decimal("recvWindow")
        if window is None:
            window = Decimal(terms.recv_window_ms)
        elif window > terms.recv_window_most_ms:
            raise Refused(-1131, f"recvWindow must be less than {terms.recv_window_most_ms}.")
        elif window != window.quantize(THOUSANDTH):
            raise Refused(-1111, "Parameter 'recvWindow' has too much precision.")
        self._window_ms = window

    def check(self, now_ms: int) -> None:
        """-1021 where the request comes from too far ahead, or is no longer good."""
        if self._sent_ms >= now_ms + self._ahead_ms:
            message = f"Timestamp for this request was {self._ahead_ms}ms ahead of the server's time."
            raise Refused(-1021, message)
        if now_ms - self._sent_ms > self._window_ms:
            raise Refused(-1021, "Timestamp for this request is outside of the recvWindow.")
