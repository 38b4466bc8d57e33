"""The exchange as its accounts see it: orders, refusals, events, and funds to the last unit."""

from __future__ import annotations

import copy
import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side, TimeInForce
from quantlab.paper.events import (
    BalanceChange,
    Event,
    Execution,
    ExecutionType,
    LevelChange,
    Refused,
    Status,
    TradePrint,
)
from quantlab.paper.exchange import Exchange
from quantlab.paper.orders import NewOrder, OrderKind, Placed
from quantlab.paper.records import Records

BUY, SELL = Side
GTC, IOC, FOK = TimeInForce
ZERO = Decimal(0)
BTC = Instrument(
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    tick_size=Decimal("0.01"),
    min_price=Decimal("0.01"),
    max_price=Decimal(1_000_000),
    step_size=Decimal("0.00001"),
    min_quantity=Decimal("0.00010"),
    max_quantity=Decimal(100),
    min_notional=Decimal(5),
)
ETH = msgspec.structs.replace(BTC, symbol="ETHUSDT", base="ETH", step_size=Decimal("0.0001"))
CROSS = msgspec.structs.replace(
    BTC, symbol="ETHBTC", base="ETH", quote="BTC", tick_size=Decimal("0.00001"), step_size=Decimal("0.0001"),
    min_price=ZERO, min_notional=Decimal("0.0001"),
)  # fmt: skip
FUNDS = {"BTC": Decimal(10), "ETH": Decimal(100), "USDT": Decimal(1_000_000)}


def limit(side: Side, price: object, quantity: object, force: TimeInForce = GTC, **more: Any) -> NewOrder:
    return NewOrder(
        symbol=more.pop("symbol", "BTCUSDT"),
        side=side,
        type=OrderKind.LIMIT,
        time_in_force=force,
        price=Decimal(str(price)),
        quantity=Decimal(str(quantity)),
        **more,
    )


def market(side: Side, quantity: object = None, *, quote: object = None, symbol: str = "BTCUSDT") -> NewOrder:
    return NewOrder(
        symbol=symbol,
        side=side,
        type=OrderKind.MARKET,
        quantity=None if quantity is None else Decimal(str(quantity)),
        quote_quantity=None if quote is None else Decimal(str(quote)),
    )


@pytest.fixture
def exchange() -> Exchange:
    """Three symbols, two accounts that pay 0.1 %, one that pays nothing."""
    exchange = Exchange([BTC, ETH, CROSS])
    for name in ("ada", "bob"):
        exchange.open_account(name, FUNDS)
    exchange.open_account("zero", FUNDS, commission=ZERO)
    return exchange


def funds(exchange: Exchange, account: str, asset: str) -> tuple[Decimal, Decimal]:
    balance = exchange.balances(account)[asset]
    return balance.free, balance.locked


def picture(exchange: Exchange) -> str:
    """Everything an outsider can see, plus the ids to come."""
    accounts = list(exchange._ledger.accounts)
    return repr(
        [
            [(exchange.balances(each), exchange.open_orders(each)) for each in accounts],
            [
                (exchange.depth(each, 1000), exchange.last_price(each), exchange.average_price(each, 10**9))
                for each in exchange.instruments
            ],
            [exchange.trades(each, symbol) for each in accounts for symbol in exchange.instruments],
            (exchange._last_order_id, exchange._floor.reports.execution_id, exchange._floor.events),
            [(each._trade_id, each.update_id) for each in exchange._listings.values()],
            ([sorted(each) for each in exchange._records._closed.values()], exchange.totals()),
        ]
    )


# --- resting and trading


def test_a_resting_order_locks_exactly_its_cost_and_a_cancel_gives_it_back(exchange: Exchange) -> None:
    """A buy locks price times quantity, a sell its quantity."""
    bought = exchange.place("ada", limit(BUY, "60000.01", "0.5"), 1).order
    sold = exchange.place("ada", limit(SELL, "60000.02", "0.7"), 2).order

    assert bought.status == Status.NEW
    assert funds(exchange, "ada", "USDT") == (Decimal("969999.995"), Decimal("30000.005"))
    assert funds(exchange, "ada", "BTC") == (Decimal("9.3"), Decimal("0.7"))

    for order in (bought, sold):
        assert exchange.cancel("ada", "BTCUSDT", order_id=order.order_id, now_ms=3).status == Status.CANCELED
    assert funds(exchange, "ada", "USDT") == (FUNDS["USDT"], ZERO)
    assert funds(exchange, "ada", "BTC") == (FUNDS["BTC"], ZERO)
    assert exchange.depth("BTCUSDT", 5) == (4, [], [])


