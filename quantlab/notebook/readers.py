"""The readers of `%ql`'s words that are no orders: the words after a subcommand in, one `Line` out.

Pure, as `parse`, whose grammar names them. A line that cannot be read raises `UsageError`.
"""

from __future__ import annotations

import re

from quantlab.control.commands import PromoteModel, RollBackModel
from quantlab.control.tokens import redact
from quantlab.errors import UsageError
from quantlab.notebook import order_line, override_line
from quantlab.notebook.limits_line import USAGE, read_changes
from quantlab.notebook.lines import (
    Again,
    Book,
    Cancel,
    ChangeLimits,
    Decision,
    Halt,
    Learn,
    Line,
    Record,
    Resume,
    Show,
    WhatIf,
)

ON_THE_LINE = (
    "a token never goes on the line: this cell and the history now hold it. Clear the cell, replace the "
    "token (quantlab token revoke, then quantlab token new), and run %ql arm alone"
)
MOST_LEVELS = 1000


def cancel(words: list[str]) -> Line:
    """One order by its id, those of a symbol, or all."""
    if len(words) != 1:
        raise UsageError("say which order: %ql cancel ID|SYMBOL|all")
    return Cancel(target="all" if words[0].lower() == "all" else words[0])


def again(words: list[str]) -> Line:
    """The cell that was held back last, or all."""
    if words not in ([], ["all"]):
        raise UsageError(f"cannot read {' '.join(words)[:40]!r}: %ql again [all]")
    return Again(every=bool(words))


def book(words: list[str]) -> Line:
    """ "BTCUSDT", "BTCUSDT 20"."""
    usage = "%ql book SYMBOL [LEVELS]"
    if len(words) not in (1, 2):
        raise UsageError(f"say which symbol: {usage}")
    symbol = order_line.symbol_of(words[0])
    if len(words) == 1:
        return Book(symbol=symbol)
    if re.fullmatch(r"[0-9]{1,4}", words[1], re.ASCII) is None or not 1 <= int(words[1]) <= MOST_LEVELS:
        raise UsageError(f"levels: {words[1][:40]!r} is no number from 1 to {MOST_LEVELS}: {usage}")
    return Book(symbol=symbol, levels=int(words[1]))


def limits(words: list[str]) -> Line:
    """ "max_position=50000 ...", or nothing: show them."""
    return ChangeLimits(command=read_changes(words)) if words else Show(what="limits")


def whatif(words: list[str]) -> Line:
    """As `limits`, without changing any."""
    if not words:
        raise UsageError(f"say which limit: {USAGE.format('whatif')}")
    return WhatIf(command=read_changes(words, "whatif"))


def decisions(words: list[str]) -> Line:
    """Nothing, or the number of one."""
    if not words:
        return Show(what="decisions")
    if len(words) > 1 or re.fullmatch(r"[1-9][0-9]{0,14}", words[0], re.ASCII) is None:
        raise UsageError(f"cannot read {' '.join(words)[:40]!r}: %ql decisions [NUMBER]")
    return Decision(number=int(words[0]))


def override(words: list[str]) -> Line:
    """See `override_line`; nothing: show them."""
    return override_line.overriding(words) if words else Show(what="override")


def halt(words: list[str]) -> Line:
    """A reason, or none."""
    return Halt(reason=redact(" ".join(words)) or "halted from the notebook")


def resume(words: list[str]) -> Line:
    """A reason, or none."""
    return Resume(reason=" ".join(words) or "resumed from the notebook")


def learn(words: list[str]) -> Line:
    """A model, or what is to become of its shadow."""
    usage = "%ql learn [NAME], %ql learn promote NAME, or %ql learn rollback NAME [KEY VERSION]"
    if len(words) < 2:
        return Learn(name=words[0]) if words else Show(what="learn")
    action, name, rest = words[0].lower(), words[1], words[2:]
    if action == "promote" and not rest:
        return Learn(name=name, change=PromoteModel(name))
    if action == "rollback" and not rest:
        return Learn(name=name, change=RollBackModel(name))
    if action == "rollback" and len(rest) == 2 and re.fullmatch(r"[1-9][0-9]{0,8}", rest[1], re.ASCII):
        return Learn(name=name, change=RollBackModel(name, rest[0], int(rest[1])))
    raise UsageError(f"cannot read {' '.join(words)[:60]!r}: {usage}")


def record(words: list[str]) -> Line:
    """Start, stop or list."""
    usage = "%ql record start [TOPIC ...] [raw] [as NAME], or %ql record stop|list"
    if not words or words[0].lower() in ("stop", "list"):
        if len(words) > 1:
            raise UsageError(f"%ql record {words[0].lower()} takes nothing more, not {words[1][:40]!r}")
        return Record(what=words[0].lower() if words else "")
    if words[0].lower() != "start":
        raise UsageError(f"cannot read {words[0][:40]!r}: {usage}")
    words, name = words[1:], ""
    if len(words) > 1 and words[-2].lower() == "as":
        words, name = words[:-2], words[-1]
    elif words and words[-1].lower() == "as":
        raise UsageError(f"the name is missing after as: {usage}")
    raw = bool(words) and words[-1].lower() == "raw"
    return Record(what="start", topics=tuple(words[: len(words) - raw]), raw=raw, name=name)


def arm(words: list[str]) -> Line:
    """Nothing, or "admin"; never a token."""
    if words == ["admin"]:
        return Show(what="arm_admin")
    if words:
        raise UsageError(ON_THE_LINE)
    return Show(what="arm")
