"""Topics, patterns and the trie."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quantlab.bus.routes import Patterns, Topic, Trie, can_meet, compile_pattern
from quantlab.errors import BusError


class Pair(msgspec.Struct, frozen=True):
    base: str
    quote: str


names = st.lists(st.sampled_from("abc"), min_size=1, max_size=4)
patterns = st.lists(st.sampled_from("abc*>"), min_size=1, max_size=4).filter(
    lambda parts: ">" not in parts[:-1]
)


def fits(pattern: list[str], name: list[str]) -> bool:
    """The definition, part by part."""
    if pattern[-1] == ">":
        return len(name) >= len(pattern) and fits([*pattern[:-1], "*"], name[: len(pattern)])
    return len(pattern) == len(name) and all(a in ("*", b) for a, b in zip(pattern, name, strict=True))


@pytest.mark.parametrize("kind", [Trie, Patterns])
def test_the_trie_finds_exactly_the_patterns_that_fit(kind: type[Trie[int] | Patterns[int]]) -> None:
    """Against the definition, for patterns that were added and some removed again."""
    answers = {True: 0, False: 0}

    @settings(deadline=None)
    @given(st.lists(patterns, max_size=8), st.data(), names)
    def check(added: list[list[str]], data: st.DataObject, name: list[str]) -> None:
        trie = kind()
        for number, pattern in enumerate(added):
            trie.add(tuple(pattern), number)
        gone = data.draw(st.sets(st.sampled_from(range(len(added))))) if added else set()
        for number in gone:
            trie.remove(tuple(added[number]), number)
        expected = [n for n, pattern in enumerate(added) if n not in gone and fits(pattern, name)]
        answers[bool(expected)] += 1
        assert sorted(trie.find(tuple(name))) == expected
        for number in set(range(len(added))) - gone:
            trie.remove(tuple(added[number]), number)
        assert trie.is_empty

    check()
    assert all(answers.values())


def test_a_pattern_can_meet_a_template_when_some_name_fits_both() -> None:
    """Against every name of up to four parts."""
    answers = {True: 0, False: 0}
    every = [list(name) for size in range(1, 5) for name in itertools.product("abc", repeat=size)]

    @given(patterns, st.lists(st.sampled_from("abc*"), min_size=1, max_size=4))
    def check(pattern: list[str], template: list[str]) -> None:
        expected = any(fits(pattern, name) and fits(template, name) for name in every)
        answers[expected] += 1
        assert can_meet(tuple(pattern), tuple(template)) == expected

    check()
    assert all(answers.values())


def test_a_topic_fills_its_braces_from_the_event() -> None:
    """Any number of braces; none is a fixed name."""
    pair = Pair("BTC", "USDT")
    assert Topic("pair.{base}.{quote}", Pair).name(pair) == "pair.BTC.USDT"
    assert Topic("pair.{quote}.last", Pair).name(pair) == "pair.USDT.last"
    assert Topic("pair", Pair).name(pair) == "pair"


@pytest.mark.parametrize("template", ["", "a..b", "a.{b", "a.x{b}", "a.*", "a b"])
def test_a_bad_template_is_refused(template: str) -> None:
    """Every part is a word or one name in braces."""
    with pytest.raises(BusError, match="every part"):
        Topic(template, Pair)


def test_a_brace_names_a_field_of_the_type() -> None:
    """A name that no event could fill is refused when the topic is made, not at each publish."""
    with pytest.raises(BusError, match="Pair has no quota"):
        Topic("pair.{quota}", Pair)


@pytest.mark.parametrize("pattern", ["", ".", "a..b", ">.a", "a b", "a.{b}"])
def test_a_bad_pattern_is_refused(pattern: str) -> None:
    """Words, `*`, and `>` at the end."""
    with pytest.raises(BusError, match="pattern"):
        compile_pattern(pattern)