def test_a_trade_is_at_the_makers_price_and_takes_commission_from_what_comes_in(exchange: Exchange) -> None:
    """The taker's better price is its own gain; nothing stays locked."""
    exchange.place("ada", limit(SELL, 60000, 1), 1)
    placed = exchange.place("bob", limit(BUY, 61000, "0.4"), 2)

    assert [
        (each.price, each.quantity, each.commission, each.commission_asset) for each in placed.trades
    ] == [(Decimal(60000), Decimal("0.4"), Decimal("0.0004"), "BTC")]
    assert placed.order.status == Status.FILLED
    assert placed.order.executed_quote == Decimal(24000)
    assert funds(exchange, "bob", "USDT") == (Decimal(976_000), ZERO)
    assert funds(exchange, "bob", "BTC") == (Decimal("10.3996"), ZERO)
    assert funds(exchange, "ada", "USDT") == (Decimal(1_023_976), ZERO)
    assert funds(exchange, "ada", "BTC") == (Decimal(9), Decimal("0.6"))
    assert exchange.last_price("BTCUSDT") == Decimal(60000)


def test_the_better_price_and_then_the_older_order_trades_first(exchange: Exchange) -> None:
    """Makers come by price, then by time."""
    dear, old, young = (
        exchange.place("ada", limit(SELL, price, "0.1"), 1).order.order_id for price in (60001, 60000, 60000)
    )
    placed = exchange.place("bob", market(BUY, "0.25"), 2)

    sides = [row.order_id for row in exchange.trades("ada", "BTCUSDT")]
    assert sides == [old, young, dear]
    assert [each.price for each in placed.trades] == [Decimal(60000), Decimal(60000), Decimal(60001)]


def test_what_a_gtc_order_leaves_over_rests_at_its_own_price(exchange: Exchange) -> None:
    """And only the rest is locked."""
    exchange.place("ada", limit(SELL, 60000, "0.3"), 1)
    placed = exchange.place("bob", limit(BUY, 60500, 1), 2)

    assert (placed.order.status, placed.order.executed_quantity) == ("PARTIALLY_FILLED", Decimal("0.3"))
    assert exchange.best("BTCUSDT") == (Decimal(60500), Decimal("0.7"), None, None)
    assert funds(exchange, "bob", "USDT")[1] == Decimal(42350)


def test_what_an_ioc_order_leaves_over_expires(exchange: Exchange) -> None:
    """Nothing of it rests or stays locked."""
    exchange.place("ada", limit(SELL, 60000, "0.3"), 1)
    placed = exchange.place("bob", limit(BUY, 60500, 1, IOC), 2)

    assert (placed.order.status, placed.order.executed_quantity) == ("EXPIRED", Decimal("0.3"))
    assert exchange.best("BTCUSDT") == (None, None, None, None)
    assert funds(exchange, "bob", "USDT") == (Decimal(982_000), ZERO)


@pytest.mark.parametrize(("quantity", "executed"), [("0.5", "0.5"), ("0.50001", "0")])
def test_a_fok_order_trades_whole_or_not_at_all(exchange: Exchange, quantity: str, executed: str) -> None:
    """One lot more than there is within its price, and the book is left as it was."""
    for price in (60000, 60001, 60002):
        exchange.place("ada", limit(SELL, price, "0.25"), 1)
    before = exchange.depth("BTCUSDT", 5)
    placed = exchange.place("bob", limit(BUY, 60001, quantity, FOK), 2)

    assert placed.order.executed_quantity == Decimal(executed)
    assert placed.order.status == ("FILLED" if executed != "0" else "EXPIRED")
    assert (exchange.depth("BTCUSDT", 5) == before) is (executed == "0")


def test_a_fok_order_does_not_count_the_accounts_own_orders(exchange: Exchange) -> None:
    """They would expire, not trade; and since it does not trade, they stay."""
    exchange.place("bob", limit(SELL, 60000, "0.3"), 1)
    exchange.place("ada", limit(SELL, 60000, "0.3"), 1)

    assert exchange.place("bob", limit(BUY, 60000, "0.4", FOK), 2).order.status == "EXPIRED"
    assert len(exchange.open_orders("bob", "BTCUSDT")) == 1
    assert exchange.place("bob", limit(BUY, 60000, "0.3", FOK), 3).order.status == "FILLED"


