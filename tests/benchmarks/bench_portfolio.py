"""What a decision pays for reading the account, with 50 and with 5,000 positions and as many open orders.

    python tests/benchmarks/bench_portfolio.py

Prints JSON: for each size the median and the best time of one check (`exposure_for`, all that the rails read
of the account), of the same after a price moved, and of one fill; and by how much they grow. The two sizes
take turns in one run, so that a slow moment of the machine meets both.
"""

from __future__ import annotations

import gc
import json
import statistics
import time
from collections.abc import Callable
from decimal import Decimal

import msgspec

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import ExecutionReport, OrderRequest, OrderType, Side, TimeInForce
from quantlab.domain.position import AccountInfo, Balance
from quantlab.trading.portfolio import Portfolio

SIZES = (50, 5_000)
ROUNDS, TIMES = 60, 200
ONE = Instrument(
    symbol="S7USDT", base="S7", quote="USDT", tick_size=Decimal("0.01"), step_size=Decimal("0.00001"),
    min_price=Decimal("0.01"), max_price=Decimal(10**6), min_quantity=Decimal("0.00001"),
    max_quantity=Decimal(9_000), min_notional=Decimal(5),
)  # fmt: skip
ASKED = OrderRequest(
    symbol="S7USDT", side=Side.BUY, type=OrderType.LIMIT, quantity=Decimal("0.1"), price=Decimal(60_000),
    time_in_force=TimeInForce.GTC, client_order_id="asked",
)  # fmt: skip


def filled(symbol: str, number: int) -> ExecutionReport:
    """A buy of one, filled at once."""
    return ExecutionReport(
        symbol=symbol, order_id=number, client_order_id=f"f-{number}", side="BUY", type="LIMIT",
        time_in_force="GTC", quantity=Decimal(1), price=Decimal(60_000), execution_type="TRADE",
        status="FILLED", reject_reason="NONE", last_quantity=Decimal(1), last_price=Decimal(60_000),
        cumulative_quantity=Decimal(1), cumulative_quote=Decimal(60_000), commission=Decimal(0),
        commission_asset=None, trade_id=number, execution_id=number, is_maker=False, event_ms=1,
        transact_ms=1,
    )  # fmt: skip


def loaded(count: int) -> Portfolio:
    """An account with so many positions, and an open order in each of their symbols."""
    names = [f"S{number}USDT" for number in range(count)]
    listed = {
        name: msgspec.structs.replace(ONE, symbol=name, base=name.removesuffix("USDT")) for name in names
    }
    portfolio = Portfolio(listed)
    held = [Balance(asset=each.base, free=Decimal(1), locked=Decimal(0)) for each in listed.values()]
    money = Balance(asset="USDT", free=Decimal(10**9), locked=Decimal(0))
    portfolio.apply(AccountInfo(balances=(money, *held), can_trade=True, updated_ms=1))
    for number, name in enumerate(names):
        portfolio.mark(name, Decimal(60_000), 0)
        portfolio.apply(filled(name, number))
        portfolio.reserve(msgspec.structs.replace(ASKED, symbol=name, client_order_id=f"o-{number}"))
    return portfolio


class Work:
    """What is timed, on one portfolio."""

    def __init__(self, count: int) -> None:
        self.portfolio, self.count = loaded(count), count
        self._trades = 10**9

    def check(self) -> None:
        self.portfolio.exposure_for(
            ASKED, reference_price=Decimal(60_000), price_age_ms=0, orders_last_second=0
        )

    def moved(self) -> None:
        self._trades += 1
        self.portfolio.mark("S7USDT", Decimal(60_000 + self._trades % 2), 0)
        self.check()

    def fill(self) -> None:
        self._trades += 1
        self.portfolio.apply(filled("S7USDT", self._trades))


def microseconds(do: Callable[[], None]) -> float:
    began = time.perf_counter_ns()
    for _ in range(TIMES):
        do()
    return (time.perf_counter_ns() - began) / TIMES / 1_000


def main() -> None:
    works = [Work(count) for count in SIZES]
    gc.collect()
    gc.freeze()
    times: dict[str, dict[int, list[float]]] = {}
    for _ in range(ROUNDS):
        for name in ("check", "moved", "fill"):
            for work in works:
                times.setdefault(name, {}).setdefault(work.count, []).append(
                    microseconds(getattr(work, name))
                )
    shown = {}
    for name, by_count in times.items():
        few, many = (by_count[count] for count in SIZES)
        shown[name] = {
            **{
                f"{count}_us": {"median": round(statistics.median(each), 2), "best": round(min(each), 2)}
                for count, each in by_count.items()
            },
            "grows_by_percent": {
                "median": round((statistics.median(many) / statistics.median(few) - 1) * 100, 1),
                "best": round((min(many) / min(few) - 1) * 100, 1),
            },
        }
    print(json.dumps({"positions": SIZES, "rounds": ROUNDS, "times_each": TIMES, **shown}, indent=2))


if __name__ == "__main__":
    main()
