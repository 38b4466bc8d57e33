"""What fills were worth to whom: by strategy, against the price at the decision, and after them."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from scripted import BTC, ETH

from quantlab.domain.orders import ExecutionReport, OrderRequest, Side
from quantlab.trading.equity import DAY_MS, EquityHistory, EquityState
from quantlab.trading.portfolio import Portfolio

Ask = Callable[..., OrderRequest]
Build = Callable[..., ExecutionReport]


@pytest.fixture
def portfolio() -> Portfolio:
    return Portfolio({"BTCUSDT": BTC, "ETHUSDT": ETH})


def test_each_strategy_has_its_own_profit_and_all_of_them_the_accounts(
    portfolio: Portfolio, report: Build
) -> None:
    """By the name in the order's id; what is sent by hand has none."""
    fills: tuple[tuple[str, str, str, str], ...] = (
        ("s1-maker-1", "BUY", "2", "100"), ("s1-maker-2", "SELL", "1", "130"), ("s1-3", "BUY", "1", "90"),
        ("s1-taker-4", "SELL", "3", "120"),
    )  # fmt: skip
    for number, (name, side, size, price) in enumerate(fills):
        portfolio.apply(
            report(
                "FILLED", size, size, price=price, client_order_id=name, side=side, order_id=number,
                quantity=Decimal(size), commission=Decimal("0.5"), commission_asset="BNB",
            )
        )  # fmt: skip
    portfolio.mark("BTCUSDT", Decimal(110), 0)
    table = portfolio.strategies.frame().set_index("strategy")
    assert table["quantity"].to_dict() == {"": 1, "maker": 1, "taker": -3}
    assert table["realised"].to_dict() == {"": 0, "maker": 30, "taker": 0}
    assert table["unrealised"].to_dict() == {"": 20, "maker": 10, "taker": 30}
    assert table["fills"].to_dict() == {"": 1, "maker": 2, "taker": 1}
    assert table["fees"]["maker"] == {"BNB": Decimal("1.0")}
    whole = portfolio.positions["BTCUSDT"]
    total = whole.realised + portfolio.positions.unrealised("BTCUSDT")
    assert table["realised"].sum() + table["unrealised"].sum() == total
    row = portfolio.positions.frame().loc["BTCUSDT"]
    assert (row["mark"], row["value"]) == (110, whole.quantity * 110)


def test_slippage_is_against_the_price_at_the_decision(
    portfolio: Portfolio, limit: Ask, report: Build
) -> None:
    """A buy that paid more and a sell that got less cost something; better prices cost less than nothing."""
    portfolio.mark("BTCUSDT", Decimal(100), 0)
    for name, side, price in (("a-1", "BUY", "101"), ("a-2", "SELL", "99"), ("a-3", "SELL", "102")):
        portfolio.reserve(limit(Side(side), quantity="2", client_order_id=name))
        for done in ("1", "2"):
            portfolio.apply(
                report(
                    "FILLED" if done == "2" else "PARTIALLY_FILLED", done, "1", price=price, side=side,
                    client_order_id=name, order_id=int(name[2:]), quantity=Decimal(2),
                )
            )  # fmt: skip
    portfolio.apply(report("FILLED", "1", "1", client_order_id="elsewhere", order_id=9))
    table = portfolio.slippage.frame()
    assert table["cost"].to_dict() == {"a-1": 2, "a-2": 2, "a-3": -4}
    assert table["slippage_bps"].to_dict() == {"a-1": 100, "a-2": 100, "a-3": -200}
    assert table["expected"].tolist() == [100, 100, 100]


def test_a_markout_is_the_price_that_stood_when_the_time_was_over(
    portfolio: Portfolio, report: Build
) -> None:
    """Not the first one after it; None until then. Above zero is in the fill's favour."""
    for number, side in enumerate(("BUY", "SELL")):
        portfolio.apply(
            report(
                "FILLED", "1", "1", price="100", client_order_id=side, side=side, order_id=number,
                transact_ms=1_000,
            )
        )  # fmt: skip
    portfolio.mark("BTCUSDT", Decimal(100), 1_500)
    portfolio.mark("BTCUSDT", Decimal(101), 1_900)
    portfolio.mark("BTCUSDT", Decimal(150), 5_000)  # it was still 101 at 2,000
    portfolio.mark("BTCUSDT", Decimal(99), 11_000)  # exactly then
    table = portfolio.markouts.frame().set_index("side")
    assert table["markout_1s_bps"].to_dict() == {"BUY": 100, "SELL": -100}
    assert table["markout_10s_bps"].to_dict() == {"BUY": -100, "SELL": 100}
    assert table["markout_60s_bps"].isna().all()


def test_peak_and_days_start_go_on_over_a_restart() -> None:
    """What is not known moves neither; a new day begins with what it finds."""
    history = EquityHistory()
    note: Any = lambda ms, equity: history.note(ms, equity=equity, priced=Decimal(0))  # noqa: E731
    note(5, None)
    assert (history.peak, history.day_start) == (None, None)
    note(10, Decimal(100))
    note(20, Decimal(120))  # sooner than the next point, and the highest all the same
    note(2_000, Decimal(90))
    assert (history.peak, history.day_start) == (120, 100)
    again = EquityHistory()
    again.restore(history.state)
    again.note(3_000, equity=Decimal(80), priced=Decimal(80))
    assert (again.peak, again.day_start) == (120, 100)
    again.note(DAY_MS + 1, equity=Decimal(70), priced=Decimal(70))
    assert (again.peak, again.day_start) == (120, 70)
    assert again.state == EquityState(peak=Decimal(120), day=1, day_start=Decimal(70))
    assert again.frame()["drawdown"].tolist() == pytest.approx([1 / 3, 5 / 12])


def test_the_history_stays_small_and_spans_all_of_the_time() -> None:
    """Twenty thousand seconds in at most a hundred points; first and last are there."""
    history = EquityHistory(points=100)
    for second in range(20_000):
        history.note(second * 1_000, equity=Decimal(second), priced=Decimal(second))
    times = history.frame()["time"]
    assert 40 <= len(history) <= 100
    assert times.iloc[0].timestamp() == 0
    assert times.iloc[-1].timestamp() > 19_000
    assert times.is_monotonic_increasing


def test_the_equity_is_a_picture() -> None:
    """Two panels of its own, or one line on the axes it is given."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    history = EquityHistory()
    for second, equity in enumerate((100, 120, 90, None, 110)):
        value = None if equity is None else Decimal(equity)
        history.note(second * 1_000, equity=value, priced=Decimal(50))
    ax = history.plot()
    assert [list(line.get_ydata()) for line in ax.get_lines()] == [[100, 120, 90, 110], [100, 120, 120, 120]]
    assert len(ax.figure.axes) == 2
    _, mine = plt.subplots()
    assert history.plot(mine) is mine
    assert EquityHistory().plot() is not None  # nothing to draw is no error
    plt.close("all")
