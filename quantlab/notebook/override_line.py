"""The words after `%ql override`: which limit may be broken, where, for how long, and why.

Pure, as `parse`, which asks this. Whether it may be is for the desk.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from quantlab.control.overriding import NAMES
from quantlab.errors import UsageError
from quantlab.notebook.lines import Override
from quantlab.notebook.order_line import symbol_of

USAGE = "%ql override RAIL SYMBOL|all 30m|2h REASON"
END_USAGE = "%ql override end RAIL SYMBOL|all"
TIME = re.compile(r"([1-9][0-9]{0,3})(m|h)", re.ASCII)
MINUTES = {"m": 1, "h": 60}


def overriding(words: Sequence[str]) -> Override:
    """ "max_position BTCUSDT 30m the weekend hedge", "end max_position BTCUSDT"."""
    if words[0].lower() == "end":
        if len(words) != 3:
            raise UsageError(f"say which override ends: {END_USAGE}")
        return Override(rail=_rail(words[1]), symbol=_where(words[2]))
    rail = _rail(words[0])
    if len(words) < 4:
        raise UsageError(f"an override needs a symbol (or all), a time and a reason: {USAGE}")
    time = TIME.fullmatch(words[2].lower())
    if time is None:
        raise UsageError(f"{words[2][:40]!r} is no time; write one like 30m or 2h: {USAGE}")
    return Override(
        rail=rail,
        symbol=_where(words[1]),
        minutes=int(time[1]) * MINUTES[time[2]],
        reason=" ".join(words[3:]),
    )


def _rail(word: str) -> str:
    name = word.lower()
    if name not in NAMES:
        close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]}?" if close else f"those that have: {', '.join(NAMES)}"
        raise UsageError(f"{word[:40]!r} has no override; {hint}")
    return name


def _where(word: str) -> str:
    return "*" if word.lower() in ("all", "*") else symbol_of(word)
