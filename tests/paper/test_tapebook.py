"""A recorded market: mirrored exactly, traded against, never changed by our own orders."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from quantlab.domain.instrument import Instrument
from quantlab.domain.orders import Side, TimeInForce
from quantlab.errors import TapeError
from quantlab.paper.events import BalanceChange, Execution, LevelChange, TradePrint
from quantlab.paper.exchange import Exchange
from quantlab.paper.orders import NewOrder, OrderKind
from quantlab.paper.tapebook import Diff, TapeBook

BUY, SELL = Side
GTC, IOC, FOK = TimeInForce
ZERO = Decimal(0)
BTC = Instrument(
    symbol="BTCUSDT", base="BTC", quote="USDT", tick_size=Decimal("0.01"), step_size=Decimal("0.00001")
)
FUNDS = {"BTC": Decimal(10), "USDT": Decimal(1_000_000)}
BIDS = [("100.00", "1.00000"), ("99.00", "2.00000")]
ASKS = [("101.00", "1.00000"), ("102.00", "2.00000")]


@pytest.fixture
def exchange() -> Exchange:
    """A mirrored market of two levels a side at update id 10, and two accounts."""
    exchange = Exchange([BTC])
    for name in ("ada", "bob"):
        exchange.open_account(name, FUNDS)
    exchange.mirror_snapshot("BTCUSDT", 10, BIDS, ASKS)
    return exchange


def limit(side: Side, price: object, quantity: object, force: TimeInForce = GTC) -> NewOrder:
    return NewOrder(
        symbol="BTCUSDT",
        side=side,
        type=OrderKind.LIMIT,
        time_in_force=force,
        price=Decimal(str(price)),
        quantity=Decimal(str(quantity)),
    )


def market(side: Side, quantity: object) -> NewOrder:
    return NewOrder(symbol="BTCUSDT", side=side, type=OrderKind.MARKET, quantity=Decimal(str(quantity)))


def tape_prints(exchange: Exchange, price: str, quantity: str, hits: Side = BUY) -> list[Execution]:
    """Executions that one recorded trade causes; it hits the bids unless said."""
    exchange.drain_events()
    exchange.mirror_trade("BTCUSDT", 1, price, quantity, buyer_is_maker=hits is BUY, now_ms=5)
    return [each for each in exchange.drain_events() if isinstance(each, Execution)]


# --- the mirror


def test_the_public_book_is_the_tapes_under_the_tapes_ids(exchange: Exchange) -> None:
    """A diff sets totals; zero removes, also a level that nobody knew."""
    exchange.mirror_depth(
        "BTCUSDT", 11, 14, [("100.00", "0"), ("98.00", "0")], [("100.50", "3"), ("101.00", "0.5")], 7
    )

    assert exchange.depth("BTCUSDT", 2) == (
        14,
        [(Decimal(99), Decimal(2))],
        [(Decimal("100.5"), Decimal(3)), (Decimal(101), Decimal("0.5"))],
    )
    events = exchange.drain_events()
    assert all(isinstance(each, LevelChange) for each in events)
    assert {(each.first_id, each.update_id, each.time_ms) for each in events} == {(11, 14, 7)}
    assert [(each.side, each.price, each.quantity) for each in events][2:] == [
        (SELL, Decimal("100.50"), Decimal(3)),
        (SELL, Decimal("101.00"), Decimal("0.5")),
    ]


def test_diffs_before_the_first_snapshot_are_applied_on_top_of_it() -> None:
    """Those it already contains are dropped; before it there is no book."""
    exchange = Exchange([BTC])
    exchange.mirror_depth("BTCUSDT", 5, 10, [("100", "7")], [], 1)
    exchange.mirror_depth("BTCUSDT", 11, 12, [("98", "8")], [], 2)
    assert exchange.depth("BTCUSDT", 9) == (0, [], [])

    exchange.mirror_snapshot("BTCUSDT", 10, BIDS, ASKS)

    assert exchange.depth("BTCUSDT", 9)[:2] == (
        12,
        [(Decimal(100), Decimal(1)), (Decimal(99), Decimal(2)), (Decimal(98), Decimal(8))],
    )


def test_a_snapshot_older_than_the_book_changes_nothing(exchange: Exchange) -> None:
    """And a newer one replaces it whole, by the diff that it makes."""
    exchange.mirror_snapshot("BTCUSDT", 9, [], [])
    assert exchange.depth("BTCUSDT", 9)[0] == 10

    exchange.mirror_snapshot("BTCUSDT", 20, [("100", "1"), ("90", "1")], [], 7)
    assert exchange.depth("BTCUSDT", 9) == (20, [(Decimal(each), Decimal(1)) for each in (100, 90)], [])
    changes = exchange.drain_events()
    assert [(each.first_id, each.update_id, each.price, each.quantity) for each in changes] == [
        (11, 20, Decimal(99), ZERO), (11, 20, Decimal(90), Decimal(1)),
        (11, 20, Decimal(102), ZERO), (11, 20, Decimal(101), ZERO),
    ]  # fmt: skip


def test_a_diff_without_levels_leaves_no_gap_in_the_ids_given_out(exchange: Exchange) -> None:
    """Its first id is lent to the next one."""
    exchange.mirror_depth("BTCUSDT", 11, 12, [], [], 1)
    exchange.mirror_depth("BTCUSDT", 13, 14, [("97", "1")], [], 2)
    exchange.mirror_depth("BTCUSDT", 15, 15, [("96", "1")], [], 3)

    assert [(each.first_id, each.update_id) for each in exchange.drain_events()] == [(11, 14), (15, 15)]


def test_a_recorded_trade_is_printed_with_its_own_id(exchange: Exchange) -> None:
    """And is the last price."""
    exchange.mirror_trade("BTCUSDT", 777, Decimal("100.50"), Decimal("0.3"), True, 5)

    assert exchange.drain_events() == [
        TradePrint("BTCUSDT", 777, Decimal("100.50"), Decimal("0.3"), buyer_is_maker=True, time_ms=5)
    ]
    assert exchange.last_price("BTCUSDT") == Decimal("100.5")


@pytest.mark.parametrize(
    "act",
    [
        lambda exchange: exchange.mirror_trade("BTCUSDT", 1, "100.001", "1", True, 1),
        lambda exchange: exchange.mirror_trade("BTCUSDT", 1, "100", "0.000000001", True, 1),
        lambda exchange: exchange.mirror_depth("BTCUSDT", 11, 12, [("x", "1")], [], 1),
        lambda exchange: exchange.mirror_snapshot("BTCUSDT", 12, [("100.001", "1")], []),
    ],
)
def test_a_tape_off_the_grid_is_an_error_and_changes_nothing(
    exchange: Exchange, act: Callable[[Exchange], None]
) -> None:
    """It names the symbol and the remedy."""
    before = exchange.depth("BTCUSDT", 9)
    with pytest.raises(TapeError, match="BTCUSDT.*own tick_size"):
        act(exchange)

    assert exchange.depth("BTCUSDT", 9) == before
    assert exchange.drain_events() == []


def test_a_quantity_finer_than_the_lot_is_shown_exactly_and_trades_in_whole_lots(exchange: Exchange) -> None:
    """As on the venue, where orders from before a step was widened still stand."""
    exchange.mirror_depth("BTCUSDT", 11, 11, [("100.50", "0.00002900")], [("100.60", "0.000009")], 1)
    exchange.mirror_trade("BTCUSDT", 1, "100.55", "0.000019", True, 2)
    (printed,) = [each for each in exchange.drain_events() if isinstance(each, TradePrint)]

    assert exchange.best("BTCUSDT") == (
        Decimal("100.50"), Decimal("0.000029"), Decimal("100.60"), Decimal("0.000009"),
    )  # fmt: skip
    assert printed.quantity == Decimal("0.000019")
    assert exchange.place("ada", limit(SELL, "100.50", 1, IOC), 3).order.executed_quantity == Decimal(
        "0.00002"
    )
    assert exchange.place("ada", limit(BUY, "100.60", 1, IOC), 3).order.executed_quantity == ZERO
    exchange.place("ada", limit(BUY, "100.55", 1), 4)
    assert [each.last_quantity for each in tape_prints(exchange, "100.55", "0.000019")] == [
        Decimal("0.00001")
    ]


# --- our orders against it


def test_a_marketable_order_takes_displayed_quantity_level_by_level(exchange: Exchange) -> None:
    """At each level's price; the displayed book stays, and nothing public is printed."""
    before = exchange.depth("BTCUSDT", 9)
    placed = exchange.place("ada", market(BUY, "1.5"), 1)

    assert [(each.price, each.quantity) for each in placed.trades] == [
        (Decimal(101), Decimal(1)),
        (Decimal(102), Decimal("0.5")),
    ]
    assert placed.order.status == "FILLED"
    assert exchange.depth("BTCUSDT", 9) == before
    assert not [each for each in exchange.drain_events() if isinstance(each, TradePrint | LevelChange)]
    assert exchange.place("bob", market(BUY, 1), 2).trades[0].price == Decimal(101)


