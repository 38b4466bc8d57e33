"""Completion: which words may stand at the end of a line of ours."""

from __future__ import annotations

import pytest

from quantlab.control.commands import SetLimits
from quantlab.notebook.completer import Names, candidates, topics
from quantlab.notebook.parse import GRAMMAR

NAMES = Names(symbols=("BTCUSDT", "ETHUSDT"), orders=("ql-7",), models=("up-10s",))


@pytest.mark.parametrize(
    ("line", "words", "fragment"),
    [
        ("%ql ", list(GRAMMAR), ""),
        ("%ql or", ["order", "orders"], "or"),
        ("x = %ql st", ["status", "strategies"], "st"),
        ("    %quantlab can", ["cancel"], "can"),
        ("%ql order ", ["buy", "sell"], ""),
        ("%ql order B", ["BUY"], "B"),
        ("%ql explain s", ["sell"], "s"),
        ("%ql buy ", [], ""),
        ("%ql buy 0.01 B", ["BTCUSDT"], "B"),
        ("%ql buy 0.01 eth", ["ETHUSDT"], "eth"),
        ("%ql order BUY 0.01 ", ["BTCUSDT", "ETHUSDT"], ""),
        ("%ql buy 0.01 BTCUSDT ", ["@", "of", "stop", "take", "trail", "reduce"], ""),
        ("%ql sell 1 BTCUSDT stop ", [], ""),
        ("%ql sell 1 BTCUSDT stop 5 ", ["@", "trail", "reduce"], ""),
        ("%ql buy 0.01 BTCUSDT @ 60000 m", ["maker"], "m"),
        ("%ql bracket b", ["buy"], "b"),
        ("%ql bracket buy 1 BTCUSDT ", ["@"], ""),
        ("%ql oto b", ["buy"], "b"),
        ("%ql oto buy 1 BTCUSDT @ 100 th", ["then"], "th"),
        ("%ql oto buy 1 BTCUSDT @ 100 then s", ["sell"], "s"),
        ("%ql oto buy 1 BTCUSDT @ 100 then sell 1 E", ["ETHUSDT"], "E"),
        ("%ql oto buy 1 BTCUSDT @ 100 then sell 1 ETHUSDT sto", ["stop"], "sto"),
        ("%ql again a", ["all"], "a"),
        ("%ql bracket buy 1 BTCUSDT @ 100 ", ["take", "stop", "limit"], ""),
        ("%ql explain oco sell 1 BTCUSDT take 5 s", ["stop"], "s"),
        ("%ql amend ", ["ql-7"], ""),
        ("%ql replace q", ["ql-7"], "q"),
        ("%ql flatten a", ["all"], "a"),
        ("%ql buy 100 USDT of ", ["BTCUSDT", "ETHUSDT"], ""),
        ("%ql buy 0.01 BTCUSDT @ 60000 i", ["IOC"], "i"),
        ("%ql cancel ", ["all", "BTCUSDT", "ETHUSDT", "ql-7"], ""),
        ("%ql book E", ["ETHUSDT"], "E"),
        ("%ql help bu", ["buy"], "bu"),
        ("%ql status ", [], ""),
        ("%ql record s", ["start", "stop"], "s"),
        ("%ql record stop ", [], ""),
        ("%ql record start market.trade.B", ["market.trade.BTCUSDT"], "market.trade.B"),
        ("%ql record start market.> ra", ["raw"], "ra"),
        ("%ql limits max_pr", ["max_price_age_ms="], "max_pr"),
        ("%ql limits max_position=1 max_p", ["max_price_age_ms="], "max_p"),
        ("%ql limits price_collar=0", [], "price_collar=0"),
        (
            "%%on market.trade.",
            ["market.trade.BTCUSDT", "market.trade.ETHUSDT", "market.trade.*"],
            "market.trade.",
        ),
        ("%ql learn ", ["promote", "rollback", "up-10s"], ""),
        ("%ql learn u", ["up-10s"], "u"),
        ("%ql learn promote ", ["up-10s"], ""),
        ("%ql learn promote up-10s ", [], ""),
        ("%ql learn rollback up-10s B", ["BTCUSDT"], "B"),
        ("%ql learn rollback up-10s BTCUSDT ", [], ""),
        ("%ql learn up-10s ", [], ""),
        ("%%on venue.health con", ["conflate"], "con"),
    ],
)
def test_what_may_stand_at_the_end_of_the_line(line: str, words: list[str], fragment: str) -> None:
    """Also after an assignment, indented, and in either case."""
    assert candidates(line, NAMES) == (words, fragment)


@pytest.mark.parametrize("line", ["", "%ql", "%time x", "ql.or", "x = 5 % ql ", "%%onx market", "print('a')"])
def test_a_line_that_is_not_ours_is_left_to_others(line: str) -> None:
    """None: IPython's own completion goes on."""
    assert candidates(line, NAMES) is None


def test_every_topic_of_the_catalogue_can_be_completed() -> None:
    """Braces are filled with the symbols we know, or with the wildcard."""
    offered = topics(("BTCUSDT",))

    assert {"execution.BTCUSDT", "risk.halt", "balance.*", "bus.subscriber.slow"} <= set(offered)
    assert not [topic for topic in offered if "{" in topic]


def test_every_limit_that_can_be_changed_is_offered() -> None:
    """By the fields of the command itself."""
    offered, _ = candidates("%ql limits ", NAMES) or ([], "")

    assert offered == [f"{name}=" for name in SetLimits.__struct_fields__]
