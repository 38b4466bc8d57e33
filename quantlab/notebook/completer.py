"""Completion after `%ql` and `%%on`: subcommands, sides, symbols, our order ids, topics.

`candidates` is pure: the line up to the cursor in, the words that may stand there out. It
completes only our own magics and never calls the venue: symbols come from what the engine
already knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from quantlab.bus import Overflow
from quantlab.control.overriding import NAMES as OVERRIDABLE
from quantlab.domain.orders import Side, TimeInForce
from quantlab.notebook.limits_line import NAMES as LIMITS
from quantlab.notebook.parse import GRAMMAR
from quantlab.topics import CATALOGUE

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext

OUR_LINE = re.compile(r"%(?:ql|quantlab)[ \t]+(?P<words>.*)$")
OUR_CELL = re.compile(r"^[ \t]*%%on[ \t]+(?P<words>.*)$")
PLACING = {
    "buy": 0,
    "sell": 0,
    "order": 1,
    "explain": 1,
    "oco": 1,
    "oto": 1,
    "bracket": 1,
}  # words before the quantity
EXITS = ("take", "stop", "limit")
FORCES = {*(each.lower() for each in TimeInForce), "maker"}
TERMS = ("stop", "take", "trail", "reduce")


class Names(NamedTuple):
    """What the engine knows at this moment."""

    symbols: Sequence[str]
    orders: Sequence[str]
    models: Sequence[str] = ()


def candidates(line: str, names: Names) -> tuple[list[str], str] | None:
    """The words that may stand at the end of `line`, and the part of one that is there already.

    None where the line is none of ours; an empty list where nothing can be proposed.
    """
    if found := OUR_CELL.match(line):
        words = found["words"].split(" ")
        pool = topics(names.symbols) if len(words) == 1 else list(Overflow) if len(words) == 2 else []
        return _starting(pool, words[-1])
    if found := OUR_LINE.search(line):
        words = found["words"].split(" ")
        return _starting(_after(words[0].lower(), words[1:], names), words[-1])
    return None


def topics(symbols: Iterable[str]) -> list[str]:
    """Every topic of the catalogue, with each symbol we know in place of the braces."""
    found: list[str] = []
    for topic in CATALOGUE:
        if "{symbol}" in topic.template:
            found.extend(topic.template.replace("{symbol}", each) for each in [*symbols, "*"])
        else:
            found.append(re.sub(r"\{[a-z_]+\}", "*", topic.template))
    return found


def matcher(names: Callable[[], Names]) -> Callable[[Any], Any]:
    """The same for IPython's completer: it goes to `shell.Completer.custom_matchers`."""
    from IPython.core.completer import SimpleCompletion, context_matcher

    @context_matcher(identifier="quantlab")  # type: ignore[untyped-decorator]
    def quantlab_matcher(context: CompletionContext) -> dict[str, Any]:
        answer = candidates(context.text_until_cursor.rsplit("\n", 1)[-1], names())
        if answer is None:
            return {"completions": []}
        words, fragment = answer
        completions = [SimpleCompletion(text=word, type="quantlab") for word in words]
        return {"completions": completions, "suppress": True, "matched_fragment": fragment}

    return quantlab_matcher  # type: ignore[no-any-return]


def _after(name: str, words: list[str], names: Names) -> Sequence[str]:
    """`words` are what follows the subcommand; the last one is being typed."""
    if not words:
        return list(GRAMMAR)
    if name == "explain" and words[0] in ("oco", "oto", "bracket") and len(words) > 1:
        name, words = words[0], words[1:]
    if name == "oto" and "then" in words[:-1]:
        name, words = "order", words[words.index("then") + 1 :]
    if name in PLACING:
        return _placing(name, words, names)
    if name in MORE:
        return MORE[name](words, names)
    return FIRST[name](names) if name in FIRST and len(words) == 1 else []


def _limits(words: list[str], _names: Names) -> Sequence[str]:
    given = {word.partition("=")[0] for word in words[:-1]}
    return [f"{limit}=" for limit in LIMITS if limit not in given]


def _record(words: list[str], names: Names) -> Sequence[str]:
    if len(words) == 1:
        return ["start", "stop", "list"]
    return [*topics(names.symbols), "raw", "as"] if words[0].lower() == "start" else []


def _overriding(words: list[str], names: Names) -> Sequence[str]:
    """RAIL SYMBOL TIME REASON, or end RAIL SYMBOL."""
    if words[0].lower() == "end" and len(words) > 1:
        return [OVERRIDABLE, ["all", *names.symbols], []][min(len(words) - 2, 2)]
    return [["end", *OVERRIDABLE], ["all", *names.symbols], ["15m", "1h", "8h"], []][min(len(words) - 1, 3)]


def _learn(words: list[str], names: Names) -> Sequence[str]:
    """NAME, promote NAME, or rollback NAME KEY VERSION."""
    what = words[0].lower()
    if len(words) == 1:
        return ["promote", "rollback", *names.models]
    if what not in ("promote", "rollback") or len(words) > (3 if what == "rollback" else 2):
        return []
    return names.models if len(words) == 2 else names.symbols


def _placing(name: str, words: list[str], names: Names) -> Sequence[str]:
    """SIDE? QTY SYMBOL, then the terms of an order, or the exits of a list."""
    position = len(words) - 1 - PLACING[name]
    if position < 0:
        return [side.lower() for side in Side] if words[-1].islower() or not words[-1] else list(Side)
    if position < 2:
        return names.symbols if position else []
    given = {word.lower() for word in words[:-1]}
    if words[-2] in ("@", *EXITS, "trail"):
        return []  # a number
    if name in ("oco", "bracket"):
        return (
            ["@"] if name == "bracket" and "@" not in given else [each for each in EXITS if each not in given]
        )
    if "of" in given:
        return names.symbols if position == 3 else []
    first = ["@", "of"] if position == 2 else ["@"]
    forces = [*TimeInForce, "maker"] if "@" in given and not given & FORCES else []
    rest = [each for each in TERMS if each not in given and not (each == "take" and "stop" in given)]
    then = ["then"] if name == "oto" and "@" in given else []
    return [*([] if "@" in given else first), *forces, *rest, *then]


MORE: Mapping[str, Callable[[list[str], Names], Sequence[str]]] = {
    "limits": _limits, "whatif": _limits, "record": _record, "override": _overriding,
    "learn": _learn,
}  # fmt: skip
FIRST: Mapping[str, Callable[[Names], Sequence[str]]] = {
    "amend": lambda names: names.orders,
    "replace": lambda names: names.orders,
    "arm": lambda _: ["admin"],
    "again": lambda _: ["all"],
    "cancel": lambda names: ["all", *names.symbols, *names.orders],
    "flatten": lambda names: ["all", *names.symbols],
    "book": lambda names: names.symbols,
    "help": lambda _: list(GRAMMAR),
}
"""What may stand after a subcommand that takes one word we know; `MORE` takes several."""


def _starting(pool: Iterable[str], fragment: str) -> tuple[list[str], str]:
    start = fragment.lower()
    return [str(word) for word in pool if str(word).lower().startswith(start)], fragment