@pytest.mark.parametrize(
    ("order", "status", "executed"),
    [
        (limit(BUY, 101, "1.5"), "PARTIALLY_FILLED", 1),
        (limit(BUY, 101, "1.5", IOC), "EXPIRED", 1),
        (limit(BUY, 101, "1.5", FOK), "EXPIRED", 0),
        (limit(SELL, 99, 3, FOK), "FILLED", 3),
        (market(SELL, 4), "EXPIRED", 3),
        (limit(BUY, "100.99", 1), "NEW", 0),
    ],
)
def test_time_in_force_holds_against_a_tape(
    exchange: Exchange, order: NewOrder, status: str, executed: int
) -> None:
    """As in a matched market."""
    placed = exchange.place("ada", order, 1).order

    assert (placed.status, placed.executed_quantity) == (status, Decimal(executed))


@pytest.mark.parametrize(
    ("order", "misses", "hits"),
    [(limit(BUY, "100.50", "0.4"), "100.51", "100.50"), (limit(SELL, "100.50", "0.4"), "100.49", "100.50")],
)
def test_a_resting_order_fills_when_the_tape_trades_at_its_price(
    exchange: Exchange, order: NewOrder, misses: str, hits: str
) -> None:
    """One tick short of it nothing happens, nor where its own side was the aggressor; it is the maker."""
    before = exchange.depth("BTCUSDT", 9)
    exchange.place("ada", order, 1)
    assert exchange.depth("BTCUSDT", 9) == before

    assert tape_prints(exchange, misses, "9", order.side) == []
    assert tape_prints(exchange, hits, "9", SELL if order.side is BUY else BUY) == []
    (fill,) = tape_prints(exchange, hits, "9", order.side)

    assert (fill.last_price, fill.last_quantity, fill.is_maker) == (Decimal("100.50"), Decimal("0.4"), True)
    assert fill.order.status == "FILLED"
    assert exchange.balances("ada")["USDT"].locked == exchange.balances("ada")["BTC"].locked == ZERO