@pytest.mark.parametrize("order", [market(BUY, 1), market(SELL, 1)])
def test_a_market_order_without_liquidity_expires_at_exactly_zero(
    exchange: Exchange, order: NewOrder
) -> None:
    """No fill, no commission, no change of funds."""
    placed = exchange.place("ada", order, 1)

    assert (placed.order.status, placed.order.executed_quantity, placed.order.executed_quote) == (
        "EXPIRED", ZERO, ZERO,
    )  # fmt: skip
    assert placed.trades == ()
    assert funds(exchange, "ada", "BTC") == (FUNDS["BTC"], ZERO)
    assert funds(exchange, "ada", "USDT") == (FUNDS["USDT"], ZERO)


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_quote_amount_needs_a_book_that_offers_an_order_of_the_least_size(
    exchange: Exchange, side: Side
) -> None:
    """-2010 with the filter's name, or the symbol's where nothing is offered; the least is enough."""
    other = SELL if side is BUY else BUY
    rules = exchange.rules("BTCUSDT")
    wider = msgspec.structs.replace(
        rules,
        instrument=msgspec.structs.replace(rules.instrument, min_quantity=Decimal("0.3")),
        market_min_quantity=Decimal("0.4"),
    )

    def refusal() -> str:
        with pytest.raises(Refused, match="-2010") as refused:
            exchange.place("bob", market(side, quote=100_000), 2)
        return refused.value.message.removeprefix("Order book liquidity is less than ")

    assert refusal() == "symbol minimum quantity."
    exchange.place("ada", limit(other, 60000, "0.2"), 1)
    exchange.set_rules("BTCUSDT", wider)
    assert refusal() == "LOT_SIZE filter minimum quantity."
    exchange.set_rules("BTCUSDT", rules)
    exchange.place("ada", limit(other, 60000, "0.1"), 1)
    exchange.set_rules("BTCUSDT", wider)
    assert refusal() == "MARKET_LOT_SIZE filter minimum quantity."
    exchange.place("ada", limit(other, 60000, "0.3"), 1)
    assert exchange.place("bob", market(side, quote=100_000), 2).order.executed_quantity == Decimal("0.6")


def test_a_market_order_takes_what_there_is_and_the_rest_expires(exchange: Exchange) -> None:
    """Level by level, then EXPIRED with what it got."""
    exchange.place("ada", limit(BUY, 60000, "0.1"), 1)
    exchange.place("ada", limit(BUY, 59000, "0.1"), 1)
    placed = exchange.place("bob", market(SELL, 1), 2)

    assert (placed.order.status, placed.order.executed_quantity) == ("EXPIRED", Decimal("0.2"))
    assert placed.order.executed_quote == Decimal(11_900)


@pytest.mark.parametrize(("side", "resting"), [(BUY, SELL), (SELL, BUY)])
def test_a_quote_amount_is_never_exceeded_and_the_quantity_stays_on_the_step(
    exchange: Exchange, side: Side, resting: Side
) -> None:
    """Less than one more step is left over, at the last price it met."""
    prices = (60000, 60010) if side is BUY else (60000, 59990)
    for price in prices:
        exchange.place("ada", limit(resting, price, "0.001"), 1)
    placed = exchange.place("bob", market(side, quote="100.07"), 2)
    order = placed.order

    assert order.status == "FILLED"
    assert order.quantity == order.executed_quantity == Decimal("0.00166")
    left = Decimal("100.07") - order.executed_quote
    assert 0 <= left < BTC.step_size * prices[1]
    assert order.quote_quantity == Decimal("100.07")


def test_a_quote_amount_larger_than_the_book_takes_all_of_it_and_expires(exchange: Exchange) -> None:
    """The amount was not spent, so the order did not fill."""
    exchange.place("ada", limit(SELL, 60000, "0.001"), 1)
    placed = exchange.place("bob", market(BUY, quote=100), 2)

    assert (placed.order.status, placed.order.executed_quote) == ("EXPIRED", Decimal(60))
    executions = [each for each in exchange.drain_events() if isinstance(each, Execution)]
    assert [each.order.status for each in executions if each.account == "bob"] == [
        "NEW", "PARTIALLY_FILLED", "EXPIRED",
    ]  # fmt: skip


def test_a_quote_amount_below_the_smallest_lot_is_refused(exchange: Exchange) -> None:
    """5.99 USDT buy less than 0.0001 BTC at 60000: LOT_SIZE, and 6 USDT buy exactly that."""
    exchange.place("ada", limit(SELL, 60000, 1), 1)
    with pytest.raises(Refused, match="-1013 Filter failure: LOT_SIZE"):
        exchange.place("bob", market(BUY, quote="5.99"), 2)

    assert exchange.place("bob", market(BUY, quote=6), 2).order.executed_quantity == Decimal("0.0001")


