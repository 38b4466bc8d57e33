"""The grammar of `%ql`: one line of text in, one small command value out.

Pure: no engine, no IPython, no clock. A line that cannot be read raises `UsageError`, which
says in one line how to write it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

import msgspec

from quantlab.control.commands import PromoteModel, RollBackModel
from quantlab.control.tokens import redact
from quantlab.domain.orders import Side
from quantlab.errors import UsageError
from quantlab.notebook import order_line, override_line
from quantlab.notebook.limits_line import USAGE, read_changes
from quantlab.notebook.lines import (
    Again,
    Book,
    Cancel,
    ChangeLimits,
    Decision,
    Explain,
    Halt,
    Help,
    Learn,
    Line,
    Record,
    Resume,
    Show,
    WhatIf,
)

COMMENT = re.compile(r"(^|\s)#.*$")
TOKEN = "qlt_"  # how every token begins  # noqa: S105
ON_THE_LINE = (
    "a token never goes on the line: this cell and the history now hold it. Clear the cell, replace the "
    "token (quantlab token revoke, then quantlab token new), and run %ql arm alone"
)
MOST_LEVELS = 1000


class Entry(msgspec.Struct, frozen=True):
    """One subcommand: how to write it, what it does, who reads its words, and its second form."""

    usage: str
    summary: str
    read: Callable[[list[str]], Line]
    also: tuple[str, str] | None = None


def parse(line: str) -> Line:
    """What the text after `%ql` asks for; an empty line asks for help."""
    words = words_of(line)
    name = words[0].lower() if words else "help"
    if TOKEN in line and name != "halt":  # a HALT is never refused
        raise UsageError(ON_THE_LINE)
    entry = GRAMMAR.get(name)
    if entry is None:
        raise UsageError(f"unknown subcommand {words[0][:40]!r}; {nearest(name, GRAMMAR)}")
    return entry.read(words[1:])


def words_of(line: str) -> list[str]:
    """The words of a magic's line, without its comment and without one `;` at the end.

    Who is used to Python writes one to show nothing; here it has no meaning, and does no harm.
    """
    return COMMENT.sub("", line).rstrip().removesuffix(";").split()


def nearest(word: str, known: Mapping[str, object]) -> str:
    """A remedy for a misspelt word: "did you mean buy? %ql help lists all"."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]}? %ql help lists all" if close else "%ql help lists all"


def _buy(words: list[str]) -> Line:
    return order_line.placing(Side.BUY, words, order_line.ORDER_USAGE.format("buy", "buy"))


def _sell(words: list[str]) -> Line:
    return order_line.placing(Side.SELL, words, order_line.ORDER_USAGE.format("sell", "sell"))


def _order(words: list[str]) -> Line:
    return order_line.sided("order", words)


def _explain(words: list[str]) -> Line:
    if words[:1] == ["oco"]:
        return Explain(order=order_line.pair(words[1:]))
    if words[:1] == ["bracket"]:
        return Explain(order=order_line.bracketing(words[1:]))
    if words[:1] == ["oto"]:
        return Explain(order=order_line.chain(words[1:]))
    return Explain(order=order_line.sided("explain", words[1:] if words[:1] == ["order"] else words))


def _cancel(words: list[str]) -> Line:
    if len(words) != 1:
        raise UsageError("say which order: %ql cancel ID|SYMBOL|all")
    return Cancel(target="all" if words[0].lower() == "all" else words[0])


def _again(words: list[str]) -> Line:
    if words not in ([], ["all"]):
        raise UsageError(f"cannot read {' '.join(words)[:40]!r}: %ql again [all]")
    return Again(every=bool(words))


def _book(words: list[str]) -> Line:
    usage = "%ql book SYMBOL [LEVELS]"
    if len(words) not in (1, 2):
        raise UsageError(f"say which symbol: {usage}")
    symbol = order_line.symbol_of(words[0])
    if len(words) == 1:
        return Book(symbol=symbol)
    if re.fullmatch(r"[0-9]{1,4}", words[1], re.ASCII) is None or not 1 <= int(words[1]) <= MOST_LEVELS:
        raise UsageError(f"levels: {words[1][:40]!r} is no number from 1 to {MOST_LEVELS}: {usage}")
    return Book(symbol=symbol, levels=int(words[1]))


def _limits(words: list[str]) -> Line:
    return ChangeLimits(command=read_changes(words)) if words else Show(what="limits")


def _whatif(words: list[str]) -> Line:
    if not words:
        raise UsageError(f"say which limit: {USAGE.format('whatif')}")
    return WhatIf(command=read_changes(words, "whatif"))


def _decisions(words: list[str]) -> Line:
    if not words:
        return Show(what="decisions")
    if len(words) > 1 or re.fullmatch(r"[1-9][0-9]{0,14}", words[0], re.ASCII) is None:
        raise UsageError(f"cannot read {' '.join(words)[:40]!r}: %ql decisions [NUMBER]")
    return Decision(number=int(words[0]))


def _override(words: list[str]) -> Line:
    return override_line.overriding(words) if words else Show(what="override")


def _halt(words: list[str]) -> Line:
    return Halt(reason=redact(" ".join(words)) or "halted from the notebook")


def _resume(words: list[str]) -> Line:
    return Resume(reason=" ".join(words) or "resumed from the notebook")


def _learn(words: list[str]) -> Line:
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


def _record(words: list[str]) -> Line:
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