@pytest.mark.parametrize(
    ("order", "printed"), [(limit(BUY, "100.50", 1), "95.00"), (limit(SELL, "100.50", 1), "105.00")]
)
def test_a_fill_from_the_tape_is_at_the_orders_own_price(
    exchange: Exchange, order: NewOrder, printed: str
) -> None:
    """Also when the tape trades through it."""
    exchange.place("ada", order, 1)

    (fill,) = tape_prints(exchange, printed, "1", order.side)

    assert fill.last_price == Decimal("100.50")


def test_a_tape_trade_fills_up_to_its_quantity_better_price_first_then_older(exchange: Exchange) -> None:
    """One print, three orders of two accounts: the last one gets what is left."""
    orders = [
        exchange.place(account, limit(BUY, price, 1), 1).order.order_id
        for account, price in (("ada", "100.10"), ("bob", "100.10"), ("bob", "100.20"))
    ]
    fills = tape_prints(exchange, "100.00", "2.25")

    assert [(each.order.order_id, each.last_quantity) for each in fills] == [
        (orders[2], Decimal(1)),
        (orders[0], Decimal(1)),
        (orders[1], Decimal("0.25")),
    ]
    assert [each.trade_id for each in fills] == [1, 2, 3]
    assert exchange.order("bob", "BTCUSDT", order_id=orders[1]).status == "PARTIALLY_FILLED"


def test_our_own_orders_never_meet_each_other_on_a_tape(exchange: Exchange) -> None:
    """Neither of two accounts nor of one: only the tape fills."""
    exchange.place("ada", limit(BUY, "100.60", 1), 1)
    exchange.place("bob", limit(SELL, "100.40", 1), 2)
    exchange.place("ada", limit(SELL, "100.40", 1), 3)

    assert len(exchange.open_orders("ada")) == 2
    assert len(tape_prints(exchange, "100.50", "2")) == 1
    assert len(tape_prints(exchange, "100.50", "2", SELL)) == 2


