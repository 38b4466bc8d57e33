"""What a decision reads of the account is what a recount gives, and costs the same however much there is."""

from __future__ import annotations

import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from scripted import BTC, ETH

from quantlab.domain.orders import ExecutionReport, OrderRequest, OrderType, Side
from quantlab.domain.position import AccountInfo, Balance, Transfer
from quantlab.trading.equity import EquityHistory
from quantlab.trading.portfolio import Portfolio

Ask = Callable[..., OrderRequest]
Build = Callable[..., ExecutionReport]
CROSS = msgspec.structs.replace(BTC, symbol="ETHBTC", base="ETH", quote="BTC")
SYMBOLS = {each.symbol: each for each in (BTC, ETH, CROSS)}
PRICES = {"BTCUSDT": Decimal(60_000), "ETHUSDT": Decimal(3_000), "ETHBTC": Decimal("0.05")}


@pytest.fixture
def portfolio() -> Portfolio:
    return Portfolio(SYMBOLS)


def balances(updated_ms: int = 1, **amounts: tuple[object, object]) -> AccountInfo:
    """Free and locked by asset."""
    held = tuple(
        Balance(asset=asset, free=Decimal(str(free)), locked=Decimal(str(locked)))
        for asset, (free, locked) in amounts.items()
    )
    return AccountInfo(balances=held, can_trade=True, updated_ms=updated_ms)


class World:
    """The same session kept twice: in a portfolio, and as a plain list of orders."""

    def __init__(self, seed: int, report: Build) -> None:
        self.dice, self.report = random.Random(seed), report
        self.portfolio = Portfolio(SYMBOLS)
        self.orders: dict[str, dict[str, Any]] = {}
        self.held = dict.fromkeys(SYMBOLS, Decimal(0))
        self.prices: dict[str, Decimal] = {}
        self.seen: Counter[str] = Counter()

    def step(self) -> None:
        self.dice.choice((self.order, self.order, self.fill, self.fill, self.end, self.move))()

    def order(self) -> None:
        name, symbol = f"o-{len(self.orders)}", self.dice.choice(list(SYMBOLS))
        price = PRICES[symbol] * Decimal(self.dice.randint(95, 105)) / 100
        kind = self.dice.choice((OrderType.LIMIT, OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT))
        request = OrderRequest(
            symbol=symbol, side=self.dice.choice(list(Side)), type=kind, price=price,
            quantity=Decimal(self.dice.randint(1, 9)), client_order_id=name,
            iceberg_quantity=self.dice.choice((None, Decimal(1))),
        )  # fmt: skip
        self.orders[name] = {"request": request, "left": request.quantity, "live": True}
        self.portfolio.reserve(request)

    def fill(self) -> None:
        live = [name for name, each in self.orders.items() if each["live"]]
        if live:
            name = self.dice.choice(live)
            order = self.orders[name]
            request, part = order["request"], Decimal(self.dice.randint(1, int(order["left"])))
            order["left"] -= part
            order["live"] = order["left"] > 0
            self.held[request.symbol] += part if request.side is Side.BUY else -part
            self.tell(name, "PARTIALLY_FILLED" if order["live"] else "FILLED", part)
            self.seen["filled"] += not order["live"]

    def end(self) -> None:
        live = [name for name, each in self.orders.items() if each["live"]]
        if live:
            name = self.dice.choice(live)
            self.orders[name]["live"] = False
            if (
                self.dice.random() < 0.5
                and self.orders[name]["left"] == self.orders[name]["request"].quantity
            ):
                self.portfolio.release(name)
                self.seen["released"] += 1
            else:
                self.tell(name, "CANCELED", Decimal(0))

    def move(self) -> None:
        symbol = self.dice.choice(list(SYMBOLS))
        self.prices[symbol] = PRICES[symbol] * Decimal(self.dice.randint(95, 105)) / 100
        self.portfolio.mark(symbol, self.prices[symbol], 0)

    def tell(self, name: str, status: str, part: Decimal) -> None:
        order = self.orders[name]
        request = order["request"]
        report = self.report(
            status, request.quantity - order["left"], part, price=str(request.price), symbol=request.symbol,
            client_order_id=name, side=request.side.value, order_id=int(name[2:]), quantity=request.quantity,
            type=request.type.value,
        )  # fmt: skip
        self.portfolio.apply(report)

    # -- the recount

    def rate(self, quote: str) -> Decimal | None:
        return Decimal(1) if quote == "USDT" else self.prices.get(f"{quote}USDT")

    def live(self, symbol: str | None = None) -> list[dict[str, Any]]:
        return [
            each for each in self.orders.values() if each["live"] and symbol in (None, each["request"].symbol)
        ]

    def open_notional(self) -> Decimal | None:
        total = Decimal(0)
        for each in self.live():
            rate = self.rate(SYMBOLS[each["request"].symbol].quote)
            if rate is None:
                return None
            total += each["left"] * each["request"].price * rate
        return total

    def elsewhere(self, symbol: str) -> tuple[Decimal | None, Decimal | None]:
        gross = net = Decimal(0)
        for other in SYMBOLS:
            orders = self.live(other)
            if other == symbol or not (orders or self.held[other]):
                continue
            price, rate = self.prices.get(other), self.rate(SYMBOLS[other].quote)
            if price is None or rate is None:
                return None, None
            buys = sum(each["left"] for each in orders if each["request"].side is Side.BUY)
            sells = sum(each["left"] for each in orders if each["request"].side is Side.SELL)
            gross += max(self.held[other] + buys, sells - self.held[other], Decimal(0)) * price * rate
            net += self.held[other] * price * rate
        return gross, net

    def best(self, symbol: str, side: Side) -> Decimal | None:
        prices = [
            each["request"].price
            for each in self.live(symbol)
            if each["request"].side is side and each["request"].type is OrderType.LIMIT
        ]
        return (max if side is Side.BUY else min)(prices, default=None)