def test_a_quote_amount_buys_at_most_the_largest_lot() -> None:
    """max_quantity holds for a quote amount too; what is left of it is not spent."""
    exchange = Exchange([msgspec.structs.replace(BTC, max_quantity=Decimal("0.5"))])
    for name in ("ada", "bob"):
        exchange.open_account(name, FUNDS)
    for _ in range(2):
        exchange.place("ada", limit(SELL, 60000, "0.5"), 1)

    order = exchange.place("bob", market(BUY, quote=50_000), 2).order
    assert (order.status, order.executed_quantity) == ("EXPIRED", Decimal("0.5"))


def test_own_orders_expire_instead_of_trading_with_each_other(exchange: Exchange) -> None:
    """EXPIRE_MAKER: the resting one ends EXPIRED_IN_MATCH and is paid back, the taker trades on."""
    own = exchange.place("bob", limit(SELL, 60000, 1), 1).order
    exchange.place("ada", limit(SELL, 60001, 1), 2)
    exchange.drain_events()
    placed = exchange.place("bob", limit(BUY, 60001, "0.5"), 3)

    assert [each.price for each in placed.trades] == [Decimal(60001)]
    ended = exchange.order("bob", "BTCUSDT", order_id=own.order_id)
    assert (ended.status, ended.executed_quantity) == ("EXPIRED_IN_MATCH", ZERO)
    assert funds(exchange, "bob", "BTC") == (Decimal("10.4995"), ZERO)
    prevented = [
        each
        for each in exchange.drain_events()
        if isinstance(each, Execution) and each.execution_type is ExecutionType.TRADE_PREVENTION
    ]
    assert [(each.order.order_id, each.last_quantity) for each in prevented] == [(own.order_id, ZERO)]


def test_one_symbols_quote_can_be_anothers_base(exchange: Exchange) -> None:
    """ETHBTC locks BTC, which BTCUSDT sells."""
    exchange.place("ada", limit(BUY, "0.05", 100, symbol="ETHBTC"), 1)
    assert funds(exchange, "ada", "BTC") == (Decimal(5), Decimal(5))

    with pytest.raises(Refused, match="insufficient balance"):
        exchange.place("ada", limit(SELL, 60000, "5.00001"), 2)


# --- refusals


def refusals(exchange: Exchange) -> dict[str, tuple[Callable[[], object], int, str]]:
    """Name: what to do, the code and the text it is refused with. `mine` and 3 are ada's open order."""
    place, cancel, order = exchange.place, exchange.cancel, exchange.order
    poor = "Account has insufficient balance for requested action."
    unknown, missing = "Unknown order sent.", "Order does not exist."
    return {
        "buy too dear": (lambda: place("ada", limit(BUY, 60000, 17), 5), -2010, poor),
        "sell too much": (lambda: place("ada", limit(SELL, 60000, "10.00001"), 5), -2010, poor),
        "market buy": (lambda: place("poor", market(BUY, "0.01"), 5), -2010, poor),
        "market sell": (lambda: place("poor", market(SELL, "0.01"), 5), -2010, poor),
        "quote buy": (lambda: place("poor", market(BUY, quote=100), 5), -2010, poor),
        "quote sell": (lambda: place("poor", market(SELL, quote=100), 5), -2010, poor),
        "duplicate": (
            lambda: place("ada", limit(BUY, 50000, 1, client_order_id="mine"), 5),
            -2010, "Duplicate order sent.",
        ),
        "price": (lambda: place("ada", limit(BUY, "60000.001", 1), 5), -1013, "Filter failure: PRICE_FILTER"),
        "lot": (lambda: place("ada", limit(BUY, 60000, "0.00009"), 5), -1013, "Filter failure: LOT_SIZE"),
        "notional": (lambda: place("ada", limit(BUY, 100, "0.01"), 5), -1013, "Filter failure: NOTIONAL"),
        "market notional": (lambda: place("ada", market(BUY, quote=4), 5), -1013, "Filter failure: NOTIONAL"),
        "precision": (
            lambda: place("ada", limit(BUY, 60000, "0.123456789"), 5),
            -1111, "Parameter 'quantity' has too much precision.",
        ),
        "symbol": (lambda: place("ada", limit(BUY, 1, 1, symbol="NOPE"), 5), -1121, "Invalid symbol."),
        "account": (
            lambda: place("eve", limit(BUY, 60000, 1), 5),
            -2015, "Invalid API-key, IP, or permissions for action.",
        ),
        "cancel unknown": (lambda: cancel("ada", "BTCUSDT", order_id=99, now_ms=5), -2011, unknown),
        "cancel another's": (lambda: cancel("bob", "BTCUSDT", order_id=3, now_ms=5), -2011, unknown),
        "cancel elsewhere": (lambda: cancel("ada", "ETHUSDT", order_id=3, now_ms=5), -2011, unknown),
        "cancel mismatch": (
            lambda: cancel("ada", "BTCUSDT", order_id=3, client_order_id="other", now_ms=5),
            -2039, "Client order ID is not correct for this order ID.",
        ),
        "cancel filled": (lambda: cancel("bob", "BTCUSDT", order_id=2, now_ms=5), -2011, unknown),
        "cancel nothing": (
            lambda: cancel("ada", "BTCUSDT", now_ms=5),
            -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!",
        ),
        "cancel none": (lambda: exchange.cancel_all("bob", "BTCUSDT", 5), -2011, unknown),
        "query unknown": (lambda: order("ada", "BTCUSDT", client_order_id="never"), -2013, missing),
        "query another's": (lambda: order("bob", "BTCUSDT", order_id=3), -2013, missing),
        "query elsewhere": (lambda: order("bob", "ETHUSDT", order_id=2), -2013, missing),
        "depth": (lambda: exchange.depth("NOPE", 5), -1121, "Invalid symbol."),
    }  # fmt: skip