def test_a_resting_order_can_be_cancelled_on_a_tape(exchange: Exchange) -> None:
    """Its funds come back, nothing public changes, and the tape fills it no more."""
    order = exchange.place("ada", limit(BUY, "100.50", 1), 1).order
    exchange.drain_events()
    exchange.cancel("ada", "BTCUSDT", order_id=order.order_id, now_ms=2)

    assert [type(each) for each in exchange.drain_events()] == [Execution, BalanceChange]
    assert exchange.balances("ada")["USDT"].free == FUNDS["USDT"]
    assert tape_prints(exchange, "90", "9") == []


def test_orders_that_rested_before_the_tape_began_are_filled_by_it() -> None:
    """They leave the public book and keep price, place and funds."""
    exchange = Exchange([BTC])
    exchange.open_account("ada", FUNDS)
    exchange.place("ada", limit(BUY, 100, 1), 1)
    exchange.mirror_snapshot("BTCUSDT", 10, BIDS[1:], ASKS)

    assert exchange.best("BTCUSDT")[0] == Decimal(99)
    assert len(tape_prints(exchange, "100", "1")) == 1


def test_what_our_accounts_win_the_tapes_public_loses(exchange: Exchange) -> None:
    """Accounts, commission and public add up to what was funded."""
    before = exchange.totals()
    exchange.place("ada", limit(BUY, "101.50", "1.7"), 1)
    exchange.place("bob", limit(SELL, "100.50", 1), 1)
    tape_prints(exchange, "101", "0.3", SELL)
    exchange.mirror_depth("BTCUSDT", 11, 11, [], [("101.25", "0.2")], 6)

    assert exchange.balances("ada")["BTC"].free > FUNDS["BTC"]
    assert exchange.balances("bob")["USDT"].free > FUNDS["USDT"]
    assert exchange.totals() == before
    assert exchange._ledger.public["BTC"] != 0


def test_the_book_alone_forgets_nothing_it_was_given_in_order() -> None:
    """The pure part: a diff that the book contains is not applied again."""
    book = TapeBook()
    book.begin(5, [(100, 1)], [])
    book.apply(Diff(4, 5, [(100, 9)], []))
    book.apply(Diff(6, 6, [(101, 2)], []))

    assert (book.update_id, book.depth(BUY, 9)) == (6, [(101, 2), (100, 1)])


def test_the_mirrored_book_equals_the_recorded_best_prices(shared: Path) -> None:
    """At all 564 points where a diff's last id is a bookTicker's id, prices and quantities agree."""
    exchange = Exchange([BTC])
    exchange.open_account("ada", FUNDS)
    ours: dict[int, tuple[Decimal | None, ...]] = {}
    recorded: dict[int, tuple[Decimal, ...]] = {}
    with gzip.open(shared / "data" / "spot_btcusdt_20240808.gz") as lines:
        for line in lines:
            message = msgspec.json.decode(line.split(b" ", 1)[1])
            data = message.get("data", message)
            match data:
                case {"lastUpdateId": last, "bids": bids, "asks": asks}:
                    exchange.mirror_snapshot("BTCUSDT", last, bids, asks)
                case {"e": "depthUpdate"}:
                    exchange.mirror_depth("BTCUSDT", data["U"], data["u"], data["b"], data["a"], data["E"])
                    ours[data["u"]] = exchange.best("BTCUSDT")
                case {"e": "trade"}:
                    exchange.mirror_trade("BTCUSDT", data["t"], data["p"], data["q"], data["m"], data["T"])
                case {"u": update_id, "b": bid, "B": bids, "a": ask, "A": asks}:
                    recorded[update_id] = (Decimal(bid), Decimal(bids), Decimal(ask), Decimal(asks))
    comparable = [update_id for update_id, best in ours.items() if update_id in recorded and None not in best]

    assert len(comparable) == 564
    assert [ours[each] for each in comparable] == [recorded[each] for each in comparable]
    changes = [each for each in exchange.drain_events() if isinstance(each, LevelChange)]
    ids = list(dict.fromkeys((each.first_id, each.update_id) for each in changes))
    assert all(later[0] == earlier[1] + 1 for earlier, later in itertools.pairwise(ids))
