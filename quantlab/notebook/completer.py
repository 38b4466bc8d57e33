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
PLACING = {"buy": 0, "sell": 0, "order": 1, "explain": 1}  # words before the quantity


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
    if name in PLACING:
        return _placing(words, PLACING[name], names)
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
    if name == "book":
        return names.symbols
    return list(GRAMMAR) if name == "help" else []


def _placing(words: list[str], sides: int, names: Names) -> Sequence[str]:
    """SIDE? QTY SYMBOL [@ PRICE [TIF]]"""
    position = len(words) - 1 - sides
    if position < 0:
        return [side.lower() for side in Side] if words[-1].islower() or not words[-1] else list(Side)
    return {
        1: names.symbols,
        2: ["@", "of"],
        3: names.symbols if "of" in words else [],
        4: list(TimeInForce),
    }.get(position, [])


def _starting(pool: Iterable[str], fragment: str) -> tuple[list[str], str]:
    start = fragment.lower()
    return [str(word) for word in pool if str(word).lower().startswith(start)], fragment