@pytest.mark.parametrize("name", refusals(Exchange([])))
def test_a_refused_request_changes_nothing(exchange: Exchange, name: str) -> None:
    """The code and the text are the venue's, and all state is as it was."""
    exchange.open_account("poor", {"USDT": Decimal(1)})
    exchange.place("ada", limit(SELL, 60000, 1), 1)
    exchange.place("bob", market(BUY, "0.1"), 2)
    exchange.place("ada", limit(BUY, 59000, 1, client_order_id="mine"), 3)
    before = picture(exchange)
    request, code, text = refusals(exchange)[name]

    with pytest.raises(Refused) as refused:
        request()

    assert (refused.value.code, refused.value.message) == (code, text)
    assert picture(exchange) == before


@pytest.mark.parametrize("status", ["BREAK", "HALT"])
def test_a_symbol_that_is_not_trading_takes_no_order(status: str) -> None:
    """Its market is closed."""
    exchange = Exchange([msgspec.structs.replace(BTC, status=status)])
    exchange.open_account("ada", FUNDS)
    with pytest.raises(Refused, match=r"-2010 Market is closed\."):
        exchange.place("ada", limit(BUY, 60000, 1), 1)


def test_a_limit_order_that_costs_exactly_what_is_free_is_taken(exchange: Exchange) -> None:
    """The last unit may be spent; one tick more may not."""
    exchange.open_account("exact", {"USDT": Decimal("60000.01")})
    with pytest.raises(Refused):
        exchange.place("exact", limit(BUY, "60000.02", 1), 1)

    exchange.place("exact", limit(BUY, "60000.01", 1), 1)
    assert funds(exchange, "exact", "USDT") == (ZERO, Decimal("60000.01"))


@pytest.mark.parametrize("side", Side)
def test_an_orders_enums_may_come_as_the_venues_text(exchange: Exchange, side: Side) -> None:
    """Text means the same as the enum, and never the other side; what is neither is no order."""
    resting = limit(side, 60000, 1)
    text = NewOrder(
        symbol="BTCUSDT",
        side=str(side.value),
        type="LIMIT",
        time_in_force="GTC",
        price=resting.price,
        quantity=resting.quantity,
    )
    assert text == resting
    assert exchange.place("ada", text, 1).order.side is side
    assert (exchange.best("BTCUSDT")[0] is not None) is (side is BUY)
    with pytest.raises(ValueError, match="HOLD"):
        NewOrder(symbol="BTCUSDT", side="HOLD", type="LIMIT")


# --- ids and queries


def test_a_client_id_is_free_again_once_its_order_is_closed(exchange: Exchange) -> None:
    """Unique among open orders only: the venue's rule, and why a blind resend is dangerous."""
    first = exchange.place("ada", limit(BUY, 50000, 1, client_order_id="x"), 1).order
    exchange.place("bob", limit(BUY, 50000, 1, client_order_id="x"), 1)
    exchange.place("ada", limit(BUY, 500, 1, client_order_id="x", symbol="ETHUSDT"), 1)
    exchange.cancel("ada", "BTCUSDT", client_order_id="x", now_ms=2)
    second = exchange.place("ada", limit(BUY, 50000, 1, client_order_id="x"), 3).order

    assert exchange.order("ada", "BTCUSDT", client_order_id="x").order_id == second.order_id
    assert exchange.order("ada", "BTCUSDT", order_id=first.order_id).status == "CANCELED"


def test_an_order_without_an_id_gets_one_that_is_free(exchange: Exchange) -> None:
    """Also where somebody has taken the obvious one."""
    exchange.place("ada", limit(BUY, 50000, "0.1", client_order_id="auto-2"), 1)
    made = exchange.place("ada", limit(BUY, 50000, "0.1"), 2).order

    assert made.client_order_id not in ("", "auto-2")
    assert exchange.order("ada", "BTCUSDT", client_order_id=made.client_order_id) == made


