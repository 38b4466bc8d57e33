"""`%ql override` in a real kernel: who may break a limit, where, for how long, and that it is said."""

from __future__ import annotations

import pytest
from kernel import Kernel

MUCH = "await ql.orders.buy('BTCUSDT', '1.7', price=price - 300)"  # worth more than max_order_notional
ASK = "%ql override max_order_notional BTCUSDT 30m the weekend hedge  # said aloud"


@pytest.fixture
def ready(armed: Kernel) -> Kernel:
    shown = armed.run(
        "await ql.health.until_ok()\nawait ql.orders.cancel('all')\n"
        "price = int((await ql.market.book('BTCUSDT', 1)).bids[0][0])"
    )
    assert shown.status == "ok", shown.error
    return armed


def test_an_override_needs_admin_passes_the_order_and_says_why_until_it_is_ended(
    ready: Kernel, token: str
) -> None:
    """Refused; armed for it; the same order passes and its verdict says why; ended, it is denied again."""
    assert "max_order_notional" in ready.run(MUCH).error
    refused = ready.run(ASK)
    assert "needs the scope admin" in refused.error
    assert "%ql arm admin" in refused.error

    raised = ready.run("%ql arm admin", answer=token)
    assert raised.text.startswith("armed, also to loosen limits; ends in 15 min"), raised
    given = ready.run(ASK)
    assert given.lines[0] == "overrides", given.error
    assert "max_order_notional" in given.text
    assert "the weekend hedge" in given.text
    assert "said aloud" not in given.text
    assert ready.run("%ql override").text == given.text
    explained = ready.run("%ql explain buy 1.7 BTCUSDT @ {price - 300}")
    assert "overridden: the weekend hedge" in explained.text
    bought = ready.run(MUCH)
    assert "TAKEN" in bought.text, bought.error
    elsewhere = ready.run("%ql explain buy 60 ETHUSDT")
    assert "DENIED by" in elsewhere.lines[0]
    assert "max_order_notional" in elsewhere.lines[0]

    ended = ready.run("%ql override end max_order_notional BTCUSDT")
    assert "no limit may be broken now" in ended.text, ended.error
    assert "max_order_notional" in ready.run(MUCH).error
    assert "is not overridden" in ready.run("%ql override end max_order_notional BTCUSDT").error


def test_the_same_in_python_and_as_a_table(ready: Kernel, token: str) -> None:
    assert ready.run("%ql arm admin", answer=token).status == "ok"
    shown = ready.run("await ql.rails.override('max_spread', symbol='*', minutes=5, reason='thin')")
    assert "'max_spread' has no override" in shown.error  # it is the rail that has one, not its limit
    shown = ready.run(
        "await ql.rails.override('spread', symbol='*', minutes=5, reason='thin')\n"
        "print(ql.rails.overrides.frame()[['rail', 'symbol', 'reason']].values.tolist())\n"
        "await ql.rails.end_override('spread', symbol='*')\nprint(len(ql.rails.overrides))"
    )
    assert shown.lines[:2] == ["[['spread', '*', 'thin']]", "0"], shown.error
    for wrong in ("minutes=0, reason='x'", "minutes=5, reason=' '", "minutes=2000, reason='x'"):
        refused = ready.run(f"await ql.rails.override('spread', symbol='*', {wrong})")
        assert refused.error.startswith("InvalidField"), (wrong, refused)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("override max_position", "needs a symbol (or all), a time and a reason"),
        ("override max_positon all 5m x", "did you mean max_position?"),
        ("override trading_state all 5m x", "'trading_state' has no override"),
        ("override spread all 5 x", "'5' is no time; write one like 30m or 2h"),
        ("override end spread", "%ql override end RAIL SYMBOL|all"),
        ("arm admin qlt_x", "a token never goes on the line"),
    ],
)
def test_a_wrong_line_is_one_line_of_usage(kernel: Kernel, line: str, says: str) -> None:
    shown = kernel.run(f"%ql {line}")
    assert shown.error.startswith("UsageError")
    assert says in shown.error


def test_tab_completes_rail_symbol_and_time(kernel: Kernel) -> None:
    assert "max_position" in kernel.complete("%ql override max_p")
    assert "BTCUSDT" in kernel.complete("%ql override max_position BT")
    assert "15m" in kernel.complete("%ql override max_position BTCUSDT 1")
    assert "spread" in kernel.complete("%ql override end sp")
    assert "admin" in kernel.complete("%ql arm ")
