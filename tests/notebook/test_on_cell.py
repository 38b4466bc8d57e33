"""A `%%on` cell: how its line is read, and how its body becomes a handler."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import traceback
from types import SimpleNamespace
from typing import Any

import pytest

from quantlab.bus import Overflow
from quantlab.errors import UsageError
from quantlab.notebook.on_cell import OnLine, compile_handler, parse_line, watched

EVENT = SimpleNamespace(price=5, quantity=2)


def handler(body: str, **names: Any) -> tuple[Any, dict[str, Any]]:
    namespace: dict[str, Any] = {**names}
    return compile_handler(body, filename="<cell>", namespace=namespace), namespace


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("market.trade.BTCUSDT", OnLine(topic="market.trade.BTCUSDT")),
        ("  order.> # mine", OnLine(topic="order.>")),
        ("venue.health conflate", OnLine(topic="venue.health", overflow=Overflow.CONFLATE)),
        ("venue.health conflate ;", OnLine(topic="venue.health", overflow=Overflow.CONFLATE)),
        ("market.trade.BTCUSDT;", OnLine(topic="market.trade.BTCUSDT")),
    ],
)
def test_the_line_names_a_topic_and_an_overflow(line: str, meaning: OnLine) -> None:
    """A comment is stripped; without a word the oldest events are dropped."""
    assert parse_line(line) == meaning


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "say which topic"),
        ("order.> conflat", "did you mean conflate"),
        ("order.> fail now", "cannot read 'now'"),
    ],
)
def test_a_wrong_line_says_how_to_write_it(line: str, says: str) -> None:
    """One line of usage, naming the nearest word, and where a handler's own mistakes are found."""
    with pytest.raises(UsageError, match=says) as wrong:
        parse_line(line)

    assert str(wrong.value).endswith("ql.bus.errors() has the tracebacks of handlers")
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("topic", "symbol"),
    [
        ("market.trade.ETHUSDT", "ETHUSDT"),
        ("market.*.ETHUSDT", "ETHUSDT"),
        ("market.trade.*", None),
        ("market.>", None),
        ("order.ETHUSDT", None),
    ],
)
def test_a_market_topic_of_one_symbol_needs_its_streams(topic: str, symbol: str | None) -> None:
    """They are started when the cell is awaited."""
    assert watched(topic) == symbol


def test_what_the_body_assigns_is_assigned_in_the_notebook() -> None:
    """Counters, loops, imports, functions, walrus and annotated names land beside the user's variables."""
    body = """
count += 1
last: int = event.price
import math as m
for k in range(3): pass
def twice(x): return 2 * x
if (double := twice(last)) > 3: big = True
seen = [(inner := event.price) for _ in range(1)]
"""
    run, names = handler(body, count=0)
    run(EVENT)
    run(EVENT)

    assert (names["count"], names["last"], names["k"], names["double"], names["big"]) == (2, 5, 2, 10, True)
    assert names["inner"] == 5
    assert names["m"].pi > 3
    assert "event" not in names


def test_event_is_seen_by_comprehensions_and_functions_of_the_body() -> None:
    """Nested scopes see this event, also when another one came meanwhile."""
    run, names = handler(
        "got.append([event.price + i for i in range(2)])\nlater.append(lambda: event.price)", got=[], later=[]
    )
    run(EVENT)
    run(SimpleNamespace(price=7))

    assert names["got"] == [[5, 6], [7, 8]]
    assert [each() for each in names["later"]] == [5, 7]


async def test_a_body_may_await_and_return_early() -> None:
    """`await` makes the handler a coroutine function; two of them in flight keep their own event."""
    run, names = handler(
        "if event.price == 0: return\nawait sleep(0)\ngot.append(event.price)", got=[], sleep=asyncio.sleep
    )

    assert inspect.iscoroutinefunction(run)
    await asyncio.gather(*(run(SimpleNamespace(price=price)) for price in (1, 0, 2)))
    assert names["got"] == [1, 2]


def test_a_body_without_await_is_a_plain_function() -> None:
    """No coroutine is made where none is needed."""
    run, _ = handler("async def f(): await g()\nx = event")

    assert not inspect.iscoroutinefunction(run)


@pytest.mark.parametrize("body", ["prices.append(", "x = = 1", "  indented = 1", "break", "await"])
def test_a_syntax_error_is_pythons_own(body: str) -> None:
    """The cell fails when it is run, not when the first event comes."""
    with pytest.raises(SyntaxError):
        handler(body)


@pytest.mark.parametrize("body", ["", "# only a comment\n", "yield event", "await f()\nyield 1"])
def test_an_empty_or_yielding_body_is_a_usage_error(body: str) -> None:
    """There is nothing to run, or nobody to yield to."""
    with pytest.raises(UsageError):
        handler(body)


def test_a_traceback_shows_the_line_of_the_cell() -> None:
    """Line 1 is the magic's, so the body's first line is line 2."""
    source = "%%on market.trade.BTCUSDT\nx = 1\nmissing(event)\n"
    linecache.cache["<cell>"] = (len(source), None, source.splitlines(keepends=True), "<cell>")
    run, _ = handler(source.split("\n", 1)[1])

    with pytest.raises(NameError) as failure:
        run(EVENT)

    last = traceback.extract_tb(failure.tb)[-1]
    assert (last.lineno, last.line) == (3, "missing(event)")
