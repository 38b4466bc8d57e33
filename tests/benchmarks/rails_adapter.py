"""quantlab's rails as contenders of the peers' benchmark of pre-trade checks.

    python ../shared/bench/bench_rails.py --adapter tests/benchmarks/rails_adapter.py \
        --only decimal_incremental,nautilus_risk_engine,quantlab_decide,quantlab_permit

The workload's limits are set, and its refusals are checked against the benchmark's own reference before
anything is timed. As the peers' orders are, ours are made beforehand; what the account's books hand out
(balances, own orders, exposure elsewhere) is made when an order or a fill changes it, and lies ready.

- `quantlab_decide`: every rail asked, one exposure put together for each order.
- `quantlab_permit`: that, and the permit with the order's digest.
- `quantlab_explain`: that, and every verdict in words.
- `quantlab_decide_5000`: as the first, with 5,000 positions in the books instead of 50.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from quantlab.domain.instrument import Instrument
from quantlab.domain.limits import Limits
from quantlab.domain.orders import OrderRequest, OrderType, Side, TimeInForce
from quantlab.domain.rules import VenueRules
from quantlab.trading.exposure import AccountView, BookView, Exposure, OwnOrders, Pace
from quantlab.trading.rails import Rails, decide

D = Decimal
LIMITS = Limits(
    max_order_notional=D(50_000), max_position=D(10_000_000), max_gross_exposure=D(10**9),
    max_net_exposure=D(10**9), max_orders_per_second=10**9, min_equity=D(1), max_daily_loss=D(10**6),
    max_drawdown=D("0.5"),
)  # fmt: skip
RULES = VenueRules(
    order_types=("LIMIT", "MARKET"), market_max_quantity=D(100), bid_multiplier_up=D(5),
    bid_multiplier_down=D("0.2"), ask_multiplier_up=D(5), ask_multiplier_down=D("0.2"), max_orders=200,
    max_algo_orders=5, exchange_max_orders=1_000, max_position=D(10_000),
)  # fmt: skip
BOOK = BookView(bid=D("59999.99"), ask=D("60000.01"), low=D(60_000), high=D(60_000))
OWN = OwnOrders(open=2)
PACE = Pace(answers=100, budget_left=50)
REFERENCE = D(60_000)


class Books:
    """As many positions as asked for, and the exposure of each order out of what lies ready."""

    def __init__(self, symbols: int) -> None:
        names = [f"S{number}" for number in range(symbols)]
        self.instruments = {
            name: Instrument(
                symbol=name, base=name, quote="USDT", tick_size=D("0.01"), step_size=D("0.00001"),
                min_price=D("0.01"), max_price=D(1_000_000), min_quantity=D("0.00001"),
                max_quantity=D(9_000), min_notional=D(5), max_notional=D(9_000_000), rules=RULES,
            )
            for name in names
        }  # fmt: skip
        self.positions = {name: D("0.5") for name in names}
        elsewhere = (symbols - 1) * D(30_000)
        account = AccountView(
            free_base=D(10), free_quote=D(10**7), held_base=D(10), open=9, open_notional=D(1_000),
            gross_elsewhere=elsewhere, net_elsewhere=elsewhere, equity=D(10**7), peak_equity=D(10**7),
            day_start_equity=D(10**7),
        )  # fmt: skip
        self.accounts = dict.fromkeys(names, account)

    def exposure_for(self, request: OrderRequest) -> Exposure:
        symbol = request.symbol
        return Exposure(
            instrument=self.instruments.get(symbol), reference_price=REFERENCE, price_age_ms=5,
            position=self.positions[symbol], health="OK", health_age_ms=100, now_ms=0, book=BOOK, own=OWN,
            account=self.accounts[symbol], pace=PACE,
        )  # fmt: skip


def orders(raw: list[tuple[Any, ...]]) -> list[OrderRequest]:
    return [
        OrderRequest(
            symbol=symbol, side=Side.BUY if side else Side.SELL, type=OrderType.LIMIT, quantity=D(quantity),
            price=D(price), time_in_force=TimeInForce.GTC, client_order_id=name,
        )
        for name, symbol, side, price, quantity in raw
    ]  # fmt: skip


def register(contenders: dict[str, Any]) -> None:
    """Called once by the benchmark, with its contenders by name."""
    reference, raw = contenders["decimal_incremental"]()
    refused = [bool(reference(each)) for each in raw]
    _, texts = contenders["decimal_incremental_from_str"]()
    ours = orders(texts)

    def contender(
        kind: str, symbols: int = 50
    ) -> Callable[[], tuple[Callable[..., Any], list[OrderRequest]]]:
        books, rails = Books(symbols), Rails(LIMITS)

        def check(request: OrderRequest) -> str | None:
            return None if decide(request, books.exposure_for(request), LIMITS).allowed else "denied"

        def permit(request: OrderRequest) -> str | None:
            _, leave = rails.decide(request, books.exposure_for(request), now_ns=0, state_sequence=0)
            return None if leave else "denied"

        def explain(request: OrderRequest) -> str | None:
            decision = decide(request, books.exposure_for(request), LIMITS)
            return None if decision.verdicts and decision.allowed else "denied"

        made = {"decide": check, "permit": permit, "explain": explain}[kind]
        differing = [each for each, no in zip(ours, refused, strict=True) if bool(made(each)) is not no]
        if differing:
            raise SystemExit(f"{len(differing)} orders are decided otherwise: {differing[0]}")
        return lambda: (made, ours)

    contenders["quantlab_decide"] = contender("decide")
    contenders["quantlab_decide_5000"] = contender("decide", 5_000)
    contenders["quantlab_permit"] = contender("permit")
    contenders["quantlab_explain"] = contender("explain")