def test_cancel_all_cancels_one_account_in_one_symbol_oldest_first(exchange: Exchange) -> None:
    """Others' orders and other symbols stay."""
    mine = [exchange.place("ada", limit(BUY, 50000 + each, "0.1"), 1).order.order_id for each in range(3)]
    exchange.place("ada", limit(BUY, 500, 1, symbol="ETHUSDT"), 1)
    exchange.place("bob", limit(BUY, 50000, "0.1"), 1)

    assert [each.order_id for each in exchange.cancel_all("ada", "BTCUSDT", 2)] == mine
    assert [each.symbol for each in exchange.open_orders("ada")] == ["ETHUSDT"]
    assert len(exchange.open_orders("bob", "BTCUSDT")) == 1


def test_trades_are_found_by_trade_id_and_by_order(exchange: Exchange) -> None:
    """From an id on the first ones, else the last ones; always oldest first."""
    exchange.place("ada", limit(SELL, 60000, 1), 1)
    orders = [exchange.place("bob", market(BUY, "0.01"), 2).order.order_id for _ in range(5)]

    def ids(**wanted: Any) -> list[int]:
        return [each.trade_id for each in exchange.trades("bob", "BTCUSDT", **wanted)]

    assert ids() == [1, 2, 3, 4, 5]
    assert ids(limit=2) == [4, 5]
    assert ids(from_id=2, limit=2) == [2, 3]
    assert ids(order_id=orders[2]) == [3]
    assert [each.is_maker for each in exchange.trades("ada", "BTCUSDT")] == [True] * 5


def test_the_memory_of_closed_orders_is_bounded() -> None:
    """The oldest is forgotten, by both of its ids; an id used again means the later order."""
    records = Records(closed_kept=3, trades_kept=3)
    exchange = Exchange([BTC], records=records)
    exchange.open_account("ada", FUNDS)
    for client_id in ("a", "b", "a", "c", "d"):
        exchange.place("ada", limit(BUY, 50000, "0.1", client_order_id=client_id), 1)
        exchange.cancel("ada", "BTCUSDT", client_order_id=client_id, now_ms=2)

    for gone in ({"order_id": 1}, {"order_id": 2}, {"client_order_id": "b"}):
        with pytest.raises(Refused, match="-2013"):
            exchange.order("ada", "BTCUSDT", **gone)
    assert exchange.order("ada", "BTCUSDT", client_order_id="a").order_id == 3
    (closed,) = records._closed.values()
    assert len(closed) == len(records._closed_client) == len(records._oldest) == 3


# --- events


def test_the_events_of_a_trade_come_in_a_fixed_order(exchange: Exchange) -> None:
    """NEW, then for each fill maker, taker and print, then levels, the end, and balances."""
    exchange.place("ada", limit(SELL, 60000, "0.1", client_order_id="maker"), 1)
    exchange.drain_events()
    exchange.place("bob", limit(BUY, 60000, "0.3", client_order_id="taker"), 2)
    events = exchange.drain_events()

    def brief(event: Event) -> tuple[object, ...]:
        match event:
            case Execution(order=order, execution_type=kind, execution_id=number):
                return number, order.client_order_id, kind.value, order.status, event.is_maker, event.trade_id
            case TradePrint():
                return "print", event.trade_id, event.buyer_is_maker
            case LevelChange():
                return "level", event.update_id, event.side, event.quantity
            case BalanceChange():
                return "balances", event.account

    assert [brief(each) for each in events] == [
        (2, "taker", "NEW", "NEW", False, -1),
        (3, "maker", "TRADE", "FILLED", True, 1),
        (4, "taker", "TRADE", "PARTIALLY_FILLED", False, 1),
        ("print", 1, False),
        ("level", 2, SELL, ZERO),
        ("level", 3, BUY, Decimal("0.2")),
        ("balances", "bob"),
        ("balances", "ada"),
    ]
    assert exchange.drain_events() == []


def test_prints_of_one_taker_name_one_order(exchange: Exchange) -> None:
    """Every fill of a taker carries its order id, another taker's another: that makes aggregate trades."""
    for _ in range(2):
        exchange.place("ada", limit(SELL, 60000, "0.1"), 1)
    takers = [exchange.place("bob", limit(BUY, 60000, lots), 2).order.order_id for lots in ("0.15", "0.05")]
    prints = [event for event in exchange.drain_events() if isinstance(event, TradePrint)]

    assert [each.taker_order_id for each in prints] == [takers[0], takers[0], takers[1]]


