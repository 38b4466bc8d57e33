"""The words after `%ql limits` and `%ql whatif`: which limits are others, and what they are.

Pure, as `parse`, which asks this. The names are those of the command itself; whether a limit may
be changed is for the desk.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from decimal import Decimal

from quantlab.control.commands import SetLimits
from quantlab.domain.decimals import positive
from quantlab.domain.limits import Limits
from quantlab.errors import InvalidField, UsageError

NAMES = SetLimits.__struct_fields__
USAGE = "%ql {0} NAME=VALUE ..., for example %ql {0} max_position=50000"
WHOLE = re.compile(r"0*[1-9][0-9]{0,8}", re.ASCII)


def read_changes(words: Sequence[str], magic: str = "limits") -> SetLimits:
    """The change that `words` ask for; amounts exactly as written, counts and ms as whole numbers."""
    usage = USAGE.format(magic)
    changes: dict[str, Decimal | int] = {}
    for word in re.sub(r"\s*=\s*", "=", " ".join(words)).split():
        name, equals, value = word.partition("=")
        name = name.lower()
        if not equals:
            raise UsageError(f"cannot read {' '.join(words)[:40]!r}: {usage}")
        if name not in NAMES:
            raise UsageError(f"there is no limit {name[:40]!r}; {_nearest(name)}")
        if name in changes:
            raise UsageError(f"{name} is given twice: {usage}")
        changes[name] = _value(name, value)
    return SetLimits(**changes)  # type: ignore[arg-type]  # each value is of its limit's own kind


def _value(name: str, text: str) -> Decimal | int:
    """Of the kind that the limit has by default: a count, or an exact amount."""
    if isinstance(getattr(Limits(), name), int):
        if WHOLE.fullmatch(text) is None:
            raise UsageError(f"{name}: {text[:40]!r} is no whole number above zero; write digits, like 5")
        return int(text)
    try:
        return positive(text, name)
    except InvalidField as error:
        raise UsageError(f"{name}: {error.problem}; write plain digits above zero, like 0.05") from None


def _nearest(name: str) -> str:
    close = difflib.get_close_matches(name, NAMES, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(NAMES)}"
