"""`ql` in a real kernel: what has to be awaited says so, and what is wrong is named by its field."""

from __future__ import annotations

import pytest
from kernel import Kernel

RESTING = 'order = await ql.orders.buy("BTCUSDT", "0.001", price="58000"); print(order.state.value)'


@pytest.mark.parametrize(
    ("call", "shown"),
    [
        ('ql.market.book("BTCUSDT")', "a book of BTCUSDT"),
        ('ql.market.watch("BTCUSDT")', "the streams of BTCUSDT"),
        ("ql.market.advance(1)", "1 s of market"),
        ('ql.market.history("BTCUSDT", "1m", 0)', "1m of BTCUSDT"),
        ("ql.health.until_ok()", "the health OK"),
        ("ql.bus.settle()", "every mailbox empty"),
    ],
)
def test_what_has_to_be_awaited_says_so_and_never_warns_later(kernel: Kernel, call: str, shown: str) -> None:
    """No address, no coroutine, and nothing is left over for a later cell."""
    forgotten = kernel.run(call)
    later = kernel.run("_ = __ = ___ = None; Out.clear()\nimport gc; gc.collect(); print('quiet')")

    assert forgotten.text == f"{shown}: NOT AWAITED - write await before it\n"
    assert later.text == "quiet\n"


def test_awaited_twice_it_is_asked_twice(kernel: Kernel) -> None:
    """A book is read anew, so that a name for it never grows old."""
    kernel.run("await ql.health.until_ok()\nbook = ql.market.book('BTCUSDT', 1)")
    shown = kernel.run("one, two = await book, await book\nprint(one is two, one.symbol, len(two.bids))")

    assert shown.text == "False BTCUSDT 1\n"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("ql.orders.cancel(5)", "InvalidField: target: 5 is neither an order of ours nor a symbol"),
        ('ql.orders.buy("BTCUSDT", "0.001").wait("x")', "InvalidField: timeout_s: 'x' is no such time"),
        ('await ql.market.advance("x")', "InvalidField: seconds: 'x' is no such time"),
        ('await ql.market.history("BTCUSDT", "7m", 0)', "InvalidField: what: '7m' is no interval"),
        ('await ql.market.history("NOSUCH", "1m", 0)', "UnknownSymbol: symbol: 'NOSUCH' is not listed"),
        ('await ql.health.until_ok("x")', "InvalidField: timeout_s: 'x' is no such time"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_by_its_field(armed: Kernel, code: str, says: str) -> None:
    refused = armed.run(code)

    assert refused.error.startswith(says)
    assert "\n" not in refused.error
    assert armed.run("import gc; gc.collect(); print('quiet')").text == "quiet\n"


def test_a_misspelt_term_of_an_order_is_pythons_own_error_and_the_right_ones_are_offered(
    armed: Kernel,
) -> None:
    """R9: A term that nobody knows sends nothing."""
    wrong = armed.run('ql.orders.buy("BTCUSDT", "0.001", prise="1")')
    terms = armed.run("import inspect; print(*inspect.signature(ql.orders.sell).parameters)")

    assert "unexpected keyword argument 'prise'" in wrong.error
    plain, stops = "symbol quantity price quote_quantity time_in_force", "stop trailing take_profit"
    assert terms.text == f"{plain} {stops} post_only reduce_only self_trade\n"
    assert "price=" in armed.complete('ql.orders.buy("BTCUSDT", pri')


def test_cancelled_orders_are_a_table_however_they_were_cancelled(armed: Kernel) -> None:
    """A list that Python can use, and that a cell shows as the magic does."""
    armed.run("await ql.health.until_ok()")
    assert armed.run(RESTING).text == "TAKEN\n"
    by_python = armed.run('gone = await ql.orders.cancel("all"); gone')
    counted = armed.run("print(isinstance(gone, list), [each.status for each in gone])")
    assert armed.run(RESTING).text == "TAKEN\n"
    by_handle = armed.run('h = ql.orders.cancel("BTCUSDT"); await h; h')
    by_magic = armed.run("%ql cancel all")

    for shown in (by_python, by_handle):
        assert shown.lines[0] == "cancelled", shown.error
        assert shown.lines[1].split()[:2] == ["client", "id"]
        assert "OrderSnapshot" not in shown.text
        assert "<table>" in shown.html
    assert counted.text == "True ['CANCELED']\n"
    assert by_magic.text == "cancelled\nthere was no open order\n"


def test_what_a_done_callback_prints_lands_under_the_cell_that_added_it(armed: Kernel) -> None:
    """And not under the cell that loaded quantlab, where nobody looks any more."""
    armed.run("await ql.health.until_ok()")
    cell = armed.start(
        'h = ql.orders.buy("BTCUSDT", "0.001")\n'
        "h.add_done_callback(lambda h: print('done:', h.result().state.value))\n"
        "h.send(); None"
    )
    shown = armed.finish(cell)
    later = "" if "done:" in shown.text else armed.printed_later(cell, until="done:")

    assert "done: FILLED" in shown.text + later


def test_the_past_is_a_table_and_bars_and_a_cell_awaits_it(kernel: Kernel) -> None:
    """Candles from before the venue opened, and the trades since as bars; nothing is printed beside."""
    shown = kernel.run(
        "from datetime import timedelta\n"
        "from quantlab.market.bars import TickBars\n"
        "await ql.health.until_ok()\n"
        'candles = await ql.market.history("BTCUSDT", "1m", timedelta(hours=20))\n'
        'again = await ql.market.history("BTCUSDT", "1m", timedelta(hours=20))\n'
        "table = candles.frame()\n"
        'trades = await ql.market.history("BTCUSDT", "trades", timedelta(minutes=5))\n'
        "bars = trades.bars(TickBars(1))\n"
        "print(len(candles) > 1000, table.index.name, type(table['close'].iloc[-1]).__name__)\n"
        "print(again.cached > 0, len(bars) == len(trades) > 0, list(bars.frame().columns)[:2])"
    )

    assert shown.text == "True open_time Decimal\nTrue True ['symbol', 'close_time']\n"
