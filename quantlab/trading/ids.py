"""The ids that we give our orders: "SESSION-NUMBER", or "SESSION-STRATEGY-NUMBER".

Pure. The venue, a journal and a restart keep nothing of an order more surely than its id, so the
strategy that sent it stands there: whoever has a fill can tell whose it is.
"""

from __future__ import annotations

import re

from quantlab.errors import InvalidField

LONGEST = 12  # with a session of 8 and a number of 12 digits that is 34 of the venue's 36
NAME = re.compile(rf"[A-Za-z][A-Za-z0-9_]{{0,{LONGEST - 1}}}", re.ASCII)
MADE = re.compile(r"(?P<session>[0-9a-f]{8})-(?:[A-Za-z][A-Za-z0-9_]*-)?[0-9]+", re.ASCII)
TAGGED = re.compile(r"[^-]+-(?P<strategy>[A-Za-z][A-Za-z0-9_]*)-[0-9]+", re.ASCII)


def require_name(name: object) -> str:
    """`name` as the name of a strategy.

    Raises:
        InvalidField: It cannot stand in an order's id.
    """
    if type(name) is not str or NAME.fullmatch(name) is None:
        remedy = f"give a letter, then up to {LONGEST - 1} of A-Z a-z 0-9 _"
        raise InvalidField("strategy", f"{str(name)[:40]!r} is no name for one", remedy)
    return name


def new_id(session: str, number: int, strategy: str = "") -> str:
    """The id of the `number`-th order of `session`, sent by `strategy` ("": by hand)."""
    return f"{session}-{strategy}-{number}" if strategy else f"{session}-{number}"


def session_of(client_order_id: str) -> str:
    """The session that made an id, as the system's clock names them (`SystemClock`); "" for any other id."""
    found = MADE.fullmatch(client_order_id)
    return found["session"] if found else ""


def strategy_of(client_order_id: str) -> str:
    """The strategy that sent an order of this id; "" for one by hand, or not ours."""
    found = TAGGED.fullmatch(client_order_id)
    return found["strategy"] if found else ""