@pytest.mark.parametrize("seed", range(8))
def test_the_running_sums_are_what_a_recount_gives(report: Build, seed: int) -> None:
    """Orders, fills, ends and prices in any order: after each step both say the same, or both do not know."""
    world = World(seed, report)
    for _ in range(120):
        world.step()
        for symbol in SYMBOLS:
            account, own = world.portfolio.account(symbol), world.portfolio.own(symbol)
            orders = world.live(symbol)
            assert own.open == len(orders)
            assert own.algo == sum(each["request"].type is not OrderType.LIMIT for each in orders)
            assert own.iceberg == sum(each["request"].iceberg_quantity is not None for each in orders)
            assert (own.best_bid, own.best_ask) == (
                world.best(symbol, Side.BUY),
                world.best(symbol, Side.SELL),
            )
            assert account.open == len(world.live())
            assert account.open_notional == world.open_notional()
            assert (account.gross_elsewhere, account.net_elsewhere) == world.elsewhere(symbol)
            world.seen["known" if account.gross_elsewhere is not None else "not known"] += 1
    if seed == 0:
        assert min(world.seen[name] for name in ("known", "not known", "filled", "released")) >= 3, world.seen


# -- promises


def test_an_order_promises_what_it_will_lock_until_the_balance_shows_it(
    portfolio: Portfolio, limit: Ask, report: Build
) -> None:
    """From before it is sent; the report alone does not end it, a balance that is older neither."""
    portfolio.apply(balances(USDT=(10_000, 0), BTC=(1, 0)))
    portfolio.reserve(limit(quantity="0.1", client_order_id="a-1"))
    portfolio.reserve(limit(Side.SELL, quantity="0.2", client_order_id="a-2"))
    account = portfolio.account("BTCUSDT")
    assert (account.promised_quote, account.promised_base) == (6_000, Decimal("0.2"))
    portfolio.apply(report("NEW", client_order_id="a-1", quantity=Decimal("0.1"), transact_ms=50))
    assert portfolio.account("BTCUSDT").promised_quote == 6_000
    portfolio.apply(balances(49, USDT=(9_999, 0)))
    assert portfolio.account("BTCUSDT").promised_quote == 6_000
    portfolio.apply(balances(50, USDT=(4_000, 6_000)))
    account = portfolio.account("BTCUSDT")
    assert (account.promised_quote, account.free_quote, account.promised_base) == (0, 4_000, Decimal("0.2"))
    portfolio.release("a-2")  # it never was there
    assert portfolio.account("BTCUSDT").promised_base == 0


def test_a_balance_that_was_told_before_the_report_ends_the_promise_with_it(
    portfolio: Portfolio, limit: Ask, report: Build
) -> None:
    """The two come on one stream in either order."""
    portfolio.reserve(limit(quantity="0.1", client_order_id="a-1"))
    portfolio.apply(balances(50, USDT=(4_000, 6_000)))
    assert portfolio.account("BTCUSDT").promised_quote == 6_000
    portfolio.apply(report("NEW", client_order_id="a-1", quantity=Decimal("0.1"), transact_ms=50))
    assert portfolio.account("BTCUSDT").promised_quote == 0


def test_a_pair_promises_once(portfolio: Portfolio, limit: Ask) -> None:
    """The venue locks the larger of both."""
    portfolio.reserve(limit(Side.SELL, quantity="0.2", client_order_id="a-1"), pair="p")
    portfolio.reserve(limit(Side.SELL, quantity="0.3", client_order_id="a-2"), pair="p")
    assert portfolio.account("BTCUSDT").promised_base == Decimal("0.3")
    assert portfolio.own("BTCUSDT").lists == 1


