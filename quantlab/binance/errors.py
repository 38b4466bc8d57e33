"""Which typed error an unhappy answer of the venue is.

Pure. The question that matters is asked once, here: is this a definite refusal, or may the
order live? No error ever shows a query, a signature or a key; `redact` guards texts of others.
"""

from __future__ import annotations

import re

from quantlab.errors import OrderRejected, RateLimited, VenueRejected

CLOCK_OUTSIDE_WINDOW = -1021
UNKNOWN_ORDER = -2011  # "Unknown order sent.": nothing (left) to cancel
NO_CODE = 0  # the body was no error object
UNKNOWN_OUTCOME_CODES = frozenset({-1006, -1007})  # "execution status unknown", whatever the HTTP status
TROUBLED_CODES = frozenset({NO_CODE, -1000, -1001})  # of a 400: something broke, but it does not say when
BACK_OFF_CODES = frozenset({-1003, -1008, -1015})  # too many requests, overloaded, too many orders
BACK_OFF_STATUS = frozenset({418, 429})
TEXT_LENGTH = 200

_SECRETS = (
    (re.compile(r"(signature(?:=|%3D|['\"]?\s*:\s*['\"]?))[^&\s'\"]+", re.IGNORECASE), r"\1[redacted]"),
    (re.compile(r"(x-mbx-apikey\W{1,6}(?:b['\"])?)[\w-]+", re.IGNORECASE), r"\1[redacted]"),
    (re.compile(r"\b[A-Za-z0-9]{64}\b"), "[redacted]"),  # Binance keys, secrets and HMAC signatures
)


def redact(text: str) -> str:
    """`text` without anything that looks like a signature or an API key."""
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def outcome_is_unknown(status: int, code: int, *, changes: bool) -> bool:
    """True where an unhappy answer (not 200) leaves open whether the venue acted.

    Any 5XX, the codes that say so themselves, a request that timed out on its way (408), and
    every status that the document does not know. Of what `changes` the account, also a 400 for a
    fault inside the venue, or without a code at all. The other 4XX are definite refusals.

    Source: Binance spot REST API, "HTTP Return Codes" and "Errors" (-1000, -1001, -1006, -1007).
    """
    if not 400 <= status < 500 or status == 408 or code in UNKNOWN_OUTCOME_CODES:
        return True
    return changes and status == 400 and code in TROUBLED_CODES


def refusal(
    *,
    status: int,
    code: int,
    message: str,
    retry_after_s: int | None,
    method: str,
    order: bool,
    client_order_id: str | None,
) -> VenueRejected:
    """The error for a definite refusal; `order` where it refused an order or a cancel.

    `message` is free of secrets already. 429 and 418 carry `retry_after_s` (seconds), None where
    the venue did not say.

    Source: Binance spot REST API, "HTTP Return Codes", "IP Limits".
    """
    kind: type[VenueRejected] = OrderRejected if order else VenueRejected
    if status in BACK_OFF_STATUS or code in BACK_OFF_CODES:
        kind = RateLimited
    error = kind(code, message, status=status, method=method, client_order_id=client_order_id)
    if isinstance(error, RateLimited):
        error.retry_after_s = retry_after_s
    return error