def test_a_cancel_reports_its_own_id_beside_the_orders(exchange: Exchange) -> None:
    """The order keeps its id; the cancel's stands in its own field."""
    exchange.place("ada", limit(BUY, 50000, 1, client_order_id="order"), 1)
    exchange.drain_events()
    exchange.cancel("ada", "BTCUSDT", client_order_id="order", cancel_client_order_id="cancel", now_ms=2)
    execution, level, balances = exchange.drain_events()

    assert (execution.order.client_order_id, execution.cancel_client_order_id) == ("order", "cancel")
    assert (execution.commission_asset, execution.trade_id, execution.time_ms) == (None, -1, 2)
    assert (level.quantity, level.update_id, level.first_id) == (ZERO, 2, 2)
    assert {each.asset: each.free for each in balances.balances} == {
        "BTC": FUNDS["BTC"], "USDT": FUNDS["USDT"],
    }  # fmt: skip


def test_a_silent_account_trades_without_events_or_history(exchange: Exchange) -> None:
    """The public and the other side still see everything."""
    exchange.open_account("agent", FUNDS, commission=ZERO, silent=True)
    exchange.place("agent", limit(SELL, 60000, 1), 1)
    exchange.place("bob", market(BUY, 1), 2)
    events = exchange.drain_events()

    named = {each.account for each in events if isinstance(each, Execution | BalanceChange)}
    assert named == {"bob"}
    assert any(isinstance(each, TradePrint) for each in events)
    assert exchange.trades("agent", "BTCUSDT") == []
    assert funds(exchange, "agent", "USDT") == (Decimal(1_060_000), ZERO)


# --- random flow


class Reference:
    """The exchange's matching, said naively: one list of [id, account, side, price, left]."""

    def __init__(self) -> None:
        self.resting: list[list[Any]] = []

    def place(self, order_id: int, account: str, order: NewOrder, quantity: Decimal) -> tuple[list, Decimal]:
        """Fills as (maker id, price, quantity), and what the order left over."""
        sign = 1 if order.side is BUY else -1
        makers = sorted(
            (row for row in self.resting if row[2] is not order.side), key=lambda row: (sign * row[3], row[0])
        )
        if order.price is not None:
            makers = [row for row in makers if sign * row[3] <= sign * order.price]
        others = sum((row[4] for row in makers if row[1] != account), ZERO)
        if order.time_in_force is FOK and others < quantity:
            return [], quantity
        fills = []
        for row in makers:
            if not quantity:
                break
            if row[1] == account:
                self.resting.remove(row)
                continue
            traded = min(quantity, row[4])
            row[4] -= traded
            quantity -= traded
            fills.append((row[0], row[3], traded))
            if not row[4]:
                self.resting.remove(row)
        if quantity and order.time_in_force is GTC:
            self.resting.append([order_id, account, order.side, order.price, quantity])
        return fills, quantity

    def depth(self, side: Side) -> list[tuple[Decimal, Decimal]]:
        totals: dict[Decimal, Decimal] = {}
        for row in self.resting:
            if row[2] is side:
                totals[row[3]] = totals.get(row[3], ZERO) + row[4]
        return sorted(totals.items(), reverse=side is BUY)


def random_order(chance: random.Random) -> NewOrder:
    side = chance.choice((BUY, SELL))
    quantity = Decimal(chance.randint(5, 400)) / 1000
    match chance.choices(("gtc", "ioc", "fok", "market", "quote", "wild"), (60, 10, 10, 8, 8, 4))[0]:
        case "market":
            return market(side, quantity)
        case "quote":
            return market(side, quote=Decimal(chance.randint(500, 4_000_000)) / 100)
        case "wild":
            return chance.choice(
                [
                    limit(side, 60000, 99),
                    limit(side, "60000.001", 1),
                    limit(side, 60000, "0.00001"),
                    limit(side, "0.01", 1),
                    limit(side, 60000, "0.0000000001"),
                ]
            )
        case force:
            price = Decimal(chance.randint(5990, 6010)) * 10
            return limit(side, price, quantity, TimeInForce[force.upper()])


def replay(seed: int, steps: int, watch: Callable[..., None] | None = None) -> Exchange:
    """Random orders and cancels of four accounts; `watch` sees each request and its answer."""
    chance = random.Random(seed)
    exchange = Exchange([BTC])
    for number, name in enumerate("abcd"):
        exchange.open_account(name, FUNDS, commission=Decimal(number) * Decimal("0.00037"))
    for now_ms in range(steps):
        account = chance.choice("abcd")
        mine = exchange.open_orders(account)
        request: NewOrder | int = random_order(chance)
        if mine and chance.random() < 0.3 + 0.02 * len(mine):
            request = chance.choice(mine).order_id
        elif chance.random() < 0.02:
            request = 10**9
        answer: object
        try:
            if isinstance(request, NewOrder):
                answer = exchange.place(account, request, now_ms)
            else:
                answer = exchange.cancel(account, "BTCUSDT", order_id=request, now_ms=now_ms)
        except Refused as refused:
            answer = refused
        if watch is not None:
            watch(exchange, account, request, answer)
    return exchange


