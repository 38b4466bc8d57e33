"""What each kind of parameter refuses, and how: a bad value, the code and its whole text.

Source: Binance spot "Errors", 11xx. The legal ranges are those that the venue names in -1100.
"""

from __future__ import annotations

SYMBOL = r"^[A-Z0-9-_.]{1,20}$"
INTEGER = r"^[0-9]{1,20}$"
DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID = r"^[a-zA-Z0-9-_]{1,36}$"
SYMBOLS = r'^\[("[A-Z0-9-_.]{1,20}"(,"[A-Z0-9-_.]{1,20}"){0,}){0,1}\]$'

Refusal = tuple[int, str]


def illegal(name: str, legal: str) -> Refusal:
    return -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."


def missing(name: str) -> Refusal:
    return -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."


def both_missing(one: str, other: str) -> Refusal:
    return -1102, f"Param '{one}' or '{other}' must be sent, but both were empty/null!"


def empty(name: str) -> Refusal:
    return -1105, f"Parameter '{name}' was empty."


def unread(read: int, sent: int) -> Refusal:
    return -1104, f"Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'."


def invalid(name: str) -> Refusal:
    return -1130, f"Data sent for parameter '{name}' is not valid."


def not_required(name: str) -> Refusal:
    return -1106, f"Parameter '{name}' sent when not required."


def too_precise(name: str) -> str:
    return f"Parameter '{name}' has too much precision."


def malformed(name: str, kind: str) -> tuple[str, Refusal]:
    """A value that no parameter of this kind may have, and the answer to it."""
    ranges = {"symbol": SYMBOL, "int": INTEGER, "decimal": DECIMAL, "id": CLIENT_ID, "symbols": SYMBOLS}
    values = {"symbol": "btc usdt", "int": "1x", "decimal": "1e1", "id": "two words", "symbols": '["btc"'}
    if kind in ranges:
        return values[kind], illegal(name, ranges[kind])
    own: dict[str, tuple[str, Refusal]] = {
        "side": ("HOLD", (-1117, "Invalid side.")),
        "type": ("STOP", (-1116, "Invalid orderType.")),
        "tif": ("GTD", (-1115, "Invalid timeInForce.")),
        "interval": ("7m", (-1120, "Invalid interval.")),
        "status": ("OPEN", (-1122, "Invalid symbolStatus.")),
        "ticker": ("HUGE", (-1139, "Invalid ticker type.")),
        "restriction": ("ONLY_OLD", (-1145, "Invalid cancelRestrictions")),
    }
    return own.get(kind, ("?!", invalid(name)))