def _help(words: list[str]) -> Line:
    subject = words[0].lower() if words else ""
    if subject and subject not in GRAMMAR:
        raise UsageError(f"unknown subcommand {subject[:40]!r}; {nearest(subject, GRAMMAR)}")
    return Help(subject=subject)


def _arm(words: list[str]) -> Line:
    if words == ["admin"]:
        return Show(what="arm_admin")
    if words:
        raise UsageError(ON_THE_LINE)
    return Show(what="arm")


def _nothing_more(name: str) -> Callable[[list[str]], Line]:
    def read(words: list[str]) -> Line:
        if words:
            raise UsageError(f"%ql {name} takes nothing more, not {' '.join(words)[:40]!r}")
        return Show(what=name)

    return read


GRAMMAR: Mapping[str, Entry] = {
    "status": Entry("status", "venue, level, engine, streams, rails, armed or not", _nothing_more("status")),
    "health": Entry("health", "is the venue fit to trade on, and why not", _nothing_more("health")),
    "arm": Entry(
        "arm",
        "allow actions: asks for the token, or reads QUANTLAB_TOKEN_FILE",
        _arm,
        ("arm admin", "also to loosen limits, for 15 min: always asks for the token"),
    ),
    "disarm": Entry("disarm", "give the right to act back", _nothing_more("disarm")),
    "buy": Entry(
        f"buy QTY SYMBOL {order_line.TERMS}",
        "a limit order; without @ PRICE at market; stop, take and trail wait for the market first; maker "
        "never takes; reduce: never more than the position",
        _buy,
        ("buy AMOUNT QUOTE of SYMBOL", "at market for an amount of the quote asset: buy 100 USDT of BTCUSDT"),
    ),
    "sell": Entry(
        f"sell QTY SYMBOL {order_line.TERMS}",
        "the same, the other way",
        _sell,
        ("sell AMOUNT QUOTE of SYMBOL", "the same, the other way"),
    ),
    "order": Entry("order buy|sell QTY SYMBOL [@ PRICE] ...", "the same, with the side as a word", _order),
    "bracket": Entry(
        order_line.BRACKET_USAGE.removeprefix("%ql "),
        "an entry, and once it is filled two exits, of which the first to trade ends the other",
        order_line.bracketing,
    ),
    "oco": Entry(
        order_line.PAIR_USAGE.removeprefix("%ql "), "the two exits alone, for what is held", order_line.pair
    ),
    "oto": Entry(
        order_line.CHAIN_USAGE.removeprefix("%ql "),
        "two orders, of which the second is placed once the first is filled",
        order_line.chain,
    ),
    "amend": Entry("amend ID QTY", "make an order smaller; it keeps its place", order_line.amending),
    "replace": Entry(
        order_line.REPLACE_USAGE.removeprefix("%ql "),
        "cancel an order and send it anew, of the same type",
        order_line.replacing,
    ),
    "flatten": Entry(
        "flatten SYMBOL|all", "cancel what is open, trade the position to zero", order_line.flattening
    ),
    "cancel": Entry("cancel ID|SYMBOL|all", "cancel one order, those of a symbol, or all", _cancel),
    "again": Entry(
        "again [all]",
        "the cell that was held back may send its orders once more: this, then the cell",
        _again,
    ),
    "orders": Entry("orders", "our orders and their states", _nothing_more("orders")),
    "positions": Entry("positions", "what our fills add up to", _nothing_more("positions")),
    "fills": Entry("fills", "executions of our orders", _nothing_more("fills")),
    "balances": Entry("balances", "free and locked, by asset", _nothing_more("balances")),
    "strategies": Entry("strategies", "what trades by itself, and how it fares", _nothing_more("strategies")),
    "book": Entry("book SYMBOL [LEVELS]", "the best levels of a book", _book),
    "explain": Entry(
        "explain buy|sell QTY SYMBOL [@ PRICE] ...",
        "every rail's answer; sends nothing",
        _explain,
        ("explain bracket|oco|oto ...", "the same for all orders of a list"),
    ),
    "decisions": Entry(
        "decisions [NUMBER]", "what the rails decided, newest last; one of them with every answer", _decisions
    ),
    "whatif": Entry(
        "whatif NAME=VALUE ...",
        "what other limits would have done to every decision; changes nothing",
        _whatif,
    ),
    "rails": Entry("rails", "the checks that every order passes", _nothing_more("rails")),
    "limits": Entry(
        "limits",
        "the numbers that the rails hold orders to",
        _limits,
        ("limits NAME=VALUE ...", "tighten some of them (needs arming), then the same table"),
    ),
    "override": Entry(
        "override",
        "the limits of ours that may be broken now, where, until when, and why",
        _override,
        (
            override_line.USAGE.removeprefix("%ql "),
            "let one be broken for a while (needs arm admin); override end RAIL SYMBOL|all: no more",
        ),
    ),
    "halt": Entry("halt [REASON]", "deny every new order at once; cancels still pass", _halt),
    "resume": Entry("resume [REASON]", "lift a HALT (needs arming)", _resume),
    "subs": Entry("subs", "subscriptions on the bus and their counts", _nothing_more("subs")),
    "record": Entry(
        "record [stop|list]",
        "what is being recorded; end it; what was recorded",
        _record,
        ("record start [TOPIC ...] [raw] [as NAME]", "record topics (all market data), and raw frames"),
    ),
    "learn": Entry(
        "learn [NAME]",
        "the models on the stream; the scores of one beside its baselines",
        _learn,
        ("learn promote|rollback NAME", "put its shadow in front, or take that back (needs arming)"),
    ),
    "help": Entry("help [SUBCOMMAND]", "this list", _help),
}