def test_random_flow_equals_a_naive_matcher_and_conserves_every_asset(full: bool) -> None:
    """After each request: same fills and depth, nothing lost, locks exact, books never crossed."""
    met: Counter[str] = Counter()
    reference = Reference()
    funded = {asset: 4 * amount for asset, amount in FUNDS.items()}
    book: dict[tuple[Side, Decimal], Decimal] = {}
    executed: Counter[int] = Counter()

    def watch(exchange: Exchange, account: str, request: NewOrder | int, answer: object) -> None:
        events = exchange.drain_events()
        match answer:
            case Refused():
                met[answer.message] += 1
                assert events == []
            case Placed(order=order):
                assert isinstance(request, NewOrder)
                fills, _ = reference.place(order.order_id, account, request, order.quantity)
                prices = [(price, quantity) for _, price, quantity in fills]
                assert [(each.price, each.quantity) for each in answer.trades] == prices
                makers = [
                    each.order.order_id for each in events if isinstance(each, Execution) and each.is_maker
                ]
                assert makers == [maker for maker, _, _ in fills]
                assert order.executed_quote == sum((p * q for p, q in prices), ZERO)
                assert order.executed_quote <= (request.quote_quantity or order.executed_quote)
                met[f"{request.type} {request.time_in_force} {order.status}"] += 1
            case _:
                reference.resting = [row for row in reference.resting if row[0] != request]
                met["cancel"] += 1
        for event in events:
            if isinstance(event, LevelChange):
                book[event.side, event.price] = event.quantity
            elif isinstance(event, Execution):
                executed[event.order.order_id] += event.last_quantity
                assert event.order.executed_quantity == executed[event.order.order_id]
                met[event.execution_type.value] += 1
        _, bids, asks = exchange.depth("BTCUSDT", 1000)
        assert (bids, asks) == (reference.depth(BUY), reference.depth(SELL))
        assert dict(bids) == {price: left for (side, price), left in book.items() if left and side is BUY}
        assert dict(asks) == {price: left for (side, price), left in book.items() if left and side is SELL}
        assert not bids or not asks or bids[0][0] < asks[0][0]
        assert exchange.totals() == funded
        for name in "abcd":
            resting = exchange.open_orders(name)
            base = sum((o.quantity - o.executed_quantity for o in resting if o.side == SELL), ZERO)
            quote = sum(
                (o.price * (o.quantity - o.executed_quantity) for o in resting if o.side == BUY), ZERO
            )
            balances = exchange.balances(name)
            assert (balances["BTC"].locked, balances["USDT"].locked) == (base, quote)
            assert min(balance.free for balance in balances.values()) >= 0

    exchange = replay(7, 20_000 if full else 2_500, watch)

    assert exchange._ledger.collected["BTC"] > 0
    assert exchange._ledger.collected["USDT"] > 0
    for name in (
        "cancel", "TRADE", "TRADE_PREVENTION", "EXPIRED", "LIMIT GTC NEW", "LIMIT GTC FILLED",
        "LIMIT GTC PARTIALLY_FILLED", "LIMIT IOC EXPIRED", "LIMIT IOC FILLED", "LIMIT FOK EXPIRED",
        "LIMIT FOK FILLED", "MARKET None FILLED", "MARKET None EXPIRED", "Unknown order sent.",
        "Account has insufficient balance for requested action.", "Filter failure: PRICE_FILTER",
        "Filter failure: LOT_SIZE", "Filter failure: NOTIONAL",
        "Parameter 'quantity' has too much precision.",
    ):  # fmt: skip
        assert met[name] >= 5, (name, met)


def test_equal_requests_give_equal_ids_and_events() -> None:
    """Two runs of one seed are the same to the last field; another seed is not."""
    one, other, different = (replay(seed, 400) for seed in (3, 3, 4))

    assert msgspec.json.encode(one.drain_events()) == msgspec.json.encode(other.drain_events())
    assert picture(one) == picture(other)
    assert picture(one) != picture(different)


def test_an_exchange_in_use_can_be_copied_and_goes_on_alike() -> None:
    """No state hides outside the object: a deep copy answers as the original does."""
    one = replay(5, 200)
    other = copy.deepcopy(one)

    for exchange in (one, other):
        exchange.place("a", market(BUY, "0.1"), 999)
    assert picture(one) == picture(other)