def test_an_account_that_was_never_told_is_not_known(portfolio: Portfolio) -> None:
    """None, which denies; once it was told, an asset that it does not list is nothing."""
    assert portfolio.account("BTCUSDT").free_quote is None
    portfolio.apply(balances(USDT=(10_000, 0)))
    account = portfolio.account("BTCUSDT")
    assert (account.free_quote, account.free_base, account.held_base) == (10_000, 0, 0)
    assert portfolio.account("NOSUCH").open is None


# -- equity


def test_the_equity_is_what_everything_is_worth_or_not_known(portfolio: Portfolio) -> None:
    """An asset without a price is never taken for nothing; one that is not held needs none."""
    assert portfolio.equity_now is None
    portfolio.apply(balances(USDT=(1_000, 500), BTC=("0.5", 0), ETH=(0, 0)))
    assert portfolio.equity_now is None
    portfolio.mark("BTCUSDT", Decimal(60_000), 0)
    assert portfolio.equity_now == 31_500
    portfolio.mark("BTCUSDT", Decimal(50_000), 1)
    assert portfolio.equity_now == 26_500
    portfolio.apply(balances(2, ETH=(0, "0.1")))
    assert portfolio.equity_now is None
    portfolio.sample(5)
    assert portfolio.equity.frame()["unpriced"].tolist() == [("ETH",)]


def transfer(asset: str, amount: object, time_ms: int) -> Transfer:
    return Transfer(asset=asset, amount=Decimal(str(amount)), event_ms=time_ms, time_ms=time_ms)


def standing(portfolio: Portfolio) -> tuple[Decimal, Decimal]:
    """How far below its highest the account is (a fraction), and what the day has won."""
    portfolio.sample(5)
    view = portfolio.account("BTCUSDT")
    assert view.equity is not None
    assert view.peak_equity is not None
    assert view.day_start_equity is not None
    return 1 - view.equity / view.peak_equity, view.equity - view.day_start_equity


@pytest.mark.parametrize("first", ["transfer", "balance"])
@pytest.mark.parametrize(
    ("asset", "amount"), [("USDT", -50_000), ("USDT", 50_000), ("BTC", "-0.25"), ("BTC", 3)]
)
def test_what_comes_in_or_goes_out_is_neither_loss_nor_profit(
    portfolio: Portfolio, asset: str, amount: object, first: str
) -> None:
    """V18: in whichever order it is told; drawdown and the result of the day stay, also after a restart."""
    held = {"USDT": Decimal(100_000), "BTC": Decimal(1)}
    portfolio.apply(balances(1, **{name: (each, 0) for name, each in held.items()}))
    portfolio.mark("BTCUSDT", Decimal(60_000), 0)
    portfolio.sample(1)
    portfolio.mark("BTCUSDT", Decimal(50_000), 1)  # lost: 10,000 of 160,000
    assert standing(portfolio) == (Decimal("0.0625"), -10_000)

    held[asset] += Decimal(str(amount))
    news = [transfer(asset, amount, 7), balances(7, **{asset: (held[asset], 0)})]
    for each in news if first == "transfer" else reversed(news):
        portfolio.apply(each)
    fallen, won = standing(portfolio)
    assert (fallen, won) == (pytest.approx(Decimal("0.0625")), -10_000)
    assert portfolio.equity_now == held["USDT"] + held["BTC"] * 50_000
    again = EquityHistory()
    again.restore(portfolio.equity.state)
    assert again.peak == portfolio.account("BTCUSDT").peak_equity


def test_a_transfer_counts_once_and_a_loss_beside_it_stays_a_loss(portfolio: Portfolio) -> None:
    """V18: told twice; and what else is gone from the balance by then was lost."""
    portfolio.apply(balances(1, USDT=(100_000, 0)))
    portfolio.sample(1)
    for _ in range(2):
        portfolio.apply(transfer("USDT", -20_000, 5))
    assert portfolio.account("BTCUSDT").peak_equity == 100_000  # the balance does not show it yet
    portfolio.apply(balances(5, USDT=(72_000, 0)))
    assert not portfolio.apply(transfer("USDT", -20_000, 5)).changed
    fallen, won = standing(portfolio)
    assert (round(fallen, 9), won) == (Decimal("0.08"), -8_000)


def test_a_transfer_of_something_without_a_price_waits_for_one(portfolio: Portfolio) -> None:
    """V18: until then nobody knows what the account is worth; then it is no profit."""
    portfolio.apply(balances(1, USDT=(100_000, 0)))
    portfolio.sample(1)
    portfolio.apply(transfer("ETH", 10, 5))
    portfolio.apply(balances(5, ETH=(10, 0)))
    portfolio.sample(2)
    assert portfolio.equity_now is None
    assert portfolio.equity.peak == 100_000
    portfolio.mark("ETHUSDT", Decimal(3_000), 3)
    assert standing(portfolio) == (0, 0)
    assert portfolio.equity.peak == 130_000


