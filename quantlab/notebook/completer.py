"""Completion after `%ql` and `%%on`: subcommands, sides, symbols, our order ids, topics.

`candidates` is pure: the line up to the cursor in, the words that may stand there out. It
completes only our own magics and never calls the venue: symbols come from what the engine
already knows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from quantlab.bus import Overflow
from quantlab.domain.orders import Side, TimeInForce
from quantlab.notebook.limits_line import NAMES as LIMITS
from quantlab.notebook.parse import GRAMMAR
from quantlab.topics import CATALOGUE

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext

OUR_LINE = re.compile(r"%(?:ql|quantlab)[ \t]+(?P<words>.*)$")
OUR_CELL = re.compile(r"^[ \t]*%%on[ \t]+(?P<words>.*)$")
PLACING = {"buy": 0, "sell": 0, "order": 1, "explain": 1, "oco": 1, "bracket": 1}  # words before the quantity
EXITS = ("take", "stop", "limit")
FORCES = {*(each.lower() for each in TimeInForce), "maker"}
TERMS = ("stop", "take", "trail", "reduce")


class Names(NamedTuple):
    """What the engine knows at this moment."""

    symbols: Sequence[str]
    orders: Sequence[str]


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
    if name == "explain" and words[0] in ("oco", "bracket") and len(words) > 1:
        name, words = words[0], words[1:]
    if name in PLACING:
        return _placing(name, words, names)
    if name in ("amend", "replace"):
        return names.orders if len(words) == 1 else []
    if name == "limits":
        given = {word.partition("=")[0] for word in words[:-1]}
        return [f"{limit}=" for limit in LIMITS if limit not in given]
    if name == "learn":
        return ["promote", "rollback"] if len(words) == 1 else []
    if name == "record":
        starts = words[0].lower() == "start"
        return (
            ["start", "stop", "list"]
            if len(words) == 1
            else [*topics(names.symbols), "raw", "as"]
            if starts
            else []
        )
    if len(words) > 1:
        return []
    if name == "cancel":
        return ["all", *names.symbols, *names.orders]
    if name == "again":
        return ["all"]
    if name == "flatten":
        return ["all", *names.symbols]
    if name == "book":
        return names.symbols
    return list(GRAMMAR) if name == "help" else []


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
    return [*([] if "@" in given else first), *forces, *rest]


def _starting(pool: Iterable[str], fragment: str) -> tuple[list[str], str]:
    start = fragment.lower()
    return [str(word) for word in pool if str(word).lower().startswith(start)], fragment
