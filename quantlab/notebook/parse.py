"""The grammar of `%ql`: one line of text in, one small command value out.

Pure: no engine, no IPython, no clock. A line that cannot be read raises `UsageError`, which
says in one line how to write it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping

import msgspec

from quantlab.domain.orders import Side
from quantlab.errors import UsageError
from quantlab.notebook import order_line, override_line, readers
from quantlab.notebook.lines import Explain, Help, Line, Show

COMMENT = re.compile(r"(^|\s)#.*$")
TOKEN = "qlt_"  # how every token begins  # noqa: S105


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
        raise UsageError(readers.ON_THE_LINE)
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


def _help(words: list[str]) -> Line:
    subject = words[0].lower() if words else ""
    if subject and subject not in GRAMMAR:
        raise UsageError(f"unknown subcommand {subject[:40]!r}; {nearest(subject, GRAMMAR)}")
    return Help(subject=subject)


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
        readers.arm,
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
    "cancel": Entry("cancel ID|SYMBOL|all", "cancel one order, those of a symbol, or all", readers.cancel),
    "again": Entry(
        "again [all]",
        "the cell that was held back may send its orders once more: this, then the cell",
        readers.again,
    ),
    "orders": Entry("orders", "our orders and their states", _nothing_more("orders")),
    "positions": Entry("positions", "what our fills add up to", _nothing_more("positions")),
    "fills": Entry("fills", "executions of our orders", _nothing_more("fills")),
    "balances": Entry("balances", "free and locked, by asset", _nothing_more("balances")),
    "strategies": Entry("strategies", "what trades by itself, and how it fares", _nothing_more("strategies")),
    "book": Entry("book SYMBOL [LEVELS]", "the best levels of a book", readers.book),
    "explain": Entry(
        "explain buy|sell QTY SYMBOL [@ PRICE] ...",
        "every rail's answer; sends nothing",
        _explain,
        ("explain bracket|oco|oto ...", "the same for all orders of a list"),
    ),
    "decisions": Entry(
        "decisions [NUMBER]",
        "what the rails decided, newest last; one of them with every answer",
        readers.decisions,
    ),
    "whatif": Entry(
        "whatif NAME=VALUE ...",
        "what other limits would have done to every decision; changes nothing",
        readers.whatif,
    ),
    "rails": Entry("rails", "the checks that every order passes", _nothing_more("rails")),
    "limits": Entry(
        "limits",
        "the numbers that the rails hold orders to",
        readers.limits,
        ("limits NAME=VALUE ...", "tighten some of them (needs arming), then the same table"),
    ),
    "override": Entry(
        "override",
        "the limits of ours that may be broken now, where, until when, and why",
        readers.override,
        (
            override_line.USAGE.removeprefix("%ql "),
            "let one be broken for a while (needs arm admin); override end RAIL SYMBOL|all: no more",
        ),
    ),
    "halt": Entry("halt [REASON]", "deny every new order at once; cancels still pass", readers.halt),
    "resume": Entry("resume [REASON]", "lift a HALT (needs arming)", readers.resume),
    "subs": Entry("subs", "subscriptions on the bus and their counts", _nothing_more("subs")),
    "record": Entry(
        "record [stop|list]",
        "what is being recorded; end it; what was recorded",
        readers.record,
        ("record start [TOPIC ...] [raw] [as NAME]", "record topics (all market data), and raw frames"),
    ),
    "learn": Entry(
        "learn [NAME]",
        "the models on the stream; the scores of one beside its baselines",
        readers.learn,
        ("learn promote|rollback NAME", "put its shadow in front, or take that back (needs arming)"),
    ),
    "help": Entry("help [SUBCOMMAND]", "this list", _help),
}