def test_an_account_that_was_emptied_begins_anew(portfolio: Portfolio) -> None:
    """V18: of nothing there is no fraction; what comes in then is the new highest."""
    portfolio.apply(balances(1, USDT=(100, 0)))
    portfolio.sample(1)
    portfolio.apply(transfer("USDT", -100, 5))
    portfolio.apply(balances(5, USDT=(0, 0)))
    portfolio.sample(2)
    assert (portfolio.equity.peak, portfolio.equity.day_start) == (0, 0)
    portfolio.apply(transfer("USDT", 70, 6))
    portfolio.apply(balances(6, USDT=(70, 0)))
    assert standing(portfolio) == (0, 0)


def test_profit_and_equity_change_by_the_same(portfolio: Portfolio, report: Build) -> None:
    """Realised and unrealised less fees are what the account gained, to the last digit."""
    portfolio.mark("BTCUSDT", Decimal(60_000), 0)
    portfolio.apply(balances(0, USDT=(100_000, 0), BTC=(0, 0)))
    usdt, btc, fees, start = Decimal(100_000), Decimal(0), Decimal(0), portfolio.equity_now
    dice, done = random.Random(3), Decimal(0)
    for number in range(40):
        price, part = Decimal(dice.randint(5_900_000, 6_100_000)) / 100, Decimal(dice.randint(1, 99)) / 1_000
        side, fee = dice.choice(("BUY", "SELL")), Decimal(dice.randint(0, 500)) / 100
        done += part
        portfolio.apply(
            report(
                "FILLED", part, part, price=str(price), client_order_id=f"x-{number}", side=side,
                order_id=number, quantity=part, commission=fee, commission_asset="USDT",
            )
        )  # fmt: skip
        usdt += (-1 if side == "BUY" else 1) * part * price - fee
        btc += part if side == "BUY" else -part
        fees += fee
        portfolio.apply(balances(number + 1, USDT=(usdt, 0), BTC=(btc, 0)))
        portfolio.mark("BTCUSDT", price, number)
    realised, unrealised = portfolio.profit
    assert start is not None
    assert unrealised is not None
    assert portfolio.equity_now == start + realised + unrealised - fees
    assert (realised, unrealised) == (
        portfolio.positions["BTCUSDT"].realised, portfolio.positions.unrealised("BTCUSDT")
    )  # fmt: skip
    assert realised


def test_a_check_costs_the_same_with_a_hundred_times_the_positions(limit: Ask, report: Build) -> None:
    """O(1): 5,000 positions and open orders against 50; a sum over all would take a hundred times as long."""

    def loaded(count: int) -> Portfolio:
        listed = {
            f"S{number}USDT": msgspec.structs.replace(BTC, symbol=f"S{number}USDT", base=f"S{number}")
            for number in range(count)
        }
        portfolio = Portfolio(listed)
        portfolio.apply(balances(USDT=(1_000_000, 0)))
        for number, symbol in enumerate(listed):
            portfolio.mark(symbol, Decimal(60_000), 0)
            portfolio.apply(
                report("FILLED", "1", "1", symbol=symbol, client_order_id=f"f-{number}", order_id=number)
            )
            portfolio.reserve(limit(symbol=symbol, client_order_id=f"o-{number}"))
        return portfolio

    request = limit(symbol="S7USDT")

    def cost(portfolio: Portfolio) -> float:
        best = float("inf")
        for _ in range(7):
            began = time.perf_counter()
            for _ in range(200):
                portfolio.exposure_for(
                    request, reference_price=Decimal(1), price_age_ms=0, orders_last_second=0
                )
                portfolio.mark("S7USDT", Decimal(60_000 + _ % 2), 0)
            best = min(best, time.perf_counter() - began)
        return best

    def steps(portfolio: Portfolio) -> int:
        """How many functions one check calls, those written in C too: no clock is in it."""
        count = 0

        def called(_frame: object, event: str, _what: object) -> None:
            nonlocal count
            count += event in ("call", "c_call")

        sys.setprofile(called)
        try:
            portfolio.exposure_for(request, reference_price=Decimal(1), price_age_ms=0, orders_last_second=0)
            portfolio.mark("S7USDT", Decimal(59_000), 0)
        finally:
            sys.setprofile(None)
        return count

    few, many = loaded(50), loaded(5_000)
    assert many.account("S7USDT").open == 5_000
    assert steps(many) == steps(few) > 20
    assert cost(many) < 3 * cost(few)
